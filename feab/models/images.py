"""Pictures on their way to a model: read, decoded upright, scaled to an area."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from feab.pictures import MAX_PIXELS, PICTURE_FORMATS
from feab.records import Image, Media, Question

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


_ADDRESS = re.compile(r" (?:object )?at 0x[0-9a-fA-F]+")


class ImageError(Exception):
    """An image that cannot be read, decoded or prepared."""


def pictures_of(question: Question) -> list[Media]:
    """The pictures of a question, unread, in their order."""
    return [part.media for message in question.messages for part in message.parts if isinstance(part, Image)]


def read_media(media: Sequence[Media]) -> list[bytes]:
    """The encoded bytes of each picture.

    Raises:
        ImageError: when one cannot be read.
    """
    try:
        return [one.read() for one in media]
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error})") from None


def decode(data: bytes) -> Picture:
    """The picture in RGB, turned upright as its EXIF says.

    Raises:
        ImageError: when it is no picture, broken, or larger than `MAX_PIXELS`.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(io.BytesIO(data), formats=PICTURE_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ImageError(f"{opened.width}×{opened.height} pixels are more than {MAX_PIXELS:,}")
            ImageOps.exif_transpose(opened, in_place=True)
            picture: Picture = opened.convert("RGB")
            return picture
    except ImageError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file
        raise ImageError(f"cannot be decoded ({first_line(error)})") from None


def within(picture: Picture, low: int | None, high: int | None) -> Picture:
    """The picture scaled, its proportions kept, so that width × height lies within the limits."""
    from PIL import Image as Pillow

    area = picture.width * picture.height
    wanted = min(max(area, low or 0), high or max(area, low or 0))
    if wanted == area:
        return picture
    scale = math.sqrt(wanted / area)
    rounded = math.floor if scale < 1 else math.ceil
    size = (max(1, rounded(picture.width * scale)), max(1, rounded(picture.height * scale)))
    return picture.resize(size, Pillow.Resampling.BICUBIC)


def first_line(error: BaseException) -> str:
    """What went wrong, in one line of bounded length, the same each time: objects are not named by their address."""
    lines = _ADDRESS.sub("", str(error)).splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__

"""Pictures of faces as a page may hold them: as data URLs, of bounded size, and only those that may be shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from feab.data.ages import minors
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, PICTURE_FORMATS
from feab.records import Media

if TYPE_CHECKING:
    from feab.data import Dataset

AS_STORED = 64 * 1024
"""Pictures of at most so many bytes stand in the page as they are stored; larger ones are made smaller (our choice)."""
EDGE = 320
"""Pixels along the longer edge of a picture that was made smaller."""


def young(dataset: Dataset) -> frozenset[str]:
    """The ids of faces that are never shown: those in an age group that can hold people under 18."""
    rows = minors(dataset)
    ids = dataset.ids if rows else []
    return frozenset(ids[row] for row in rows)


def data_urls(dataset: Dataset, wanted: Collection[str]) -> dict[str, str]:
    """The pictures of some samples as data URLs, by id; one that cannot be read or shown in a browser is missing.

    Read in stored order, so that each part of the file is read once.
    """
    found = {}
    for row, sample in enumerate(dataset.ids):
        if sample in wanted:
            try:
                found[sample] = data_url(_read(dataset[row].media))
            except (OSError, FeabError):
                continue
    return found


def _read(media: Media) -> bytes:
    if media.path is not None and Path(media.path).stat().st_size > MAX_PICTURE:
        raise OSError("too large")
    return media.read()


def data_url(data: bytes) -> str:
    """A picture as a data URL: the bytes as they are, or a smaller JPEG of a large or unusual one.

    Raises:
        OSError: when it is no picture that can be read.
    """
    kind = _kind(data)
    if kind is None or len(data) > AS_STORED:
        kind, data = "jpeg", _smaller(data)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _kind(data: bytes) -> str | None:
    """The type of a picture that every browser shows, by its first bytes."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _smaller(data: bytes) -> bytes:
    from PIL import Image, ImageOps

    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as image:
            image.draft("RGB", (EDGE, EDGE))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((EDGE, EDGE))
            upright.save(out, "JPEG", quality=85)
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        raise OSError(str(error)) from None
    return out.getvalue()

"""Which part of a picture a task shows: all of it, or the face that its dataset marks."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TypeAlias

from feab.clips.sampling import FrameSampling
from feab.clips.showing import Shown
from feab.clips.showing import shown as frames_shown
from feab.pictures import MAX_PIXELS, PICTURE_FORMATS
from feab.records import Media, Sample

AS_DELIVERED = "as delivered"
FACE = "face + 20 %"
"""The box of the face, a fifth wider and higher about its middle (our choice), as far as the picture reaches."""

CROPS: tuple[str, ...] = (AS_DELIVERED, FACE)
_GROWTH = 0.2

Seen: TypeAlias = "dict[FrameSampling | None, Shown]"
"""What has been shown of one sample, by how its frames were chosen."""


@dataclass(frozen=True, slots=True)
class FaceCrop(Media):
    """A picture of which the part around a face is shown; it is cut out when it is read."""

    whole: Media = field(default_factory=Media)
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """x, y, width and height in pixels of the picture as it is stored."""

    def read(self) -> bytes:
        """The part as a PNG file, without loss. Raises `OSError` when there is no such part, or no picture."""
        return cut(self.whole.read(), self.box)


def shown(sample: Sample, crop: str) -> Media:
    """The picture of a sample as a task shows it; all of it where the dataset marks no face."""
    return _part(sample.media, sample, crop)


def all_shown(sample: Sample, crop: str, frames: FrameSampling | None, seen_before: Seen | None = None) -> Shown:
    """As `shown`; of a clip the chosen frames. The box that a dataset marks for a clip holds for all of its frames.

    Args:
        sample: the sample.
        crop: which part of each picture.
        frames: which frames of a clip.
        seen_before: what was shown of this sample before: the same frames of a video are not decoded twice.

    Raises:
        FeabError: when video files cannot be read here at all, because PyAV is missing.
    """
    kept = {} if seen_before is None else seen_before
    seen = kept[frames] if frames in kept else kept.setdefault(frames, frames_shown(sample, frames))
    return Shown(tuple(_part(picture, sample, crop) for picture in seen.pictures), seen.times)


def _part(picture: Media, sample: Sample, crop: str) -> Media:
    if crop == AS_DELIVERED or sample.face is None:
        return picture
    x, y, width, height = sample.face
    grown = (x - width * _GROWTH / 2, y - height * _GROWTH / 2, width * (1 + _GROWTH), height * (1 + _GROWTH))
    return FaceCrop(whole=picture, box=grown)


def cut(data: bytes, box: tuple[float, float, float, float]) -> bytes:
    """The part of an encoded picture inside a box, as far as it reaches, as a PNG file.

    Args:
        data: the picture. Marks that say which way up it is (EXIF) are passed over, as boxes are of stored pixels.
        box: x, y, width, height in pixels.

    Raises:
        OSError: when it is no picture that can be read, or the box lies outside it.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise OSError(f"the picture has more than {MAX_PIXELS:,} pixels")
            x, y, width, height = box
            corners = (
                max(round(x), 0),
                max(round(y), 0),
                min(round(x + width), picture.width),
                min(round(y + height), picture.height),
            )
            if corners[0] >= corners[2] or corners[1] >= corners[3]:
                raise OSError("the face's box lies outside the picture")
            part = picture.crop(corners)
            part = part if part.mode in ("L", "RGB") else part.convert("RGB")
            buffer = io.BytesIO()
            part.save(buffer, "PNG")
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        raise OSError(f"not a picture that can be read ({error})") from None
    return buffer.getvalue()

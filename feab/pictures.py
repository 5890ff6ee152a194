"""Which pictures feab opens."""

from __future__ import annotations

import io
from pathlib import Path
from types import MappingProxyType

from feab.errors import FeabError

PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Pillow's names of the formats that photographs come in, for `Image.open(formats=...)`. Without such a list Pillow
tries every format it knows; EPS among them starts Ghostscript, which runs programs that the file holds. MPO, the
double pictures of some cameras, is opened by the reader of JPEG and has no name of its own here."""

MAX_PIXELS = 64_000_000
"""Largest picture that is decoded: no face needs more, and a small file can unpack to gigabytes."""

PICTURE_ENDINGS = MappingProxyType({
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
    ".gif": "GIF", ".tif": "TIFF", ".tiff": "TIFF",
})  # fmt: skip
"""How names of files in these formats end, in lower case."""

MAX_PICTURE = 64 * 2**20
"""Largest picture file taken, in bytes."""


def check_picture(path: Path, data: bytes | None = None) -> None:
    """Whether a file, or its bytes where they are at hand, is a picture that feab opens. Pixels are not decoded.

    Raises:
        FeabError: when it is missing, no plain file, too large, of no format feab opens, or broken.
    """
    from PIL import Image

    try:
        if data is None and path.exists() and not path.is_file():
            raise FeabError(f"{path}: not a file")  # a named pipe would never end
        if (path.stat().st_size if data is None else len(data)) > MAX_PICTURE:
            raise FeabError(f"{path}: larger than {MAX_PICTURE // 2**20} MiB")
        with Image.open(path if data is None else io.BytesIO(data), formats=PICTURE_FORMATS) as image:
            image.verify()
    except OSError as error:
        raise FeabError(f"{path}: not a picture that can be read ({error.strerror or 'unknown format'})") from None
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        raise FeabError(f"{path}: not a picture that can be read ({error})") from None

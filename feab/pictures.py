"""Which pictures feab opens."""

from __future__ import annotations

PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Pillow's names of the formats that photographs come in, for `Image.open(formats=...)`. Without such a list Pillow
tries every format it knows; EPS among them starts Ghostscript, which runs programs that the file holds. MPO, the
double pictures of some cameras, is opened by the reader of JPEG and has no name of its own here."""

MAX_PIXELS = 64_000_000
"""Largest picture that is decoded: no face needs more, and a small file can unpack to gigabytes."""

MAX_PICTURE = 64 * 2**20
"""Largest picture file taken, in bytes."""

"""Images as a chat API takes them: data URLs of the bytes as stored, or of a smaller JPEG where one is asked for."""

from __future__ import annotations

import base64
import io

from feab.models.images import ImageError, decode, within

_CHUNK = 3 * 2**18
"""Bytes encoded at a time, a multiple of three: base64 keeps the interpreter to itself, and between two pieces other
threads have their turn."""
_QUALITY = 90

MAX_IMAGE = 64 * 2**20
"""Largest image sent, in bytes; no API takes one as large."""

_SIGNS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)


def media_type(data: bytes) -> str:
    """The MIME type by the first bytes: file names lie.

    Raises:
        ImageError: when they are those of no picture format that feab opens.
    """
    for sign, name in _SIGNS:
        if data.startswith(sign):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise ImageError("is no picture of a known format")


def data_url(data: bytes, max_pixels: int | None = None) -> bytes:
    """`data:image/...;base64,...` as ASCII bytes.

    The encoded image goes as it is stored, unless its width × height is more than `max_pixels`: then upright, scaled
    down, as a JPEG of quality 90.

    Raises:
        ImageError: when it is no picture, or too large to send.
    """
    if not data:
        raise ImageError("is empty")
    if len(data) > MAX_IMAGE:
        raise ImageError(f"is larger than {MAX_IMAGE // 2**20} MiB")
    kind = media_type(data)
    if max_pixels is not None:
        picture = decode(data)
        if picture.width * picture.height > max_pixels:
            out = io.BytesIO()
            within(picture, None, max_pixels).save(out, "JPEG", quality=_QUALITY)
            data, kind = out.getvalue(), "image/jpeg"
    pieces = [base64.b64encode(data[start : start + _CHUNK]) for start in range(0, len(data), _CHUNK)]
    return b"".join([b"data:", kind.encode("ascii"), b";base64,", *pieces])

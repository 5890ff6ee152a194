"""JPEG bytes of a rendered picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray


def encode_jpeg(image: NDArray[np.uint8], quality: int = 85) -> bytes:
    """Encode an RGB picture (h, w, 3) uint8 as JPEG; the same picture gives the same bytes (one Pillow version)."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(out, "JPEG", quality=quality)
    return out.getvalue()

"""Videos made while the tests run: frames of grey levels that tell which frame each is, encoded by PyAV."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def level(number: int) -> int:
    """The grey level of a frame."""
    return 20 + 15 * number


def greys(count: int, size: int = 48) -> list[npt.NDArray[np.uint8]]:
    return [np.full((size, size, 3), level(number), np.uint8) for number in range(count)]


def encoded(
    frames: Sequence[npt.NDArray[np.uint8]], *, fps: int = 12, codec: str = "mpeg4", container: str = "mp4"
) -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


def level_of(jpeg: bytes) -> int:
    """Which frame a picture is, by its grey level."""
    from PIL import Image

    grey = float(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), dtype=np.float64).mean())
    return round((grey - 20) / 15)

"""Rendered faces that move, for miniatures of datasets of clips: a few small clips, made once and kept in the cache."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from feab.clips.video import require_av
from feab.content import cache_home
from feab.data.readers.faces import write
from feab.errors import FeabError

_NAME, _SEED, _PEOPLE = "mimic", 14, 2
"""Of the people in the clips: no others than these, and none of any split of `synth` or `synth_dynamic`."""
_SIZE = 64
"""Pixels of a frame: enough to try the way with, and rendered in four seconds."""


@dataclass(frozen=True, slots=True)
class MovingFace:
    """A rendered clip, and what is known of it.

    Attributes:
        frames: its pictures as JPEG files, in order.
        fps: its frames a second.
        onset, apex, offset: frames from 0: the last at rest, the peak, the first at rest again. Of a neutral clip the
            first frame, the middle one and the last.
    """

    frames: tuple[bytes, ...]
    fps: float
    onset: int
    apex: int
    offset: int


class MovingFaces:
    """Sixteen clips, two of each of the eight expressions."""

    def __init__(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """`on_progress`: called with frames done and frames in all, where they are still to be rendered."""
        self._tell = on_progress
        self._begun = False
        self._videos: dict[tuple[bytes, ...], bytes] = {}

    @cached_property
    def _by_expression(self) -> dict[str, list[MovingFace]]:
        from feab.faces.moving import clip_rows
        from feab.faces.synth import SplitSpec

        found: dict[str, list[MovingFace]] = {}
        spec = SplitSpec(_NAME, _SEED, _PEOPLE)
        for row in clip_rows(spec, cache_home() / _NAME, size=_SIZE, workers=1, on_progress=self._told):
            frames = tuple(frame["bytes"] for frame in row["frames"])
            last = len(frames) - 1
            marks = (row["onset"], row["apex"], row["offset"]) if row["apex"] is not None else (0, last // 2, last)
            found.setdefault(row["expression"], []).append(MovingFace(frames, row["fps"], *marks))
        return found

    def _told(self, done: int, total: int) -> None:
        """Tell of clips that are being rendered, and nothing where all of them were there already."""
        self._begun = self._begun or done < total
        if self._begun and self._tell is not None:
            self._tell(done, total)

    def of(self, expression: str, number: int) -> MovingFace:
        """The number-th clip that displays an expression; beyond their number it starts again.

        Raises:
            FeabError: for an expression that no rendered clip displays.
        """
        clips = self._by_expression.get(expression)
        if clips is None:
            raise FeabError(f"no rendered clip displays {expression!r}")
        return clips[number % len(clips)]

    def video(self, face: MovingFace) -> bytes:
        """A clip as an MP4 file.

        Raises:
            FeabError: when PyAV is not installed.
        """
        if face.frames not in self._videos:
            self._videos[face.frames] = as_video(face.frames, face.fps)
        return self._videos[face.frames]


def as_video(frames: Sequence[bytes], fps: float) -> bytes:
    """Pictures of one size, in whole even numbers of pixels, as an MP4 file (MPEG-4).

    Raises:
        FeabError: when PyAV is not installed.
    """
    from PIL import Image

    av = require_av()
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=round(fps))
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        for number, data in enumerate(frames):
            with Image.open(io.BytesIO(data)) as picture:
                if number == 0:
                    stream.width, stream.height = picture.size
                    stream.pix_fmt = "yuv420p"
                container.mux(stream.encode(av.VideoFrame.from_image(picture.convert("RGB"))))
        container.mux(stream.encode(None))
    return out.getvalue()


def write_frames(root: Path, folder: str, frames: Sequence[bytes], name: str, first: int = 1) -> None:
    """Write a clip's pictures into a folder of a miniature; `name` has {} for each one's number, from `first` on."""
    for number, data in enumerate(frames, first):
        write(root, f"{folder}/{name.format(number)}", data)

"""Video files as a stranger may have packed them: how many frames they hold, and some of those as pictures.

Read by PyAV (`pip install 'feab[video]'`), which carries FFmpeg's libraries with it. Everything is bounded: the size of
the file, its frames, seconds and pixels, and the time spent on it. Containers that point to other files or addresses
(play lists, network streams) are not opened at all.
"""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from feab.errors import FeabError
from feab.records import Media
from feab.yamlfile import open_plain

VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp")
"""How names of video files end, in lower case."""

MAX_VIDEO = 512 * 2**20
"""Largest video file taken, in bytes."""

MAX_FRAMES = 20_000
MAX_SECONDS = 600.0
"""A clip is short: eleven minutes at 30 frames a second are refused (our choice)."""

MAX_VIDEO_PIXELS = 4096 * 2304
"""Largest frame that is decoded."""

MAX_PACKETS = 400_000
"""Pieces of any stream, sound included, that are gone through."""

PATIENCE_S = 120.0
"""Seconds that one file may take. Clips take a hundredth; a file made to be slow is given up."""

QUALITY = 95
"""Of the JPEG that a frame is made into, without subsampling of colour: next to nothing is lost (our choice)."""

_CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "asf", "flv",
)  # fmt: skip
_OPTIONS = MappingProxyType({"format_whitelist": ",".join(_CONTAINERS), "protocol_whitelist": "file"})
_LOST = 0.05
"""Share of the frames that a file announces and does not hold: the last one stands for those (our choice)."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video file announces of itself.

    Attributes:
        frames: how many it holds.
        fps: its frames a second, None where it does not tell.
        times: the second of each frame, from 0, rising.
    """

    frames: int
    fps: float | None
    times: tuple[float, ...]


def require_av() -> Any:
    """PyAV. Raises `FeabError` with the command that installs it."""
    try:
        import av
    except ImportError as error:
        raise FeabError(f"video files need PyAV ({error}); install it with: pip install 'feab[video]'") from error
    return av


def probe(video: Media) -> VideoFacts:
    """How many frames a video has and when each is shown. Nothing is decoded.

    Raises:
        FeabError: when it cannot be read, is no video, or too large or too long.
    """
    deadline = time.monotonic() + PATIENCE_S
    with _opened(video) as (container, stream):
        shown: list[int] = []
        for count, packet in enumerate(container.demux(stream)):
            stamp = packet.dts if packet.pts is None else packet.pts
            if packet.size and stamp is not None and not packet.is_discard:
                shown.append(stamp)
            _check_patience(deadline)
            if count > MAX_PACKETS or len(shown) > MAX_FRAMES:
                raise FeabError(f"has more than {MAX_FRAMES:,} frames: a clip is shorter")
        if not shown:
            raise FeabError("holds no frames")
        base = float(stream.time_base or 0)
        shown.sort()
        times = tuple((stamp - shown[0]) * base for stamp in shown)
        rate = float(stream.average_rate or 0)
    if not times[-1] <= MAX_SECONDS:
        raise FeabError(f"lasts {times[-1]:.0f} s; a clip lasts at most {MAX_SECONDS:.0f}")
    fps = (len(times) - 1) / times[-1] if times[-1] > 0 else rate
    return VideoFacts(len(times), fps if 0 < fps < float("inf") else None, times)


def pictures(video: Media, wanted: Collection[int], frames: int) -> dict[int, bytes]:
    """Some frames of a video as JPEG, upright; decoded in order, one in memory at a time, as far as needed.

    Args:
        video: the file.
        wanted: numbers of frames, from 0 in the order shown.
        frames: how many the file announces, as `probe` tells.

    Raises:
        FeabError: when it cannot be decoded, a frame is too large, or it ends much too early.
    """
    deadline = time.monotonic() + PATIENCE_S
    found: dict[int, bytes] = {}
    last, number = None, 0
    with _opened(video) as (container, stream):
        for frame in container.decode(stream):
            _check_patience(deadline)
            _check_size(frame.width, frame.height)
            if number in wanted:
                found[number] = _jpeg(frame)
            last, number = frame, number + 1
            if len(found) == len(wanted):
                return found
        if last is None or frames - number > max(2, _LOST * frames):
            raise FeabError(f"ends after {number} of the {frames} frames that it announces")
        ending = _jpeg(last)
    return {one: found.get(one, ending) for one in wanted}


def recording(video: Media) -> Iterator[bytes]:
    """Every frame of a recording as JPEG, upright, in order; one is in memory at a time.

    A recording may last longer than a clip: only its size and that of its frames is bounded.

    Raises:
        FeabError: when it cannot be decoded, or a frame is too large.
    """
    with _opened(video) as (container, stream):
        for frame in container.decode(stream):
            _check_size(frame.width, frame.height)
            yield _jpeg(frame)


def _jpeg(frame: Any) -> bytes:
    picture = frame.to_image()
    turn = int(frame.rotation) % 360
    if turn:
        picture = picture.rotate(turn, expand=True)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, subsampling=0)
    return out.getvalue()


@contextmanager
def _opened(video: Media) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; whatever FFmpeg finds wrong inside becomes a `FeabError`."""
    av = require_av()
    try:
        # With `options` the limit on pixels holds already while FFmpeg decodes a little to see what it has before it.
        limits = {"max_pixels": str(MAX_VIDEO_PIXELS)}
        with (
            _file(video) as file,
            av.open(file, "r", options=limits, container_options=dict(_OPTIONS), io_open=_no_other_file) as container,
        ):
            streams = [one for one in container.streams.video if not _is_cover(one)]
            if not streams:
                raise FeabError("holds no video")
            stream = streams[0]
            _check_size(stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.options = limits
            stream.codec_context.thread_count = 1
            yield container, stream
    except (FeabError, MemoryError):
        raise
    except Exception as error:  # FFmpeg's errors, and what PyAV raises on what it did not expect
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise FeabError(f"cannot be read as a video ({str(words).splitlines()[0][:200]})") from None


def _no_other_file(url: str, flags: int, options: Mapping[str, str]) -> BinaryIO:
    """What FFmpeg calls for a file or address that the video names: none is opened."""
    raise FeabError("points to another file")


def _is_cover(stream: Any) -> bool:
    """Whether it is the picture on the cover of a song."""
    return bool(stream.disposition.value & type(stream.disposition).attached_pic.value)


def _file(video: Media) -> BinaryIO:
    if video.data is not None:
        file: BinaryIO = io.BytesIO(video.data)
        size = len(video.data)
    else:
        if video.path is None:
            raise FeabError("has neither bytes nor a path")
        path = Path(video.path)
        try:
            file, size = open_plain(path), path.stat().st_size
        except OSError as error:
            raise FeabError(f"cannot be read ({error.strerror or error})") from None
    if size > MAX_VIDEO:
        file.close()
        raise FeabError(f"is larger than {MAX_VIDEO // 2**20} MiB")
    return file


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_VIDEO_PIXELS:
        size = f"{width} × {height} pixels" if width * height else "an unknown size, or too large a one"
        raise FeabError(f"its frames have {size}; at most {MAX_VIDEO_PIXELS:,} pixels are decoded")


def _check_patience(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise FeabError(f"takes more than {PATIENCE_S:.0f} s to read")

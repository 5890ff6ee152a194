"""From a sample that is a clip to the pictures a model is shown of it, and when each was taken.

What is known of a clip stands in extra columns of its dataset: `onset`, `apex` and `offset` (frame numbers from 0) and
`fps` (of stored frames; a video file tells its own). Where one is missing or null, it is not known.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feab.clips.sampling import ClipFacts, FrameSampling, check_facts, chosen, peak
from feab.clips.video import pictures, probe
from feab.errors import FeabError
from feab.records import Media, Sample

CLIP_COLUMNS = {"onset": "integer", "apex": "integer", "offset": "integer", "fps": "float"}
"""The extra columns that say what is known of a clip, with their types as `write_split` takes them."""

USUAL_FPS = 25.0
"""Frames a second of stored frames that do not tell: what films and video sites are near (our choice). It dates the
frames for models that take videos, and chooses none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model is shown of a sample: pictures, unread, and for a clip the second of each, from its start."""

    pictures: tuple[Media, ...]
    times: tuple[float, ...] = ()


def shown(sample: Sample, sampling: FrameSampling | None) -> Shown:
    """The pictures of a sample: the chosen frames of a clip, its one picture otherwise.

    A video is looked at here and its frames are decoded when the first of them is read. A clip that cannot be used
    gives one picture that cannot be read, so that it costs its own question and no other.

    Raises:
        FeabError: when video files cannot be read here at all, because PyAV is missing.
    """
    if sampling is None or not (sample.frames or sample.clip):
        return Shown((sample.media,))
    try:
        if sample.clip is None:
            return _of_frames(sample.frames, _facts(sample.extra, len(sample.frames)), sampling)
        found = probe(sample.clip)
        facts = _facts(sample.extra, found.frames, found.fps)
        numbers = chosen(sampling, facts)
        film = Film(sample.clip, numbers, found.frames)
        return Shown(tuple(VideoFrame(film=film, frame=n) for n in numbers), tuple(found.times[n] for n in numbers))
    except FeabError as error:
        if isinstance(error.__cause__, ImportError):
            raise
        return Shown((Unusable(why=str(error)),))


def _of_frames(frames: Sequence[Media], facts: ClipFacts, sampling: FrameSampling) -> Shown:
    numbers = chosen(sampling, facts)
    fps = facts.fps or USUAL_FPS
    return Shown(tuple(frames[n] for n in numbers), tuple(n / fps for n in numbers))


def _facts(extra: Mapping[str, Any], frames: int, fps: float | None = None) -> ClipFacts:
    """What the columns say of a clip. Raises `FeabError` for what is no number: a dataset may have such a column."""
    found = {name: extra[name] for name in CLIP_COLUMNS if extra.get(name) is not None}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float) if name == "fps" else int):
            raise FeabError(f"{name} {value!r:.40} is no {'number' if name == 'fps' else 'whole number'}")
    if fps is not None:
        found["fps"] = fps
    return ClipFacts(frames, **found)


def still_of(frames: Sequence[Media], clip: Media | None, extra: Mapping[str, Any]) -> Media:
    """The one picture that stands for a clip on a contact sheet: its peak, else its middle. Not read yet."""
    if clip is not None:
        return VideoStill(video=clip, extra=extra)
    try:
        facts = _facts(extra, len(frames))
        check_facts(facts)
    except FeabError:  # said where the clip is shown, or validated
        return frames[len(frames) // 2]
    return frames[peak(facts)]


def clip_fault(row: Mapping[str, Any], videos: Sequence[bytes]) -> str:
    """What is wrong with a row that is a clip, all of its video decoded; nothing where nothing is.

    Args:
        row: the columns of a dataset.
        videos: its video file, where it has one.
    """
    try:
        frames, fps = len(row.get("frames") or ()), None
        for data in videos:
            found = probe(Media(data=data))
            pictures(Media(data=data), (found.frames - 1,), found.frames)
            frames, fps = found.frames, found.fps
        check_facts(_facts(row, frames, fps))
    except FeabError as error:
        return str(error)
    return ""


class Film:
    """Some frames of a video, decoded together when the first is read. May be used by several threads."""

    def __init__(self, video: Media, numbers: Collection[int], frames: int) -> None:
        """`frames`: how many the video announces."""
        self._video, self._numbers, self._frames = video, frozenset(numbers), frames
        self._decoded: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Film], tuple[Media, list[int], int]]:
        return Film, (self._video, sorted(self._numbers), self._frames)

    def picture(self, number: int) -> bytes:
        """One of the frames as JPEG.

        Raises:
            OSError: when the video cannot be decoded.
        """
        with self._lock:
            if not self._decoded:
                try:
                    self._decoded = pictures(self._video, self._numbers, self._frames)
                except FeabError as error:
                    raise OSError(f"the clip {error}") from None
            return self._decoded[number]


@dataclass(frozen=True, slots=True)
class VideoFrame(Media):
    """One frame of a video, as JPEG."""

    film: Film | None = field(default=None, repr=False)
    frame: int = 0

    def read(self) -> bytes:
        """The frame as JPEG. Raises `OSError` when the video cannot be decoded."""
        assert self.film is not None
        return self.film.picture(self.frame)


@dataclass(frozen=True, slots=True)
class VideoStill(Media):
    """The peak of a video, else its middle, as JPEG; found when it is read."""

    video: Media | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def read(self) -> bytes:
        """The frame as JPEG. Raises `OSError` when the video cannot be decoded."""
        assert self.video is not None
        try:
            found = probe(self.video)
            number = min(peak(_facts(self.extra, found.frames, found.fps)), found.frames - 1)
        except FeabError as error:
            raise OSError(f"the clip {error}") from None
        return Film(self.video, (number,), found.frames).picture(number)


@dataclass(frozen=True, slots=True)
class Unusable(Media):
    """Stands for the pictures of a clip that cannot be used."""

    why: str = ""

    def read(self) -> bytes:
        """Raises `OSError` that says why."""
        raise OSError(f"the clip {self.why}")

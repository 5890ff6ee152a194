"""Which frames of a clip a model is shown: a pure function of the clip's length, its rate and its marked frames.

Written as one word, in a task file (`frames: uniform:8`) or with `--frames`:

* `uniform:N`: the clip is cut into N equal parts and the middle frame of each is shown.
* `apex:N`: the frame of the peak, and others evenly between onset and peak and between peak and offset, both included.
  `apex:1` is the peak, `apex:2` onset and peak, `apex:3` onset, peak and offset. Where there is no onset or offset the
  clip's ends stand for them, and where there is no peak the frame half-way between them (our choice).
* `rate:R` or `rate:R:N`: as `uniform`, with as many frames as R a second give for a clip of this length; at most N.

Parts and ways are counted in frames, which in nearly all videos is in time. No frame is shown twice: a clip of fewer
frames is shown whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from feab.errors import FeabError

How = Literal["uniform", "apex", "rate"]

MOST_FRAMES = 128
"""Most frames of one question."""

RATE_FRAMES = 32
"""Most frames that `rate:R` shows where it does not say itself (our choice)."""

MOST_A_SECOND = 240.0

_FORM = re.compile(r"(uniform|apex):(\d{1,3})|rate:(\d{1,3}(?:\.\d{1,3})?)(?::(\d{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """How frames are chosen. `str()` of it is what `parse_sampling` reads.

    Attributes:
        how: uniform, apex or rate.
        frames: the number of frames; of `rate`, the most. 1 to 128.
        per_second: frames a second, of `rate` alone. Above 0, at most 240.
    """

    how: How
    frames: int
    per_second: float | None = None

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            raise FeabError(f"frames: {self.how!r} is none of {', '.join(get_args(How))}")
        if not 1 <= self.frames <= MOST_FRAMES:
            raise FeabError(f"frames: 1 to {MOST_FRAMES} of them can be shown, not {self.frames}")
        if (self.per_second is not None) != (self.how == "rate"):
            raise FeabError("frames: a number a second goes with rate, and with nothing else")
        if self.per_second is not None and not 0 < self.per_second <= MOST_A_SECOND:
            raise FeabError(f"frames: rate is above 0 and at most {MOST_A_SECOND:g} a second, not {self.per_second}")

    def __str__(self) -> str:
        if self.per_second is None:
            return f"{self.how}:{self.frames}"
        return f"rate:{self.per_second:g}" + ("" if self.frames == RATE_FRAMES else f":{self.frames}")


DEFAULT = FrameSampling("uniform", 8)
"""For clips whose task does not say (our choice; 8 and 16 are customary on DFEW, FERV39k and MAFW)."""


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What choosing frames needs to know of a clip.

    Attributes:
        frames: how many it has, at least 1.
        fps: its frames a second; None where unknown.
        onset, apex, offset: marked frames, counted from 0; None where unknown.
    """

    frames: int
    fps: float | None = None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None


def parse_sampling(text: str) -> FrameSampling:
    """How frames are chosen, from one word such as "uniform:8", "apex:3", "rate:2" or "rate:2:16".

    Raises:
        FeabError: saying what can be written.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise FeabError(f"frames {text[:60]!r}: write uniform:N, apex:N, rate:PER_SECOND or rate:PER_SECOND:MOST")
    if found[3] is not None:
        return FrameSampling("rate", int(found[4] or RATE_FRAMES), float(found[3]))
    return FrameSampling("apex" if found[1] == "apex" else "uniform", int(found[2]))


def chosen(sampling: FrameSampling, clip: ClipFacts) -> tuple[int, ...]:
    """The numbers of the frames to show, from 0, rising, each once: at least one, at most `sampling.frames`.

    Raises:
        FeabError: when the clip has no frames, a marked frame is none of them or out of order, or a rate is asked of a
            clip whose frames a second are not known.
    """
    check_facts(clip)
    if sampling.how == "apex":
        return _around(clip, sampling.frames)
    count = sampling.frames
    if sampling.per_second is not None:
        if clip.fps is None:
            raise FeabError("how many frames a second the clip has is not known (column 'fps'); choose uniform:N")
        count = min(count, max(1, round(clip.frames / clip.fps * sampling.per_second)))
    count = min(count, clip.frames)
    # (i + 1/2) / count of the clip, in whole numbers: the same on every machine.
    return tuple((2 * i + 1) * clip.frames // (2 * count) for i in range(count))


def check_facts(clip: ClipFacts) -> None:
    """Whether the marked frames are the clip's and in order.

    Raises:
        FeabError: naming the one that is not.
    """
    if clip.frames < 1:
        raise FeabError("the clip has no frames")
    if clip.fps is not None and not 0 < clip.fps < float("inf"):
        raise FeabError(f"fps {clip.fps} is no number of frames a second")
    marks = [(name, mark) for name in ("onset", "apex", "offset") if (mark := getattr(clip, name)) is not None]
    for name, mark in marks:
        if not 0 <= mark < clip.frames:
            raise FeabError(f"{name} {mark} is none of its {clip.frames} frames, which are counted from 0")
    for (first, one), (second, other) in pairwise(marks):
        if one > other:
            raise FeabError(f"{first} {one} comes after {second} {other}")


def peak(clip: ClipFacts) -> int:
    """The frame of the peak; where it is not known, the one half-way between onset and offset or the clip's ends."""
    if clip.apex is not None:
        return clip.apex
    onset, offset = _ends(clip)
    return (onset + offset + 1) // 2


def _ends(clip: ClipFacts) -> tuple[int, int]:
    return (0 if clip.onset is None else clip.onset, clip.frames - 1 if clip.offset is None else clip.offset)


def _around(clip: ClipFacts, count: int) -> tuple[int, ...]:
    """The peak, the larger half of the rest from onset to before it, the others from after it to offset.

    What one side cannot hold goes to the other.
    """
    (onset, offset), apex = _ends(clip), peak(clip)
    room_before, room_after = apex - onset, offset - apex
    before = min(count // 2, room_before)
    after = min(count - 1 - before, room_after)
    before = min(count - 1 - after, room_before)
    # Evenly, the far end included: of d frames of room, k are at the distances ceil(d i / k).
    earlier = [apex + (-room_before * i) // before for i in range(before, 0, -1)]
    later = [apex - (-room_after * i) // after for i in range(1, after + 1)]
    return (*earlier, apex, *later)

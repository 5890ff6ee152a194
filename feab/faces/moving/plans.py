"""The set `synth_dynamic`: who is seen in each clip, what they display when, and what else moves meanwhile.

Every identity is seen in eight clips, one an expression. The face is at rest, rises to a peak, and comes to rest again;
eyes close and the head turns in neutral clips as in the others, so that movement by itself tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from feab.faces.draws import Plan, draw_expression, draw_form
from feab.faces.forms import Strength
from feab.faces.synth import SplitSpec
from feab.vocabulary import EXPRESSIONS

FRAMES = 12
"""Frames of a clip (our choice): few enough that the test split renders in two minutes on two cores."""

FPS = 6.0
"""Frames a second (our choice): a clip lasts two seconds, and a closed eye, one frame, a sixth of a second."""

CLIPS_PER_IDENTITY = len(EXPRESSIONS)

CLIP_SPLITS: Mapping[str, SplitSpec] = MappingProxyType({
    "train": SplitSpec("train", 11, 72),
    "validation": SplitSpec("validation", 12, 18),
    "test": SplitSpec("test", 13, 36),
})  # fmt: skip
"""The splits, whole numbers of the 18 cells of age group, gender and ancestry preset. Their seeds are not those of
`synth`, so neither are their people (tested)."""

_RISE, _FALL = (2, 3, 4), (3, 4, 5)  # frames; faces come to rest more slowly than they rise
_STRENGTHS: tuple[Strength, Strength] = ("medium", "strong")
_CLOSES_EYES = 0.7


@dataclass(frozen=True, slots=True)
class Course:
    """When a display happens: frame numbers from 0, and how much of it is there in each frame.

    Attributes:
        onset: the last frame at rest before it.
        apex: the frame of its peak, the only one with share 1.
        offset: the first frame at rest after it.
        shares: for each frame, how much of the peak's amounts is displayed, in [0, 1].
    """

    onset: int
    apex: int
    offset: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Turning:
    """How the head turns: a slow swing about each axis, degrees and cycles a clip."""

    degrees: tuple[float, float, float]
    cycles: tuple[float, float, float]
    phases: tuple[float, float, float]

    def at(self, frame: int) -> tuple[float, float, float]:
        """Degrees of yaw, pitch and roll that are added in a frame."""
        part = frame / FRAMES
        yaw, pitch, roll = (
            round(d * float(np.sin(2 * np.pi * (c * part + p))), 3)
            for d, c, p in zip(self.degrees, self.cycles, self.phases, strict=True)
        )
        return yaw, pitch, roll


@dataclass(frozen=True, slots=True)
class PlannedClip:
    """One clip before rendering: who, what is displayed at the peak, when, and what distracts from it."""

    id: str
    identity: int
    plan: Plan
    course: Course | None
    """None for a neutral clip."""
    turning: Turning
    eyes_closed: int | None
    """The frame with closed eyes, never the peak or one beside it; None where they stay open."""
    seed: tuple[int, ...]
    """Of light, background and amounts."""

    @property
    def middle(self) -> int:
        """The frame that must show what the clip is named for: its peak, of a neutral clip the middle one."""
        return FRAMES // 2 if self.course is None else self.course.apex


def draw_course(rng: np.random.Generator) -> Course:
    """A display somewhere in the clip, with at least one frame at rest before and after it."""
    rise, fall = int(rng.choice(_RISE)), int(rng.choice(_FALL))
    onset = int(rng.integers(0, FRAMES - rise - fall))
    apex = onset + rise
    shares = tuple(
        _eased((frame - onset) / rise) if frame <= apex else 1 - _eased((frame - apex) / fall)
        for frame in range(FRAMES)
    )
    return Course(onset, apex, apex + fall, tuple(round(share, 4) for share in shares))


def _eased(part: float) -> float:
    """From 0 at 0 to 1 at 1, slow at both ends."""
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _draw_turning(rng: np.random.Generator) -> Turning:
    yaw, pitch, roll = (float(rng.uniform(low, high)) for low, high in ((2, 8), (1, 4), (0.5, 3)))
    cycles = tuple(float(rng.uniform(0.3, 1.0)) for _ in range(3))
    phases = tuple(float(rng.random()) for _ in range(3))
    return Turning((yaw, pitch, roll), (cycles[0], cycles[1], cycles[2]), (phases[0], phases[1], phases[2]))


def _draw_eyes_closed(rng: np.random.Generator, apex: int | None) -> int | None:
    frame = int(rng.choice([f for f in range(FRAMES) if apex is None or abs(f - apex) > 1]))
    return frame if rng.random() < _CLOSES_EYES else None


def clip_plans(spec: SplitSpec, index: int) -> list[PlannedClip]:
    """The eight clips of one identity, in an order that does not give the expression away."""
    planned = []
    order = np.random.default_rng([spec.seed, index, 4]).permutation(len(EXPRESSIONS))
    for position, c in enumerate(order.tolist()):
        expression = EXPRESSIONS[c]
        rng = np.random.default_rng([spec.seed, index, 2, c])
        strength = None if expression == "neutral" else _STRENGTHS[(c + index) % len(_STRENGTHS)]
        plan = draw_expression(expression, draw_form(expression, rng), strength, rng)
        course = None if expression == "neutral" else draw_course(rng)
        turning = _draw_turning(rng)
        closed = _draw_eyes_closed(rng, None if course is None else course.apex)
        name = f"{spec.name}-{index:04d}-{position}"
        planned.append(PlannedClip(name, index, plan, course, turning, closed, (spec.seed, index, 5, position)))
    return planned

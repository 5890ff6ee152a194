"""What one picture is to show, drawn at random: intensities per AU, sides, small unrelated movements, noise.

Nothing here renders. Intensities are FACS letters as numbers (1 = A trace ... 5 = E); `posing.py` turns them into
amounts of the head. Probabilities are our choice, tuned so that knowing the class says little about single AUs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from feab.faces.actions import AUS_RENDERED, MIDLINE_AUS
from feab.faces.forms import FORMS, STRENGTH_STEP, B, E, Form, Strength, clash, completes_other_class

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one picture is to show, before it is posed on a face.

    Attributes:
        expression: the class, None for a free AU combination.
        strength: None for neutral faces and free combinations.
        form: name of the FACS form; "free" for a free combination.
        letters: AU -> intensity 1 (trace) to 5. For 25 and 26 the target; what the mesh then shows is measured.
        one_sided: AU -> the subject's side it acts on; AUs that are absent act on both.
        asymmetry: AU -> (left, right) share of the amount on each side, the larger is 1.
        noise: raw mesh unit -> weight, movements that carry no AU.
        sealed: the jaw drops behind closed lips.
    """

    expression: str | None
    strength: Strength | None
    form: str
    letters: Mapping[int, int]
    one_sided: Mapping[int, Side] = field(default_factory=lambda: MappingProxyType({}))
    asymmetry: Mapping[int, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    noise: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    sealed: bool = False


# Unrelated movements beside a form: chance per AU that could be added.
_TRACE = 0.045
_ADDED = 0.11
_ADDED_MOST = 2
_ADDED_LETTERS = ((2, 3), (0.6, 0.4))
_NEUTRAL_PARTED = 0.2  # a resting mouth is often a little open: the one AU a neutral face may show
_LETTER_STEP = ((-1, 0, 1), (0.3, 0.4, 0.3))

_FREE_COUNT = ((1, 2, 3, 4, 5), (0.15, 0.17, 0.18, 0.22, 0.28))
_FREE_LETTERS = ((2, 3, 4, 5), (0.24, 0.26, 0.25, 0.25))
# Relative chance in a free combination: AUs that few forms show are drawn more often, so that each has enough faces.
_FREE_WEIGHTS: Mapping[int, float] = MappingProxyType({
    1: 1.4, 2: 1.1, 4: 1.5, 5: 1.3, 6: 1.1, 7: 1.0, 9: 1.7, 10: 1.4, 12: 3.8, 14: 2.3, 15: 1.8, 17: 0.8, 20: 2.4,
    23: 1.8, 24: 2.3, 25: 0.6, 26: 1.0,
})  # fmt: skip
# Beside a smile, units that pull valence down are drawn less often: otherwise nearly all free faces lie near the same
# valence and knowing the class of the others is nearly knowing valence.
_BESIDE_SMILE: Mapping[int, float] = MappingProxyType({4: 0.4, 9: 0.3, 10: 0.3, 14: 0.4, 15: 0.3, 20: 0.0})
_FREE_SEALED = 0.25
_FREE_ONE_SIDED = 0.12
_CAN_BE_ONE_SIDED = frozenset({2, 10, 12, 14, 15, 20})


def _choose(rng: np.random.Generator, table: tuple[Sequence[int], Sequence[float]]) -> int:
    return int(rng.choice(table[0], p=table[1]))


def _side(rng: np.random.Generator) -> Side:
    return "left" if rng.random() < 0.5 else "right"


def draw_form(expression: str, rng: np.random.Generator, *, other_than: str | None = None) -> Form:
    """One form of a class by its share; never the form named `other_than` when the class has another."""
    forms = [f for f in FORMS[expression] if f.name != other_than] or list(FORMS[expression])
    shares = np.array([f.share for f in forms])
    return forms[int(rng.choice(len(forms), p=shares / shares.sum()))]


def draw_expression(expression: str, form: Form, strength: Strength | None, rng: np.random.Generator) -> Plan:
    """A picture of one form at one strength, with small unrelated movements and noise. Strength None: neutral."""
    letters: dict[int, int] = {}
    for au, letter in form.letters.items():
        step = (STRENGTH_STEP[strength] if strength else 0) + _choose(rng, _LETTER_STEP)
        letters[au] = int(np.clip(letter + step, B, form.ceiling.get(au, E)))
    for au in AUS_RENDERED:
        draw, intensity = rng.random(), _choose(rng, _ADDED_LETTERS)
        if au in letters or au == 26 or (form.sealed and au == 25):
            continue  # a dropped jaw changes the whole mouth: it is never an unrelated movement
        if expression == "neutral":
            if au == 25 and draw < _NEUTRAL_PARTED and not clash(letters, 25, B):
                letters[25] = B
            elif au != 25 and draw < _TRACE and not clash(letters, au, 1):
                letters[au] = 1
        elif draw < _ADDED:
            if _may_be_added(expression, form, letters, au, intensity):
                letters[au] = intensity
        # A trace of parted lips is whatever the mesh shows: only a clear one is drawn.
        elif draw < _ADDED + _TRACE and au != 25 and not clash(letters, au, 1):
            letters[au] = 1
    side = _side(rng)
    one_sided: dict[int, Side] = dict.fromkeys(sorted(form.one_sided), side)
    return _finish(Plan(expression, strength, form.name, letters, one_sided, sealed=form.sealed), rng)


def _may_be_added(expression: str, form: Form, letters: Mapping[int, int], au: int, intensity: int) -> bool:
    """Whether an unrelated movement leaves the face a display of its class."""
    shown = [a for a, k in letters.items() if k >= B]
    return (
        len(set(shown) - set(form.letters)) < _ADDED_MOST
        and not (au == 15 and 12 in form.letters)  # the smile would no longer be one
        and not clash(letters, au, intensity)
        and not completes_other_class(expression, shown, au)
    )


def draw_free(rng: np.random.Generator) -> Plan:
    """A free combination: 1 to 5 AUs that FACS lets appear together, at any intensity from B, without a class."""
    wanted = _choose(rng, _FREE_COUNT)
    letters: dict[int, int] = {}
    open_ = list(AUS_RENDERED)
    while open_ and len(letters) < wanted:
        weights = np.array([_FREE_WEIGHTS[au] * (_BESIDE_SMILE.get(au, 1.0) if 12 in letters else 1.0) for au in open_])
        au = open_.pop(int(rng.choice(len(open_), p=weights / weights.sum())))
        letter = _choose(rng, _FREE_LETTERS)
        if not clash(letters, au, letter):
            letters[au] = letter
    sealed = 26 in letters and not {10, 25} & set(letters) and rng.random() < _FREE_SEALED
    one_sided = {au: _side(rng) for au in sorted(letters) if rng.random() < _FREE_ONE_SIDED and au in _CAN_BE_ONE_SIDED}
    return _finish(Plan(None, None, "free", letters, one_sided, sealed=bool(sealed)), rng)


def _finish(plan: Plan, rng: np.random.Generator) -> Plan:
    """The plan with natural asymmetry and noise added, and its AUs in order."""
    asymmetry: dict[int, tuple[float, float]] = {}
    for au in sorted(plan.letters):
        weaker = float(rng.uniform(0.85, 1.0))
        if au not in MIDLINE_AUS and au not in plan.one_sided:
            asymmetry[au] = (1.0, weaker) if rng.random() < 0.5 else (weaker, 1.0)
    return Plan(
        plan.expression, plan.strength, plan.form, MappingProxyType(dict(sorted(plan.letters.items()))),
        MappingProxyType(dict(plan.one_sided)), MappingProxyType(asymmetry),
        MappingProxyType(_draw_noise(plan, rng)), plan.sealed,
    )  # fmt: skip


def _draw_noise(plan: Plan, rng: np.random.Generator) -> dict[str, float]:
    """Gaze, half-blinks and small movements of jaw, lips and cheeks that FACS codes elsewhere or not at all."""
    noise: dict[str, float] = {}
    across, up = rng.uniform(-0.35, 0.35), rng.uniform(-0.2, 0.25)
    noise["eyeLookInLeft" if across > 0 else "eyeLookOutLeft"] = abs(across)
    noise["eyeLookOutRight" if across > 0 else "eyeLookInRight"] = abs(across)
    for side in ("Left", "Right"):
        noise[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"] = abs(up)
    blink = float(rng.uniform(0, 0.22)) * (rng.random() < 0.7)
    if 5 in plan.letters:
        blink = 0.0  # a lowered lid would hide the raised one
    elif 7 in plan.letters or 6 in plan.letters:
        blink = min(blink, 0.09)
    noise["eyeBlinkLeft"] = noise["eyeBlinkRight"] = blink
    for left, right, limit in (("jawLeft", "jawRight", 0.15), ("mouthLeft", "mouthRight", 0.12)):
        amount = float(rng.uniform(-limit, limit))
        noise[left if amount > 0 else right] = abs(amount)
    # Pucker is not drawn beside the lip units it resembles.
    pucker, puff = float(rng.uniform(0, 0.1)), float(rng.uniform(0, 0.15))
    if rng.random() < 0.15 and not {12, 14, 20, 23, 24} & set(plan.letters):
        noise["mouthPucker"] = pucker
    if rng.random() < 0.1 and 14 not in plan.letters:
        noise["cheekPuff"] = puff
    return {unit: round(weight, 4) for unit, weight in noise.items() if weight > 0}

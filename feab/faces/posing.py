"""From a plan to an action of the head: amounts drawn inside the planned intensities, mouth opening set on the mesh.

AU 25 and 26 are what the deformed mesh shows, whatever opened the mouth, so their amounts are searched for on the
person at hand. No amount and no measure is left within 20 % of where B starts: such a face would be labelled by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from feab.faces.actions import MIDLINE_AUS, FacsAction
from feab.faces.draws import Plan
from feab.faces.head import Head
from feab.faces.identity import Identity
from feab.faces.recipes import intensity_cuts

BAND = 0.2
"""Share of the B cut on each side of it in which nothing is drawn."""

_MARGIN = 0.02  # distance kept from a limit that must not be crossed, as a share of it


def amount_range(au: int, intensity: int) -> tuple[float, float]:
    """Amounts (or, for 25 and 26, measures in interocular distances) that show an intensity from 1 to 5.

    The band around the B cut is left out, so trace ends below it and B starts above it.
    """
    cuts = intensity_cuts(au)
    low = cuts[intensity - 1] * (1 + BAND if intensity == 2 else 1)
    high = cuts[intensity] * (1 - BAND if intensity == 1 else 1) if intensity < 5 else max(1.0, cuts[4])
    return low, high


def _draw_amount(au: int, intensity: int, rng: np.random.Generator) -> float:
    low, high = amount_range(au, intensity)
    # Rounded up, and never up to the next letter.
    rounded = float(np.ceil(rng.uniform(low, high) * 1e4) / 1e4)
    return rounded if rounded < high else low


def solve(measure: Callable[[float], float], target: float, *, steps: int = 6, tolerance: float = 0.002) -> float:
    """The x in [0, 1] where an increasing `measure(x)` is nearest to `target`, by false position.

    Returns 0 or 1 when the target lies outside what the measure reaches.
    """
    x0, x1 = 0.0, 1.0
    y0, y1 = measure(x0), measure(x1)
    if target <= y0:
        return 0.0
    if target >= y1:
        return 1.0
    x = x1
    for _ in range(steps):
        x = x0 + (target - y0) * (x1 - x0) / (y1 - y0)
        y = measure(x)
        if abs(y - target) < tolerance:
            break
        if y < target:
            x0, y0 = x, y
        else:
            x1, y1 = x, y
    return x


def pose(head: Head, identity: Identity, plan: Plan, rng: np.random.Generator) -> FacsAction:
    """The action that shows `plan` on `identity`. Amounts of 25 and 26 depend on the person, so pose per person."""
    amounts: dict[int, tuple[float, float]] = {}
    for au, letter in plan.letters.items():
        if au in (25, 26):
            continue
        amount = _draw_amount(au, letter, rng)
        left, right = (1.0, 1.0) if au in MIDLINE_AUS else plan.asymmetry.get(au, (1.0, 1.0))
        if au in plan.one_sided:
            left, right = (1.0, 0.0) if plan.one_sided[au] == "left" else (0.0, 1.0)
        amounts[au] = (round(amount * left, 4), round(amount * right, 4))
    drop, gap = (_draw_amount(au, max(plan.letters.get(au, 2), 2), rng) for au in (26, 25))
    return _open_mouth(head, identity, plan, amounts, drop, gap)


def _open_mouth(
    head: Head, identity: Identity, plan: Plan, amounts: dict[int, tuple[float, float]], drop: float, gap: float
) -> FacsAction:
    """Add the amounts of AU 25 and 26 that give the wanted chin drop and lip gap (interocular distances)."""

    def action(changes: Mapping[int, float]) -> FacsAction:
        more = {au: (f, f) for au, f in changes.items() if f > 0}
        return FacsAction({**amounts, **more}, plan.noise, plan.sealed)

    def lip_gap(parted: float, jaw: float) -> float:
        return head.measure(identity, action({25: parted, 26: jaw})).lip_gap

    def chin_drop(parted: float, jaw: float) -> float:
        return head.measure(identity, action({25: parted, 26: jaw})).chin_drop

    if 26 in plan.letters:
        parted = 0.5 if 25 in plan.letters else 0.0
        jaw = _rounded(solve(lambda x: chin_drop(parted, x), drop))
        return action({25: parted, 26: jaw})
    b = intensity_cuts(25)[1]
    if 25 in plan.letters:
        # The lower lip alone if it opens enough; else a little jaw, so little that it is a trace of AU 26 at most.
        parted = _rounded(solve(lambda x: lip_gap(x, 0.0), gap))
        if parted < 1.0 or (plan.letters[25] <= 3 and lip_gap(1.0, 0.0) >= (1 + BAND) * b):
            return action({25: parted})
        limit = intensity_cuts(26)[1] * (1 - BAND) * (1 - _MARGIN)
        most = solve(lambda x: chin_drop(1.0, x), limit)
        return action({25: 1.0, 26: _rounded(most * solve(lambda x: lip_gap(1.0, x * most), gap))})
    # Nothing was to open the mouth, but 9, 10 and others do: leave no gap around the B cut of AU 25.
    if (1 - BAND) * b <= lip_gap(0.0, 0.0) < (1 + BAND) * b:
        return action({25: _rounded(solve(lambda x: lip_gap(x, 0.0), (1 + BAND) * b * (1 + 2 * _MARGIN)))})
    return action({})


def _rounded(amount: float) -> float:
    return float(np.floor(amount * 1e4) / 1e4)

"""From FACS to the mesh: which face units, at which weights, show each action unit; and intensity letters.

The units are the 52 ARKit shapes of `faceunits01` and the targets sculpted by scripts/build_head.py. One unit is not
one AU on this mesh (measured: `mouthPress` is half a smile, `noseSneer` mostly lowers the brows, `mouthStretch` pulls
the corners down), so several recipes are composed. {S} stands for Left and Right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from feab.errors import FeabError
from feab.faces.actions import AUS_RENDERED, FacsAction, Measures

Letter = Literal["", "A", "B", "C", "D", "E"]

GAIN = 1.35
"""ARKit weight at amount 1 (the units as drawn are mild). Blinks, gaze, jaw and sculpted targets are not multiplied."""

_NOT_GAINED = ("eyeBlink", "eyeLook", "jawOpen", "mouthClose", "lip", "chinBoss", "dimple", "cheekRaise",
               "lidPouch", "nasolabial", "noseBunch", "stretch")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """Unit weights of one AU at amount 1, and why they are what they are."""

    units: tuple[tuple[str, float], ...]
    why: str


RECIPES: Mapping[int, Recipe] = MappingProxyType({
    1: Recipe((("browInnerUp", 1.0),), "sound as it is; one midline unit, so both sides move together"),
    2: Recipe((("browOuterUp{S}", 0.65),), "sound; at 1.0 it outruns AU 1 and a surprised brow looks angry"),
    4: Recipe((("browDown{S}", 1.0),), "sound; the glabellar furrow is shading (creases.py)"),
    5: Recipe((("eyeWide{S}", 1.0),), "sound as it is"),
    6: Recipe((("cheekSquint{S}", 1.0), ("cheekRaise{S}", 1.0), ("lidPouch{S}", 0.6)),
              "cheekSquint alone is nearly invisible below .3; the sculpted cheek bulge makes it a raised cheek"),
    7: Recipe((("eyeSquint{S}", 0.6), ("lidPouch{S}", 0.9)), "above .6 the eye reads as closed (AU 43)"),
    9: Recipe((("noseSneer{S}", 1.0), ("mouthUpperUp{S}", 0.3), ("browDown{S}", -0.4), ("noseBunch{S}", 1.0)),
              "noseSneer alone looks like AU 4 (cosine .70); corrected .21. Wrinkles at the root are shading"),
    10: Recipe((("mouthUpperUp{S}", 1.0), ("nasolabial{S}", 0.7)), "sound; it parts the lips, so 25 follows"),
    12: Recipe((("mouthSmile{S}", 0.8), ("nasolabial{S}", 0.6)), "at 1.0 x GAIN the cheek breaks up: capped"),
    14: Recipe((("mouthDimple{S}", 1.0), ("dimple{S}", 1.0), ("mouthSmile{S}", -0.12), ("lipSeal{S}", 0.03)),
               "mouthDimple has no dimple and lifts the corner: pit and bulge are sculpted, the lift taken back"),
    15: Recipe((("mouthFrown{S}", 0.8),), "at 1.0 teeth show as a jagged line between closed lips: capped"),
    17: Recipe((("mouthShrugLower", 1.0), ("chinBoss", 1.0)), "mouthShrugLower has no chin boss: sculpted"),
    20: Recipe((("mouthStretch{S}", 1.0), ("mouthFrown{S}", -0.5), ("stretch{S}", 1.0), ("lipSeal{S}", 0.015)),
               "mouthStretch alone is 20 + 15: corrected; a sculpted outward pull makes it seen"),
    23: Recipe((("lipTighten", 1.0),), "no unit exists: sculpted (thin, narrow lips)"),
    24: Recipe((("lipPress", 1.0), ("mouthPressLeft", 0.4), ("mouthPressRight", 0.4), ("mouthSmileLeft", -0.16),
                ("mouthSmileRight", -0.16), ("mouthDimpleLeft", -0.12), ("mouthDimpleRight", -0.12)),
               "mouthPress alone is half a smile: corrected, with sculpted bulges above and below the lips"),
    25: Recipe((("mouthLowerDown{S}", 1.0),), "lips part by AU 16 (not coded), without jaw or upper lip"),
    26: Recipe((("jawOpen", 0.6),), "more is AU 27, which replaces 26 in FACS"),
})  # fmt: skip

# Sums of several recipes stay within what one unit can show (after GAIN).
_UNIT_LOW, _UNIT_HIGH = -0.8, 1.35


def unit_weights(action: FacsAction) -> dict[str, float]:
    """Mesh unit -> weight for an action, GAIN included, each sum limited to [-.8, 1.35]."""
    weights: dict[str, float] = {}

    def add(unit: str, weight: float) -> None:
        weights[unit] = weights.get(unit, 0.0) + weight * (1.0 if unit.startswith(_NOT_GAINED) else GAIN)

    for au, (left, right) in action.aus.items():
        for unit, weight in RECIPES[au].units:
            if "{S}" in unit:
                add(unit.replace("{S}", "Left"), weight * left)
                add(unit.replace("{S}", "Right"), weight * right)
            else:
                add(unit, weight * max(left, right))
    for unit, weight in action.noise.items():
        add(unit, weight)
    if action.sealed and "jawOpen" in weights:
        add("mouthClose", weights["jawOpen"])
    return {u: min(max(w, _UNIT_LOW), _UNIT_HIGH) for u, w in weights.items() if abs(w) > 1e-6}


# Lower ends of A, B, C, D, E as shares of the largest displacement (our choice: A, B, E narrow, C and D wide, as in
# FACS 2002), for an AU whose B starts at .15. Other AUs are stretched so that B starts where they become visible.
_STANDARD_CUTS = (0.05, 0.15, 0.35, 0.65, 0.90)

# Measured: the amount at which the median of 36 train people changes at least 100 pixels by more than 12 grey levels in
# the shipped JPEG (scripts/measure_au_cuts.py), not below .10.
B_STARTS: Mapping[int, float] = MappingProxyType({
    1: 0.14, 2: 0.16, 4: 0.10, 5: 0.10, 6: 0.18, 7: 0.20, 9: 0.17, 10: 0.12, 12: 0.10, 14: 0.20, 15: 0.20, 17: 0.16,
    20: 0.16, 23: 0.19, 24: 0.20,
})  # fmt: skip

# AU 25 and 26 are read from the mesh: lip gap and chin drop in interocular distances.
_GAP_CUTS = (0.02, 0.04, 0.08, 0.16, 0.25)
_DROP_CUTS = (0.05, 0.10, 0.20, 0.35, 0.50)


def intensity_cuts(au: int) -> tuple[float, float, float, float, float]:
    """Where A, B, C, D and E start: in amounts f for most AUs, in interocular distances for 25 and 26."""
    if au == 25:
        return _GAP_CUTS
    if au == 26:
        return _DROP_CUTS
    if au not in B_STARTS:
        raise FeabError(f"AU {au!r} is not rendered; the head shows {', '.join(map(str, AUS_RENDERED))}")
    b, (a0, b0, *rest) = B_STARTS[au], _STANDARD_CUTS
    c, d, e = (b + (x - b0) * (1 - b) / (1 - b0) for x in rest)
    return a0 * b / b0, b, c, d, e


def intensity_value(au: int, amount: float) -> int:
    """FACS intensity 0-5 of an amount: 0 absent, 1 = A (trace) ... 5 = E. See `intensity_letter` for the amount."""
    return sum(amount >= cut for cut in intensity_cuts(au))


def intensity_letter(au: int, amount: float) -> Literal["", "A", "B", "C", "D", "E"]:
    """FACS intensity letter of an amount, "" when absent.

    `amount` is the share f of the largest rendered displacement (take the larger side); for AU 25 it is the measured
    lip gap and for AU 26 the measured chin drop, in interocular distances (`Head.measure`).
    """
    letters: tuple[Letter, ...] = ("", "A", "B", "C", "D", "E")
    return letters[intensity_value(au, amount)]


def measured_intensities(measures: Measures) -> dict[int, int]:
    """Intensities 0-5 of AU 25 and 26 as the deformed mesh shows them."""
    return {25: intensity_value(25, measures.lip_gap), 26: intensity_value(26, measures.chin_drop)}

"""Skin folds that the mesh is too coarse to show: strokes in texture space whose depth follows an action unit.

Each AU and side has a map in [-.3, 1]: positive darkens (a furrow), negative lightens (the ridge beside it). Places
are UV (u down the face, a across, from the midline), read off the base mesh; appearance after the FACS manual (2002).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feab.faces.texture import COLUMNS, ROWS, U0, U_SCALE, V_HALF, V_SCALE, grid, polyline_distance

F32 = NDArray[np.float32]


class Stroke(NamedTuple):
    """A furrow along points (u, a) on the subject's left; width in UV (.001 is about .7 px at 224), depth 0-1."""

    points: tuple[tuple[float, float], ...]
    width: float
    depth: float


def _arc(u: float, a0: float, a1: float, sag: float, n: int = 7) -> tuple[tuple[float, float], ...]:
    """A horizontal line from a0 to a1 that hangs down by sag in the middle (up if negative)."""
    return tuple((u + sag * 4 * t * (1 - t), a0 + (a1 - a0) * t) for t in np.linspace(0, 1, n))


_POUCH = ((0.8460, 0.0190), (0.8520, 0.0260), (0.8545, 0.0350), (0.8520, 0.0440), (0.8470, 0.0500))
_LOWER_LID = ((0.8440, 0.0220), (0.8470, 0.0280), (0.8478, 0.0340), (0.8468, 0.0400), (0.8440, 0.0455))
_NASOLABIAL = ((0.874, 0.0225), (0.880, 0.0262), (0.889, 0.0305), (0.899, 0.0345), (0.909, 0.0370))

SIDED: Mapping[int, tuple[Stroke, ...]] = {
    2: (
        Stroke(_arc(0.8045, 0.022, 0.060, -0.006), 0.0015, 0.40),
        Stroke(_arc(0.7965, 0.020, 0.058, -0.005), 0.0015, 0.36),
        Stroke(_arc(0.7885, 0.020, 0.055, -0.004), 0.0015, 0.30),
    ),
    4: (
        Stroke(((0.812, 0.0050), (0.818, 0.0068), (0.825, 0.0072), (0.832, 0.0055)), 0.0022, 0.52),
        Stroke(((0.822, 0.012), (0.828, 0.010), (0.833, 0.011)), 0.0035, 0.22),
    ),
    6: (
        Stroke(((0.8345, 0.0480), (0.8310, 0.0540), (0.8270, 0.0600)), 0.0012, 0.45),
        Stroke(((0.8385, 0.0490), (0.8380, 0.0560), (0.8370, 0.0630)), 0.0012, 0.50),
        Stroke(((0.8425, 0.0480), (0.8450, 0.0540), (0.8475, 0.0600)), 0.0012, 0.45),
        Stroke(
            ((0.8460, 0.0190), (0.8520, 0.0260), (0.8545, 0.0350), (0.8520, 0.0440), (0.8470, 0.0500)), 0.0016, 0.48
        ),
    ),
    7: (
        Stroke(
            ((0.8440, 0.0220), (0.8470, 0.0280), (0.8478, 0.0340), (0.8468, 0.0400), (0.8440, 0.0455)), 0.0012, 0.58
        ),
    ),
    9: (
        Stroke(((0.838, 0.0085), (0.844, 0.0115), (0.851, 0.0125)), 0.0014, 0.50),
        Stroke(((0.842, 0.0055), (0.849, 0.0085), (0.856, 0.0095)), 0.0013, 0.42),
        Stroke(((0.868, 0.0205), (0.874, 0.0245), (0.884, 0.0285)), 0.0018, 0.40),
    ),
    10: (
        Stroke(_NASOLABIAL[:4], 0.0027, 0.44),
        Stroke(((0.866, 0.022), (0.871, 0.031), (0.876, 0.040)), 0.0022, 0.25),
    ),
    12: (Stroke(((0.870, 0.0215), *_NASOLABIAL[:4]), 0.0029, 0.36),),
    14: (
        Stroke(((0.9015, 0.0320), (0.9075, 0.0345), (0.914, 0.0325)), 0.0020, 0.62),
        Stroke(((0.900, 0.0400), (0.908, 0.0425), (0.917, 0.0400)), 0.0018, 0.30),
    ),
    15: (
        Stroke(((0.909, 0.0285), (0.916, 0.0320), (0.926, 0.0345)), 0.0019, 0.52),
        Stroke(((0.917, 0.0180), (0.9255, 0.0215)), 0.0020, 0.22),
    ),
    20: (
        Stroke(((0.899, 0.0375), (0.908, 0.0390), (0.918, 0.0375)), 0.0019, 0.45),
        Stroke(((0.899, 0.0445), (0.909, 0.0460), (0.920, 0.0440)), 0.0020, 0.36),
    ),
}

MIDLINE: Mapping[int, tuple[Stroke, ...]] = {
    1: (
        Stroke(_arc(0.8075, -0.028, 0.028, 0.003), 0.0015, 0.42),
        Stroke(_arc(0.7995, -0.030, 0.030, 0.003), 0.0015, 0.42),
        Stroke(_arc(0.7915, -0.026, 0.026, 0.003), 0.0015, 0.34),
    ),
    9: (
        Stroke(_arc(0.8325, -0.0085, 0.0085, -0.0012), 0.0013, 0.52),
        Stroke(_arc(0.8365, -0.0095, 0.0095, -0.0012), 0.0013, 0.55),
        Stroke(_arc(0.8410, -0.0090, 0.0090, -0.0012), 0.0013, 0.45),
    ),
    17: (Stroke(_arc(0.9320, -0.021, 0.021, -0.005), 0.0022, 0.50),),
    23: (
        Stroke(((0.886, 0.0), (0.893, 0.0)), 0.0010, 0.25),
        *(
            Stroke(((0.886, s * x), (0.8935, s * x * 0.92)), 0.0010, 0.26)
            for s in (-1, 1)
            for x in (0.006, 0.0125, 0.019)
        ),
        *(Stroke(((0.9255, x * 0.92), (0.9315, x)), 0.0010, 0.22) for x in (-0.0125, -0.005, 0.005, 0.0125)),
        Stroke(_arc(0.9098, -0.023, 0.023, 0.0), 0.0016, 0.45),
    ),
    24: (
        Stroke(_arc(0.9098, -0.026, 0.026, 0.0), 0.0022, 0.60),
        Stroke(_arc(0.9285, -0.022, 0.022, 0.0025), 0.0020, 0.42),
        Stroke(_arc(0.8925, -0.023, 0.023, -0.0015), 0.0016, 0.28),
    ),
}


# Lines that stay in an older face whatever it does; none lies where an action unit's own lines do.
AGE: tuple[Stroke, ...] = (
    Stroke(((0.876, 0.0240), (0.884, 0.0285), (0.893, 0.0315)), 0.0030, 0.24),
    Stroke(((0.915, 0.0300), (0.924, 0.0310), (0.934, 0.0300)), 0.0030, 0.20),
    Stroke(((0.8460, 0.0185), (0.8500, 0.0230), (0.8520, 0.0290)), 0.0022, 0.26),
    Stroke(((0.8330, 0.0460), (0.8355, 0.0500)), 0.0018, 0.20),
    Stroke(_arc(0.7835, 0.002, 0.040, -0.002), 0.0024, 0.16),
    Stroke(_arc(0.7760, 0.004, 0.036, -0.002), 0.0024, 0.13),
)


class Crease(NamedTuple):
    """A piece of the shade map: where it lies in the texture and how much it darkens at amount 1."""

    rows: slice
    columns: slice
    depth: F32


def _patch(strokes: Iterable[Stroke], mirror: bool) -> Crease:
    """Draw strokes on the smallest texture rectangle that holds them."""
    strokes = tuple(strokes)
    points = np.array([p for s in strokes for p in s.points])
    if mirror:
        points[:, 1] *= -1
    margin = 5 * max(s.width for s in strokes)
    u0, u1 = points[:, 0].min() - margin, points[:, 0].max() + margin
    a0, a1 = points[:, 1].min() - margin, points[:, 1].max() + margin
    rows = slice(max(0, int((u0 - U0) * U_SCALE)), min(ROWS, int((u1 - U0) * U_SCALE) + 2))
    columns = slice(max(0, int((a0 + V_HALF) * V_SCALE)), min(COLUMNS, int((a1 + V_HALF) * V_SCALE) + 2))
    u, a = grid(rows, columns)
    out = np.zeros((u.shape[0], a.shape[1]), np.float32)
    for stroke in strokes:
        line = np.array(stroke.points)
        if mirror:
            line[:, 1] *= -1
        best, along = polyline_distance(u, a, line)
        taper = np.minimum(1, 4 * np.minimum(along, 1 - along) + 0.25)
        x = (best / np.float32(stroke.width)) ** 2
        # A furrow with soft light ridges beside it.
        out += (stroke.depth * taper * (1.25 * np.exp(-x) - 0.32 * np.exp(-x / 5))).astype(np.float32)
    return Crease(rows, columns, np.clip(out, -0.3, 0.85))


def _pebbles() -> Crease:
    """AU 17: the chin boss puckers like orange peel."""
    rows = slice(int((0.930 - U0) * U_SCALE), int((0.962 - U0) * U_SCALE))
    columns = slice(int((V_HALF - 0.034) * V_SCALE), int((V_HALF + 0.034) * V_SCALE))
    u, a = grid(rows, columns)
    rng = np.random.default_rng(17)
    relief = np.zeros((u.shape[0], a.shape[1]), np.float32)
    for cu, ca in zip(rng.uniform(0.933, 0.957, 110), rng.uniform(-0.027, 0.027, 110), strict=True):
        d, e = (u - cu) / 0.0014, (a - ca) / 0.0016
        relief += (d + 0.35 * e) * np.exp(-d * d - e * e)  # a small pit lit from above
    region = np.exp(-(((u - 0.944) / 0.0115) ** 4) - (a / 0.025) ** 4)
    return Crease(rows, columns, np.clip(-0.55 * region * relief, -0.25, 0.4).astype(np.float32))


class CreaseMaps:
    """All crease maps, drawn once; `shade` mixes those of an action."""

    def __init__(self) -> None:
        self._sided = {au: (_patch(s, mirror=False), _patch(s, mirror=True)) for au, s in SIDED.items()}
        self._midline = {au: [_patch(s, mirror=False)] for au, s in MIDLINE.items()}
        self._midline[17].append(_pebbles())
        self._age = (_patch(AGE, mirror=False), _patch(AGE, mirror=True))

    def patches(self, au: int) -> list[Crease]:
        """Where an AU folds the skin, on either side."""
        return [*self._sided.get(au, ()), *self._midline.get(au, ())]

    def age(self, amount: float) -> F32:
        """Factor (rows * columns,) on the skin's colour of an old face; amount 0-1."""
        out = np.ones((ROWS, COLUMNS), np.float32)
        for crease in self._age:
            out[crease.rows, crease.columns] *= 1 - np.float32(amount) * crease.depth
        return out.ravel()

    def shade(self, aus: Mapping[int, tuple[float, float]], strength: float) -> F32 | None:
        """Factor (rows * columns,) on the skin's colour for AU amounts, or None where nothing folds."""
        parts: list[tuple[Crease, float]] = []
        for au, (left, right) in aus.items():
            if au in self._sided:
                parts += zip(self._sided[au], (left, right), strict=True)
            parts += [(crease, max(left, right)) for crease in self._midline.get(au, ())]
        parts = [(crease, amount) for crease, amount in parts if amount > 0]
        if not parts:
            return None
        out = np.ones((ROWS, COLUMNS), np.float32)
        for crease, amount in parts:
            out[crease.rows, crease.columns] *= 1 - np.float32(min(amount * strength, 1.15)) * crease.depth
        return out.ravel()

"""Rule-derived valence and arousal: a fixed function of the action units that can be seen, and of nothing else.

It knows no class name: two faces with the same visible AUs have the same valence and arousal. Signs follow what is
known of AUs and rated affect (for example Zhang, Sato et al. 2024, Haines et al. 2019: 4 lowers and 12 raises
valence); sizes are fitted by ridge so that full-strength FACS prototypes land near the ratings of Russell &
Mehrabian (1977). No person rated these faces: call the result rule-derived wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import tanh
from types import MappingProxyType

VA_WEIGHTS: Mapping[int, tuple[float, float]] = MappingProxyType({
    1: (-0.26, 0.01), 2: (0.25, 0.44), 4: (-0.39, 0.09), 5: (-0.23, 0.35), 6: (0.12, 0.07), 7: (-0.04, 0.31),
    9: (-0.56, 0.30), 10: (-0.57, 0.28), 12: (1.10, 0.41), 14: (-0.38, 0.32), 15: (-0.60, -0.42), 17: (-0.10, 0.02),
    20: (-0.49, 0.20), 23: (-0.14, 0.23), 24: (-0.20, 0.31), 25: (0.09, 0.24), 26: (0.15, 0.35),
})  # fmt: skip
"""AU -> (valence, arousal) weight at full intensity."""

VISIBLE_FROM = 2
"""Lowest intensity that counts (B). A trace (A) cannot be seen reliably, so it moves neither valence nor arousal."""


def valence_arousal(intensities: Mapping[int, float]) -> tuple[float, float]:
    """Rule-derived (valence, arousal), each in (-1, 1): tanh of the weighted sum of intensity / 5 over visible AUs.

    Args:
        intensities: AU -> FACS intensity 0 to 5, the larger of the two sides. Below 2 (B) counts as 0, and so does an
            AU without a weight.
    """
    valence = arousal = 0.0
    for au, intensity in intensities.items():
        if intensity >= VISIBLE_FROM and au in VA_WEIGHTS:
            v, a = VA_WEIGHTS[au]
            valence += v * intensity / 5
            arousal += a * intensity / 5
    return tanh(valence), tanh(arousal)

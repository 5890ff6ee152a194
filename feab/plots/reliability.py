"""A drawing of how true probabilities are: confidence beside the share that was right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feab.plots.svg import ACCENT, MUTED, drawing, shares, svg_of

if TYPE_CHECKING:
    from markupsafe import Markup

_SMALLEST, _LARGEST = 3.0, 13.0
"""Sizes of dots, in points: the largest stands for most judgements, and area for their number."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Judgements of like confidence: how many, their mean confidence and the share that was right."""

    n: int
    confidence: float
    right: float


def reliability_figure(name: str, bins: Sequence[Bin]) -> Markup:
    """A dot a bin, the larger the more judgements it holds, with the line on which confidence is the share right.

    Args:
        name: of this drawing alone, letters, digits and hyphens.
        bins: those that hold any.
    """
    with drawing() as (figure, axes):
        shares(axes)
        axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1, zorder=1)
        axes.plot([one.confidence for one in bins], [one.right for one in bins], color=ACCENT, linewidth=1, zorder=2)
        most = max((one.n for one in bins), default=1)
        for one in bins:
            size = max(_SMALLEST, _LARGEST * math.sqrt(one.n / most))
            axes.plot(one.confidence, one.right, "o", markersize=size, markeredgewidth=0, color=ACCENT, zorder=3)
        axes.set_xlabel("probability given")
        axes.set_ylabel("share that was so", labelpad=0)
        total = sum(one.n for one in bins)
        return svg_of(
            figure, name, f"Reliability of {total:,} probabilities in {len(bins)} bins, with the line of truth"
        )

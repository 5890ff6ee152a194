"""Drawings of valence and arousal: an axis' answers against its truth, and the circumplex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feab.plots.svg import ACCENT, INK, LINE, MUTED, bare, drawing, plain, svg_of

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

MOST_POINTS = 2000
"""Points drawn in one panel; of more a random sample is drawn (our choice: more would be one stain)."""

_LABEL_GAP = 0.105
"""Least distance of labels on the circumplex, in units of its axes."""

_LEFT = -0.3
"""Groups left of this valence have their name on their left: most displays are unpleasant, and crowd there."""

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Shift:
    """Where a group of faces lies on the circumplex by its labels, and where the answers put it: (valence, arousal)."""

    name: str
    truth: tuple[float, float]
    answer: tuple[float, float]


def sample_rows(n: int, seed: int = 0) -> npt.NDArray[np.intp]:
    """The rows to draw: all of n, or a seeded random choice of `MOST_POINTS`."""
    if n <= MOST_POINTS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MOST_POINTS, replace=False))


def agreement_figure(name: str, axis: str, truth: Floats, answer: Floats) -> Markup:
    """Answers against truth on one axis of affect, a point a face, with the line on which both agree.

    Args:
        name: of this drawing alone, letters, digits and hyphens.
        axis: "valence" or "arousal".
        truth: (n,), in [-1, 1].
        answer: (n,), in [-1, 1]; NaN where there is none, which is not drawn.
    """
    there = np.flatnonzero(~np.isnan(answer))
    rows = there[sample_rows(len(there))]
    with drawing() as (figure, axes):
        _square(axes)
        axes.plot((-1, 1), (-1, 1), color=MUTED, linewidth=1, zorder=1)
        axes.plot(
            truth[rows], answer[rows], "o", markersize=3.4, markeredgewidth=0, color=ACCENT, alpha=_alpha(len(rows))
        )
        axes.set_xlabel(f"{axis}, truth")
        axes.set_ylabel(f"{axis}, answer", labelpad=0)
        title = f"{axis.capitalize()}: answers against truth, {len(rows):,} faces, with the line of agreement"
        return svg_of(figure, name, title)


def circumplex_figure(name: str, points: Floats, shifts: Sequence[Shift]) -> Markup:
    """The circumplex: a faint point for each answer, and for each group an arrow from mean truth to mean answer.

    Args:
        name: of this drawing alone, letters, digits and hyphens.
        points: (n, 2), valence and arousal answered; rows with NaN are not drawn.
        shifts: the groups, a dozen at most if it is to be read.
    """
    there = points[~np.isnan(points).any(axis=1)]
    there = there[sample_rows(len(there))]
    with drawing() as (figure, axes):
        _square(axes)
        turn = np.linspace(0, 2 * np.pi, 181)
        axes.plot(np.cos(turn), np.sin(turn), color=LINE, linewidth=1, zorder=1)
        axes.plot(
            there[:, 0],
            there[:, 1],
            "o",
            markersize=2.4,
            markeredgewidth=0,
            color=ACCENT,
            alpha=0.5 * _alpha(len(there)),
        )
        for shift in shifts:
            _arrow(axes, shift)
        for shift, (x, y) in zip(shifts, _label_places(shifts), strict=True):
            left = shift.answer[0] < _LEFT
            start = shift.answer if (shift.answer[0] < shift.truth[0]) == left else shift.truth
            axes.plot((start[0], x), (start[1], y), color=MUTED, linewidth=0.5, zorder=3)
            axes.text(x, y, plain(shift.name), ha="right" if left else "left", va="center", fontsize=8.5)
        axes.set_xlabel("valence")
        axes.set_ylabel("arousal", labelpad=0)
        names = ", ".join(shift.name for shift in shifts)
        return svg_of(figure, name, f"Circumplex: mean truth and mean answer of {names or 'no group'}")


def _square(axes: Axes) -> None:
    """Both axes from -1 to 1, with the zero lines."""
    axes.set(xlim=(-1.04, 1.04), ylim=(-1.04, 1.04), xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))
    bare(axes)
    axes.axhline(0, color=LINE, linewidth=1.2, zorder=0.9)
    axes.axvline(0, color=LINE, linewidth=1.2, zorder=0.9)


def _alpha(n: int) -> float:
    """How solid points are: few are solid, thousands are faint enough to show where they pile up."""
    return float(np.clip(12 / np.sqrt(max(n, 1)), 0.25, 0.8))


def _arrow(axes: Axes, shift: Shift) -> None:
    axes.plot(
        *shift.truth, "o", markersize=5.5, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1, zorder=4
    )
    axes.annotate(
        "",
        shift.answer,
        shift.truth,
        arrowprops={"arrowstyle": "-", "color": ACCENT, "linewidth": 1.6, "shrinkA": 2.8, "shrinkB": 0},
        zorder=4,
    )
    axes.plot(*shift.answer, "o", markersize=5, markeredgewidth=0, color=ACCENT, zorder=5)


def _label_places(shifts: Sequence[Shift]) -> list[tuple[float, float]]:
    """Where names stand: left of groups on the left, right of the others, one under another without overlap."""
    places = [(0.0, 0.0)] * len(shifts)
    for left in (True, False):
        side = sorted(
            (i for i, s in enumerate(shifts) if (s.answer[0] < _LEFT) == left), key=lambda i: shifts[i].answer[1]
        )
        heights = _spread([shifts[i].answer[1] for i in side])
        for i, y in zip(side, heights, strict=True):
            ends = (shifts[i].truth[0], shifts[i].answer[0])
            places[i] = (min(ends) - 0.09 if left else max(ends) + 0.09, y)
    return places


def _spread(heights: Sequence[float]) -> list[float]:
    """Rising heights moved apart to at least `_LABEL_GAP`; those that would touch stay centred where they were."""
    blocks: list[tuple[float, int]] = []  # centre, members
    for height in heights:
        centre, members = height, 1
        while blocks and centre - (members - 1) / 2 * _LABEL_GAP < blocks[-1][0] + (blocks[-1][1] + 1) / 2 * _LABEL_GAP:
            before, others = blocks.pop()
            centre = (before * others + centre * members) / (others + members)
            members += others
        blocks.append((centre, members))
    return [centre + (i - (members - 1) / 2) * _LABEL_GAP for centre, members in blocks for i in range(members)]

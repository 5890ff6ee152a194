"""Counts by bins as bars, and a value along another as a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from feab.plots.svg import ACCENT, MUTED, WARM, bare, drawing, plain, shares, svg_of

if TYPE_CHECKING:
    from markupsafe import Markup

_COLOURS = (ACCENT, WARM, MUTED)


def histogram_figure(name: str, edges: Sequence[float], groups: Mapping[str, Sequence[int]], axis: str) -> Markup:
    """Bars of counts, those of further groups on top of the first.

    Args:
        name: of this drawing alone, letters, digits and hyphens.
        edges: of the bins, one more than there are bins.
        groups: name -> count of each bin; three at the most.
        axis: what the bins are of.
    """
    with drawing(3.4, 2.4) as (figure, axes):
        axes.set_position((0.15, 0.19, 0.82, 0.69))
        bare(axes)
        below = [0] * (len(edges) - 1)
        widths = [right - left for left, right in pairwise(edges)]
        for (group, counts), colour in zip(groups.items(), _COLOURS, strict=False):
            axes.bar(
                edges[:-1], counts, [0.92 * width for width in widths], below, align="edge", color=colour, linewidth=0,
                label=plain(group),
            )  # fmt: skip
            below = [under + count for under, count in zip(below, counts, strict=True)]
        axes.set_xlabel(plain(axis))
        axes.set_ylabel("faces", labelpad=0)
        if len(groups) > 1:
            axes.legend(
                loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=8, labelcolor=MUTED
            )  # above the bars, which may be anywhere
        told = ", ".join(f"{sum(counts):,} {group}" for group, counts in groups.items())
        return svg_of(figure, name, f"Histogram of {axis}: {told}")


def curve_figure(name: str, points: Sequence[tuple[float, float]], axes_names: tuple[str, str], title: str) -> Markup:
    """A line through points, both axes from 0 to 1.

    Args:
        name: of this drawing alone, letters, digits and hyphens.
        points: in the order of the line.
        axes_names: what runs to the right, and what upwards.
        title: what the drawing shows, for those who do not see it.
    """
    with drawing() as (figure, axes):
        shares(axes)
        axes.plot([x for x, _ in points], [y for _, y in points], color=ACCENT, linewidth=1.4)
        axes.set_xlabel(plain(axes_names[0]))
        axes.set_ylabel(plain(axes_names[1]), labelpad=0)
        return svg_of(figure, name, title)

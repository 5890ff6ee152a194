"""Tables that draw: scores as points with their interval on an axis, counts as a heat table, and plain ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.plots.page import render

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE = Path(__file__).with_name("pieces.html.j2")
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


@dataclass(frozen=True, slots=True)
class Tick:
    """A value that a score is to be read beside, such as chance; `style` 0 to 3 is the form of its mark."""

    name: str
    value: float
    style: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One score with its interval, if it has one, as a row of an interval table."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    ticks: tuple[Tick, ...] = ()
    cells: tuple[str, ...] = ()
    """Text of the further columns."""
    note: str = ""
    """Small print under the name."""
    rough: bool = False
    """The interval rests on few people and is marked with a star."""
    minor: bool = False
    """Belongs to the row above."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From where to where scores are drawn."""

    low: float
    high: float
    step: float

    def place(self, value: float) -> float:
        """Where a value lies, in percent of the axis; values beyond it lie at its end."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0), 1), 2)

    @property
    def lines(self) -> list[float]:
        """The values at which a line is drawn."""
        return [self.low + i * self.step for i in range(round((self.high - self.low) / self.step) + 1)]

    @property
    def labels(self) -> list[float]:
        """The values that are printed: the ends, and the middle where a line is there."""
        lines = self.lines
        return lines[:: (len(lines) - 1) // 2] if len(lines) % 2 else [lines[0], lines[-1]]


def whole_axis(rows: Sequence[Row]) -> Axis:
    """From 0 to 1; from -1 where a score, an interval or a tick lies below 0."""
    return Axis(-1.0, 1.0, 0.5) if any(value < 0 for value in _values(rows)) else Axis(0.0, 1.0, 0.25)


def close_axis(rows: Sequence[Row]) -> Axis:
    """As little of the axis as holds all scores and intervals, in round steps: for scores that lie near each other."""
    values = _values(rows) or [0.0, 1.0]
    low, high = min(values), max(values)
    step = next((s for s in _STEPS if (high - low) / s <= 4), 0.5)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(bottom, top if top > bottom else bottom + step, step)


def _values(rows: Sequence[Row]) -> list[float]:
    found = [value for row in rows for value in (row.value, row.low, row.high) if value is not None]
    return [*found, *(tick.value for row in rows for tick in row.ticks)]


def interval_table(
    caption: str,
    rows: Sequence[Row],
    *,
    first: str,
    score: str = "score",
    columns: Sequence[str] = (),
    axis: Axis | None = None,
    beside: str | None = None,
    reference: float | None = None,
) -> Markup:
    """A table of scores: name, point and 95 % interval on an axis with ticks, the numbers, and further columns.

    Args:
        caption: what the table shows.
        rows: the scores; models, tasks, classes or groups, one a row.
        first: heading of the names.
        score: heading of the numbers.
        columns: headings of each row's `cells`.
        axis: where scores are drawn; by default `whole_axis`.
        beside: heading of a column that lists each row's ticks; None lists them nowhere (they have columns already).
        reference: a value drawn through all rows, such as the score over all faces.

    Raises:
        FeabError: when a row has not as many cells as there are columns.
    """
    if any(len(row.cells) != len(columns) for row in rows):
        raise FeabError(f"{caption}: each row needs {len(columns)} cells")
    return render(
        _TEMPLATE,
        piece="intervals",
        caption=caption,
        rows=rows,
        first=first,
        score=score,
        columns=columns,
        axis=axis or whole_axis(rows),
        beside=beside,
        reference=reference,
    )


def heat_table(
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    first: str,
    after: Sequence[tuple[str, Sequence[str]]] = (),
) -> Markup:
    """Counts, the deeper shaded the larger their share of the row; cells whose row and column have one name stand out.

    The shade grows with the root of the share: of a confusion matrix the few mistakes are what one looks for.

    Args:
        caption: what the table shows.
        rows: names of the rows.
        columns: names of the columns.
        counts: as many lists as rows, of as many counts as columns, at least 0.
        first: heading of the row names.
        after: further columns: heading, and a text for each row.

    Raises:
        FeabError: when the shapes do not fit.
    """
    if len(counts) != len(rows) or any(len(line) != len(columns) for line in counts):
        raise FeabError(f"{caption}: needs {len(rows)} rows of {len(columns)} counts")
    if any(len(cells) != len(rows) for _, cells in after):
        raise FeabError(f"{caption}: each further column needs {len(rows)} cells")
    return render(
        _TEMPLATE,
        piece="heat",
        caption=caption,
        rows=rows,
        columns=columns,
        counts=counts,
        depths=[[round(100 * math.sqrt(n / max(sum(line), 1)), 1) for n in line] for line in counts],
        first=first,
        after=after,
    )


def plain_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table of texts: a heading for each column, and rows that begin with their name."""
    return render(_TEMPLATE, piece="plain", caption=caption, header=header, rows=rows)


def facts(pairs: Sequence[tuple[str, str]]) -> Markup:
    """Names with their values, a line each."""
    return render(_TEMPLATE, piece="facts", pairs=pairs)


def figure(drawing: Markup, caption: str) -> Markup:
    """A drawing with the words under it."""
    return render(_TEMPLATE, piece="figure", drawing=drawing, caption=caption)

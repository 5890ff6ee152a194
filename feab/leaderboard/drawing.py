"""Pictures of the table: scores with their intervals beside chance and people, and scores against what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.leaderboard.choosing import size
from feab.plots.svg import ACCENT, LINE, MUTED, bare, drawing, plain, svg_of
from feab.runs.table import METRIC_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

Against = Literal["cost_usd", "parameters"]

_LABELS = {"cost_usd": "cost of the run, as the submitter tells", "parameters": "parameters"}
_NAMED = 12
"""Models of the front that are named in a drawing."""
_AROUND = 4
"""How much further than the models the axis of sizes and costs goes on each side, as a factor."""


@dataclass(frozen=True, slots=True)
class Line:
    """A value that scores are read beside."""

    name: str
    value: float
    kind: Literal["chance", "human"]
    of: str
    """The column of the table that it belongs beside: `value`, or `as_people` for what one person reaches."""


def reference_lines(frame: pd.DataFrame) -> list[Line]:
    """Chance and the human ceiling of rows about one task and set of faces; of several, nothing is comparable.

    Chance is the best player without eyes, and on some sets the player who knows the expression and no more. One
    person's agreement with the others who rated the same faces belongs beside the models' agreement with them, never
    beside macro-F1 on majority labels.
    """
    ours = frame[frame["tier"].ne("reported").fillna(value=False)]
    if len(ours[["task", "version", "fingerprint"]].drop_duplicates()) != 1:
        return []
    first = ours.iloc[0]
    found = []
    for column, name, kind, of in (
        ("chance", first["chance_player"], "chance", "value"),
        ("oracle", "knows the expression, sees no face", "chance", "value"),
        ("human", "one person", "human", "as_people"),
    ):
        value = number_of(first[column])
        if value is not None:
            label = "chance" if not isinstance(name, str) else name
            found.append(Line(label, value, "human" if kind == "human" else "chance", of))
    return found


def on_front(costs: npt.ArrayLike, scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which models no other beats in both: none that costs as much or less scores more, or as much for less.

    Args:
        costs: (models,), less is better; NaN where not known.
        scores: (models,), more is better; NaN where not known.

    Returns:
        (models,); False for a model of which one of the two is not known. Models that are equal in both stand together.
    """
    x, y = np.asarray(costs, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise FeabError(f"costs and scores must be two lists of one length, got shapes {x.shape} and {y.shape}")
    front = np.zeros(len(x), dtype=np.bool_)
    known = np.flatnonzero(~np.isnan(x) & ~np.isnan(y))
    best, at = -np.inf, np.nan
    for i in known[np.lexsort((-y[known], x[known]))]:  # the cheapest first, of equally cheap ones the best
        if y[i] > best:
            best, at = float(y[i]), float(x[i])
            front[i] = True
        elif y[i] == best and x[i] == at:
            front[i] = True
    return front


def score_plot(frame: pd.DataFrame, against: Against, name: str) -> Markup | None:
    """Scores of one task against cost or size, on a logarithmic axis, with the Pareto front; None for less than two.

    Args:
        frame: rows of one task, as `shown` gives them.
        against: the column to draw them against.
        name: of this drawing alone, letters, digits and hyphens.
    """
    x = frame[against].to_numpy(dtype=np.float64, na_value=np.nan)
    y = frame["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = (x > 0) & ~np.isnan(y)
    if known.sum() < 2:
        return None
    rows, x, y = frame[known].reset_index(drop=True), x[known], y[known]
    front = np.flatnonzero(on_front(x, y))
    front = front[np.argsort(x[front], kind="stable")]
    with drawing(6.0, 3.6) as (figure, axes):
        bare(axes)
        axes.set_xscale("log")
        axes.set_xlim(x.min() / _AROUND, x.max() * _AROUND)
        axes.xaxis.set_major_formatter(lambda value, _: size(value) if against == "parameters" else f"${value:,.4g}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
        low, high = (rows[end].to_numpy(dtype=np.float64, na_value=np.nan) for end in ("low", "high"))
        axes.vlines(x, low, high, color=LINE, linewidth=1)
        axes.plot(x, y, "o", color=MUTED, markersize=4, markeredgewidth=0)
        axes.plot(x[front], y[front], "o-", color=ACCENT, markersize=5, markeredgewidth=0, linewidth=1)
        for i in front[-_NAMED:]:
            axes.annotate(plain(str(rows["model"][i])), (x[i], y[i]), xytext=(4, 5), textcoords="offset points")
        axes.set_xlabel(_LABELS[against])
        metric = str(rows["metric"].iloc[0])
        axes.set_ylabel(METRIC_NAMES.get(metric, metric.replace("_", " ")))
        title = f"Score against {_LABELS[against]}, {len(rows):,} models, {len(front):,} of them on the Pareto front"
        return svg_of(figure, name, title)


def number_of(value: Any) -> float | None:
    """A cell of the table as a number; None where it is empty."""
    import pandas as pd

    return None if pd.isna(value) else float(value)

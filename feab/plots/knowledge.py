"""Pictures of the emotion knowledge, PNG or SVG: P(AU | expression) of a theory, and what a question's answer is."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.plots.svg import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

_INK, _MUTED, _ACCENT = "#1f2328", "#848d97", "#0969da"
_SHADES = "Blues"


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure that is written to `path` at the end."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise FeabError(f"{path}: a picture's name must end in .png or .svg")
    style = {"font.size": 9, "text.parse_math": False, "svg.hashsalt": "feab", "text.color": _INK}
    with rc_context(style), io.BytesIO() as file:
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(file, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
        try:
            path.write_bytes(file.getvalue())
        except OSError as error:
            raise FeabError(f"{path}: cannot write it ({error.strerror})") from None


def draw_displays(
    path: Path,
    title: str,
    likelihoods: Mapping[str, Mapping[int, float]],
    anchors: Mapping[str, tuple[float, float, float, float]],
) -> None:
    """P(AU | expression) as a heat map, and where the expressions lie in valence and arousal.

    Args:
        path: the file, .png or .svg.
        title: above the heat map.
        likelihoods: expression -> AU -> probability.
        anchors: expression -> valence, arousal, and their SDs.

    Raises:
        FeabError: when the file's name ends otherwise, or it cannot be written.
    """
    with _figure(path, 11, 3.6) as figure:
        table, plane = figure.subplots(1, 2, width_ratios=(2.1, 1))
        aus = list(next(iter(likelihoods.values())))
        values = np.array([[row[au] for au in aus] for row in likelihoods.values()])
        _heat(table, values, [plain(name) for name in likelihoods], [str(au) for au in aus])
        table.set_title(plain(title), loc="left")
        table.set_xlabel("action unit; in the cells, percent")
        _plane(plane)
        for name, (v, a, v_sd, a_sd) in anchors.items():
            plane.errorbar(v, a, a_sd, v_sd, color=_MUTED, linewidth=0.6, alpha=0.5, zorder=1)
            plane.plot(v, a, "o", color=_ACCENT, markersize=4)
            side = "right" if abs(v + 0.05) > 0.55 else "left"  # at the edges, and where fear would cover anger
            plane.annotate(plain(name), (v, a), (-3 if side == "right" else 3, 3), textcoords="offset points", ha=side)
        plane.set_title("anchors and their SDs", loc="left")


def draw_posterior(
    path: Path, title: str, expression: Mapping[str, float], units: Mapping[int, float], affect: Floats
) -> None:
    """What follows from a question: bars of expressions and AUs, and the density of valence and arousal.

    Args:
        path: the file, .png or .svg.
        title: the question.
        expression: expression -> probability.
        units: AU -> probability that it is present.
        affect: P(v, a) over an evenly spaced square grid on [-1, 1]², valence by rows.

    Raises:
        FeabError: when the file's name ends otherwise, or it cannot be written.
    """
    with _figure(path, 11, 3.4) as figure:
        classes, bars, plane = figure.subplots(1, 3, width_ratios=(1, 1.6, 1))
        figure.suptitle(plain(title))
        classes.barh([plain(name) for name in expression], list(expression.values()), color=_ACCENT)
        classes.invert_yaxis()
        classes.set(xlim=(0, 1), xlabel="probability")
        bars.bar([str(au) for au in units], list(units.values()), color=_ACCENT)
        bars.set(ylim=(0, 1), xlabel="action unit", ylabel="probability of being present")
        _plane(plane)
        plane.imshow(affect.T, origin="lower", extent=(-1, 1, -1, 1), cmap=_SHADES, vmin=0, zorder=0)


def _heat(axes: Axes, values: Floats, rows: list[str], columns: list[str]) -> None:
    axes.imshow(values, cmap=_SHADES, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    for (row, column), value in np.ndenumerate(values):
        ink = "white" if value > 0.55 else _INK
        axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=7)


def _plane(axes: Axes) -> None:
    axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="valence", ylabel="arousal", aspect="equal")
    axes.axhline(0, color=_MUTED, linewidth=0.6, zorder=1)
    axes.axvline(0, color=_MUTED, linewidth=0.6, zorder=1)

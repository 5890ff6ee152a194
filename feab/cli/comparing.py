"""`feab compare`: tables of standings and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from feab.cli.output import clean, console, out_json
from feab.cli.rendering import Rendering
from feab.metrics import FEW_CLUSTERS, Standing
from feab.runs.comparing import Compared, Comparison, compare
from feab.runs.table import METRIC_NAMES, NOTHING

if TYPE_CHECKING:
    from rich.table import Table


def compare_and_show(
    runs: Sequence[Path], data: str | None, include: Sequence[Path], seed: int, *, as_json: bool
) -> None:
    """Compare runs and print the tables, or JSON alone."""
    with Rendering(doing="comparing", resumes=False) as bar:
        found = compare(runs, data, include=include, seed=seed, on_progress=bar)
    if as_json:
        out_json(asdict(found))
        return
    screen = console()
    screen.print(standings_table(found))
    screen.print()
    screen.print(differences_table(found))
    for line in notes(found):
        screen.print(clean(line), soft_wrap=True)


def standings_table(found: Comparison) -> Table:
    """One row a model for each score: the score, its interval, and the places the model may hold."""
    table = _table("task", "model", "score", "95 % interval", "place")
    for one in _all(found):
        name = one.name
        best_first = sorted(range(len(one.standings)), key=lambda i: -(one.standings[i].score.value or -9))
        for i in best_first:
            standing = one.standings[i]
            score = standing.score
            value = NOTHING if score.value is None else f"{METRIC_NAMES.get(one.metric, one.metric)} {score.value:.3f}"
            table.add_row(
                name, clean(_called(found, one, i)), value, _interval(score.low, score.high), _place(standing)
            )
            name = ""
    return table


def differences_table(found: Comparison) -> Table:
    """One row a pair of models for each score."""
    table = _table("task", "difference", "", "95 % interval", "p", "corrected p")
    for one in _all(found):
        name = one.name
        for pair in one.pairs:
            gap = pair.difference
            table.add_row(
                name,
                clean(f"{found.models[pair.first]} - {found.models[pair.second]}"),
                NOTHING if gap.value is None else f"{gap.value:+.3f}",
                _interval(gap.low, gap.high, "+.3f"),
                _p(gap.p),
                _p(pair.p_corrected),
            )
            name = ""
    return table


def notes(found: Comparison) -> list[str]:
    """What the reader must know to read the tables."""
    shown = _all(found)
    lines = [
        "place: the best and the worst that the model may hold; those of all models are right together in 95 % of "
        "comparisons",
        "p: how often swapping the answers to whole people (or videos) between the two makes as large a difference",
        "corrected p: Holm's, over all pairs and tasks (of the overall score: over its pairs); an interval is not "
        "corrected",
    ]
    few = [s.score.clusters for one in shown for s in one.standings if 0 < s.score.clusters < FEW_CLUSTERS]
    if few:
        lines.append(f"faces of {min(few)} people (or videos) only: intervals are rough below {FEW_CLUSTERS}")
    if found.left_out:
        lines.append(f"left out, since not all were asked: {', '.join(found.left_out)}")
    return lines


def _all(found: Comparison) -> list[Compared]:
    return [*found.tasks, *([found.overall] if found.overall is not None else [])]


def _called(found: Comparison, one: Compared, i: int) -> str:
    """The model's name; with its prompt, where the models' prompts differ."""
    return found.models[i] + (f" ({one.prompts[i]})" if len(set(one.prompts)) > 1 else "")


def _interval(low: float | None, high: float | None, form: str = ".3f") -> str:
    return NOTHING if low is None or high is None else f"{low:{form}} to {high:{form}}"


def _place(standing: Standing) -> str:
    if standing.best is None or standing.worst is None:
        return NOTHING
    return str(standing.best) if standing.best == standing.worst else f"{standing.best} to {standing.worst}"


def _p(p: float | None) -> str:
    return NOTHING if p is None else f"{p:.4f}"


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table

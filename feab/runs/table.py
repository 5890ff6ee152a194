"""The table a run ends with: scores with 95 % intervals, beside what a player without eyes reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.schemas import EstimateModel, OutcomeCounts, Scores, TaskScores

if TYPE_CHECKING:
    from rich.table import Table

    from feab.runs.folder import Run

FEW_CLUSTERS = 20
"""Intervals from fewer clusters are marked: they cover less than they say when clusters are unequal."""

_NAMES = {"macro_f1": "macro-F1", "ccc": "CCC", "f1": "AU F1"}
_ORACLE = "oracle-from-expression"


def scores_table(scores: Scores) -> Table:
    """One row a task (and one a prompt, where several were asked), then the overall score; fits 80 columns."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("task", overflow="fold")
    table.add_column("faces", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("chance", no_wrap=True)
    for name, task in scores.tasks.items():
        _add(table, name, task, chance(task))
        if len(task.prompts) > 1:
            for prompt, part in task.prompts.items():
                _add(table, f"  {prompt}", part, "")
    if scores.overall is not None and scores.overall.value is not None:
        table.add_row("overall, above chance", "", f"{scores.overall.value:.3f}", interval(scores.overall))
    return table


def _add(table: Table, name: str, task: TaskScores, beside: str) -> None:
    from rich.text import Text

    estimate = task.metrics.get(task.primary, EstimateModel(value=None))
    value = "n/a" if estimate.value is None else f"{estimate.value:.3f}"
    table.add_row(
        Text(name), f"{task.n:,}", f"{_NAMES.get(task.primary, task.primary)} {value}", interval(estimate), Text(beside)
    )


def interval(estimate: EstimateModel) -> str:
    """An interval as "0.512 to 0.574", marked with * under 20 clusters; where there is none, why."""
    if estimate.value is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return "too few clusters" if estimate.clusters is not None else ""
    mark = " *" if estimate.clusters is not None and estimate.clusters < FEW_CLUSTERS else ""
    return f"{estimate.low:.3f} to {estimate.high:.3f}{mark}"


def chance(task: TaskScores) -> str:
    """The primary score of each player without eyes, a line each: "0.124 uniform"."""
    names = {name: "oracle" if name == _ORACLE else name for name in task.chance}
    return "\n".join(f"{value:.3f} {names[name]}" for name, value in task.chance.items())


def failures(outcomes: OutcomeCounts) -> str:
    """What did not become an answer, as "12 unparsable, 3 errors", or "none"."""
    counted = [
        (outcomes.unparsable, "unparsable"),
        (outcomes.refused, "refused"),
        (outcomes.truncated, "truncated"),
        (outcomes.error, "error" if outcomes.error == 1 else "errors"),
    ]
    return ", ".join(f"{count:,} {word}" for count, word in counted if count) or "none"


def notes(run: Run, scores: Scores) -> list[str]:
    """What the reader must know to read the table, and where the run lies."""
    lines = []
    shown = [task.metrics.get(task.primary, EstimateModel(value=None)) for task in scores.tasks.values()]
    if any(interval(estimate).endswith("*") for estimate in shown):
        lines.append(f"* fewer than {FEW_CLUSTERS} clusters (people or videos): the interval is rough")
    if any(estimate.value is None for estimate in shown):
        lines.append("n/a: too few of the faces carry the labels for this score")
    if any(_ORACLE in task.chance for task in scores.tasks.values()):
        lines.append("oracle: knows the expression without seeing the face")
    for name, task in scores.tasks.items():
        for prompt, part in task.prompts.items():
            if part.coverage < 1 or part.outcomes.error:
                lines.append(f"{name}, {prompt}: {part.coverage:.1%} answered ({failures(part.outcomes)})")
    if not run.complete:
        lines.append(incomplete(run))
    lines.append(f"run folder: {run.path}")
    return lines


def incomplete(run: Run) -> str:
    """How many answers are missing, and that the same command goes on."""
    counts = run.manifest.outcomes
    answered = counts.ok + counts.unparsable + counts.refused + counts.truncated
    missing = run.manifest.expected - answered
    why = f", {counts.error:,} of them failed" if counts.error else ""
    return (
        f"INCOMPLETE: {missing:,} of {run.manifest.expected:,} answers are missing{why}; "
        "the same command asks them again"
    )

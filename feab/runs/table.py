"""The table a run ends with: scores with 95 % intervals, beside what a player without eyes reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from feab.metrics import FEW_CLUSTERS, MIN_CLUSTERS
from feab.metrics.action_units import MIN_POSITIVE_CLUSTERS, MIN_POSITIVES
from feab.metrics.expression import MIN_FACES
from feab.schemas import EstimateModel, OutcomeCounts, Scores, TaskScores
from feab.tasks.scoring import ORACLE

if TYPE_CHECKING:
    from rich.table import Table

    from feab.runs.folder import Run

NOTHING = "–"
"""Stands for a score or an interval that there is not; `notes` say why."""

OVERALL = "overall, above chance"

METRIC_NAMES: Mapping[str, str] = {
    "macro_f1": "macro-F1",
    "ccc": "CCC",
    "ccc_within": "CCC",
    "f1": "AU F1",
    "votes_one_out": "agreement",
    "votes_one_out_human": "agreement",
    "votes_accuracy": "agreement",
    "votes_accuracy_best": "agreement",
    "auroc": "AUROC",
    "ece": "ECE",
    "brier": "Brier",
    "uar_fold_mean": "UAR",
    "accuracy_fold_mean": "WAR",
    "f1_fold_mean": "AU F1",
    "ccc_fold_mean": "CCC",
}
_NEEDS = {
    "expression": f"needs at least {MIN_FACES} faces of one label",
    "valence_arousal": "needs faces whose valence differs and faces whose arousal differs",
    "action_units": f"needs an AU on at least {MIN_POSITIVES} faces of at least {MIN_POSITIVE_CLUSTERS} people",
}
WITHIN = "ccc_within"
"""The CCC without each expression's mean."""

FOLD_MEANS: Mapping[str, tuple[str, ...]] = {
    "expression": ("uar_fold_mean", "accuracy_fold_mean"),
    "valence_arousal": ("ccc_fold_mean",),
    "action_units": ("f1_fold_mean",),
}
"""Of tasks with customary folds: what papers print the mean of."""

WEIGHED: Mapping[str, str] = {"auroc": "ranking of faces", "ece": "calibration"}
"""Scores of probabilities, where a model gives any, with what they are of."""


def scores_table(scores: Scores) -> Table:
    """One row a task, under it the CCC within expressions and a row a prompt (of several), then the overall score.

    Fits 80 columns.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("task", overflow="fold")
    table.add_column("faces", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("chance", no_wrap=True)
    for name, task in scores.tasks.items():
        _add(table, name, task, task.primary, chance(task))
        if WITHIN in task.metrics:
            _add(table, "  within expressions", task, WITHIN, "")
        for words, metric in (*over_folds(task), *beside_people(task)):
            _add(table, f"  {words}", task, metric, "")
        for metric, words in WEIGHED.items():
            if metric in task.metrics:
                _add(table, f"  {words}", task, metric, "")
        if len(task.prompts) > 1:
            for prompt, part in task.prompts.items():
                _add(table, f"  {prompt}", part, part.primary, "")
    if scores.overall is not None and scores.overall.value is not None:
        table.add_row(OVERALL, "", f"{scores.overall.value:.3f}", interval(scores.overall))
    return table


def _add(table: Table, name: str, task: TaskScores, metric: str, beside: str) -> None:
    from rich.text import Text

    estimate = task.metrics.get(metric, EstimateModel(value=None))
    value = NOTHING if estimate.value is None else f"{estimate.value:.3f}"
    faces = f"{task.n:,}" if metric == task.primary else ""
    table.add_row(Text(name), faces, f"{METRIC_NAMES.get(metric, metric)} {value}", interval(estimate), Text(beside))


def beside_people(task: TaskScores) -> tuple[tuple[str, str], ...]:
    """The rows, with their metrics, that set a task beside the people who rated its faces; none without votes."""
    if "votes_one_out" in task.metrics and "votes_one_out_human" in task.metrics:
        return (("as people see it", "votes_one_out"), ("one person", "votes_one_out_human"))
    if "votes_accuracy" in task.metrics and "votes_accuracy_best" in task.metrics:
        return (("as people see it", "votes_accuracy"), ("best answers", "votes_accuracy_best"))
    return ()


def over_folds(task: TaskScores) -> tuple[tuple[str, str], ...]:
    """The rows, with their metrics, of means over customary folds; none for a task without."""
    return tuple(("mean of its folds", metric) for metric in FOLD_MEANS[task.kind] if metric in task.metrics)


def interval(estimate: EstimateModel) -> str:
    """An interval as "0.512 to 0.574", marked with * under 20 clusters, which cover less than they say; else a dash."""
    if estimate.low is None or estimate.high is None:
        return NOTHING
    mark = " *" if estimate.clusters is not None and estimate.clusters < FEW_CLUSTERS else ""
    return f"{estimate.low:.3f} to {estimate.high:.3f}{mark}"


def chance(task: TaskScores) -> str:
    """The primary score of each player without eyes, a line each: "0.124 uniform"."""
    return "\n".join(f"{value:.3f} {player(name)}" for name, value in task.chance.items())


def player(name: str) -> str:
    """The short name of a player without eyes."""
    return "oracle" if name == ORACLE else name


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
    lines = explanations(scores)
    for name, task in scores.tasks.items():
        for prompt, part in task.prompts.items():
            if part.coverage < 1 or part.outcomes.error:
                lines.append(f"{name}, {prompt}: {part.coverage:.1%} answered ({failures(part.outcomes)})")
    if run.manifest.provenance == "imported":
        lines.append("imported: the answers were made elsewhere, in words and with settings that are not known")
    if not run.complete:
        lines.append(incomplete(run))
    lines.append(f"run folder: {run.path}")
    return lines


def explanations(scores: Scores) -> list[str]:
    """What the words and marks of the table mean, as far as they occur, a line each."""
    lines = missing_scores(scores)
    shown = [task.metrics.get(task.primary, EstimateModel(value=None)) for task in scores.tasks.values()]
    shown += [task.metrics[metric] for task in scores.tasks.values() for _, metric in beside_people(task)]
    if any(interval(estimate).endswith("*") for estimate in shown):
        lines.append(f"* faces of fewer than {FEW_CLUSTERS} people (or videos): the interval is rough")
    if any(e.value is not None and e.low is None and 0 < (e.clusters or 0) < MIN_CLUSTERS for e in shown):
        lines.append(f"{NOTHING} no interval: it needs faces of at least {MIN_CLUSTERS} people (or videos)")
    if any(task.chance for task in scores.tasks.values()):
        lines.append("chance: scores of answers that do not depend on the face, from the same labels")
    if any(ORACLE in task.chance for task in scores.tasks.values()):
        lines.append("oracle: knows the expression without seeing the face, and nothing else")
    if any(WITHIN in task.metrics for task in scores.tasks.values()):
        lines.append("within expressions: CCC without each expression's mean, where the oracle has 0")
    if any(over_folds(task) for task in scores.tasks.values()):
        lines.append(
            "mean of its folds: each fold scored by itself, as papers print it; WAR is accuracy, UAR mean recall"
        )
    rows = {metric for task in scores.tasks.values() for _, metric in beside_people(task)}
    if "votes_one_out" in rows:
        lines.append(
            "as people see it: agreement with the plurality of all raters of a face but one, each left out in turn; "
            "one person: the one left out, on the same faces"
        )
    if "votes_accuracy" in rows:
        lines.append("as people see it: the share of a face's votes that the answer got; best answers: the most it can")
    if any("auroc" in task.metrics for task in scores.tasks.values()):
        lines.append("AUROC: how often a face with an AU gets a higher probability than one without; 0.5 knows nothing")
    if any("ece" in task.metrics for task in scores.tasks.values()):
        lines.append("ECE: how far probabilities are from the shares that were right; smaller is better")
    if any(len(task.prompts) > 1 for task in scores.tasks.values()):
        lines.append("a task's own row is that of its prompt direct, or else of its first prompt")
    if scores.overall is not None and scores.overall.value is not None:
        lines.append("overall: mean of the three kinds, each from 0 at chance to 1 at perfect")
    return lines


def missing_scores(scores: Scores) -> list[str]:
    """For each task without a score what it would need, a line each."""
    lines = []
    for name, task in scores.tasks.items():
        if task.metrics.get(task.primary, EstimateModel(value=None)).value is None:
            why = _NEEDS[task.kind] if task.n else "no face was answered"
            lines.append(
                f"{NOTHING} {name}: no {METRIC_NAMES.get(task.primary, task.primary)} from {_faces(task.n)}: {why}"
            )
    return lines


def _faces(n: int) -> str:
    return f"{n:,} face" if n == 1 else f"{n:,} faces"


def incomplete(run: Run) -> str:
    """How many answers are missing, and that the same command goes on."""
    counts = run.manifest.outcomes
    answered = counts.ok + counts.unparsable + counts.refused + counts.truncated
    missing = run.manifest.expected - answered
    why = f", {counts.error:,} of them failed" if counts.error else ""
    hint = "the same command asks them again" if run.manifest.provenance == "feab" else "the imported file lacks them"
    return f"INCOMPLETE: {missing:,} of {run.manifest.expected:,} answers are missing{why}; {hint}"

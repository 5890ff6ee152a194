"""The part of a report about probabilities, where a model gives any."""

from __future__ import annotations

from collections.abc import Iterator

from feab.plots import pieces
from feab.plots.page import number
from feab.plots.reliability import Bin, reliability_figure
from feab.runs import detail
from feab.runs.sections import Block, estimate_row
from feab.schemas import TaskScores
from feab.vocabulary import ACTION_UNITS

_SCORES = {
    "accuracy": "accuracy",
    "ece": "ECE, 15 bins of like numbers",
    "ece_width": "ECE, 15 bins of like width",
    "brier": "Brier score",
}
_WHAT = {"expression": "the likeliest label", "action_units": "an action unit's presence"}


def probability_blocks(name: str, task: TaskScores) -> Iterator[Block]:
    """Calibration with its drawing, and how well action units are ranked; nothing where there are no probabilities.

    `name` begins the ids inside the drawing: letters, digits and hyphens, of this task alone.
    """
    found = detail.calibration(task)
    if found is None or not found.bins or "ece" not in task.metrics:
        return
    floors = {"ece": found.floor.ece, "ece_width": found.floor.ece_width, "brier": None}
    rows = [
        estimate_row(
            _SCORES[key],
            task.metrics[key],
            note="" if floor is None else f"{number(floor)} if perfectly calibrated",
        )
        for key, floor in floors.items()
        if key in task.metrics
    ]
    table = pieces.interval_table("Calibration", rows, first="score; smaller is better")
    bins = [Bin(one.n, one.confidence, one.right) for one in found.bins]
    judged = sum(one.n for one in bins)
    of = f"{judged:,} faces" if task.kind == "expression" else f"{judged:,} pairs of a face and an action unit"
    words = f"{of[0].upper()}{of[1:]} in bins of like probability; the larger a dot, the more. On the diagonal a "
    words += "probability is the share of times that it was so; below it, the model is too sure."
    drawn = pieces.figure(reliability_figure(f"{name}-reliability", bins), words)
    lead = f"Probabilities of {_WHAT[task.kind]}, of {found.n:,} of {task.n:,} faces."
    yield Block("Are its probabilities true?", lead, [drawn, table], grid=True)
    if found.length_normalised:
        normalised = found.length_normalised
        shown = [[words, number(normalised[key])] for key, words in _SCORES.items() if key in normalised]
        yield Block(
            "With length-normalised likelihoods",
            "What the mean log-probability a token of each label would have scored, in place of its sum.",
            [pieces.plain_table("Length-normalised", ["score", "value"], shown)],
        )
    units = {au: task.metrics.get(f"auroc_au{au:02d}") for au in detail.per_unit(task)}
    rows = [
        estimate_row(f"AU{au}", one, note=ACTION_UNITS[au].name if au in ACTION_UNITS else "")
        for au, one in units.items()
        if one is not None
    ]
    if rows and "auroc" in task.metrics:
        rows.append(estimate_row("mean", task.metrics["auroc"]))
        lead = "How often a face with the unit gets a higher probability than one without it: 0.5 knows nothing."
        table = pieces.interval_table("AUROC of each action unit", rows, first="action unit", score="AUROC")
        yield Block("Ranking of faces", lead, [table])

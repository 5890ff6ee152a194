"""The parts of a report that come from scores: which numbers stand beside which, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feab.metrics import FEW_CLUSTERS, Estimate
from feab.plots import pieces
from feab.plots.page import number, percent
from feab.plots.pieces import Row, Tick
from feab.runs import detail
from feab.runs.table import METRIC_NAMES, OVERALL, SUMMED, WITHIN, beside_people, player, sums
from feab.schemas import EstimateModel, Scores, TaskScores
from feab.tasks.scoring import ORACLE
from feab.vocabulary import ACTION_UNITS, Kind

if TYPE_CHECKING:
    from markupsafe import Markup

MAX_TASKS, MAX_PROMPTS, MAX_METRICS = 30, 20, 60
"""So much of a scores.json is shown; what goes beyond it is no run of people."""

KINDS: Mapping[Kind, str] = {
    "expression": "Expression",
    "valence_arousal": "Valence and arousal",
    "action_units": "Action units",
}
_STYLES: Mapping[str, int] = {"uniform": 0, "majority": 1, "constant": 1, "always-active": 2, ORACLE: 3}
_OTHER_NAMES: Mapping[str, str] = {
    "accuracy": "accuracy (WAR)",
    "uar": "UAR (mean recall)",
    "kappa": "Cohen's κ",
    "mcc": "MCC",
    "skew_f1": "skew-normalised F1",
    "balanced_accuracy": "balanced accuracy",
}
_AXIS_METRICS = (
    ("ccc", "CCC"),
    ("pcc", "PCC"),
    ("rmse", "RMSE"),
    ("mae", "MAE"),
    ("sagr", "SAGR (same sign)"),
)
ATTRIBUTES: Mapping[str, str] = {
    "age_group": "Age group",
    "perceived_gender": "Perceived gender",
    "perceived_race": "Perceived race",
    "ancestry_preset": "Ancestry preset (of the mesh)",
    "strength": "Strength of the display",
}
"""By what scores are sliced, in words."""

_ORDERS: Mapping[str, Sequence[str]] = {"strength": ("weak", "medium", "strong")}
_OF_PROBABILITIES = ("auroc", "brier", "ece")
"""Scores that have a part of the report to themselves."""

_FOLD_MEAN = "_fold_mean"
"""How the names of scores end that are means over folds."""

_NO_SCORE = EstimateModel(value=None)


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a sentence and what stands under them."""

    title: str
    lead: str
    pieces: Sequence[Markup]
    grid: bool = False
    """Whether the pieces stand side by side where there is room."""


def tasks_shown(scores: Scores) -> list[tuple[str, TaskScores]]:
    """The tasks of which a report speaks."""
    return list(scores.tasks.items())[:MAX_TASKS]


def estimate_row(name: str, estimate: EstimateModel | Estimate, **more: object) -> Row:
    """A score as a row of an interval table; `more` are further fields of the row."""
    rough = estimate.clusters is not None and estimate.clusters < FEW_CLUSTERS
    return Row(name, estimate.value, estimate.low, estimate.high, rough=rough, **more)  # type: ignore[arg-type]


def _primary(task: TaskScores) -> EstimateModel:
    return task.metrics.get(task.primary, _NO_SCORE)


def _metric(name: str) -> str:
    return METRIC_NAMES.get(name) or _OTHER_NAMES.get(name) or name.replace("_", " ")


def overview(scores: Scores) -> Markup:
    """Every task's own score on one axis, beside what players without eyes reach, and the overall score."""
    rows = []
    for name, task in tasks_shown(scores):
        ticks = tuple(Tick(player(n), v, _STYLES.get(n, 0)) for n, v in list(task.chance.items())[:8])
        rows.append(estimate_row(name, _primary(task), ticks=ticks, note=f"{_metric(task.primary)}, {task.n:,} faces"))
        if WITHIN in task.metrics:
            rows.append(estimate_row("within expressions", task.metrics[WITHIN], minor=True))
        rows += [estimate_row(words, task.metrics[metric], minor=True) for words, metric in beside_people(task)]
    if scores.overall is not None:
        rows.append(estimate_row(OVERALL, scores.overall))
    return pieces.interval_table("Scores with 95 % intervals, beside chance", rows, first="task", beside="chance")


def sums_table(scores: Scores) -> Markup | None:
    """The customary sums of three tasks' own scores; None where there are none.

    A table of their own: they end at 3, the axis of the others at 1.
    """
    rows = []
    for group, value in sums(scores).items():
        parts = [scores.tasks[f"{group}_{kind}"] for kind in KINDS]
        rows.append([f"{group}, {SUMMED[group]}", number(value), *(number(_primary(task).value) for task in parts)])
    header = ["group, sum", "sum, at most 3", *KINDS.values()]
    return pieces.plain_table("Scores added up, as is the custom", header, rows) if rows else None


def outcomes(scores: Scores) -> Markup:
    """What became of the questions, task by task and prompt by prompt."""
    rows = []
    for name, task in tasks_shown(scores):
        for prompt, part in list((task.prompts or {"": task}).items())[:MAX_PROMPTS]:
            o = part.outcomes
            counts = [f"{n:,}" for n in (part.n, o.ok, o.unparsable, o.refused, o.truncated, o.error)]
            rows.append([f"{name}, {prompt}" if prompt else name, percent(part.coverage), *counts])
    header = ["task, prompt", "faces answered", "faces", "ok", "unparsable", "refused", "truncated", "error"]
    return pieces.plain_table("What became of the questions", header, rows)


def task_blocks(task: TaskScores) -> Iterator[Block]:
    """What a task's kind calls for, apart from figures."""
    if task.kind == "expression":
        yield from _expression(task)
    elif task.kind == "valence_arousal":
        yield from _valence_arousal(task)
    else:
        yield from _action_units(task)
    if several := detail.sources(task):
        main = {"expression": "macro_f1", "valence_arousal": "ccc", "action_units": "f1"}[task.kind]
        rows = [[name, number(getattr(s, main)), f"{s.n:,}", f"{s.clusters:,}"] for name, s in several.items()]
        header = ["source", _metric(main), "faces", "people or videos"]
        lead = "Each source is scored by itself; the task's score is the mean over them, of action units unit by unit."
        yield Block("Sources", lead, [pieces.plain_table("Scores by source", header, rows)])
    if folds := detail.folds(task):
        names = [name.removesuffix(_FOLD_MEAN) for name in task.metrics if name.endswith(_FOLD_MEAN)][:MAX_METRICS]
        rows = [
            [fold, *(cell(part.metrics.get(name)) for name in names), f"{part.n:,}"] for fold, part in folds.items()
        ]
        rows.append(["mean", *(cell(task.metrics[f"{name}{_FOLD_MEAN}"]) for name in names), f"{task.n:,}"])
        lead = (
            "The customary folds, each scored by itself, and their mean as papers print it. All else is over all faces."
        )
        table = pieces.plain_table("Scores by fold", ["fold", *map(_metric, names), "faces"], rows)
        yield Block("Folds", lead, [table])
    if missing := detail.absent(task):
        named = [[_unit(name) if task.kind == "action_units" else name, why] for name, why in missing.items()]
        lead = "Decided by the labels alone, so the same for every model."
        table = pieces.plain_table("Not in the task's mean", ["label", "why"], named)
        yield Block("What is absent from the mean", lead, [table])


def _unit(name: str) -> str:
    known = ACTION_UNITS.get(int(name)) if name.isascii() and name.isdigit() and len(name) < 4 else None
    return f"AU{name} {known.name}" if known else name


def _expression(task: TaskScores) -> Iterator[Block]:
    classes = detail.per_class(task)
    labels = list(classes)
    counts = detail.confusion(task)
    if counts:
        after = [
            ("recall", [number(c.recall) for c in classes.values()]),
            ("precision", [number(c.precision) for c in classes.values()]),
            ("faces", [f"{c.n:,}" for c in classes.values()]),
        ]
        table = pieces.heat_table(
            "Confusion matrix, numbers of faces",
            labels,
            [*labels, "none"],
            counts,
            first="truth ↓ answer →",
            after=after,
        )
        lead = (
            "A row holds the faces that display one expression by their label; the deeper a cell, the larger its "
            "share of the row. "
            "“none”: no answer, or none of the labels."
        )
        yield Block("Which expressions are taken for which", lead, [table])
    rows = [
        estimate_row(label, task.metrics.get(f"f1_{label}") or EstimateModel(value=c.f1), cells=(f"{c.n:,}",))
        for label, c in classes.items()
    ]
    if rows:
        table = pieces.interval_table("F1 of each expression", rows, first="expression", score="F1", columns=["faces"])
        yield Block("Each expression", "", [table])
    yield from _others(task, ("f1_", "recall_", "votes_", *_OF_PROBABILITIES))


def _others(task: TaskScores, belonging: tuple[str, ...]) -> Iterator[Block]:
    """The scores beside the primary one that belong to no class or AU."""
    others = [m for m in task.metrics if m != task.primary and not m.endswith(_FOLD_MEAN)]
    names = [m for m in others if not m.startswith(belonging)][:MAX_METRICS]
    if names:
        rows = [estimate_row(_metric(name), task.metrics[name]) for name in names]
        yield Block(
            "Other scores", "", [pieces.interval_table("Other scores of the same answers", rows, first="score")]
        )


def _valence_arousal(task: TaskScores) -> Iterator[Block]:
    rows = [
        estimate_row(f"{name} of {axis}", task.metrics[key], minor=bool(suffix))
        for axis in ("valence", "arousal")
        for suffix, name in (
            ("", "CCC"),
            ("_within", "CCC within expressions"),
            ("_answered", "CCC, answered faces only"),
        )
        if (key := f"ccc_{axis}{suffix}") in task.metrics and (suffix != "_answered" or task.coverage < 1)
    ]
    if rows:
        lead = (
            "Within expressions: each expression's mean is taken out of truth and answers, so that knowing the "
            "expression alone is worth 0."
        )
        yield Block("Concordance", lead, [pieces.interval_table("CCC of each axis", rows, first="axis", score="CCC")])
    table = [
        [words, *(cell(task.metrics.get(f"{name}_{axis}")) for axis in ("valence", "arousal"))]
        for name, words in _AXIS_METRICS[1:]
    ]
    for what in ("truth", "predicted"):
        means = [detail.axis(task, axis) for axis in ("valence", "arousal")]
        found = [(getattr(m, f"{what}_mean"), getattr(m, f"{what}_sd")) if m else (None, None) for m in means]
        name = "truth" if what == "truth" else "answers"
        table.append([f"{name}: mean (SD)", *(f"{number(m, 2, signed=True)} ({number(sd, 2)})" for m, sd in found)])
    header = ["", "valence", "arousal"]
    lead = "Errors are in units of the axes, which run from −1 to 1."
    yield Block("Errors, correlation and spread", lead, [pieces.plain_table("Each axis", header, table)])


def cell(estimate: EstimateModel | None, *, signed: bool = False) -> str:
    """A score with its interval as a text: "0.512 (0.480 to 0.544)"."""
    if estimate is None or estimate.value is None:
        return number(None)
    if estimate.low is None or estimate.high is None:
        return number(estimate.value, signed=signed)
    low, high = (number(end, signed=signed) for end in (estimate.low, estimate.high))
    return f"{number(estimate.value, signed=signed)} ({low} to {high})"


def _action_units(task: TaskScores) -> Iterator[Block]:
    rows, several = [], detail.sources(task)
    for au, unit in detail.per_unit(task).items():
        estimate = task.metrics.get(f"f1_au{au:02d}") or EstimateModel(value=unit.f1)
        ticks = [
            Tick("always-active", unit.always_active_f1, 2) if unit.always_active_f1 is not None else None,
            Tick("prevalence", unit.prevalence, 0) if unit.prevalence is not None else None,
        ]
        cells = (
            number(unit.always_active_f1),
            number(unit.prevalence),
            f"{unit.positives:,} of {unit.n:,}",
            number(unit.skew_f1),
            number(unit.mcc),
        )
        name = ACTION_UNITS[au].name if au in ACTION_UNITS else ""
        rests_on = [source for source, held in several.items() if au in held.aus]
        note = f"{name}, from {', '.join(rests_on)}" if rests_on else name
        rows.append(estimate_row(f"AU{au}", estimate, ticks=tuple(t for t in ticks if t), cells=cells, note=note))
    if rows:
        table = pieces.interval_table(
            "F1 of each action unit",
            rows,
            first="action unit",
            score="F1",
            columns=["always-active F1", "prevalence", "faces with it", "skew-norm. F1", "MCC"],
        )
        lead = (
            "Triangle: the F1 of naming the AU on every face; thin line: the share of faces that show it. An F1 is to "
            "be read beside them: it rises with prevalence. Skew-normalised F1 and MCC do not."
        )
        yield Block("Each action unit", lead, [table])
    yield from _others(task, ("f1_au", *_OF_PROBABILITIES))


def slice_blocks(scores: Scores) -> Iterator[Block]:
    """Scores by attribute, a table a task side by side."""
    shown = tasks_shown(scores)
    found = {name: {**detail.groups(task), **detail.slices(task)} for name, task in shown}
    axes = {name: _slice_axis(task, found[name]) for name, task in shown}
    for attribute in dict.fromkeys(a for of_task in found.values() for a in of_task):
        tables = []
        for name, task in shown:
            values = found[name].get(attribute, {})
            order = {value: i for i, value in enumerate(_ORDERS.get(attribute, ()))}
            rows = [
                estimate_row(
                    value, part.metrics.get(task.primary, _NO_SCORE), note=f"{part.n:,} faces, {part.clusters:,} people"
                )
                for value, part in sorted(values.items(), key=lambda item: order.get(item[0], len(order)))
            ]
            if rows:
                tables.append(
                    pieces.interval_table(
                        f"{name}: {_metric(task.primary)}",
                        rows,
                        first="group",
                        score=_metric(task.primary),
                        axis=axes[name],
                        reference=_primary(task).value,
                    )
                )
        if tables:
            yield Block(ATTRIBUTES.get(attribute, attribute), "", tables, grid=True)


def _slice_axis(task: TaskScores, found: detail.Groups) -> pieces.Axis:
    """One axis for all slices of a task, so that attributes can be compared."""
    rows = [
        estimate_row("", part.metrics.get(task.primary, _NO_SCORE)) for of in found.values() for part in of.values()
    ]
    return pieces.close_axis([*rows, Row("", _primary(task).value)])


def prompt_blocks(scores: Scores) -> Iterator[Block]:
    """How much the wording of the question matters: each prompt's score, where a task was asked in several."""
    tables = []
    for name, task in tasks_shown(scores):
        if len(task.prompts) < 2:
            continue
        rows = [
            estimate_row(prompt, _primary(part), note=f"{percent(part.coverage)} answered")
            for prompt, part in list(task.prompts.items())[:MAX_PROMPTS]
        ]
        values = [row.value for row in rows if row.value is not None]
        span = f", from {number(min(values))} to {number(max(values))}" if values else ""
        tables.append(
            pieces.interval_table(
                f"{name}: {_metric(task.primary)}{span}",
                rows,
                first="prompt",
                score=_metric(task.primary),
                axis=pieces.close_axis(rows),
            )
        )
    if tables:
        yield Block("", "", tables, grid=True)

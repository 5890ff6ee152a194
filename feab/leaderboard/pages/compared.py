"""What a comparison is made of: differences, matrices, action units, groups, prompts and cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from feab.leaderboard.choosing import place
from feab.leaderboard.gaps import largest_gap
from feab.leaderboard.pages.columns import cell
from feab.leaderboard.pages.shown import TEMPLATES
from feab.metrics import FEW_CLUSTERS
from feab.plots import pieces
from feab.plots.page import NOTHING, number, percent, render
from feab.plots.pieces import Axis, Row
from feab.runs import detail
from feab.runs.sections import ATTRIBUTES, Block, estimate_row
from feab.runs.table import METRIC_NAMES
from feab.schemas import EstimateModel, Scores, TaskScores
from feab.vocabulary import ACTION_UNITS

if TYPE_CHECKING:
    from markupsafe import Markup

    from feab.leaderboard.records import Entry
    from feab.runs.comparing import Compared, Comparison

_NO_SCORE = EstimateModel(value=None)
_CORNER = "truth ↓ answer →"
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def p_words(p: float | None) -> str:
    """A p-value as papers print it: "< .001", ".024"."""
    if p is None:
        return NOTHING
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")


# ----------------------------------------------------------------------------------------------- scores and differences


def difference_blocks(comparison: Comparison) -> Iterator[Block]:
    """For each score the models' own, and every pair's difference."""
    for one in (*([comparison.overall] if comparison.overall is not None else []), *comparison.tasks):
        metric = METRIC_NAMES.get(one.metric, one.metric)
        own = [
            Row(
                name=name,
                value=standing.score.value,
                low=standing.score.low,
                high=standing.score.high,
                cells=(place(standing.best, standing.worst) or NOTHING, *_prompt(one, i)),
                rough=standing.score.clusters < FEW_CLUSTERS,
            )
            for i, (name, standing) in enumerate(zip(comparison.models, one.standings, strict=True))
        ]
        columns = ("place", *(("prompt",) if one.prompts else ()))
        scores = pieces.interval_table(
            f"{one.name}: scores", own, first="model", score=metric, columns=columns, axis=pieces.close_axis(own)
        )
        pairs = [
            Row(
                name=f"{comparison.models[pair.first]} − {comparison.models[pair.second]}",
                value=pair.difference.value,
                low=pair.difference.low,
                high=pair.difference.high,
                cells=(p_words(pair.difference.p), p_words(pair.p_corrected)),
                rough=pair.difference.clusters < FEW_CLUSTERS,
            )
            for pair in one.pairs
        ]
        differences = pieces.interval_table(
            f"{one.name}: paired differences",
            pairs,
            first="first − second",
            score="difference",
            columns=("p", "p (Holm)"),
            axis=around_zero(pairs),
            reference=0.0,
        )
        yield Block(f"{one.name}, {metric}", "", [scores, differences])


def _prompt(one: Compared, i: int) -> tuple[str, ...]:
    return (one.prompts[i],) if one.prompts else ()


def around_zero(rows: Sequence[Row]) -> Axis:
    """An axis for differences: zero in its middle."""
    values = [abs(value) for row in rows for value in (row.value, row.low, row.high) if value is not None]
    most = max(values, default=0.1)
    step = next((s for s in _STEPS if most / s <= 2), 1.0)
    edge = max(1, math.ceil(most / step - 1e-9)) * step
    return Axis(-edge, edge, step)


# ---------------------------------------------------------------------------------------------------- behind the scores


def detail_blocks(models: Sequence[str], scores: Sequence[Scores]) -> Iterator[Block]:
    """Matrices and action units of the tasks that all were asked; nothing without scores."""
    for name, tasks in _shared(scores):
        if tasks[0].kind == "expression":
            yield from _matrices(name, models, tasks)
        elif tasks[0].kind == "action_units":
            yield from _units(name, models, tasks)


def group_blocks(models: Sequence[str], scores: Sequence[Scores]) -> Iterator[Block]:
    """Scores by groups of people, and the largest gap between two; nothing without scores."""
    for name, tasks in _shared(scores):
        yield from _groups(name, models, tasks)


def _shared(scores: Sequence[Scores]) -> Iterator[tuple[str, list[TaskScores]]]:
    """The tasks that all were asked, with each one's scores."""
    for name in scores[0].tasks if scores else ():
        if all(name in other.tasks for other in scores):
            yield name, [one.tasks[name] for one in scores]


def _matrices(name: str, models: Sequence[str], tasks: Sequence[TaskScores]) -> Iterator[Block]:
    labels = list(detail.per_class(tasks[0]))
    counts = [detail.confusion(task) for task in tasks]
    if not labels or any(one is None for one in counts):
        return
    known = [one for one in counts if one is not None]
    columns = [*labels, "none"]
    tables = [
        pieces.heat_table(model, labels, columns, one, first=_CORNER) for model, one in zip(models, known, strict=True)
    ]
    lead = "Numbers of faces. A row holds the faces that display one expression by their label."
    yield Block(f"{name}: which expressions are taken for which", lead, tables, grid=True)
    changed = [
        _changes(f"{model} − {models[0]}", labels, columns, one, known[0])
        for model, one in zip(models[1:], known[1:], strict=True)
    ]
    lead = (
        f"How many faces more (+) or fewer (−) than {models[0]} each model puts into a cell. "
        "A dot marks the diagonal: more there is better, more elsewhere is worse."
    )
    yield Block(f"{name}: the matrices' difference", lead, changed, grid=True)


def _changes(
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    one: Sequence[Sequence[int]],
    other: Sequence[Sequence[int]],
) -> Markup:
    cells = []
    for r, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        total = max(sum(theirs), 1)
        line = []
        for c, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            change = a - b
            right = rows[r] == columns[c]
            better = change != 0 and (change > 0) == right
            depth = round(100 * math.sqrt(abs(change) / total), 1)
            line.append((f"{change:+,d}".replace("-", "−") if change else "0", better, depth, right))
        cells.append(line)
    return render(
        TEMPLATES / "changes.html.j2",
        caption=caption,
        rows=rows,
        columns=columns,
        cells=cells,
        first=_CORNER,
    )


def _units(name: str, models: Sequence[str], tasks: Sequence[TaskScores]) -> Iterator[Block]:
    units = [detail.per_unit(task) for task in tasks]
    rows = []
    for au in units[0]:
        always = units[0][au].always_active_f1
        bars = []
        for task, of in zip(tasks, units, strict=True):
            known = of.get(au)
            estimate = task.metrics.get(f"f1_au{au:02d}") or EstimateModel(value=None if known is None else known.f1)
            bars.append(estimate)
        known_name = ACTION_UNITS[au].name if au in ACTION_UNITS else ""
        rows.append((f"AU{au}", known_name, always, bars))
    if rows:
        table = render(
            TEMPLATES / "bars.html.j2", caption=f"{name}: F1 of each action unit", models=models, rows=rows,
            axis=Axis(0.0, 1.0, 0.25),
        )  # fmt: skip
        lead = "Bars are F1, with their 95 % intervals; the thin line is the F1 of naming the unit on every face."
        yield Block(f"{name}: each action unit", lead, [table])


def _groups(name: str, models: Sequence[str], tasks: Sequence[TaskScores]) -> Iterator[Block]:
    of_tasks = [detail.groups(task) for task in tasks]
    for attribute in of_tasks[0]:
        tables, drawn, gaps = [], [], []
        for model, task, groups in zip(models, tasks, of_tasks, strict=True):
            values = groups.get(attribute, {})
            rows = [
                estimate_row(value, part.metrics.get(task.primary, _NO_SCORE), note=f"{part.clusters:,} people")
                for value, part in values.items()
            ]
            drawn.append((model, rows, task.metrics.get(task.primary, _NO_SCORE).value))
            gap = largest_gap(values, task.primary)
            if gap is not None:
                gaps.append(estimate_row(model, gap.estimate, note=f"{gap.best} − {gap.worst}"))
        every = [row for _, rows, _ in drawn for row in rows]
        if not every:
            continue
        axis = pieces.close_axis(every)
        metric = METRIC_NAMES.get(tasks[0].primary, tasks[0].primary)
        tables = [
            pieces.interval_table(model, rows, first="group", score=metric, axis=axis, reference=whole)
            for model, rows, whole in drawn
        ]
        words = ATTRIBUTES.get(attribute, attribute)
        yield Block(f"{name}: {words}", "", tables, grid=True)
        if gaps:
            table = pieces.interval_table(
                f"{name}: largest gap, {words}",
                gaps, first="model", score="gap", axis=around_zero(gaps), reference=0.0,
            )  # fmt: skip
            yield Block("", "", [table])


# ----------------------------------------------------------------------------------------------------- prompts and cost


def prompt_blocks(models: Sequence[str], entries: Sequence[Entry]) -> Iterator[Block]:
    """How much the wording of a question matters to each model; nothing where each was asked in one way."""
    tables = []
    for name in dict.fromkeys(task for entry in entries for task in entry.tasks):
        rows = []
        for model, entry in zip(models, entries, strict=True):
            told = entry.tasks[name].prompts if name in entry.tasks else {}
            if len(told) < 2:
                continue
            values = [one.value for one in told.values() if one.value is not None]
            span = f"from {number(min(values))} to {number(max(values))}" if values else ""
            (prompt, first), *others = told.items()
            rows.append(estimate_row(model, first, note=f"{prompt}; {span}"))
            rows += [estimate_row(prompt, one, minor=True) for prompt, one in others]
        if rows:
            tables.append(pieces.interval_table(name, rows, first="model, prompt", axis=pieces.close_axis(rows)))
    if tables:
        lead = "The same question in other words, to the same faces."
        yield Block("Prompt sensitivity", lead, tables, grid=True)


def cost_blocks(models: Sequence[str], entries: Sequence[Entry]) -> Iterator[Block]:
    """What the runs took, as the submitters tell."""
    rows = []
    for model, entry in zip(models, entries, strict=True):
        answers = sum(sum(task.outcomes.model_dump().values()) for task in entry.tasks.values())
        told: Mapping[str, float | None] = {
            "parameters": entry.card.parameters,
            "cost_usd": entry.cost_usd,
            "input_tokens": entry.input_tokens,
            "output_tokens": entry.output_tokens,
            "wall_s": entry.wall_s or None,
        }
        each = None if not entry.wall_s or not answers else entry.wall_s / answers
        thousand = None if entry.cost_usd is None or not answers else 1000 * entry.cost_usd / answers
        speed = NOTHING if each is None else f"{1 / each:,.1f}"
        coverage = min((task.coverage for task in entry.tasks.values()), default=None)
        rows.append(
            [
                model,
                *(cell(column, value) for column, value in told.items()),
                NOTHING if thousand is None else f"${thousand:,.2f}",
                speed,
                percent(coverage),
            ]
        )
    header = ["model", "size", "cost", "tokens in", "tokens out", "time", "cost of 1,000 answers", "answers a second",
              "answered"]  # fmt: skip
    yield Block(
        "Cost and speed",
        "As the submitters tell; machines differ.",
        [pieces.plain_table("Cost and speed", header, rows)],
    )

"""Score predictions: join them with the labels by id, and give scores with intervals, chance and detail.

Pure functions of their arguments: no file is read or written, and the same predictions always get the same scores.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import feab.metrics as metrics
from feab.errors import FeabError
from feab.metrics import ClusterSums, Estimate
from feab.schemas import EstimateModel, Prediction, Scores, TaskScores
from feab.tasks.calibration import score_probabilities
from feab.tasks.draws import Answers, Values
from feab.tasks.task import DEFAULT_PROMPT, Task
from feab.tasks.truth import Labels, Truth, truth_of
from feab.tasks.votes import voted

ORACLE = "oracle-from-expression"

SLICED: Mapping[str, tuple[str, ...]] = {
    "expression": ("macro_f1", "accuracy", "uar"),
    "valence_arousal": ("ccc", "ccc_valence", "ccc_arousal"),
    "action_units": ("f1", "accuracy"),
}
"""The scores shown for groups and slices, the primary first."""

MIN_GROUP = 10
"""Groups with fewer people (clusters) are not shown."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    scores: TaskScores
    sums: ClusterSums
    complete: bool


def score_task(
    task: Task,
    predictions: Iterable[Prediction],
    data: Labels,
    *,
    asked: Collection[str] | None = None,
    prompts: Sequence[str] | None = None,
    draws: int = 1,
) -> TaskScores:
    """Scores of one task from its predictions (those of other tasks are passed over).

    Faces whose every line is an error or missing are not scored at all: such a run is incomplete, and says nothing
    about them. Faces that were answered with something unreadable or a refusal are scored as missing answers, by the
    rules of `feab.metrics`. Several draws become one answer: expression by plurality (tie: first drawn), AUs by
    majority, VA by mean. The top-level numbers are those of prompt `direct`, else of the first prompt there is.

    Args:
        task: what was asked.
        predictions: lines of predictions.jsonl.
        data: the dataset, or its labels as a frame (columns as in a dataset's Parquet file).
        asked: ids of the samples that were asked about (`--limit`); None means every one the task can score.
        prompts: names of the prompts that were asked, which the task need not have; None means those that occur in
            the predictions.
        draws: the number of draws that were asked for.

    Raises:
        FeabError: for a sample the dataset does not hold, a line that occurs twice, or an answer of the wrong kind.
    """
    read, numbers = read_answers([task], predictions)
    return _score(task, read[task.name], numbers, data, asked, prompts, draws).scores


def score_all(
    tasks: Sequence[Task],
    predictions: Iterable[Prediction],
    datasets: Mapping[str, Labels],
    *,
    asked: Mapping[str, Collection[str]] | None = None,
    prompts: Mapping[str, Sequence[str]] | None = None,
    draws: int = 1,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Scores of a whole run, with the overall score where all three kinds are there.

    Args:
        tasks: what was asked.
        predictions: all lines of predictions.jsonl, in any order; gone through once.
        datasets: task name -> its dataset, or that dataset's labels as a frame.
        asked: task name -> ids of the samples asked about; a task not in it was asked about all it can score.
        prompts: task name -> the prompts asked; a task not in it: those that occur in the predictions.
        draws: the number of draws that were asked for.
        resamples: draws of the bootstrap behind the overall score's interval.
        seed: seed of those draws.

    Returns:
        `complete` is False when a line is an error or missing; the scores are then of what is there.

    Raises:
        FeabError: as `score_task`; and for predictions of a task that is not among `tasks`.
    """
    read, numbers = read_answers(tasks, predictions, strict=True)
    scored = {
        task.name: _score(
            task,
            read.pop(task.name),
            numbers,
            datasets[task.name],
            (asked or {}).get(task.name),
            (prompts or {}).get(task.name),
            draws,
        )
        for task in tasks
    }
    total = metrics.overall([s.sums for s in scored.values()], resamples=resamples, seed=seed)
    return Scores(
        tasks={name: s.scores for name, s in scored.items()},
        overall=None if total.value is None else _model(total),
        complete=all(s.complete for s in scored.values()),
    )


def sums_all(
    tasks: Sequence[Task],
    predictions: Iterable[Prediction],
    datasets: Mapping[str, Labels],
    *,
    asked: Mapping[str, Collection[str]] | None = None,
    prompts: Mapping[str, Sequence[str]] | None = None,
    draws: int = 1,
) -> dict[str, ClusterSums]:
    """The sums behind the top-level numbers of `score_all`, task by task, for comparing models; arguments as there.

    Raises:
        FeabError: as `score_all`.
    """
    read, numbers = read_answers(tasks, predictions, strict=True)
    found = {}
    for task in tasks:
        only = (asked or {}).get(task.name)
        truth = truth_of(task, datasets[task.name], only=None if only is None else frozenset(only))
        of_prompt = read.pop(task.name)
        names = _prompts(task, of_prompt, (prompts or {}).get(task.name))
        answers = of_prompt.get(main_prompt(names)) if names else None
        said = (answers or Answers(task, numbers)).said(truth.ids, truth.unscored, draws)
        here = truth if len(said.rows) == len(truth.ids) else truth.take(said.rows)
        found[task.name] = _sums(task, here, said.values)
    return found


def read_answers(
    tasks: Sequence[Task], predictions: Iterable[Prediction], *, strict: bool = False
) -> tuple[dict[str, dict[str, Answers]], dict[str, int]]:
    """All answers as numbers: task -> prompt -> answers; and the number of each sample.

    Raises:
        FeabError: for an answer of the wrong kind and, if `strict`, a prediction of a task that is not among `tasks`.
    """
    named = {task.name: task for task in tasks}
    found: dict[str, dict[str, Answers]] = {name: {} for name in named}
    numbers: dict[str, int] = {}
    for line in predictions:
        of_task = found.get(line.task)
        if of_task is None:
            if strict:
                raise FeabError(f"a prediction is of task {line.task!r}, which the run does not name")
            continue
        answers = of_task.get(line.prompt)
        if answers is None:
            answers = of_task[line.prompt] = Answers(named[line.task], numbers)
        answers.add(line)
    return found, numbers


def _score(
    task: Task,
    read: Mapping[str, Answers],
    numbers: dict[str, int],
    data: Labels,
    asked: Collection[str] | None,
    prompts: Sequence[str] | None,
    draws: int,
) -> _Scored:
    truth = truth_of(task, data, only=None if asked is None else frozenset(asked))
    names = _prompts(task, read, prompts)
    each = {name: _score_prompt(task, read.get(name, Answers(task, numbers)), truth, draws) for name in names}
    if not each:
        empty = _score_prompt(task, Answers(task, numbers), truth, draws)
        return _Scored(empty.scores, empty.sums, complete=False)
    first = each[main_prompt(names)]
    return _Scored(
        scores=first.scores.model_copy(update={"prompts": {name: s.scores for name, s in each.items()}}),
        sums=first.sums,
        complete=all(s.complete for s in each.values()),
    )


def _prompts(task: Task, read: Mapping[str, Answers], asked: Sequence[str] | None) -> list[str]:
    """The prompts asked for, or those that were answered, in the task's order."""
    names = [*dict.fromkeys(asked)] if asked is not None else [p for p in task.prompts if p in read]
    return names + [p for p in read if p not in names]  # of an imported run, or removed from the task file since


def main_prompt(prompts: Sequence[str]) -> str:
    """The prompt whose scores are the task's."""
    return DEFAULT_PROMPT if DEFAULT_PROMPT in prompts else prompts[0]


def _score_prompt(task: Task, answers: Answers, truth: Truth, draws: int) -> _Scored:
    said = answers.said(truth.ids, truth.unscored, draws)
    here = truth if len(said.rows) == len(truth.ids) else truth.take(said.rows)
    sums = _sums(task, here, said.values)
    people = voted(task, here, said)
    folds = _slices(task, here, said.values, here.folds, least=1)
    weighed = score_probabilities(task, here, said)
    scores = TaskScores(
        kind=task.kind,
        n=len(here.ids),
        coverage=said.answered / len(here.ids) if here.ids else 0.0,
        outcomes=answers.counts(),
        primary=sums.primary,
        metrics={
            name: _model(estimate)
            for name, estimate in (metrics.estimates(sums) | people.metrics | weighed.metrics).items()
        }
        | _fold_mean(folds),
        chance=_chance(task, here),
        detail={
            **_detail(task, here, said.values),
            **people.detail,
            **weighed.detail,
            **({"folds": folds} if folds else {}),
        },
    )
    return _Scored(scores, sums, said.complete)


def _sums(task: Task, truth: Truth, values: Values) -> ClusterSums:
    where: dict[str, Any] = {"clusters": truth.clusters, "sources": truth.sources}
    if task.kind == "expression":
        return metrics.expression_sums(_classes(truth), _texts(values), task.labels, **where)
    if task.kind == "valence_arousal":
        within = truth.expression if any(truth.expression) else None
        return metrics.valence_arousal_sums(truth.values, values, within=within, **where)
    return metrics.action_unit_sums(truth.values, values, task.aus, **where)


def _chance(task: Task, truth: Truth) -> dict[str, float]:
    """What players without eyes score on the primary, and the one who knows the expression alone."""
    if not truth.ids:
        return {}
    if task.kind == "expression":
        return metrics.expression_chance(_classes(truth), task.labels, sources=truth.sources)
    knows = any(truth.expression)
    if task.kind == "valence_arousal":
        found = metrics.valence_arousal_chance(truth.values, sources=truth.sources)
        oracle = metrics.oracle_from_expression(truth.expression, truth.values) if knows else {}
    else:
        where: dict[str, Any] = {"clusters": truth.clusters}
        found = metrics.action_unit_chance(truth.values, task.aus, sources=truth.sources, **where)
        oracle = (
            metrics.oracle_from_expression(truth.expression, None, truth.values, task.aus, **where) if knows else {}
        )
    for score in oracle.values():
        found[ORACLE] = score
    return found


def _detail(task: Task, truth: Truth, values: Values) -> dict[str, Any]:
    where: dict[str, Any] = {"clusters": truth.clusters, "sources": truth.sources}
    if task.kind == "expression":
        found = metrics.expression_detail(_classes(truth), _texts(values), task.labels, **where)
    elif task.kind == "valence_arousal":
        found = metrics.valence_arousal_detail(truth.values, values, **where)
    else:
        found = metrics.action_unit_detail(truth.values, values, task.aus, **where)
    groups = {name: _slices(task, truth, values, column) for name, column in truth.groups.items()}
    slices = {name: _slices(task, truth, values, column) for name, column in truth.slices.items()}
    return {**found, "groups": groups, **({"slices": slices} if slices else {})}


def _fold_mean(folds: Mapping[str, Mapping[str, Any]]) -> dict[str, EstimateModel]:
    """The folds' scores averaged, as papers that train on the other folds print them; none where one has no score.

    They have no interval: whoever prints such means gives none.
    """
    found = {}
    for name in next(iter(folds.values()))["metrics"] if folds else ():
        each = [fold["metrics"][name]["value"] for fold in folds.values()]
        known = [value for value in each if value is not None]
        found[f"{name}_fold_mean"] = EstimateModel(value=float(np.mean(known)) if len(known) == len(each) else None)
    return found


def _slices(
    task: Task, truth: Truth, values: Values, column: Sequence[str | None], *, least: int = MIN_GROUP
) -> dict[str, dict[str, Any]]:
    """Scores of the faces that share a value of one column; groups of fewer people than `least` are left out."""
    found = {}
    for name in sorted({value for value in column if value is not None}):
        rows = np.fromiter((i for i, value in enumerate(column) if value == name), dtype=np.intp)
        part = truth.take(rows)
        people = {(s, c if c is not None else i) for s, c, i in zip(part.sources, part.clusters, part.ids, strict=True)}
        if len(people) < least:
            continue
        estimates = metrics.estimates(_sums(task, part, values[rows]))
        shown = {m: _model(estimates[m]).model_dump() for m in SLICED[task.kind]}
        found[name] = {"n": len(rows), "clusters": len(people), "metrics": shown}
    return found


def _classes(truth: Truth) -> list[str]:
    return [e for e in truth.expression if e is not None]  # a task of this kind scores no face without a class


def _texts(values: Values) -> list[str | None]:
    texts: list[str | None] = values.tolist()
    return texts


def _model(estimate: Estimate) -> EstimateModel:
    return EstimateModel(value=estimate.value, low=estimate.low, high=estimate.high, clusters=estimate.clusters)

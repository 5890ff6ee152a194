"""Scores of probabilities, where a model gives any: calibration, and for action units how well they rank faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

import feab.metrics as metrics
from feab.metrics import Estimate
from feab.tasks.draws import Said
from feab.tasks.task import Task
from feab.tasks.truth import Truth


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """What probabilities score; empty where there are none."""

    metrics: dict[str, Estimate] = field(default_factory=dict)
    """`brier`, `ece` and `ece_width`; of action units also `auroc` and `auroc_au01`, ..."""
    detail: dict[str, Any] = field(default_factory=dict)
    """`calibration`: see `feab.metrics.calibration`; of expressions also `length_normalised` {accuracy, brier, ece,
    ece_width}: what the length-normalised log-likelihoods would have scored."""


def score_probabilities(task: Task, truth: Truth, said: Said) -> Weighed:
    """Scores of the faces that have probabilities; those of others, refusals among them, are unknown."""
    p = said.probabilities
    if p is None or task.kind == "valence_arousal":
        return Weighed()
    known = ~np.isnan(p)
    if task.coded_by:  # what a source does not code is not asked about its faces
        known |= known.any(axis=1, keepdims=True) & np.isnan(truth.values)
    rows = np.flatnonzero(known.all(axis=1))
    if not len(rows):
        return Weighed()
    here, p = truth.take(rows), p[rows]
    p = np.where(np.isnan(p), 0.0, p)  # where the truth is NaN, too: nothing is scored there
    where: dict[str, Any] = {"clusters": here.clusters, "sources": here.sources}
    if task.kind == "action_units":
        found = metrics.estimates(metrics.action_unit_calibration_sums(here.values, p, task.aus, **where))
        found |= metrics.action_unit_auroc(here.values, p, task.aus, **where)
        return Weighed(found, {"calibration": metrics.action_unit_reliability(here.values, p, task.aus)})
    labels = [label for label in here.expression if label is not None]  # all have one: the task scores no other
    found = metrics.estimates(metrics.expression_calibration_sums(labels, p, task.labels, **where))
    detail = metrics.expression_reliability(labels, p, task.labels)
    if said.normalised is not None:
        detail["length_normalised"] = _normalised(task, labels, said.normalised[rows], where)
    return Weighed(found, {"calibration": detail})


def _normalised(
    task: Task, labels: list[str], p: npt.NDArray[np.float64], where: dict[str, Any]
) -> dict[str, float | None]:
    known = ~np.isnan(p).any(axis=1)
    if not known.all():  # lines of several scorings, put together by a stranger
        return {}
    sums = metrics.expression_calibration_sums(labels, p, task.labels, **where)
    scores = {name: float(value) for name, value in zip(sums.names, sums.values()[0], strict=True)}
    right = np.array([task.labels[best] == label for best, label in zip(p.argmax(axis=1), labels, strict=True)])
    return {"accuracy": float(right.mean()), **scores}

"""How people voted on the faces of a task, and answers scored against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import feab.metrics as metrics
from feab.metrics import Estimate
from feab.tasks.draws import Said
from feab.tasks.task import Task

if TYPE_CHECKING:
    from feab.tasks.truth import Truth


@dataclass(frozen=True, slots=True)
class Voted:
    """What the votes add to a task's scores; nothing where there are no votes."""

    metrics: dict[str, Estimate]
    detail: dict[str, Any]


def votes_of(task: Task, data: object, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32] | None:
    """The votes for a task's labels on some rows of a dataset; None where there are none.

    A bare frame of labels has no votes: it does not say which of them is for which label.
    """
    give = getattr(data, "votes", None)  # of a frame this would be a column, which cannot be called
    if task.kind != "expression" or not callable(give):
        return None
    found: npt.NDArray[np.float32] | None = give(task.labels)
    if found is None or not (found[rows] > 0).any():
        return None
    return found[rows]


def voted(task: Task, truth: Truth, said: Said) -> Voted:
    """The scores of answers against the votes on the same faces."""
    if truth.votes is None:
        return Voted({}, {})
    answers: Sequence[str | None] = said.values.tolist()
    more: dict[str, Any] = {
        "probabilities": said.probabilities,
        "clusters": truth.clusters,
        "sources": truth.sources,
    }
    return Voted(
        metrics.vote_scores(truth.votes, answers, task.labels, **more),
        metrics.vote_detail(truth.votes, answers, task.labels, **more),
    )

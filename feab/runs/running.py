"""The score so far, kept in sums while answers arrive. For the eye only: scores.json is computed from the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from feab.records import Outcome
from feab.schemas import Prediction, VaValue

if TYPE_CHECKING:
    import pandas as pd

    from feab.tasks import Task


_NOT_CODED = -1


class Rows:
    """Which row of a dataset each sample stands in: 16 bytes a sample, where a dictionary takes 130.

    Samples are told apart by a 64-bit hash, which is enough for a score that is for the eye only.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        found = np.fromiter((hash(sample) for sample in ids), dtype=np.int64)
        self._order = np.argsort(found, kind="stable")
        self._hashes = found[self._order]

    def get(self, sample: str) -> int | None:
        """The sample's row; None where it has none."""
        place = int(np.searchsorted(self._hashes, hash(sample)))
        there = place < len(self._hashes) and self._hashes[place] == hash(sample)
        return int(self._order[place]) if there else None


class RunningScore:
    """A task's primary score over the first draws of one prompt so far: each answer costs a few additions.

    Errors are passed over. An answer that could not be read is a wrong class and no AU; for valence and arousal it
    is passed over too, which is kinder than the final score.
    """

    def __init__(self, task: Task, labels: pd.DataFrame, prompt: str, rows: Rows) -> None:
        """Take the label columns needed; `rows` is shared by the tasks of one dataset."""
        self._task = task
        self._prompt = prompt
        self._rows = rows
        self._truth = labels.reindex(columns=list(task.label_columns)).to_numpy()
        if task.kind == "action_units":
            present = self._truth >= (0.5 if task.threshold is None else task.threshold)
            self._truth = np.where(np.isnan(self._truth), _NOT_CODED, present).astype(np.int8)
        self._sums: Any = {"expression": Counter(), "valence_arousal": np.zeros((6, 2))}.get(task.kind)
        if self._sums is None:
            self._sums = np.zeros((3, len(task.aus)))

    def add(self, prediction: Prediction) -> None:
        """Count one prediction; those of other prompts, later draws and errors change nothing."""
        mine = prediction.prompt == self._prompt and prediction.draw == 0 and prediction.outcome is not Outcome.ERROR
        row = self._rows.get(prediction.sample)
        if not mine or row is None:
            return
        truth = self._truth[row]
        if self._task.kind == "expression":
            self._sums[truth[0], prediction.answer] += 1
        elif self._task.kind == "valence_arousal":
            if isinstance(prediction.answer, VaValue) and not np.isnan(truth).any():  # NaN: kept by a leaderboard
                t, p = truth, np.array([prediction.answer.valence, prediction.answer.arousal])
                self._sums += np.stack([np.ones(2), t, p, t * t, p * p, t * p])
        else:
            self._add_action_units(truth, prediction)

    def _add_action_units(self, truth: np.ndarray[Any, np.dtype[Any]], prediction: Prediction) -> None:
        named = prediction.answer if isinstance(prediction.answer, list) else []
        there = truth == 1
        said = np.array([au in named for au in self._task.aus]) & (truth != _NOT_CODED)
        self._sums += (there & said, said & ~there, there & ~said)

    @property
    def value(self) -> float | None:
        """Macro-F1, mean CCC or mean F1 over the AUs so far; None while nothing can be said."""
        if self._task.kind == "expression":
            return _macro_f1(self._sums, self._task.labels)
        if self._task.kind == "valence_arousal":
            return _mean_ccc(self._sums)
        hits, false, missed = self._sums
        scored = hits + missed > 0
        if not scored.any():
            return None
        return float(np.mean((2 * hits / np.maximum(2 * hits + false + missed, 1))[scored]))


def _macro_f1(pairs: Counter[tuple[str, Any]], labels: tuple[str, ...]) -> float | None:
    scores = []
    for label in labels:
        truth = sum(count for (true, _), count in pairs.items() if true == label)
        said = sum(count for (_, answer), count in pairs.items() if answer == label)
        if truth:
            scores.append(2 * pairs[label, label] / (truth + said))
    return sum(scores) / len(scores) if scores else None


def _mean_ccc(sums: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    n, t, p, tt, pp, tp = sums
    if n[0] < 3:
        return None
    covariance = tp / n - t * p / n**2
    spread = tt / n - (t / n) ** 2 + pp / n - (p / n) ** 2 + ((t - p) / n) ** 2
    return float(np.mean(np.where(spread > 0, 2 * covariance / np.where(spread > 0, spread, 1), 0)))

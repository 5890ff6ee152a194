"""Which samples a task is asked about: those it can score, or a spread of them with `--limit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feab.data.spread import mark
from feab.records import Sample
from feab.tasks.task import asked_column

if TYPE_CHECKING:
    import pandas as pd

    from feab.data import Dataset
    from feab.tasks import Task


def labels_kept(task: Task, dataset: Dataset) -> bool:
    """Whether the labels of a task are kept elsewhere: the set says which faces are asked about, and no more."""
    flag = asked_column(task.kind)
    columns = dataset.labels((flag, *task.label_columns))
    return flag in columns and not columns.drop(columns=flag).notna().to_numpy().any()


class Selection(Sequence[Sample]):
    """Some rows of a dataset, in its order; can be gone through again and again, one row in memory at a time."""

    def __init__(self, dataset: Sequence[Sample], rows: npt.NDArray[np.uint32]) -> None:
        self._dataset = dataset
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        return self._dataset[int(self._rows[index])]

    def __iter__(self) -> Iterator[Sample]:
        for row in self._rows:
            yield self._dataset[int(row)]


def rows_asked(task: Task, labels: pd.DataFrame, *, limit: int | None = None, seed: int = 0) -> npt.NDArray[np.uint32]:
    """Row numbers of the samples that carry a label the task can score, at most `limit` of them: see `spread`.

    Where the labels are kept by a leaderboard, those that it says carry one.
    """
    rows = np.flatnonzero(_carries_label(task, labels)).astype(np.uint32)
    return rows if limit is None else np.asarray(spread(rows, labels["id"].to_numpy(), limit, seed), np.uint32)


def spread(
    rows: npt.NDArray[np.integer], ids: Sequence[str] | npt.NDArray[Any], limit: int | None, seed: int
) -> npt.NDArray[np.integer]:
    """At most `limit` of some rows, in rising order; `ids` are those of all rows.

    Those whose `feab.data.spread.mark` is smallest are taken.
    """
    if limit is None or len(rows) <= limit:
        return rows
    order = sorted(range(len(rows)), key=lambda i: mark(ids[int(rows[i])], seed))
    return np.sort(rows[order[:limit]])


def _carries_label(task: Task, labels: pd.DataFrame) -> pd.Series[bool]:
    """Row by row what `Task.asks_about` says of the sample, from the label columns alone: no image is read."""
    import pandas as pd

    flag = asked_column(task.kind)
    if flag in labels:
        return labels[flag].eq(True).fillna(value=False).astype(bool)

    def present(column: str) -> pd.Series[bool]:
        there: pd.Series[bool] = pd.Series(False, index=labels.index)
        return labels[column].notna() if column in labels else there

    if task.kind == "expression":
        return labels["expression"].isin(list(task.labels)) if "expression" in labels else present("expression")
    if task.kind == "valence_arousal":
        valence, arousal = map(present, task.label_columns)
        return valence & arousal
    coded: pd.Series[bool] = pd.Series(False, index=labels.index)
    for name in task.label_columns:
        coded |= present(name)
    return coded

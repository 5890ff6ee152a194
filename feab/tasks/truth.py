"""The truth of a task as arrays, taken from a dataset's label columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.tasks.task import Task
from feab.tasks.votes import votes_of

if TYPE_CHECKING:
    import pandas as pd

GROUPS: tuple[str, ...] = ("age_group", "perceived_gender", "perceived_race", "ancestry_preset")
"""Attributes by which scores are sliced. How other people saw a face, or how it was rendered: never who it is."""

SLICES: tuple[str, ...] = ("strength",)
"""Further columns, of rendered sets, by which scores are sliced."""

_MAX_VALUES = 12
"""A column with more values than this is no grouping."""


class HasLabels(Protocol):
    """A dataset, as far as scoring looks at it."""

    def labels(self, columns: Collection[str] | None = None) -> pd.DataFrame:
        """One row a sample; at least those of `columns` that are there, or every column but the pictures."""
        ...


Labels: TypeAlias = "pd.DataFrame | HasLabels"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What the scored faces display, row by row. Rows are faces that carry a label of the task."""

    ids: tuple[str, ...]
    values: npt.NDArray[np.floating[Any]]
    """VA: (n, 2). AUs: (n, AUs of the task), as float32: 1, 0, NaN not coded. Expression: (n, 0)."""
    expression: tuple[str | None, ...]
    """The class of each face where one is known, whatever the task's kind."""
    clusters: tuple[str | None, ...]
    """Subject, else video; None where neither is known (the face then stands for itself)."""
    sources: tuple[str | None, ...]
    groups: dict[str, tuple[str | None, ...]]
    """Attribute -> its value for each face; only attributes that have values here."""
    slices: dict[str, tuple[str | None, ...]]
    folds: tuple[str | None, ...]
    """In which fold each face is tested; empty for tasks without folds."""
    unscored: frozenset[str]
    """Ids in the dataset that carry no label of the task."""
    votes: npt.NDArray[np.float32] | None = None
    """Expression: (n, labels of the task), how people voted, rows of NaN where nobody did; None without any."""

    def take(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Truth:
        """Some of the faces, in the order given."""

        def pick(column: tuple[str | None, ...]) -> tuple[str | None, ...]:
            return tuple(column[i] for i in rows)

        return Truth(
            ids=tuple(self.ids[i] for i in rows),
            values=self.values[np.asarray(rows, dtype=np.intp)],
            expression=pick(self.expression),
            clusters=pick(self.clusters),
            sources=pick(self.sources),
            groups={name: pick(column) for name, column in self.groups.items()},
            slices={name: pick(column) for name, column in self.slices.items()},
            folds=pick(self.folds) if self.folds else (),
            unscored=self.unscored,
            votes=None if self.votes is None else self.votes[np.asarray(rows, dtype=np.intp)],
        )


def truth_of(task: Task, data: Labels, *, only: Collection[str] | None = None) -> Truth:
    """The truth of every face the task can score.

    Args:
        task: says the kind, the labels or AUs, and from which intensity on an AU counts.
        data: a dataset, or its label columns as a frame.
        only: ids of the faces that were asked about, where not all were; others are left out.

    Raises:
        FeabError: when the labels have no id column, or an id twice.
    """
    give = getattr(data, "labels", None)  # of a frame this would be a column, which cannot be called
    wanted = ("id", *task.label_columns, "expression", "subject", "video", "source", *GROUPS, *SLICES)
    wanted += (task.folds,) if task.folds else ()
    frame = cast("pd.DataFrame", give(wanted) if callable(give) else data)
    if "id" not in frame:
        raise FeabError(f"the labels for task {task.name} have no 'id' column")
    ids = [str(i) for i in frame["id"]]
    if not frame["id"].is_unique:
        raise FeabError(f"the labels for task {task.name} name a sample twice; ids must be unique")
    values, labelled = _values(task, frame)
    if only is not None:
        labelled = labelled & np.fromiter((i in only for i in ids), dtype=np.bool_, count=len(ids))
    rows = np.flatnonzero(labelled)
    kept = frame if len(rows) == len(ids) else frame.iloc[rows]
    subject = _words(kept, "subject") or (None,) * len(rows)
    video = _words(kept, "video") or (None,) * len(rows)
    return Truth(
        ids=tuple(ids) if len(rows) == len(ids) else tuple(ids[i] for i in rows),
        values=values if len(rows) == len(ids) else values[rows],
        expression=_words(kept, "expression") or (None,) * len(rows),
        clusters=tuple(s if s is not None else v for s, v in zip(subject, video, strict=True)),
        sources=_words(kept, "source") or (None,) * len(rows),
        groups=_columns(kept, GROUPS),
        slices=_columns(kept, SLICES),
        folds=(_words(kept, task.folds) or ()) if task.folds else (),
        unscored=frozenset(ids[i] for i in np.flatnonzero(~labelled)),
        votes=votes_of(task, data, rows),
    )


def _values(task: Task, frame: pd.DataFrame) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.bool_]]:
    """The task's truth for every row, and which rows have one."""
    n = len(frame)
    if task.kind == "expression":
        known = frame["expression"].isin(task.labels).to_numpy() if "expression" in frame else np.zeros(n, dtype=bool)
        return np.empty((n, 0)), np.asarray(known, dtype=np.bool_)
    if task.kind == "valence_arousal":
        values = np.column_stack([_numbers(frame, axis) for axis in task.label_columns])
        return values, np.asarray(~np.isnan(values).any(axis=1))
    coded = np.empty((n, len(task.aus)), dtype=np.float32)
    for j, name in enumerate(task.label_columns):
        column = _numbers(frame, name)
        there = column if task.threshold is None else np.where(np.isnan(column), np.nan, column >= task.threshold)
        coded[:, j] = there
    return coded, np.asarray(~np.isnan(coded).all(axis=1))


def _numbers(frame: pd.DataFrame, column: str) -> npt.NDArray[np.float64]:
    if column not in frame:
        return np.full(len(frame), np.nan)
    return np.asarray(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))


def _words(frame: pd.DataFrame, column: str) -> tuple[str | None, ...] | None:
    """A column as text, None for null; None when the column is not there or empty."""
    if column not in frame or not frame[column].notna().any():
        return None
    series = frame[column]
    # :g, because a float32 column holds .35 as .3499999940395355
    texts = (f"{v:g}" if isinstance(v, float) else str(v) for v in series)
    kept: dict[str, str] = {}  # one object a word: a name a face would be the largest thing here
    known = series.notna()
    return tuple(kept.setdefault(text, text) if there else None for text, there in zip(texts, known, strict=True))


def _columns(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
    found = {name: _words(frame, name) for name in names}
    return {name: c for name, c in found.items() if c is not None and len(set(c) - {None}) <= _MAX_VALUES}

"""One number made of a model's answers to one task or several, as resampling and swapping of clusters need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from feab.errors import FeabError
from feab.metrics.intervals import Spread, jackknife
from feab.metrics.sums import BoolArray, ClusterSums, FloatArray, IntArray, bootstrap_blocks, ratio
from feab.vocabulary import KINDS, Kind

Key = tuple[str, str]
"""(source, cluster)."""


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A score of one model, and what of its answers it is made from.

    A cluster that occurs in several tasks is one cluster: its faces are the same faces, and they are drawn, deleted or
    swapped together.
    """

    tasks: tuple[ClusterSums, ...]
    keys: tuple[Key, ...]
    """The clusters of all tasks, sorted."""
    rows: tuple[IntArray, ...]
    """Of each task, where its clusters stand in `keys`."""
    support: BoolArray
    """(clusters,): whether the cluster has any face that the score looks at."""
    part: Callable[[ClusterSums, FloatArray], FloatArray]
    """A task's part of the score, shape (m,), from its totals (sources, m, columns)."""
    combined: Callable[[Sequence[FloatArray]], FloatArray]
    """The score, shape (m,), from the parts of all tasks."""

    @property
    def value(self) -> float:
        """The score of all faces; NaN where undefined."""
        return float(self.of_totals([task.totals() for task in self.tasks])[0])

    def of_totals(self, totals: Sequence[FloatArray]) -> FloatArray:
        """The score, shape (m,), from each task's totals (sources, m, columns); NaN where undefined."""
        return self.combined([self.part(task, of) for task, of in zip(self.tasks, totals, strict=True)])

    def totals(self, weights: FloatArray) -> list[FloatArray]:
        """Each task's totals under weights of the clusters, (m, clusters)."""
        whole = weights.shape[1]
        return [
            task.totals(weights if len(rows) == whole else weights[:, rows])  # rows rise: as many are all
            for task, rows in zip(self.tasks, self.rows, strict=True)
        ]

    def deleted(self) -> FloatArray:
        """The score with each cluster deleted, (clusters,)."""
        parts = []
        for task, rows in zip(self.tasks, self.rows, strict=True):
            part = np.repeat(self.part(task, task.totals()), len(self.keys))
            part[rows] = np.concatenate([self.part(task, left) for left in task.left_out()])
            parts.append(part)  # unchanged where the task lacks the cluster
        return self.combined(parts)

    def spread(self, replicates: FloatArray) -> Spread:
        """The jackknife standard error, from `deleted` or from differences of such; one number each."""
        return jackknife(replicates[:, None], self.support[:, None], tuple(source for source, _ in self.keys))


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A measure and what resampling says of it, made once however many others it is compared with."""

    measure: Measure
    value: float
    """The score of all faces; NaN where undefined."""
    deleted: FloatArray
    """The score with each cluster deleted, (clusters,)."""
    draws: FloatArray
    """The score in bootstrap resamples, (resamples,); the same clusters and seed are the same draws."""


def sampled(measures: Sequence[Measure], resamples: int, seed: int) -> list[Sampled]:
    """Resample measures of the same clusters, which are drawn once for all of them."""
    totals: list[list[list[FloatArray]]] = [[] for _ in measures]
    for weights in bootstrap_blocks(measures[0].keys, resamples, seed):
        for one, blocks in zip(measures, totals, strict=True):
            blocks.append(one.totals(weights))
    return [
        Sampled(
            one,
            one.value,
            one.deleted(),
            one.of_totals([np.concatenate(part, axis=1) for part in zip(*blocks, strict=True)]),
        )
        for one, blocks in zip(measures, totals, strict=True)
    ]


def one_metric(sums: ClusterSums, name: str | None = None) -> Measure:
    """A metric of one task; its primary, unless another is named.

    Raises:
        FeabError: when the task has no such metric.
    """
    if name is not None and name not in sums.names:
        raise FeabError(f"no metric {name!r} of {sums.kind}; it has {', '.join(sums.names)}")
    metric = name or sums.primary
    column = sums.column(metric)

    def part(task: ClusterSums, totals: FloatArray) -> FloatArray:
        formula = task.formula
        return formula.primary(totals) if metric == task.primary else formula.values(totals)[:, column]

    return Measure(
        tasks=(sums,),
        keys=sums.keys,
        rows=(np.arange(len(sums.keys), dtype=np.intp),),
        support=sums.support[:, column],
        part=part,
        combined=lambda parts: parts[0],
    )


def all_kinds(tasks: Sequence[ClusterSums]) -> Measure | None:
    """The mean over kinds of chance-corrected primaries; None unless all three kinds are there, with faces.

    Several tasks of one kind are averaged first, so that each kind weighs the same.
    """
    kinds: list[Kind] = [task.kind for task in tasks]
    if set(kinds) != set(KINDS) or not all(task.clusters for task in tasks):
        return None
    keys = tuple(sorted({key for task in tasks for key in task.keys}))
    row = {key: i for i, key in enumerate(keys)}

    def average(parts: Sequence[FloatArray]) -> FloatArray:
        of_kind = [
            np.mean([part for part, other in zip(parts, kinds, strict=True) if other == kind], axis=0) for kind in KINDS
        ]
        return np.asarray(np.mean(of_kind, axis=0), dtype=np.float64)

    return Measure(
        tasks=tuple(tasks),
        keys=keys,
        rows=tuple(np.array([row[key] for key in task.keys], dtype=np.intp) for task in tasks),
        support=np.ones(len(keys), dtype=np.bool_),
        part=corrected_primary,
        combined=average,
    )


def corrected_primary(sums: ClusterSums, totals: FloatArray) -> FloatArray:
    """The primary s as (s - s0) / (1 - s0), shape (m,), s0 the chance level; NaN where undefined."""
    chance = sums.formula.chance(totals)
    return ratio(sums.formula.primary(totals) - chance, 1 - chance)

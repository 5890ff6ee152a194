"""One number over the three kinds of task: the mean of chance-corrected primaries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from feab.metrics.intervals import MIN_CLUSTERS, Estimate, clopper_pearson, expanded_percentiles, jackknife
from feab.metrics.sums import ClusterSums, FloatArray, bootstrap_blocks, ratio
from feab.vocabulary import KINDS


def chance_corrected(sums: ClusterSums, weights: FloatArray | None = None) -> FloatArray:
    """The primary s as (s - s0) / (1 - s0), shape (m,), under row weights (m, clusters); NaN where undefined.

    s0 is what a player without eyes gets: 1/K of K labels for expression, the F1 of naming every AU, 0 for CCC. For
    AUs it is taken from the same faces, so it moves with the resample.
    """
    return _of_totals(sums, sums.totals(weights))


def overall(tasks: Sequence[ClusterSums], *, resamples: int = 1000, seed: int = 0) -> Estimate:
    """The mean over kinds of chance-corrected primaries, with its 95 % interval.

    Several tasks of one kind are averaged first, so that each kind weighs the same. The interval is the cluster
    bootstrap with expanded percentiles; a (source, cluster) that occurs in several tasks is drawn for all of them
    together, since its faces are the same faces.

    Args:
        tasks: sums of one model on each task.
        resamples: draws of the bootstrap.
        seed: seed of the draws; the same clusters and seed give the same draws for every model.

    Returns:
        A value of at most 1, 0 at chance. None unless all three kinds are there and each primary is defined.
        `clusters` counts the clusters of all tasks together.
    """
    kinds = [[task for task in tasks if task.kind == kind] for kind in KINDS]
    if not all(kinds) or not all(task.clusters for task in tasks):
        return Estimate(None)
    keys = sorted({key for task in tasks for key in task.keys})
    row = {key: i for i, key in enumerate(keys)}
    rows = {id(task): np.array([row[key] for key in task.keys], dtype=np.intp) for task in tasks}

    def average(score: Callable[[ClusterSums], FloatArray]) -> FloatArray:
        of_kind = [np.mean([score(task) for task in same], axis=0) for same in kinds]
        return np.asarray(np.mean(of_kind, axis=0), dtype=np.float64)

    def deleted(task: ClusterSums) -> FloatArray:
        """The task's score with each of all the clusters deleted: unchanged where the task lacks it."""
        values, chance = task.leave_one_out()
        scores = np.repeat(chance_corrected(task), len(keys))
        scores[rows[id(task)]] = _corrected(values[:, task.column(task.primary)], chance)
        return scores

    value, g = float(average(chance_corrected)[0]), len(keys)
    if not math.isfinite(value) or g < MIN_CLUSTERS:
        return Estimate(value if math.isfinite(value) else None, clusters=g)
    spread = jackknife(average(deleted)[:, None], np.ones((g, 1), dtype=np.bool_), tuple(s for s, _ in keys))
    se, df = float(spread.se[0]), float(spread.df[0])
    if value >= 1 - 1e-12:
        return Estimate(value, clopper_pearson(1.0, g)[0], 1.0, g)
    if not (math.isfinite(se) and se > 1e-12 and df > 0):
        return Estimate(value, clusters=g)
    totals: dict[int, list[FloatArray]] = {id(task): [] for task in tasks}
    for weights in bootstrap_blocks(keys, resamples, seed):
        for task in tasks:
            totals[id(task)].append(task.totals(weights[:, rows[id(task)]]))
    draws = average(lambda task: _of_totals(task, np.concatenate(totals[id(task)], axis=1)))
    low, high = expanded_percentiles(draws, df)
    return Estimate(value, low, high, g)


def _of_totals(sums: ClusterSums, totals: FloatArray) -> FloatArray:
    return _corrected(sums.formula.values(totals)[:, sums.column(sums.primary)], sums.formula.chance(totals))


def _corrected(score: FloatArray, chance: FloatArray) -> FloatArray:
    return ratio(score - chance, 1 - chance)

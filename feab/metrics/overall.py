"""One number over the three kinds of task: the mean of chance-corrected primaries."""

from __future__ import annotations

import math
from collections.abc import Sequence

from feab.metrics.intervals import MIN_CLUSTERS, Estimate, clopper_pearson, expanded_percentiles
from feab.metrics.measures import Sampled, all_kinds, corrected_primary, sampled
from feab.metrics.sums import ClusterSums, FloatArray


def chance_corrected(sums: ClusterSums, weights: FloatArray | None = None) -> FloatArray:
    """The primary s as (s - s0) / (1 - s0), shape (m,), under row weights (m, clusters); NaN where undefined.

    s0 is what a player without eyes gets: 1/K of K labels for expression, the F1 of naming every AU, 0 for CCC. For
    AUs it is taken from the same faces, so it moves with the resample.
    """
    return corrected_primary(sums, sums.totals(weights))


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
    measure = all_kinds(tasks)
    return Estimate(None) if measure is None else estimate_of(sampled([measure], resamples, seed)[0])


def estimate_of(found: Sampled) -> Estimate:
    """The overall score with its interval, once it was resampled; see `overall`."""
    value, g = found.value, len(found.measure.keys)
    if not math.isfinite(value) or g < MIN_CLUSTERS:
        return Estimate(value if math.isfinite(value) else None, clusters=g)
    spread = found.measure.spread(found.deleted)
    se, df = float(spread.se[0]), float(spread.df[0])
    if value >= 1 - 1e-12:
        return Estimate(value, clopper_pearson(1.0, g)[0], 1.0, g)
    if not (math.isfinite(se) and se > 1e-12 and df > 0):
        return Estimate(value, clusters=g)
    low, high = expanded_percentiles(found.draws, df)
    return Estimate(value, low, high, g)

"""Are two models different? Paired, by whole clusters of faces.

Models answer the same faces, and faces of one person err together, so that everything here draws or swaps whole
clusters, the same for every model.

* The interval of a difference is the cluster bootstrap's, with expanded percentiles (Hesterberg 2015) as for `overall`.
* The p-value is that of a permutation test: under the hypothesis that two models are alike, their answers to all faces
  of a cluster may change places. McNemar's test takes faces for independent, and rejects 10 to 35 % of true hypotheses
  where they cluster by person (measured; `measurement.md` 0).
* Several p-values are corrected by Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feab.errors import FeabError
from feab.metrics.intervals import MIN_CLUSTERS, expanded_percentiles
from feab.metrics.measures import Key, Measure, all_kinds, one_metric
from feab.metrics.sums import BLOCK, ClusterSums, FloatArray

PERMUTATIONS = 1999
"""With the answers as they are, 2,000 arrangements: the smallest p-value is .0005."""
SAME = 1e-12
"""Differences this small are none: resampled statistics that are equal differ by rounding."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the first of two models is, on the same faces.

    `value` is the first score minus the second, `low` and `high` its 95 % interval (None where none can be shown), `p`
    the permutation test's two-sided p-value; all None where a score is undefined.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    clusters: int = 0


def difference(
    first: ClusterSums,
    second: ClusterSums,
    metric: str | None = None,
    *,
    resamples: int = 1000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Difference:
    """How two models differ on a metric of one task (its primary, unless another is named).

    Args:
        first: sums of a model's answers.
        second: sums of another's, to the same faces.
        metric: one of `first.names`.
        resamples: bootstrap draws behind the interval.
        permutations: arrangements of swapped clusters behind the p-value.
        seed: of both.

    Raises:
        FeabError: when the answers are not about the same faces, or there is no such metric.
    """
    check_paired([[first], [second]])
    return _difference(one_metric(first, metric), one_metric(second, metric), resamples, permutations, seed)


def overall_difference(
    first: Sequence[ClusterSums],
    second: Sequence[ClusterSums],
    *,
    resamples: int = 1000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Difference:
    """How two models differ on the mean of chance-corrected primaries; no value unless all three kinds are there.

    Arguments as for `difference`, one sums a task.

    Raises:
        FeabError: when the answers are not about the same faces.
    """
    check_paired([first, second])
    one, other = all_kinds(first), all_kinds(second)
    if one is None or other is None:
        return Difference(None)
    return _difference(one, other, resamples, permutations, seed)


def _difference(one: Measure, other: Measure, resamples: int, permutations: int, seed: int) -> Difference:
    value, g = one.value - other.value, int(one.support.sum())
    if not math.isfinite(value):
        return Difference(None, clusters=g)
    p = _permuted(one, other, permutations, seed)
    spread = one.spread(one.deleted() - other.deleted())
    se, df = float(spread.se[0]), float(spread.df[0])
    if g < MIN_CLUSTERS or not (math.isfinite(se) and se > SAME and df > 0):
        return Difference(value, p=p, clusters=g)
    low, high = expanded_percentiles(one.drawn(resamples, seed) - other.drawn(resamples, seed), df)
    return Difference(value, low, high, p, g)


def _permuted(one: Measure, other: Measure, permutations: int, seed: int) -> float:
    """The share of arrangements, the one there is among them, whose difference is at least as large."""
    if permutations < 1:
        raise FeabError(f"permutations must be at least 1, got {permutations}")
    seen = abs(one.value - other.value) - SAME
    sums = [a + b for a, b in zip(_all(one), _all(other), strict=True)]
    as_large = 1
    for kept in _swaps(one.keys, permutations, seed):
        firsts = [
            mine + (theirs_all - theirs)  # of the clusters kept, and of the other model's that were swapped
            for mine, theirs, theirs_all in zip(one.totals(kept), other.totals(kept), _all(other), strict=True)
        ]
        seconds = [total - first for total, first in zip(sums, firsts, strict=True)]
        differences = np.abs(one.of_totals(firsts) - other.of_totals(seconds))
        as_large += int((differences >= seen).sum())  # an arrangement without a score (NaN) is not counted as one
    return as_large / (permutations + 1)


def _all(measure: Measure) -> list[FloatArray]:
    return measure.totals(np.ones((1, len(measure.keys))))


def _swaps(keys: Sequence[Key], permutations: int, seed: int) -> Iterator[FloatArray]:
    """At random, whether the two models keep their answers to a cluster (1) or swap them (0): (m, clusters)."""
    rng = np.random.default_rng([seed, len(keys)])
    size = max(1, BLOCK // max(1, len(keys)))
    for start in range(0, permutations, size):
        m = min(size, permutations - start)
        yield rng.integers(0, 2, size=(m, len(keys)), dtype=np.int8).astype(np.float64)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values corrected for their number by Holm's step-down method (1979); None is no test and stays None."""
    tested = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for place, (p, i) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - place)))
        corrected[i] = largest
    return corrected


def check_paired(models: Sequence[Sequence[ClusterSums]]) -> None:
    """Every model's tasks must be about the same faces: the same clusters, with the same faces that count."""
    if not models:
        raise FeabError("there is no model to compare")
    for other in models[1:]:
        if len(other) != len(models[0]):
            raise FeabError(f"models are compared on the same tasks, not on {len(models[0])} and {len(other)}")
        for one, two in zip(models[0], other, strict=True):
            same = one.kind == two.kind and one.names == two.names and one.keys == two.keys
            if not same or not np.array_equal(one.support, two.support):
                raise FeabError("models are compared on the same faces; these answers are about others")

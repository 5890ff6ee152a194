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
from itertools import combinations

import numpy as np

from feab.errors import FeabError
from feab.metrics.intervals import MIN_CLUSTERS, expanded_percentiles
from feab.metrics.measures import Key, Measure, Sampled, all_kinds, one_metric, sampled
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
    return differences((first, second), metric, resamples=resamples, permutations=permutations, seed=seed)[0]


def differences(
    models: Sequence[ClusterSums],
    metric: str | None = None,
    *,
    resamples: int = 1000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> list[Difference]:
    """How every two of several models differ, as `difference` tells it, in the order of `itertools.combinations`."""
    return differences_of(resampled(models, metric, resamples, seed), permutations, seed)


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
    found = overall_resampled((first, second), resamples, seed)
    return Difference(None) if found is None else differences_of(found, permutations, seed)[0]


def differences_of(models: Sequence[Sampled], permutations: int, seed: int) -> list[Difference]:
    """How every two of several models differ on a score that was resampled; see `differences`."""
    pairs = list(combinations(range(len(models)), 2))
    each = zip(pairs, _permuted(models, pairs, permutations, seed), strict=True)
    return [_difference(models[i], models[j], p) for (i, j), p in each]


def _difference(one: Sampled, other: Sampled, p: float) -> Difference:
    value, g = one.value - other.value, int(one.measure.support.sum())
    if not math.isfinite(value):
        return Difference(None, clusters=g)
    spread = one.measure.spread(one.deleted - other.deleted)
    se, df = float(spread.se[0]), float(spread.df[0])
    if g < MIN_CLUSTERS or not (math.isfinite(se) and se > SAME and df > 0):
        return Difference(value, p=p, clusters=g)
    low, high = expanded_percentiles(one.draws - other.draws, df)
    return Difference(value, low, high, p, g)


def _permuted(models: Sequence[Sampled], pairs: Sequence[tuple[int, int]], permutations: int, seed: int) -> list[float]:
    """For each pair the share of arrangements, the one there is among them, whose difference is at least as large.

    The clusters that are swapped are the same for all pairs, so that each model's are added up once.
    """
    if permutations < 1:
        raise FeabError(f"permutations must be at least 1, got {permutations}")
    whole = [_all(model.measure) for model in models]
    as_large = [1] * len(pairs)
    for swaps in _swaps(models[0].measure.keys, permutations, seed):
        kept = [model.measure.totals(swaps) for model in models]
        swapped = [
            [total - part for total, part in zip(*of_model, strict=True)] for of_model in zip(whole, kept, strict=True)
        ]
        for k, (i, j) in enumerate(pairs):
            one, other = models[i], models[j]
            firsts = [mine + theirs for mine, theirs in zip(kept[i], swapped[j], strict=True)]
            both = zip(whole[i], whole[j], firsts, strict=True)
            seconds = [(mine + theirs) - first for mine, theirs, first in both]
            gaps = np.abs(one.measure.of_totals(firsts) - other.measure.of_totals(seconds))
            # An arrangement without a score (NaN) is not counted as one whose difference is as large.
            as_large[k] += int((gaps >= abs(one.value - other.value) - SAME).sum())
    return [number / (permutations + 1) for number in as_large]


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


def resampled(models: Sequence[ClusterSums], metric: str | None, resamples: int, seed: int) -> list[Sampled]:
    """A metric of one task, of each of several models, in the same resamples of the same faces.

    Args:
        models: sums of each model's answers.
        metric: one of their names; their primary, unless another is named.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        FeabError: when the answers are not about the same faces, or there is no such metric.
    """
    check_paired([[model] for model in models])
    return sampled([one_metric(model, metric) for model in models], resamples, seed)


def overall_resampled(models: Sequence[Sequence[ClusterSums]], resamples: int, seed: int) -> list[Sampled] | None:
    """The overall score of each of several models, likewise; None unless all three kinds are there.

    Raises:
        FeabError: when the answers are not about the same faces.
    """
    check_paired(models)
    measures = [measure for tasks in models if (measure := all_kinds(tasks)) is not None]
    return sampled(measures, resamples, seed) if len(measures) == len(models) else None


def check_paired(models: Sequence[Sequence[ClusterSums]]) -> None:
    """Every model's tasks must be about the same faces: the same clusters, with the same faces that count."""
    if not models:
        raise FeabError("there is no model to compare")
    for other in models[1:]:
        if len(other) != len(models[0]):
            raise FeabError(f"models are compared on the same tasks, not on {len(models[0])} and {len(other)}")
        for one, two in zip(models[0], other, strict=True):
            if not same_faces(one, two):
                raise FeabError("models are compared on the same faces; these answers are about others")


def same_faces(one: ClusterSums, other: ClusterSums) -> bool:
    """Whether two models' answers are about the same faces: the same clusters, with the same faces that count.

    By the primary: scores of answered faces alone look at other faces of each model, where one leaves some out.
    """
    if one.kind != other.kind or one.names != other.names or one.keys != other.keys:
        return False
    column = one.column(one.primary)
    return np.array_equal(one.support[:, column], other.support[:, column])

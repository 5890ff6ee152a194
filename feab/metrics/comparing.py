"""Are two models different, and which places may each of several hold? Paired, by whole clusters of faces.

Models answer the same faces, and faces of one person err together, so that everything here draws or swaps whole
clusters, the same for every model.

* The interval of a difference is the cluster bootstrap's, with expanded percentiles (Hesterberg 2015) as for `overall`.
* The p-value is that of a permutation test: under the hypothesis that two models are alike, their answers to all faces
  of a cluster may change places. McNemar's test takes faces for independent, and rejects 10 to 35 % of true hypotheses
  where they cluster by person (measured; `measurement.md` 0).
* Several p-values are corrected by Holm (1979).
* The places a model may hold follow from simultaneous intervals of all pairwise differences, by the bootstrap's largest
  |t| (Mogstad, Romano, Shaikh & Wilhelm 2024): ranks of bootstrap draws do not cover the true ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from feab.errors import FeabError
from feab.metrics.intervals import LEVEL, MIN_CLUSTERS, Estimate, estimates, expanded_percentiles
from feab.metrics.measures import Key, Measure, all_kinds, one_metric
from feab.metrics.overall import overall
from feab.metrics.sums import BLOCK, BoolArray, ClusterSums, FloatArray

PERMUTATIONS = 1999
"""With the answers as they are, 2,000 arrangements: the smallest p-value is .0005."""
_SAME = 1e-12
"""Differences this small are none: permuted statistics that are equal differ by rounding."""


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
    _check_paired([[first], [second]])
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
    _check_paired([first, second])
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
    if g < MIN_CLUSTERS or not (math.isfinite(se) and se > _SAME and df > 0):
        return Difference(value, p=p, clusters=g)
    low, high = expanded_percentiles(one.drawn(resamples, seed) - other.drawn(resamples, seed), df)
    return Difference(value, low, high, p, g)


def _permuted(one: Measure, other: Measure, permutations: int, seed: int) -> float:
    """The share of arrangements, the one there is among them, whose difference is at least as large."""
    if permutations < 1:
        raise FeabError(f"permutations must be at least 1, got {permutations}")
    seen = abs(one.value - other.value) - _SAME
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


@dataclass(frozen=True, slots=True)
class Standing:
    """A model among others: its score, and the best and the worst place it may hold at 95 % confidence, 1 the best.

    The places of all models together are right in 95 % of comparisons. Both are None where a score is undefined or
    there are fewer than 10 clusters.
    """

    score: Estimate
    best: int | None
    worst: int | None


def standings(
    models: Sequence[ClusterSums], metric: str | None = None, *, resamples: int = 1000, seed: int = 0
) -> list[Standing]:
    """Where each of several models stands on a metric of one task (its primary, unless another is named).

    Args:
        models: sums of each model's answers to the same faces.
        metric: one of their names.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        FeabError: when the answers are not about the same faces, or there is no such metric.
    """
    _check_paired([[model] for model in models])
    measures = [one_metric(model, metric) for model in models]
    name = metric or models[0].primary
    scores = [estimates(model)[name] for model in models]
    sign = -1.0 if models[0].scales[models[0].column(name)] == "distance" else 1.0
    return _standings(measures, scores, resamples, seed, sign)


def overall_standings(
    models: Sequence[Sequence[ClusterSums]], *, resamples: int = 1000, seed: int = 0
) -> list[Standing] | None:
    """Where each of several models stands overall; None unless all three kinds are there.

    Raises:
        FeabError: when the answers are not about the same faces.
    """
    _check_paired(models)
    measures = [measure for tasks in models if (measure := all_kinds(tasks)) is not None]
    if len(measures) < len(models):
        return None
    scores = [overall(tasks, resamples=resamples, seed=seed) for tasks in models]
    return _standings(measures, scores, resamples, seed)


def _standings(
    measures: Sequence[Measure], scores: list[Estimate], resamples: int, seed: int, sign: float = 1.0
) -> list[Standing]:
    """`sign` is -1 where less is better."""
    values = np.array([measure.value for measure in measures])
    known = [i for i, value in enumerate(values) if math.isfinite(value)]
    nowhere = [Standing(score, None, None) for score in scores]
    if not known:
        return nowhere
    shown = [measures[i] for i in known]
    spread = shown[0].spread(shown[0].deleted())
    g, df = int(shown[0].support.sum()), float(spread.df[0])
    if g < MIN_CLUSTERS or not df > 0:
        return nowhere
    draws = np.stack([measure.drawn(resamples, seed) for measure in shown], axis=1)
    better = _surely_better(sign * values[known], sign * draws, df)
    found = list(nowhere)
    for k, i in enumerate(known):
        found[i] = Standing(scores[i], 1 + int(better[:, k].sum()), len(known) - int(better[k].sum()))
    return found


def _surely_better(values: FloatArray, draws: FloatArray, df: float) -> BoolArray:
    """Whether model i beats model j beyond doubt, (models, models), from bootstrap draws (resamples, models).

    The critical value is the quantile of the largest |t| over pairs, times what turns a normal interval into that of
    t with `df` degrees of freedom and the bootstrap's spread of G clusters into an unbiased one: sqrt(G / (G - 1)).
    """
    from scipy.special import ndtri, stdtrit

    pairs = list(combinations(range(len(values)), 2))
    better = np.zeros((len(values), len(values)), dtype=np.bool_)
    if not pairs:
        return better
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    gaps, drawn = values[first] - values[second], draws[:, first] - draws[:, second]
    se = np.nanstd(drawn, axis=0)
    moving = se > _SAME  # two models that answer alike differ by nothing, in every draw
    if not moving.any():
        return better
    sizes = np.abs(drawn[:, moving] - gaps[moving]) / se[moving]
    largest = np.where(np.isnan(sizes), 0.0, sizes).max(axis=1)
    tail = (1 + LEVEL) / 2
    widened = math.sqrt((df + 1) / df) * float(stdtrit(df, tail) / ndtri(tail))
    critical = widened * float(np.quantile(largest, LEVEL))
    better[first, second] = moving & (gaps > critical * se)
    better[second, first] = moving & (gaps < -critical * se)
    return better


def _check_paired(models: Sequence[Sequence[ClusterSums]]) -> None:
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

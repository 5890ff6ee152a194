"""95 % intervals from per-cluster sums: the delete-one-cluster jackknife and the expanded bootstrap.

An interval means "other faces of the same kind", not other prompts or repeated draws.

The jackknife serves every single score: it is deterministic, and it covers where a percentile bootstrap of few
clusters does not (tests/benchmarks/interval_coverage.py). Its standard error is carried to a scale without bounds:
logit for scores in [0, 1], atanh for those in [-1, 1] (CCC, PCC; kappa and MCC: our choice), log for distances
(RMSE, MAE: our choice). The bootstrap serves what combines tasks or models.

Faces of several sources are scored within each source. The variance is then the sum of the sources' jackknife
variances and the degrees of freedom are Satterthwaite's (1946); with one source both are the plain delete-one
jackknife with t(G-1). (Our choice: with G-1 over all clusters, nine subjects beside 800 images would pass for 809.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from feab.errors import FeabError
from feab.metrics.sums import BoolArray, ClusterSums, FloatArray, Scale, strata

LEVEL = 0.95
MIN_CLUSTERS = 10
"""With fewer clusters no interval is shown."""
FEW_CLUSTERS = 20
"""With fewer clusters an interval is marked."""

_ZERO = 1e-12

Method = Literal["jackknife", "bootstrap"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % interval.

    `value` is None where the score is undefined or not reported; `low` and `high` are None where no interval can be
    shown (fewer than 10 clusters, or the spread cannot be estimated). `clusters` is the number of independent groups
    of faces behind it: below 20 the interval deserves a mark.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    clusters: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Jackknife standard errors of several scores, each of shape (metrics,); NaN where undefined."""

    se: FloatArray
    df: FloatArray
    """Degrees of freedom: G - 1 with one source."""
    clusters: FloatArray
    """G: the clusters that hold anything the score looks at."""


def jackknife(replicates: FloatArray, support: BoolArray, sources: tuple[str, ...]) -> Spread:
    """Standard errors from scores with one cluster deleted, (clusters, metrics), stratified by source.

    Clusters without support for a metric are not counted: deleting them changes nothing. A source with one cluster
    has no spread, and the standard error is then NaN.
    """
    metrics = replicates.shape[1]
    variance, shares, count = np.zeros(metrics), np.zeros(metrics), np.zeros(metrics)
    with np.errstate(divide="ignore", invalid="ignore"):
        for rows in strata(sources):
            seen, scores = support[rows], replicates[rows]
            g = seen.sum(0).astype(np.float64)
            centre = np.where(seen, scores, 0.0).sum(0) / g
            squares = (np.where(seen, scores - centre, 0.0) ** 2).sum(0)
            part = np.where(g == 0, 0.0, np.where(g == 1, np.nan, (g - 1) / g * squares))
            variance += part
            shares += np.where(g == 0, 0.0, part**2 / (g - 1))
            count += g
        df = np.where(shares > 0, variance**2 / shares, count - 1)
    return Spread(np.sqrt(variance), df, count)


def interval(value: float, se: float, df: float, clusters: float, scale: Scale) -> tuple[float | None, float | None]:
    """The t interval around a score with jackknife standard error `se`, on the unbounded scale of its kind.

    Where the score is at its bound or the standard error is 0, the Clopper-Pearson interval of a share of `clusters`
    trials instead (a score in [-1, 1] is mapped to [0, 1] and back); none for a distance. (None, None) where
    undefined. The rule that hides intervals of fewer than 10 clusters is `estimates`', not this function's.
    """
    from scipy.special import expit, stdtrit

    if not (math.isfinite(value) and math.isfinite(se)) or clusters < 2:
        return None, None
    if scale == "distance":
        if se <= _ZERO or value <= _ZERO:
            return None, None
        factor = math.exp(min(stdtrit(df, (1 + LEVEL) / 2) * se / value, 700.0))
        return value / factor, value * factor
    share = value if scale == "fraction" else (value + 1) / 2
    if se <= _ZERO or share <= _ZERO or share >= 1 - _ZERO:
        low, high = clopper_pearson(share, clusters)
        return (low, high) if scale == "fraction" else (2 * low - 1, 2 * high - 1)
    half = stdtrit(df, (1 + LEVEL) / 2) * se
    if scale == "fraction":
        centre, half = math.log(value / (1 - value)), half / (value * (1 - value))
        return float(expit(centre - half)), float(expit(centre + half))
    centre, half = math.atanh(value), half / (1 - value * value)
    return math.tanh(centre - half), math.tanh(centre + half)


def clopper_pearson(share: float, trials: float) -> tuple[float, float]:
    """The exact 95 % interval of a binomial share (Clopper & Pearson 1934); successes need not be whole."""
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    successes = min(max(share, 0.0), 1.0) * trials
    failures = trials - successes
    low = 0.0 if successes <= _ZERO else float(betaincinv(successes, failures + 1, tail))
    high = 1.0 if failures <= _ZERO else float(betaincinv(successes + 1, failures, 1 - tail))
    return low, high


def expanded_percentiles(draws: FloatArray, df: float) -> tuple[float, float]:
    """The interval of bootstrap draws of a score, widened for few clusters (Hesterberg 2015, section 4).

    Quantiles at Phi(-+ sqrt(G / (G-1)) t(.975, G-1)), G - 1 = df: plain percentiles of G clusters are too narrow by
    sqrt((G-1) / G) and by normal instead of t tails. Draws that are NaN (undefined in that resample) are left out.
    """
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(-math.sqrt((df + 1) / df) * stdtrit(df, (1 + LEVEL) / 2)))
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def estimates(
    sums: ClusterSums, *, method: Method = "jackknife", resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Every score of `sums` with its interval.

    Args:
        sums: from `expression_sums`, `valence_arousal_sums` or `action_unit_sums`.
        method: "jackknife", or "bootstrap" for expanded percentiles of `resamples` seeded draws of clusters.
        resamples: bootstrap only.
        seed: bootstrap only; the same clusters and seed give the same draws for every model and task.
    """
    if method not in ("jackknife", "bootstrap"):
        raise FeabError(f"unknown interval method {method!r}; it is 'jackknife' or 'bootstrap'")
    if not sums.clusters:
        return {name: Estimate(None) for name in sums.names}
    values = sums.values()[0]
    spread = jackknife(sums.leave_one_out(), sums.support, sums.sources)
    draws = sums.drawn(resamples, seed) if method == "bootstrap" else None
    found = {}
    for i, (name, scale) in enumerate(zip(sums.names, sums.scales, strict=True)):
        found[name] = _estimate(float(values[i]), spread, i, scale, None if draws is None else draws[:, i])
    return found


def from_replicates(
    names: Sequence[str],
    scales: Sequence[Scale],
    values: FloatArray,
    replicates: FloatArray,
    support: BoolArray,
    sources: tuple[str, ...],
) -> dict[str, Estimate]:
    """Scores that are no function of sums, with jackknife intervals.

    `values` (metrics,) are the scores, `replicates` (clusters, metrics) those with one cluster deleted; `support` and
    `sources` as `jackknife` takes them.
    """
    spread = jackknife(replicates, support, sources)
    return {
        name: _estimate(float(values[i]), spread, i, scale, None)
        for i, (name, scale) in enumerate(zip(names, scales, strict=True))
    }


def _estimate(value: float, spread: Spread, i: int, scale: Scale, draws: FloatArray | None) -> Estimate:
    """The i-th score with its interval, from its bootstrap draws where there are any."""
    se, df, g = (float(x[i]) for x in (spread.se, spread.df, spread.clusters))
    low = high = None
    if math.isfinite(value) and g >= MIN_CLUSTERS:
        inside = math.isfinite(se) and se > _ZERO and df > 0
        if draws is not None and inside and not _at_bound(value, scale):
            low, high = expanded_percentiles(draws, df)
        else:
            low, high = interval(value, se, df, g, scale)
    return Estimate(value if math.isfinite(value) else None, low, high, int(g))


def _at_bound(value: float, scale: Scale) -> bool:
    lowest = -1.0 if scale == "correlation" else 0.0
    return value <= lowest + _ZERO or (scale != "distance" and value >= 1 - _ZERO)

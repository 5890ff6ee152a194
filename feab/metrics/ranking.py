"""AUROC of action units: how often a face with the unit gets a higher score than a face without it.

The rank statistic of Mann and Whitney (1947), a tie counting one half. It needs no threshold and no calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.action_units import MIN_POSITIVE_CLUSTERS, MIN_POSITIVES
from feab.metrics.intervals import Estimate, from_replicates
from feab.metrics.sums import BoolArray, FloatArray, IntArray, group, matrix, mean_defined, strata


def action_unit_auroc(
    truth: npt.ArrayLike,
    scores: npt.ArrayLike,
    aus: Sequence[int],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> dict[str, Estimate]:
    """How well scores rank faces with a unit before those without, with 95 % intervals.

    The intervals are the delete-one-cluster jackknife's: what a cluster's faces add to the pairs is known, so that each
    AUROC without it is exact.

    Args:
        truth: (faces, AUs): 1 present, 0 absent, NaN not coded.
        scores: (faces, AUs), larger means more likely present.
        aus: the AU number of each column.
        clusters: whose face it is; None for a face stands for itself.
        sources: the data set of each face. Faces are compared within a source, and the sources' values averaged.

    Returns:
        `auroc`, the mean over AUs, and `auroc_au01` and so on, in [0, 1], 0.5 for scores that know nothing. An AU needs
        10 faces from 5 clusters with it, as for its F1, and as many without it; the others' are None.

    Raises:
        FeabError: when shapes differ, or a score is not a number.
    """
    t, s = matrix(truth, "truth", len(aus)), matrix(scores, "scores", len(aus))
    if t.shape != s.shape:
        raise FeabError(f"truth has {len(t)} faces but scores has {len(s)}; give one row per face")
    if np.isnan(s[~np.isnan(t)]).any():
        raise FeabError("a coded face has no score; leave faces without scores out")
    where = group(len(t), clusters, sources)
    ranges = strata(where.sources)
    names = ["auroc", *(f"auroc_au{au:02d}" for au in aus)]
    if not where.clusters:
        return {name: Estimate(None) for name in names}
    number = len(where.clusters)
    # (sources, AUs) and, with one cluster deleted, (clusters, AUs).
    whole = np.full((len(ranges), len(aus)), np.nan)
    without = np.full((number, len(aus)), np.nan)
    seen = np.zeros((number, len(aus)), dtype=np.bool_)
    for j in range(len(aus)):
        for i, rows in enumerate(ranges):
            here = (where.of_face >= rows.start) & (where.of_face < rows.stop) & ~np.isnan(t[:, j])
            of = where.of_face[here] - rows.start
            found = _auroc(t[here, j] == 1, s[here, j], of, rows.stop - rows.start)
            if found is not None:
                whole[i, j], without[rows, j] = found
                seen[rows, j] = np.bincount(of, minlength=rows.stop - rows.start) > 0
    values = mean_defined(whole, 0)
    deleted = np.empty_like(without)
    for i, rows in enumerate(ranges):
        left = np.repeat(whole[:, None, :], rows.stop - rows.start, axis=1)
        left[i] = without[rows]
        deleted[rows] = mean_defined(left, 0)
    return from_replicates(
        names,
        ["fraction"] * len(names),
        np.array([mean_defined(values, -1), *values]),
        np.column_stack([mean_defined(deleted, -1), deleted]),
        np.column_stack([seen.any(1), seen]),
        where.sources,
    )


def _auroc(present: BoolArray, scores: FloatArray, of: IntArray, clusters: int) -> tuple[float, FloatArray] | None:
    """The AUROC and, for each cluster, that of the faces of all others; None where there are too few faces."""
    for side in (present, ~present):
        if side.sum() < MIN_POSITIVES or len(np.unique(of[side])) < MIN_POSITIVE_CLUSTERS:
            return None
    high, low = scores[present], scores[~present]
    of_high, of_low = of[present], of[~present]
    # Of the pairs of a face with the unit and one without, those won: by each face with it, and against each without.
    won = _below(high, low)
    lost_to = len(high) - _below(low, high)
    by = np.bincount(of_high, weights=won, minlength=clusters)
    against = np.bincount(of_low, weights=lost_to, minlength=clusters)
    positives = np.bincount(of_high, minlength=clusters)
    negatives = np.bincount(of_low, minlength=clusters)
    inside = np.zeros(clusters)
    for cluster in np.flatnonzero((positives > 0) & (negatives > 0)):
        inside[cluster] = _below(high[of_high == cluster], low[of_low == cluster]).sum()
    pairs = (len(high) - positives) * (len(low) - negatives)
    total = won.sum()
    left = np.divide(total - by - against + inside, pairs, out=np.full(clusters, np.nan), where=pairs > 0)
    return float(total / (len(high) * len(low))), left


def _below(scores: FloatArray, others: FloatArray) -> FloatArray:
    """For each score how many of the others lie below it, a tie counting one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / 2

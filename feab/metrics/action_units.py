"""Scores of action units: F1 per AU and their mean, with accuracy, skew-normalised F1, MCC, balanced accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.intervals import Estimate, Method, estimates
from feab.metrics.sums import BoolArray, ClusterSums, FloatArray, Scale, group, matrix, mean_defined, ratio, strata

MIN_POSITIVES = 10
MIN_POSITIVE_CLUSTERS = 5
"""An AU with fewer positives, or from fewer clusters, is not in the mean."""

_MEANS: tuple[tuple[str, Scale], ...] = (
    ("f1", "fraction"),
    ("accuracy", "fraction"),
    ("skew_f1", "fraction"),
    ("mcc", "correlation"),
    ("balanced_accuracy", "fraction"),
)


def action_unit_scores(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    aus: Sequence[int],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "jackknife",
) -> dict[str, Estimate]:
    """How well predicted action units agree with the truth, with 95 % intervals.

    An AU is in the means if its truth has at least 10 positives from at least 5 clusters: the truth decides, so the
    same AUs count for every model. The others' own scores are None.

    Args:
        truth: (faces, AUs): 1 present, 0 absent, NaN not coded (never absence). A face coded for no AU is skipped.
        predicted: (faces, AUs): 1 named, 0 not named, NaN no answer: no AU, and wrong for accuracy.
        aus: the AU number of each column.
        clusters: whose face it is (identity, subject, video); None for a face stands for itself.
        sources: the data set of each face. An AU's score is then the mean over the sources where it has enough
            positives, and the overall means are over AUs.
        resamples: draws of the bootstrap; used by `method="bootstrap"` only.
        seed: seed of those draws.
        method: how intervals are made, see `feab.metrics.intervals`.

    Returns:
        Means over AUs of `f1` = 2 TP / (2 TP + FP + FN), `accuracy`, `skew_f1` = 2 TPR / (1 + TPR + FPR) (Jeni et al.
        2013: F1 at a prevalence of one half), `mcc` and `balanced_accuracy`; and `f1_au01` and so on for every AU.
        MCC is 0 for a constant prediction; what needs absent faces leaves out an AU that is present in every face.

    Raises:
        FeabError: when shapes differ or a value is not 0, 1 or NaN.
    """
    sums = action_unit_sums(truth, predicted, aus, clusters=clusters, sources=sources)
    return estimates(sums, method=method, resamples=resamples, seed=seed)


def action_unit_sums(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    aus: Sequence[int],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> ClusterSums:
    """Hits and misses of every cluster; arguments as in `action_unit_scores`.

    Table columns, each for every AU: true positives, false positives, false negatives, true negatives, and those of the
    true negatives that were not answered.
    """
    t, p = _check(truth, predicted, aus)
    where = group(len(t), clusters, sources)  # checks lengths before faces are skipped
    seen = ~np.isnan(t).all(1)
    if not seen.all():
        kept = np.flatnonzero(seen)
        where = group(
            len(kept),
            [where.clusters[i] for i in where.of_face[kept]],
            [where.sources[i] for i in where.of_face[kept]],
        )
        t, p = t[kept], p[kept]

    def columns() -> Iterator[BoolArray]:
        yield from ((t == 1) & (p == 1)).T
        yield from ((t == 0) & (p == 1)).T
        yield from ((t == 1) & (p != 1)).T
        yield from ((t == 0) & (p != 1)).T
        yield from ((t == 0) & np.isnan(p)).T

    k = len(aus)
    table = where.add_up(columns(), 5 * k)
    counts = table.reshape(-1, 5, k)
    positives = counts[:, 0] + counts[:, 2]
    sources_of = strata(where.sources)
    enough = np.zeros((len(sources_of), k), dtype=np.bool_)
    for s, rows in enumerate(sources_of):
        here = positives[rows]
        enough[s] = (here.sum(0) >= MIN_POSITIVES) & ((here > 0).sum(0) >= MIN_POSITIVE_CLUSTERS)
    looked_at = (counts[:, :4].sum(1) > 0) & enough[where.source_of_cluster]
    names = [n for n, _ in _MEANS] + [f"f1_au{au:02d}" for au in aus]
    scales: list[Scale] = [s for _, s in _MEANS]
    return ClusterSums(
        kind="action_units",
        primary="f1",
        names=tuple(names),
        scales=tuple(scales + ["fraction"] * k),
        clusters=where.clusters,
        sources=where.sources,
        table=table,
        support=np.concatenate([np.repeat(looked_at.any(1)[:, None], len(_MEANS), axis=1), looked_at], axis=1),
        formula=ActionUnitFormula(enough),
    )


@dataclass(frozen=True, slots=True, eq=False)
class ActionUnitFormula:
    """Scores from hits and misses."""

    enough: BoolArray
    """(sources, AUs): whether the truth of the source has enough positives of the AU."""

    def values(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        per_au = self.per_au(totals)
        means = [mean_defined(per_au[name], -1) for name, _ in _MEANS]
        return np.concatenate([np.stack(means, -1), per_au["f1"]], -1)

    def primary(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        tp, fp, fn, _, _ = self._counts(totals)
        return mean_defined(self._over_sources(_f1(tp, fp, fn), tp + fn), -1)

    def chance(self, totals: FloatArray) -> FloatArray:
        """The mean F1 of naming every AU of every face, the best constant answer."""
        tp, fp, fn, tn, _ = self._counts(totals)
        positives = tp + fn
        return mean_defined(self._over_sources(_always_active_f1(positives, positives + (fp + tn)), positives), -1)

    def per_au(self, totals: FloatArray) -> dict[str, FloatArray]:
        """Scores of each AU as means over sources, (m, AUs); NaN where there are not enough positives."""
        tp, fp, fn, tn, silent = self._counts(totals)
        positives, negatives = tp + fn, fp + tn
        n = positives + negatives
        tpr, fpr = ratio(tp, positives), ratio(fp, negatives)
        spread = (tp + fp) * positives * negatives * (fn + tn)
        mcc = np.where((tp + fp) * (fn + tn) == 0, 0.0, ratio(tp * tn - fp * fn, np.sqrt(spread)))
        scores = {
            "f1": _f1(tp, fp, fn),
            "accuracy": ratio(tp + tn - silent, n),
            "skew_f1": ratio(2 * tpr, 1 + tpr + fpr),
            "mcc": np.where(negatives == 0, np.nan, mcc),
            "balanced_accuracy": (tpr + 1 - fpr) / 2,
            "prevalence": ratio(positives, n),
            "always_active_f1": _always_active_f1(positives, n),
        }
        return {name: self._over_sources(score, positives) for name, score in scores.items()}

    def _counts(self, totals: FloatArray) -> Iterable[FloatArray]:
        """True and false positives, false and true negatives, and unanswered faces, each (sources, m, AUs)."""
        return np.moveaxis(totals.reshape(*totals.shape[:2], 5, self.enough.shape[1]), 2, 0)

    def _over_sources(self, score: FloatArray, positives: FloatArray) -> FloatArray:
        """The mean over sources, (m, AUs). An AU that no face of this resample shows is left out of it."""
        there = self.enough[:, None, :] & (positives > 0)
        return mean_defined(np.where(there, score, np.nan), 0)


def _f1(tp: FloatArray, fp: FloatArray, fn: FloatArray) -> FloatArray:
    return ratio(2 * tp, 2 * tp + fp + fn)


def _always_active_f1(positives: FloatArray, n: FloatArray) -> FloatArray:
    """Of naming the AU on every face."""
    return ratio(2 * positives, positives + n)


def action_unit_detail(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    aus: Sequence[int],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """What stands behind the AU scores, as plain values for scores.json; arguments as in `action_unit_scores`.

    Returns:
        `per_au` {"12": {f1, prevalence, always_active_f1, skew_f1, mcc, balanced_accuracy, accuracy, n, positives,
        clusters}}: n coded faces, clusters with a positive; scores are None for an AU with too few positives (its
        prevalence stands, over all sources). `absent` {"23": why it is not in the mean}. With several sources,
        `sources` {source: {n, clusters, f1, aus}}, `aus` those that count there.
    """
    sums = action_unit_sums(truth, predicted, aus, clusters=clusters, sources=sources)
    k = len(aus)
    formula = sums.formula
    assert isinstance(formula, ActionUnitFormula)
    totals = sums.totals()
    scores = {name: values[0] for name, values in formula.per_au(totals).items()}
    counts = sums.table.reshape(-1, 5, k)
    positives = counts[:, 0] + counts[:, 2]
    coded = counts[:, :4].sum((0, 1))
    share = ratio(positives.sum(0), coded)
    shown = ("f1", "prevalence", "always_active_f1", "skew_f1", "mcc", "balanced_accuracy", "accuracy")
    per_au: dict[str, dict[str, Any]] = {}
    absent: dict[str, str] = {}
    for j, au in enumerate(aus):
        row: dict[str, Any] = {name: _plain(scores[name][j]) for name in shown}
        row["prevalence"] = row["prevalence"] if row["prevalence"] is not None else _plain(share[j])
        row["n"], row["positives"] = int(coded[j]), int(positives[:, j].sum())
        row["clusters"] = int((positives[:, j] > 0).sum())
        per_au[str(au)] = row
        if not formula.enough[:, j].any():
            absent[str(au)] = (
                "not coded"
                if not row["n"]
                else (
                    f"{row['positives']} positives from {row['clusters']} clusters, fewer than {MIN_POSITIVES} "
                    f"from {MIN_POSITIVE_CLUSTERS}" + (" in every source" if len(formula.enough) > 1 else "")
                )
            )
    detail: dict[str, Any] = {"per_au": per_au, "absent": absent}
    names = sorted(set(sums.sources))
    if len(names) > 1:
        detail["sources"] = {}
        t = matrix(truth, "truth", k, narrowest(truth))
        of, seen = group(len(t), clusters, sources), ~np.isnan(t).all(1)
        faces = dict.fromkeys(names, 0)
        for i in of.of_face[seen]:
            faces[of.sources[i]] += 1
        for s, name in enumerate(names):
            here = ActionUnitFormula(formula.enough[s : s + 1]).values(totals[s : s + 1])[0]
            detail["sources"][name] = {
                "n": faces[name],
                "clusters": sums.sources.count(name),
                "f1": _plain(here[0]),
                "aus": [au for j, au in enumerate(aus) if formula.enough[s, j]],
            }
    return detail


def narrowest(values: npt.ArrayLike) -> npt.DTypeLike:
    """The type of an array of float32 or truth values, which hold 1 and 0 as well as float64 does; else float64."""
    given = getattr(values, "dtype", None)
    return given if given in (np.float32, np.bool_) else np.float64


def _check(truth: npt.ArrayLike, predicted: npt.ArrayLike, aus: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    if not len(aus) or len(set(aus)) != len(aus):
        raise FeabError(f"aus must be a non-empty list of AU numbers without repetition, got {list(aus)}")
    t = matrix(truth, "truth", len(aus), narrowest(truth))
    p = matrix(predicted, "predicted", len(aus), narrowest(predicted))
    if len(t) != len(p):
        raise FeabError(f"truth has {len(t)} faces but predicted has {len(p)}; give one answer per face")
    for what, array in (("truth", t), ("predicted", p)):
        wrong = np.argwhere(~((array == 0) | (array == 1) | np.isnan(array)))
        if len(wrong):
            i, j = wrong[0]
            raise FeabError(
                f"{what}[{i}] has {array[i, j]:g} for AU{aus[j]}; an AU is 1, 0 or NaN "
                "(an intensity must be cut at the task's threshold first)"
            )
    return t, p


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

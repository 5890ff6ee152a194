"""Scores of discrete expression: accuracy, UAR, macro-F1, kappa, MCC, and per label F1 and recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feab.errors import FeabError
from feab.metrics.intervals import Estimate, Method, estimates
from feab.metrics.sums import (
    BoolArray,
    ClusterSums,
    FloatArray,
    Grouping,
    IntArray,
    Scale,
    group,
    mean_defined,
    missing,
    ratio,
    strata,
)

MIN_FACES = 5
"""A label with fewer faces in the truth is left out of the macro averages: one face would move its F1 by a fifth."""

_WHOLE: tuple[tuple[str, Scale], ...] = (
    ("accuracy", "fraction"),
    ("uar", "fraction"),
    ("macro_f1", "fraction"),
    ("kappa", "correlation"),
    ("mcc", "correlation"),
)


def expression_scores(
    truth: Sequence[str],
    predicted: Sequence[str | None],
    labels: Sequence[str],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "jackknife",
) -> dict[str, Estimate]:
    """How well predicted expression labels agree with the truth, with 95 % intervals.

    Args:
        truth: the label of each face, from `labels`.
        predicted: the answer for each face; None (no answer) and anything outside `labels` are wrong.
        labels: the labels of the task, in its order.
        clusters: whose face it is (identity, subject, video); None for a face stands for itself.
        sources: the data set of each face. Several sources are scored one by one and averaged, never pooled.
        resamples: draws of the bootstrap; used by `method="bootstrap"` only.
        seed: seed of those draws.
        method: how intervals are made, see `feab.metrics.intervals`.

    Returns:
        `accuracy` (WAR), `uar` (mean recall), `macro_f1`, `kappa` (Cohen 1960, unweighted), `mcc` (the multiclass form,
        Gorodkin 2004), and `f1_<label>` and `recall_<label>` for each label. UAR and macro-F1 are means over the
        labels with at least 5 faces in the truth, decided by the truth alone (per source); per-label scores of the
        others are None. Fractions in [0, 1]; kappa and MCC in [-1, 1], 0 for a constant prediction, None for a
        constant truth.

    Raises:
        FeabError: when lengths differ, a truth is not in `labels`, or a prediction is neither text nor None.
    """
    sums = expression_sums(truth, predicted, labels, clusters=clusters, sources=sources)
    return estimates(sums, method=method, resamples=resamples, seed=seed)


def expression_sums(
    truth: Sequence[str],
    predicted: Sequence[str | None],
    labels: Sequence[str],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> ClusterSums:
    """The confusion matrix of every cluster; arguments as in `expression_scores`.

    Table columns: truth label x (predicted label, then no answer), row by row.
    """
    told, said = _encode(truth, predicted, labels)
    k = len(labels)
    where = group(len(told), clusters, sources)
    table = where.add_up_classes(told * (k + 1) + said, k * (k + 1))
    names = [n for n, _ in _WHOLE] + [f"f1_{x}" for x in labels] + [f"recall_{x}" for x in labels]
    scales: list[Scale] = [s for _, s in _WHOLE]
    return ClusterSums(
        kind="expression",
        primary="macro_f1",
        names=tuple(names),
        scales=tuple(scales + ["fraction"] * (2 * k)),
        clusters=where.clusters,
        sources=where.sources,
        table=table,
        support=np.ones((len(table), len(names)), dtype=np.bool_),
        formula=ExpressionFormula(_kept(told, where, k)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionFormula:
    """Scores from confusion matrices."""

    kept: BoolArray
    """(sources, labels): whether the truth of the source has enough faces of the label."""

    def values(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        truth, said, right = self._counts(totals)
        n = truth.sum(-1)
        f1 = self._f1(truth, said, right)
        recall = np.where(self._there(truth), ratio(right, truth), np.nan)

        hits = right.sum(-1)
        by_chance = (truth * said[..., :-1]).sum(-1)
        one_class = truth.max(-1, initial=0) == n
        kappa = np.where(one_class, np.nan, ratio(hits * n - by_chance, n**2 - by_chance))
        truth_spread, said_spread = n**2 - (truth**2).sum(-1), n**2 - (said**2).sum(-1)
        mcc = ratio(hits * n - by_chance, np.sqrt(truth_spread * said_spread))
        mcc = np.where(one_class, np.nan, np.where(said_spread == 0, 0.0, mcc))

        whole = [ratio(hits, n), mean_defined(recall, -1), mean_defined(f1, -1), kappa, mcc]
        return mean_defined(np.concatenate([np.stack(whole, -1), f1, recall], -1), 0)

    def primary(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        return mean_defined(mean_defined(self._f1(*self._counts(totals)), -1), 0)

    def _counts(self, totals: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Faces of each true label, of each answer (the last one is none), and of each label answered right."""
        k = self.kept.shape[1]
        confusion = totals.reshape(*totals.shape[:2], k, k + 1)
        return confusion.sum(-1), confusion.sum(-2), np.einsum("...ii->...i", confusion[..., :k])

    def _f1(self, truth: FloatArray, said: FloatArray, right: FloatArray) -> FloatArray:
        return np.where(self._there(truth), ratio(2 * right, truth + said[..., :-1]), np.nan)

    def _there(self, truth: FloatArray) -> BoolArray:
        """Which labels count: one without a face in this resample is left out, as it would be were there no more."""
        return np.logical_and(self.kept[:, None, :], truth > 0)

    def chance(self, totals: FloatArray) -> FloatArray:
        """1/K, the macro-F1 of a uniform guess on a balanced set, K labels in the task's list."""
        return np.full(totals.shape[1], 1 / self.kept.shape[1])


def expression_detail(
    truth: Sequence[str],
    predicted: Sequence[str | None],
    labels: Sequence[str],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """What stands behind the expression scores, as plain values for scores.json; arguments as in `expression_scores`.

    Returns:
        `confusion`: numbers of faces over all sources, one row per true label, one column per label answered and a last
        one for no answer or none of the labels; `per_class` {label: {precision, recall, f1, n}}, scores as means over
        sources where there are several, None where undefined; `absent` {label: why it is not in the macro averages}
        and, with several sources, `sources` {source: {n, clusters, macro_f1, absent}}.
    """
    sums = expression_sums(truth, predicted, labels, clusters=clusters, sources=sources)
    k = len(labels)
    totals = sums.totals()
    by_source = totals[:, 0].reshape(-1, k, k + 1)
    confusion = by_source.sum(0)
    scores = dict(zip(sums.names, sums.formula.values(totals)[0].tolist(), strict=True))
    precision = mean_defined(ratio(np.einsum("sii->si", by_source[..., :k]), by_source.sum(1)[:, :k]), 0)
    faces = by_source.sum(2).astype(int)
    detail: dict[str, Any] = {
        "confusion": confusion.astype(int).tolist(),
        "per_class": {
            label: {
                "precision": _plain(precision[i]),
                "recall": _plain(scores[f"recall_{label}"]),
                "f1": _plain(scores[f"f1_{label}"]),
                "n": int(faces[:, i].sum()),
            }
            for i, label in enumerate(labels)
        },
        "absent": _absent(labels, faces.max(0)),
    }
    names = sorted(set(sums.sources))
    if len(names) > 1:
        detail["sources"] = {
            name: {
                "n": int(faces[s].sum()),
                "clusters": sums.sources.count(name),
                "macro_f1": _plain(_one_source(totals[s], faces[s])),
                "absent": _absent(labels, faces[s]),
            }
            for s, name in enumerate(names)
        }
    return detail


def _encode(truth: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Label numbers of truth and prediction; the number after the last label stands for no answer."""
    if not labels or len(set(labels)) != len(labels):
        raise FeabError(f"labels must be a non-empty list without repetition, got {list(labels)}")
    if len(truth) != len(predicted):
        raise FeabError(f"truth has {len(truth)} faces but predicted has {len(predicted)}; give one answer per face")
    number = {label: i for i, label in enumerate(labels)}
    for i, label in enumerate(truth):
        if not isinstance(label, str) or label not in number:
            raise FeabError(f"truth[{i}] is {label!r}, which is not one of the labels {', '.join(labels)}")
    for i, answer in enumerate(predicted):
        if not (isinstance(answer, str) or missing(answer)):
            raise FeabError(f"predicted[{i}] is {answer!r}; it must be a label, or None for no answer")
    told = np.fromiter((number[x] for x in truth), dtype=np.intp, count=len(truth))
    none = len(labels)
    said = np.fromiter(
        (number.get(x, none) if isinstance(x, str) else none for x in predicted), dtype=np.intp, count=len(truth)
    )
    return told, said


def _kept(told: IntArray, where: Grouping, k: int) -> BoolArray:
    cells = len(strata(where.sources)) * k
    faces = np.bincount(where.source_of_face * k + told, minlength=cells).reshape(-1, k)
    return np.asarray(faces >= MIN_FACES)


def _one_source(totals: FloatArray, faces: IntArray) -> float:
    formula = ExpressionFormula((faces >= MIN_FACES)[None])
    return float(formula.values(totals[None])[0, [n for n, _ in _WHOLE].index("macro_f1")])


def _absent(labels: Sequence[str], faces: IntArray) -> dict[str, str]:
    return {
        label: "no face" if n == 0 else f"{n} {'face' if n == 1 else 'faces'}, fewer than {MIN_FACES}"
        for label, n in zip(labels, faces.tolist(), strict=True)
        if n < MIN_FACES
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""Scores of valence and arousal: CCC, PCC, RMSE, MAE and sign agreement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.intervals import Estimate, Method, estimates
from feab.metrics.sums import (
    BoolArray,
    ClusterSums,
    FloatArray,
    Grouping,
    Scale,
    encode,
    group,
    matrix,
    mean_defined,
    ratio,
)

AXES = ("valence", "arousal")

# A variance below this (a standard deviation of 3e-7 on an axis two units long) is rounding: the values are constant.
_CONSTANT = 1e-13

# Columns of one axis: sums over faces of centred truth x and prediction y, and of the errors.
_ALL = ("x", "y", "xx", "yy", "xy", "error", "error2", "agree", "signed")
_ANSWERED = ("x", "y", "xx", "yy", "xy")


def valence_arousal_scores(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
    within: Sequence[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "jackknife",
) -> dict[str, Estimate]:
    """How well predicted valence and arousal agree with the truth, with 95 % intervals.

    A missing answer is scored as the truth mirrored through the set's mean, 2 mean - truth: as wrong as an opposite
    answer. (The neutral point would be the right answer for every neutral face, and skipping hard faces would pay.)
    For sign agreement it is a disagreement.

    Args:
        truth: (faces, 2), valence and arousal in [-1, 1].
        predicted: (faces, 2) in [-1, 1]; a row of NaN is no answer.
        clusters: whose face it is (identity, subject, video); None for a face stands for itself.
        sources: the data set of each face. Several sources are scored one by one and averaged: CCC is never pooled.
        within: a class per face (its expression; None is a class too) for the CCC within classes.
        resamples: draws of the bootstrap; used by `method="bootstrap"` only.
        seed: seed of those draws.
        method: how intervals are made, see `feab.metrics.intervals`.

    Returns:
        `ccc`, the mean of both axes, and for each axis `ccc_<axis>` (Lin 1989), `pcc_<axis>` (Pearson), `rmse_<axis>`,
        `mae_<axis>` (distances, not clipped), `sagr_<axis>` (share of faces on whose sign truth and answer agree,
        truths of exactly 0 left out); `ccc_answered` and `ccc_<axis>_answered` (faces with an answer only: never rank
        by it); and with `within`, `ccc_within` and `ccc_<axis>_within` (class means removed from truth and answers).
        Moments are the population's (divided by n). CCC and PCC are 0 for a constant prediction, None for a constant
        truth.

    Raises:
        FeabError: when shapes differ, a truth is missing, a value lies outside [-1, 1], or half an answer is NaN.
    """
    sums = valence_arousal_sums(truth, predicted, clusters=clusters, sources=sources, within=within)
    return estimates(sums, method=method, resamples=resamples, seed=seed)


def valence_arousal_sums(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
    within: Sequence[Any] | None = None,
) -> ClusterSums:
    """Counts and moments of every cluster; arguments as in `valence_arousal_scores`.

    Table columns: faces, 9 sums of each axis, faces with an answer, 5 sums of each axis over those, and with `within`
    faces of each class, and per axis the sums of truth and of prediction in each class. Truth and prediction are
    centred by the truth's mean in the source, so that squares keep their digits.
    """
    t, p, answered = _check(truth, predicted)
    n = len(t)
    if within is not None and len(within) != n:
        raise FeabError(f"within has {len(within)} entries but there are {n} faces; give one class per face")
    where = group(n, clusters, sources)
    centre = _source_means(t, where)
    p = np.where(answered[:, None], p, 2 * centre - t)
    x, y = t - centre, p - centre
    signed = t != 0
    agree = signed & answered[:, None] & (np.sign(p) == np.sign(t))
    error = p - t

    def columns() -> Iterator[npt.NDArray[Any]]:
        yield np.ones(n)
        for a in range(2):
            yield from _moments(x[:, a], y[:, a])
            yield from (abs(error[:, a]), error[:, a] ** 2, agree[:, a], signed[:, a])
        yield answered
        for a in range(2):
            yield from (moment * answered for moment in _moments(x[:, a], y[:, a]))

    table = where.add_up(columns(), 2 + 2 * len(_ALL) + 2 * len(_ANSWERED))
    has_answer = table[:, 1 + 2 * len(_ALL)] > 0
    classes = 0
    if within is not None:
        codes, classes = encode(within)  # of free AU combinations, too: these are compared among themselves
        of_class = [where.add_up_classes(codes, classes)]
        of_class += [where.add_up_classes(codes, classes, v[:, a]) for a in range(2) for v in (x, y)]
        table = np.concatenate([table, *of_class], axis=1)

    formula = ValenceArousalFormula(classes)
    names, scales = zip(*formula.metrics(), strict=True)
    support = np.ones((len(table), len(names)), dtype=np.bool_)
    support[:, [i for i, name in enumerate(names) if name.endswith("answered")]] = has_answer[:, None]
    return ClusterSums(
        kind="valence_arousal",
        primary="ccc",
        names=names,
        scales=scales,
        clusters=where.clusters,
        sources=where.sources,
        table=table,
        support=support,
        formula=formula,
    )


@dataclass(frozen=True, slots=True)
class ValenceArousalFormula:
    """Scores from counts and moments."""

    classes: int
    """Number of classes of the within-class CCC; 0 where it is not asked for."""

    def metrics(self) -> list[tuple[str, Scale]]:
        """Names and scales of the scores, in the order of `values`."""
        found: list[tuple[str, Scale]] = [("ccc", "correlation"), ("ccc_answered", "correlation")]
        if self.classes:
            found.append(("ccc_within", "correlation"))
        for axis in AXES:
            found += [(f"ccc_{axis}", "correlation"), (f"pcc_{axis}", "correlation")]
            found += [(f"rmse_{axis}", "distance"), (f"mae_{axis}", "distance"), (f"sagr_{axis}", "fraction")]
            found.append((f"ccc_{axis}_answered", "correlation"))
            if self.classes:
                found.append((f"ccc_{axis}_within", "correlation"))
        return found

    def values(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        n = totals[..., 0]
        first = 1 + 2 * len(_ALL)
        n_answered = totals[..., first]
        of_axis = []
        for a in range(2):
            s = self._sums(totals, a)
            ccc, pcc = _agreement(n, *(s[name] for name in _ANSWERED))
            start = first + 1 + a * len(_ANSWERED)
            some = np.moveaxis(totals[..., start : start + len(_ANSWERED)], -1, 0)
            parts = [ccc, pcc, np.sqrt(ratio(s["error2"], n)), ratio(s["error"], n), ratio(s["agree"], s["signed"])]
            parts.append(_agreement(n_answered, *some)[0])
            if self.classes:
                parts.append(self._within(totals, a, n, s["xx"], s["yy"], s["xy"]))
            of_axis.append(mean_defined(np.stack(parts, -1), 0))
        v, r = of_axis
        both = (v + r) / 2
        means = [both[:, 0], both[:, 5]] + ([both[:, 6]] if self.classes else [])
        return np.concatenate([np.stack(means, -1), v, r], -1)

    def primary(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        axes = [self._sums(totals, a) for a in range(2)]
        v, r = (mean_defined(_agreement(totals[..., 0], *(s[name] for name in _ANSWERED))[0], 0) for s in axes)
        both: FloatArray = (v + r) / 2
        return both

    def _sums(self, totals: FloatArray, axis: int) -> dict[str, FloatArray]:
        """The sums over all faces of one axis, by name."""
        start = 1 + axis * len(_ALL)
        return dict(zip(_ALL, np.moveaxis(totals[..., start : start + len(_ALL)], -1, 0), strict=True))

    def chance(self, totals: FloatArray) -> FloatArray:
        """0: any answer that does not depend on the face."""
        return np.zeros(totals.shape[1])

    def _within(
        self, totals: FloatArray, axis: int, n: FloatArray, xx: FloatArray, yy: FloatArray, xy: FloatArray
    ) -> FloatArray:
        """CCC of the residuals from class means: both then have mean 0."""
        c = self.classes
        start = totals.shape[-1] - 5 * c
        faces, x, y = (totals[..., start + i * c : start + (i + 1) * c] for i in (0, 1 + 2 * axis, 2 + 2 * axis))

        def between(left: FloatArray, right: FloatArray) -> FloatArray:
            total: FloatArray = np.nan_to_num(ratio(left * right, faces)).sum(-1)
            return total

        zero = np.zeros_like(n)
        return _agreement(n, zero, zero, xx - between(x, x), yy - between(y, y), xy - between(x, y))[0]


def valence_arousal_detail(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """What stands behind the valence-arousal scores, as plain values for scores.json.

    Arguments as in `valence_arousal_scores`.

    Returns:
        `n`, `answered` (faces with an answer), for each axis `truth_mean`, `truth_sd`, `predicted_mean`, `predicted_sd`
        (answered faces; None where there is none) and, with several sources, `sources` {source: {n, clusters, ccc}}.
    """
    t, p, answered = _check(truth, predicted)
    where = group(len(t), clusters, sources)
    detail: dict[str, Any] = {"n": len(t), "answered": int(answered.sum())}
    for a, axis in enumerate(AXES):
        told, said = t[:, a], p[answered, a]
        detail[axis] = {
            "truth_mean": float(told.mean()) if len(told) else None,
            "truth_sd": float(told.std()) if len(told) else None,
            "predicted_mean": float(said.mean()) if len(said) else None,
            "predicted_sd": float(said.std()) if len(said) else None,
        }
    names = sorted(set(where.sources))
    if len(names) > 1:
        of = where.source_of_face
        detail["sources"] = {}
        for s, name in enumerate(names):
            part = valence_arousal_sums(t[of == s], p[of == s])
            ccc = float(part.values()[0, part.column("ccc")])
            detail["sources"][name] = {
                "n": int((of == s).sum()),
                "clusters": where.sources.count(name),
                "ccc": ccc if np.isfinite(ccc) else None,
            }
    return detail


def _agreement(
    n: FloatArray, x: FloatArray, y: FloatArray, xx: FloatArray, yy: FloatArray, xy: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """CCC and PCC from sums: 2 cov / (var_x + var_y + (mean_x - mean_y)^2) and cov / (sd_x sd_y)."""
    mx, my = ratio(x, n), ratio(y, n)
    vx, vy, cov = ratio(xx, n) - mx**2, ratio(yy, n) - my**2, ratio(xy, n) - mx * my
    defined, flat = vx > _CONSTANT, vy <= _CONSTANT
    ccc = np.where(flat, 0.0, np.clip(ratio(2 * cov, vx + vy + (mx - my) ** 2), -1, 1))
    pcc = np.where(flat, 0.0, np.clip(ratio(cov, np.sqrt(np.maximum(vx * vy, 0.0))), -1, 1))
    return np.where(defined, ccc, np.nan), np.where(defined, pcc, np.nan)


def _moments(x: FloatArray, y: FloatArray) -> Iterator[FloatArray]:
    yield from (x, y)
    for one, other in ((x, x), (y, y), (x, y)):
        yield one * other


def _check(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[FloatArray, FloatArray, BoolArray]:
    t, p = matrix(truth, "truth", 2), matrix(predicted, "predicted", 2)
    if len(t) != len(p):
        raise FeabError(f"truth has {len(t)} faces but predicted has {len(p)}; give one answer per face")
    silent = np.isnan(p)
    half = np.flatnonzero(silent.any(1) & ~silent.all(1))
    if len(half):
        raise FeabError(f"predicted[{half[0]}] is {p[half[0]].tolist()}: an answer has both values, or NaN for both")
    bad = np.flatnonzero(~(abs(t) <= 1).all(1))
    if len(bad):
        raise FeabError(
            f"truth[{bad[0]}] is {t[bad[0]].tolist()}; valence and arousal lie in [-1, 1] "
            "(leave out faces without the label: -2 and -5 are data sets' marks for it)"
        )
    bad = np.flatnonzero(~((abs(p) <= 1) | silent).all(1))
    if len(bad):
        raise FeabError(f"predicted[{bad[0]}] is {p[bad[0]].tolist()}, outside [-1, 1]; use NaN for no usable answer")
    return t, p, np.logical_not(silent.any(1))


def _source_means(values: FloatArray, where: Grouping) -> FloatArray:
    """For each face the mean over its source."""
    of = where.source_of_face
    means = np.zeros_like(values)
    for s in range(len(set(where.sources))):
        means[of == s] = values[of == s].mean(0)
    return means

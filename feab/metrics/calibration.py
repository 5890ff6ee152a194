"""How true a model's probabilities are: Brier score and expected calibration error, with 95 % intervals.

The Brier score (Brier 1950) is the mean squared distance between the probabilities and what is so: for expressions
summed over the labels, from 0 to 2 (0.875 for a uniform guess at eight labels); for action units of presence alone,
from 0 to 1, and the mean over units.

The expected calibration error is the mean distance, over bins of like confidence, between the mean confidence and the
share that was right. `ece` has 15 bins of equally many faces, `ece_width` 15 bins of equal width (Guo et al. 2017). For
expressions confidence is the probability of the likeliest label; for action units it is that of presence, over all
pairs of a face and a unit. It is 0 for no finite number of faces, not even of a perfectly calibrated model: `floor` is
what such a one would have, with the same confidences. Intervals take the bins as given.

Faces without probabilities are left out. What probabilities lack to a sum of 1 is taken for "none of the labels".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.sums import (
    BoolArray,
    ClusterSums,
    FloatArray,
    Grouping,
    IntArray,
    Scale,
    group,
    matrix,
    mean_defined,
    ratio,
)

BINS = 15
_SIMULATIONS = 200
_NAMES: tuple[tuple[str, Scale], ...] = (("brier", "distance"), ("ece", "fraction"), ("ece_width", "fraction"))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Judgements with a confidence each: one a face (expressions), or one a face and unit."""

    face: IntArray
    confidence: FloatArray
    right: BoolArray
    by_mass: IntArray
    """Bin of each among those of equally many."""
    by_width: IntArray


def expression_calibration_sums(
    truth: Sequence[str],
    probabilities: npt.ArrayLike,
    labels: Sequence[str],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> ClusterSums:
    """Sums per cluster behind `brier`, `ece` and `ece_width` of probabilities (faces, labels).

    Raises:
        FeabError: when shapes differ, a probability is not in [0, 1], or a truth is not in `labels`.
    """
    p, true = _labelled(truth, probabilities, labels)
    where = group(len(p), clusters, sources)
    return _sums("expression", where, [_brier(p, true)], [np.ones(len(p))], _judged(p, true))


def action_unit_calibration_sums(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    aus: Sequence[int],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> ClusterSums:
    """Sums per cluster behind `brier`, `ece` and `ece_width` of probabilities of presence (faces, AUs).

    `truth` is 1 present, 0 absent, NaN not coded.

    Raises:
        FeabError: when shapes differ or a probability is not in [0, 1].
    """
    t, p = _present(truth, probabilities, aus)
    where = group(len(t), clusters, sources)
    coded = ~np.isnan(t)
    squares = [np.where(coded[:, j], (p[:, j] - t[:, j]) ** 2, 0.0) for j in range(len(aus))]
    return _sums("action_units", where, squares, [coded[:, j] for j in range(len(aus))], _judged_units(t, p))


def expression_reliability(
    truth: Sequence[str], probabilities: npt.ArrayLike, labels: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """What stands behind the calibration of expressions, for scores.json: see `_reliability`."""
    p, true = _labelled(truth, probabilities, labels)
    return _reliability(len(p), _judged(p, true), seed)


def action_unit_reliability(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, aus: Sequence[int], *, seed: int = 0
) -> dict[str, Any]:
    """What stands behind the calibration of action units, for scores.json: see `_reliability`."""
    t, p = _present(truth, probabilities, aus)
    return _reliability(len(t), _judged_units(t, p), seed)


def _reliability(faces: int, judged: Judged, seed: int) -> dict[str, Any]:
    """`n` faces with probabilities; `bins` of equal width [{low, high, n, confidence, right}], the empty ones left out;
    `floor` {ece, ece_width}: those of a perfectly calibrated model with these confidences, by simulation.
    """
    bins = []
    for b in range(BINS):
        here = judged.by_width == b
        if n := int(here.sum()):
            mean = {"confidence": float(judged.confidence[here].mean()), "right": float(judged.right[here].mean())}
            bins.append({"low": b / BINS, "high": (b + 1) / BINS, "n": n, **mean})
    rng = np.random.default_rng(seed)
    total = np.zeros(2)
    for _ in range(_SIMULATIONS):
        gap = (rng.random(len(judged.confidence)) < judged.confidence) - judged.confidence
        total += [_error(gap, judged.by_mass), _error(gap, judged.by_width)]
    floor = (total / _SIMULATIONS).tolist()
    return {"n": faces, "bins": bins, "floor": {"ece": floor[0], "ece_width": floor[1]}}


def _error(gap: FloatArray, bins: IntArray) -> float:
    return float(np.abs(np.bincount(bins, weights=gap, minlength=BINS)).sum() / max(len(gap), 1))


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationFormula:
    """Scores from, in turn: squared errors of each question, how many of each, judgements, and gaps of all bins."""

    questions: int

    def values(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        k = self.questions
        brier = self._of_questions(totals)
        n = totals[..., 2 * k]
        gaps = np.abs(totals[..., 2 * k + 1 :])
        errors = [ratio(gaps[..., :BINS].sum(-1), n), ratio(gaps[..., BINS:].sum(-1), n)]
        return mean_defined(np.stack([brier, *errors], -1), 0)

    def primary(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        return mean_defined(self._of_questions(totals), 0)

    def _of_questions(self, totals: FloatArray) -> FloatArray:
        k = self.questions
        return mean_defined(ratio(totals[..., :k], totals[..., k : 2 * k]), -1)

    def chance(self, totals: FloatArray) -> FloatArray:
        """None is told."""
        return np.full(totals.shape[1], np.nan)


def _sums(
    kind: Any,
    where: Grouping,
    squares: Sequence[FloatArray],
    counted: Sequence[npt.NDArray[Any]],
    judged: Judged,
) -> ClusterSums:
    gap = judged.right - judged.confidence
    of = where.of_face[judged.face]
    clusters = len(where.clusters)
    parts = [
        where.add_up([*squares, *counted], 2 * len(squares)),
        np.bincount(of, minlength=clusters).astype(np.float64)[:, None],
        *(
            np.bincount(of * BINS + bins, weights=gap, minlength=clusters * BINS).reshape(-1, BINS)
            for bins in (judged.by_mass, judged.by_width)
        ),
    ]
    table = np.concatenate(parts, axis=1)
    seen = table[:, [2 * len(squares)]] > 0
    return ClusterSums(
        kind=kind,
        primary=_NAMES[0][0],
        names=tuple(name for name, _ in _NAMES),
        scales=tuple(scale for _, scale in _NAMES),
        clusters=where.clusters,
        sources=where.sources,
        table=table,
        support=np.repeat(seen, len(_NAMES), axis=1),
        formula=CalibrationFormula(len(squares)),
    )


def _brier(p: FloatArray, true: IntArray) -> FloatArray:
    here = p[np.arange(len(p)), true]
    none = np.maximum(1 - p.sum(1), 0.0)
    squares: FloatArray = (p**2).sum(1) - here**2 + (1 - here) ** 2 + none**2
    return squares


def _judged(p: FloatArray, true: IntArray) -> Judged:
    return _binned(np.arange(len(p)), p.max(1, initial=0.0), p.argmax(1) == true if len(p) else true == 0)


def _judged_units(t: FloatArray, p: FloatArray) -> Judged:
    face, unit = np.nonzero(~np.isnan(t))
    return _binned(face, p[face, unit], t[face, unit] == 1)


def _binned(face: IntArray, confidence: FloatArray, right: BoolArray) -> Judged:
    by_width = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(np.intp)
    inner = np.quantile(confidence, np.arange(1, BINS) / BINS) if len(confidence) else np.zeros(BINS - 1)
    return Judged(face, confidence, right, np.searchsorted(inner, confidence, side="left"), by_width)


def _labelled(truth: Sequence[str], probabilities: npt.ArrayLike, labels: Sequence[str]) -> tuple[FloatArray, IntArray]:
    p = _shares(probabilities, len(labels))
    number = {label: i for i, label in enumerate(labels)}
    if len(truth) != len(p):
        raise FeabError(f"truth has {len(truth)} faces but probabilities has {len(p)}; give one row per face")
    if unknown := next((label for label in truth if label not in number), None):
        raise FeabError(f"truth holds {unknown!r}, which is not one of the labels {', '.join(labels)}")
    return p, np.fromiter((number[label] for label in truth), dtype=np.intp, count=len(truth))


def _present(truth: npt.ArrayLike, probabilities: npt.ArrayLike, aus: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    t, p = matrix(truth, "truth", len(aus)), _shares(probabilities, len(aus))
    if len(t) != len(p):
        raise FeabError(f"truth has {len(t)} faces but probabilities has {len(p)}; give one row per face")
    return t, p


def _shares(probabilities: npt.ArrayLike, columns: int) -> FloatArray:
    p = matrix(probabilities, "probabilities", columns)
    if not ((p >= 0) & (p <= 1)).all():
        raise FeabError("probabilities must lie in [0, 1]; leave faces without any out")
    return p

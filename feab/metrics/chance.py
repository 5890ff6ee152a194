"""What players without eyes score, and one who knows the expression and nothing else: the rows beside every table.

All of them are computed from the truth alone, with the formulas that score models. A constant answer is chosen on the
very truth it is scored on, so these are the best such players, not fair ones.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.action_units import ActionUnitFormula, action_unit_sums, narrowest
from feab.metrics.expression import ExpressionFormula, expression_sums
from feab.metrics.sums import ClusterSums, FloatArray, IntArray, encode, matrix, mean_defined
from feab.metrics.valence_arousal import valence_arousal_sums


def expression_chance(
    truth: Sequence[str], labels: Sequence[str], *, sources: Sequence[Any] | None = None
) -> dict[str, float]:
    """Macro-F1 of guessing and of the commonest label.

    Returns:
        `uniform`: the exact expectation for a label drawn at random for each face; `majority`: the label that is
        commonest in the truth (of a tie, the first in `labels`) for every face. Empty where macro-F1 is undefined.
    """
    labels = list(labels)
    counts = [sum(t == label for t in truth) for label in labels]
    majority = labels[int(np.argmax(counts))] if labels else None
    sums = expression_sums(truth, [majority] * len(truth), labels, clusters=_together(truth), sources=sources)
    if not sums.clusters:
        return {}
    assert isinstance(sums.formula, ExpressionFormula)
    k = len(labels)
    faces = sums.totals()[:, 0].reshape(-1, k, k + 1).sum(-1)
    f1 = np.array([[_expected_f1(x, of.sum(), 1 / k) for x in of] for of in faces])
    per_source = mean_defined(np.where(sums.formula.kept, f1, np.nan), 1)
    return _defined({"uniform": float(mean_defined(per_source, 0)), "majority": _primary(sums)})


def valence_arousal_chance(truth: npt.ArrayLike, *, sources: Sequence[Any] | None = None) -> dict[str, float]:
    """Mean CCC of answers that do not depend on the face.

    Returns:
        `uniform` (independent random values) and `constant` (the neutral point, or any other), both 0 by definition:
        the covariance of a constant is 0, and of shuffled answers it is 0 on average while the rest of the CCC does
        not change. Empty where the CCC is undefined.
    """
    t = matrix(truth, "truth", 2)
    together = _together(t)
    constant = _primary(valence_arousal_sums(t, 0 * t, clusters=together, sources=sources)) if len(t) else np.nan
    return _defined({"uniform": constant, "constant": constant})


def action_unit_chance(
    truth: npt.ArrayLike,
    aus: Sequence[int],
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> dict[str, float]:
    """Mean F1 of guessing and of constant answers.

    Returns:
        `uniform`: the exact expectation of tossing a coin for every AU; `always-active`: every AU for every face,
        2p / (1 + p) at prevalence p, the best answer without eyes; `majority`: the AUs present in more than half of the
        faces that code them. Empty where no AU has enough positives.
    """
    t = matrix(truth, "truth", len(aus), narrowest(truth))
    common = mean_defined(t, 0) > 0.5 if len(t) else np.zeros(len(aus), dtype=np.bool_)
    same = np.broadcast_to(common, t.shape)
    majority = action_unit_sums(t, same, aus, clusters=clusters, sources=sources)
    if not majority.clusters:
        return {}
    formula = majority.formula
    assert isinstance(formula, ActionUnitFormula)
    totals = majority.totals()
    tp, fp, fn, tn, _ = np.moveaxis(totals[:, 0].reshape(-1, 5, len(aus)), 1, 0)
    positives, coded = tp + fn, tp + fp + fn + tn
    coin = np.array(
        [[_expected_f1(x, n, 0.5) for x, n in zip(*of, strict=True)] for of in zip(positives, coded, strict=True)]
    )
    per_au = mean_defined(np.where(formula.enough, coin, np.nan), 0)
    return _defined(
        {
            "uniform": float(mean_defined(per_au, 0)),
            "majority": _primary(majority),
            "always-active": float(formula.chance(totals)[0]),
        }
    )


def oracle_from_expression(
    expression: Sequence[Any],
    valence_arousal: npt.ArrayLike | None = None,
    action_units: npt.ArrayLike | None = None,
    aus: Sequence[int] = (),
    *,
    clusters: Sequence[Any] | None = None,
) -> dict[str, float]:
    """Scores of a player who knows the expression class of each face and nothing else about it.

    The player answers the class's mean valence and arousal, and the AUs that at least half of the class's coded faces
    show, both taken from this truth. What a model gets above it was read off the face, beyond its class. Faces without
    a class (None or NaN: free AU combinations) are a class of their own.

    Args:
        expression: the class of each face, or None.
        valence_arousal: (faces, 2) truth; NaN rows are left out.
        action_units: (faces, AUs) truth: 1, 0, NaN.
        aus: the AU number of each column.
        clusters: whose face it is: it decides which AUs have enough positives.

    Returns:
        `ccc` (mean of both) and `f1` (mean over AUs), each only where its truth is given and the score defined.
    """
    of, classes = encode(expression)
    scores = {}
    if valence_arousal is not None:
        t = _same_length(matrix(valence_arousal, "valence_arousal", 2), of)
        rows = np.flatnonzero(~np.isnan(t).any(1))
        if len(rows):
            t, of_row = t[rows], of[rows]
            said = _class_means(t, of_row, classes)[of_row]
            scores["ccc"] = _primary(valence_arousal_sums(t, said, clusters=_together(t)))
    if action_units is not None:
        t = _same_length(matrix(action_units, "action_units", len(aus), narrowest(action_units)), of)
        if len(t):
            common = _class_means(t, of, classes) >= 0.5
            sums = action_unit_sums(t, common[of], aus, clusters=clusters)
            scores["f1"] = _primary(sums) if sums.clusters else np.nan
    return _defined(scores)


def _expected_f1(positives: float, n: float, p: float) -> float:
    """Expected F1 of naming each of n faces with probability p, whatever it shows.

    Given that M faces were named, the true positives TP are hypergeometric with mean M positives / n, and
    F1 = 2 TP / (positives + M) is linear in TP: E[F1] = E[2 M positives / n / (positives + M)], M ~ Binomial(n, p).
    """
    from scipy.special import gammaln  # scipy.stats has this distribution, for 46 MB and a second

    if positives == 0:
        return float("nan")
    if p == 1:
        return 2 * positives / (positives + n)
    named = np.arange(int(n) + 1)
    log = named * np.log(p / (1 - p)) - gammaln(named + 1) - gammaln(n - named + 1)
    likely = np.exp(log - log.max())
    # Divided by their sum, the probabilities keep their digits where the logarithms are in the ten thousands.
    return float((likely * 2 * named * positives / n / (positives + named)).sum() / likely.sum())


def _together(faces: Sized) -> list[str]:
    """All faces in one cluster: where no interval is wanted, sums for each face would be all that memory holds."""
    return ["all"] * len(faces)


def _class_means(truth: FloatArray, of: IntArray, classes: int) -> FloatArray:
    """The mean of each class, leaving out NaN."""
    return np.stack([mean_defined(truth[of == c], 0) for c in range(classes)])


def _same_length(truth: FloatArray, of: IntArray) -> FloatArray:
    if len(truth) != len(of):
        raise FeabError(f"expression has {len(of)} faces but the truth has {len(truth)}; give one class per face")
    return truth


def _primary(sums: ClusterSums) -> float:
    return float(sums.values()[0, sums.column(sums.primary)])


def _defined(scores: dict[str, float]) -> dict[str, float]:
    return {name: score for name, score in scores.items() if np.isfinite(score)}

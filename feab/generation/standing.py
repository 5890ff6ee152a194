"""How sure the posterior is of each level, and how sure it must be for the level to be accepted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feab.generation.fitted import ErrorModel
from feab.generation.record import Level, Value
from feab.generation.settings import Settings
from feab.generation.tally import Floats
from feab.knowledge import Posterior
from feab.metrics.intervals import clopper_pearson
from feab.vocabulary import EXPRESSIONS

_NORMAL = 1.959964
"""Standard deviations of a two-sided 95 % interval: upper bounds here are its upper ends, as Clopper-Pearson's is."""


def confidence(found: Posterior, level: Level, model: ErrorModel, settings: Settings) -> Floats:
    """The probability in [0, 1] that each face's likeliest value is right, (n,).

    Of AUs it is the expected share of them that is right; of valence and arousal the probability that both are within
    `settings.va_error` of the truth, as widened normal distributions.
    """
    if level == "expression":
        return np.asarray(found.expression.max(axis=1))
    if level == "action_units":
        return np.asarray(np.maximum(found.action_units, 1 - found.action_units).mean(axis=1))
    return within(widened(found, model), settings.va_error)


def within(sds: Floats, error: float) -> Floats:
    """(n, 2) standard deviations of valence and arousal -> the chance that neither is off by more than `error`."""
    from scipy.special import erf

    return np.asarray(erf(error / (np.sqrt(2) * np.maximum(sds, 1e-6))).prod(axis=1))


def widened(found: Posterior, model: ErrorModel) -> Floats:
    """Standard deviations of valence and arousal, (n, 2), as wide as errors on labelled faces were.

    The posterior's own are no measure of its errors: knowledge is of words, not of faces (on rendered ones its squared
    errors are between .3 and 1.3 times its variance, by axis, with misses of up to 6 standard deviations), and an
    annotator's misses have longer tails than the normal model.
    """
    return found.sds * model.widening


def values(found: Posterior, level: Level) -> list[Value]:
    """Each face's value: the likeliest expression, the AUs more probable than not, mean valence and arousal."""
    if level == "expression":
        return [EXPRESSIONS[column] for column in found.expression.argmax(axis=1)]
    if level == "action_units":
        return [frozenset(au for au, p in zip(found.aus, row, strict=True) if p > 0.5) for row in found.action_units]
    return [(float(np.clip(v, -1, 1)), float(np.clip(a, -1, 1))) for v, a in found.means]


def limit(level: Level, model: ErrorModel, settings: Settings) -> float:
    """The confidence from which on a level is sure enough; of valence and arousal the standard deviation up to which.

    Fitted, or while nothing is `settings.provisional` (of valence and arousal `settings.va_sd`).
    """
    fitted = model.thresholds.get(level)
    if fitted is not None:
        return fitted
    return settings.va_sd if level == "valence_arousal" else settings.provisional


def settled(found: Posterior, level: Level, model: ErrorModel, settings: Settings) -> npt.NDArray[np.bool_]:
    """Whether each face is sure enough to stop asking, (n,)."""
    most = limit(level, model, settings)
    if level == "valence_arousal":
        return np.asarray(widened(found, model).max(axis=1) <= most)
    return np.asarray(confidence(found, level, model, settings) >= most)


def accepted(found: Posterior, level: Level, model: ErrorModel, settings: Settings) -> npt.NDArray[np.bool_]:
    """Whether each face's value may be used, (n,): never where no labelled faces say how often such values are wrong,
    unless `settings.unlabelled` says so, and never where no threshold keeps the error small enough.
    """
    if not model.calibrated.get(level, False):
        if settings.unlabelled is None:
            return np.zeros(len(found.expression), bool)
        return confidence(found, level, model, settings) >= settings.unlabelled
    if model.thresholds.get(level) is None:
        return np.zeros(len(found.expression), bool)
    return settled(found, level, model, settings)


def least_confidence(sure: Floats, wrong: Floats, target: float, most: int) -> float | None:
    """The smallest confidence whose accepted labelled faces have an error with upper bound at most the target.

    The bound is Clopper and Pearson's (1934). Where a face has several labels its errors go together: then they count
    as many trials as the variance between faces leaves of them, at least one and at most `most` a face. It is the
    smallest of many, hence a little optimistic.

    Args:
        sure: (n,), confidences.
        wrong: (n,), the share of each face's labels that is wrong.
        target: share that may be wrong.
        most: labels of a face.

    Returns:
        None when no confidence suffices.
    """
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], wrong[order]
    n = np.arange(1, len(sure) + 1)
    mean, square = np.cumsum(wrong) / n, np.cumsum(wrong**2) / n
    last = np.append(sure[1:] < sure[:-1], True)  # faces of like confidence are accepted together
    for end in np.flatnonzero(last & (mean <= target))[::-1]:
        spread = max(float(square[end] - mean[end] ** 2), 1e-12)
        trials = float(np.clip(mean[end] * (1 - mean[end]) / spread, 1, most)) * n[end]
        if clopper_pearson(float(mean[end]), trials)[1] <= target:
            return float(sure[end])
    return None


def upper_mean(values: Floats) -> Floats:
    """The upper end of the 95 % interval of the mean of each column, by the normal distribution."""
    return _upper(values.sum(axis=0), (values**2).sum(axis=0), np.array(float(len(values))))


def _upper(total: Floats, squares: Floats, n: Floats) -> Floats:
    mean = total / n
    return np.asarray(mean + _NORMAL * np.sqrt(np.maximum(squares / n - mean**2, 0) / n))


def largest_spread(sds: Floats, missed: Floats, target: float) -> float | None:
    """The largest standard deviation, up to the target, up to which labelled faces' errors are no larger than that.

    Args:
        sds: (n, 2), widened ones of valence and arousal.
        missed: (n, 2), their errors.
        target: the accepted root mean square of each; its upper bound is that of a mean of n squares.

    Returns:
        None when none suffices.
    """
    widest = sds.max(axis=1)
    order = np.argsort(widest, kind="stable")
    order = order[widest[order] <= target]
    squares = missed[order] ** 2
    n = np.arange(1.0, len(order) + 1)[:, None]
    upper = _upper(np.cumsum(squares, axis=0), np.cumsum(squares**2, axis=0), n)
    fine = np.flatnonzero((upper <= target**2).all(axis=1) & (n[:, 0] >= 10))
    return float(widest[order[fine[-1]]]) if len(fine) else None

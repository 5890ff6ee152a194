"""Errors that one face shares: answers of a face follow a Dirichlet-multinomial around the rates of its true class.

Each face draws its own answer distribution p ~ Dirichlet(c π_true) and then answers from it. Repeated draws are
therefore worth less and less, N (1 + c) / (N + c) independent ones, and a face that is always misread the same way does
not pass for sure (measurement.md 4.4; after Dawid & Skene 1979, who take draws as independent: c -> infinity).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.generation.tally import Floats

_SMOOTHING = 0.5
_LEAST, _MOST = np.log(0.05), np.log(1000.0)
_USUAL, _WIDTH = np.log(2.0), 2.0
"""Prior of log c: so wide that it counts only where faces are few or were asked once, which says nothing of c."""
_ROUNDS = 200


def log_polya(counts: Floats, alpha: Floats) -> Floats:
    """Log-probability of answers, in the order they came, if p ~ Dirichlet(alpha): (..., K) counts -> (...)."""
    from scipy.special import gammaln

    total = alpha.sum(axis=-1)
    rising = (gammaln(alpha + counts) - gammaln(alpha)).sum(axis=-1)
    return np.asarray(gammaln(total) - gammaln(total + counts.sum(axis=-1)) + rising)


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """Fitted rates of j problems.

    Attributes:
        rates: π, (j, classes of truth, answers), rows summing to 1.
        concentration: c, (j,).
    """

    rates: Floats
    concentration: Floats


def fit_dispersion(counts: Floats, truth: npt.NDArray[np.integer], classes: int) -> Dispersion:
    """Rates and concentration by maximum likelihood, of j problems at once.

    Rates are smoothed by half an answer in every cell; answers count as often as they are independent, c π_k
    [ψ(c π_k + n_k) - ψ(c π_k)] times, the expected number of fresh draws of a Pólya urn that made them (Antoniak 1974).

    Args:
        counts: (j, faces, answers).
        truth: (j, faces), the class of each; -1 where it is not known.
        classes: how many there are.
    """
    from scipy.special import digamma

    told = (truth >= 0) & (counts.sum(axis=-1) > 0)
    belongs = ((truth[..., None] == np.arange(classes)) & told[..., None]).astype(float)
    where = np.where(told, truth, 0)[..., None]
    rates = _smoothed(np.einsum("jfc,jfk->jck", belongs, counts))
    log_c = np.full(len(counts), _USUAL)
    for _ in range(_ROUNDS):
        alpha = np.exp(log_c)[:, None, None] * np.take_along_axis(rates, where, axis=1)
        fresh = alpha * (digamma(alpha + counts) - digamma(alpha))
        new = _smoothed(np.einsum("jfc,jfk->jck", belongs, fresh))
        step = _newton(log_c, counts, np.take_along_axis(new, where, axis=1), told)
        moved = max(float(np.abs(new - rates).max(initial=0)), float(np.abs(step).max(initial=0)))
        rates, log_c = new, np.clip(log_c + step, _LEAST, _MOST)
        if moved < 1e-4:
            break
    return Dispersion(rates, np.exp(log_c))


def _smoothed(counts: Floats) -> Floats:
    shares = counts + _SMOOTHING
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _newton(log_c: Floats, counts: Floats, rates: Floats, told: npt.NDArray[np.bool_]) -> Floats:
    """The step of log c towards the most likely one, (j,), by differences; merely uphill where the curve bends up."""
    width = 0.05
    low, here, high = (_log_posterior(log_c + shift, counts, rates, told) for shift in (-width, 0.0, width))
    slope, bend = (high - low) / (2 * width), (high - 2 * here + low) / width**2
    step = np.where(bend < 0, -slope / np.minimum(bend, -1e-9), np.sign(slope))
    return np.asarray(np.clip(log_c + np.clip(step, -1, 1), _LEAST, _MOST) - log_c)


def _log_posterior(log_c: Floats, counts: Floats, rates: Floats, told: npt.NDArray[np.bool_]) -> Floats:
    likelihood = np.where(told, log_polya(counts, np.exp(log_c)[:, None, None] * rates), 0).sum(axis=-1)
    return np.asarray(likelihood - 0.5 * ((log_c - _USUAL) / _WIDTH) ** 2)

"""Setting right how sure the posterior is, level by level, on labelled faces that its rates have not seen.

What goes into the posterior is not as independent as it takes it for: an annotator that believes to see anger says what
goes with anger, and knowledge may be of other faces than these. So probabilities are scaled on the logarithm, p' ~
p ** slope · exp(shift), with one slope a level and a shift for each expression and AU (Platt 1999; vector scaling, Guo
et al. 2017), towards none by a weak prior. Labels that are certain stay certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from feab.generation.fitted import Scaling
from feab.generation.tally import Floats
from feab.knowledge import Posterior

_SLOPE_SPREAD = 0.3
_SHIFT_SPREAD = 0.5
"""Standard deviations of the priors of the slope's logarithm, around 0, and of shifts (our choice)."""

_LEAST = 1e-12


def rescaled(found: Posterior, scaling: Scaling) -> Posterior:
    """The posterior with expressions and AUs set right."""
    slope, shift = scaling.expression_slope, np.array(scaling.expression_shift)
    with np.errstate(divide="ignore"):
        log = slope * np.log(found.expression) + shift
        odds = np.log(found.action_units) - np.log1p(-found.action_units)
    expression = np.exp(log - log.max(axis=1, keepdims=True))
    odds = scaling.unit_slope * odds + np.array(scaling.unit_shift)
    return replace(
        found,
        expression=expression / expression.sum(axis=1, keepdims=True),
        action_units=0.5 * (1 + np.tanh(0.5 * odds)),
    )


def fit_expression(shares: Floats, truth: npt.NDArray[np.integer]) -> tuple[float, tuple[float, ...]]:
    """Slope and shifts from probabilities (n, 8) and the true one's number (n,)."""
    log = np.log(np.maximum(shares, _LEAST))
    right = np.eye(shares.shape[1])[truth]

    def loss(slope: float, shift: Floats) -> tuple[float, float, Floats]:
        scaled = slope * log + shift
        scaled -= scaled.max(axis=1, keepdims=True)
        p = np.exp(scaled)
        p /= p.sum(axis=1, keepdims=True)
        missed = p - right
        return (
            -float(np.log(np.maximum((p * right).sum(axis=1), _LEAST)).sum()),
            float((missed * log).sum()),
            missed.sum(0),
        )

    return _fitted(loss, shares.shape[1])


def fit_units(chances: Floats, truth: Floats) -> tuple[float, tuple[float, ...]]:
    """Slope and shifts from P(present) (n, k) and truth 1, 0 or NaN (n, k)."""
    clipped = np.clip(chances, _LEAST, 1 - 1e-9)
    odds, coded = np.log(clipped) - np.log1p(-clipped), ~np.isnan(truth)
    present = np.where(coded, truth, 0)

    def loss(slope: float, shift: Floats) -> tuple[float, float, Floats]:
        scaled = slope * odds + shift
        missed = np.where(coded, 0.5 * (1 + np.tanh(0.5 * scaled)) - present, 0)
        total = np.where(coded, np.logaddexp(0, scaled) - present * scaled, 0).sum()
        return float(total), float((missed * odds).sum()), missed.sum(axis=0)

    return _fitted(loss, chances.shape[1])


def _fitted(
    loss: Callable[[float, Floats], tuple[float, float, Floats]], shifts: int
) -> tuple[float, tuple[float, ...]]:
    """The slope and shifts of the least loss with its priors; `loss` also tells how it changes with them."""
    from scipy.optimize import minimize

    def objective(at: Floats) -> tuple[float, Floats]:
        slope, shift = float(np.exp(at[0])), at[1:]
        value, by_slope, by_shift = loss(slope, shift)
        value += 0.5 * (at[0] / _SLOPE_SPREAD) ** 2 + 0.5 * float((shift**2).sum()) / _SHIFT_SPREAD**2
        return value, np.append(by_slope * slope + at[0] / _SLOPE_SPREAD**2, by_shift + shift / _SHIFT_SPREAD**2)

    found = minimize(
        objective, np.zeros(1 + shifts), jac=True, method="L-BFGS-B", bounds=[(-2, 2)] + [(-4, 4)] * shifts
    )
    return float(np.exp(found.x[0])), tuple(map(float, found.x[1:]))

"""What one more context promises: the one-step value of information (measurement.md 4.5)."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
import numpy.typing as npt

from feab.generation.fitted import ErrorModel
from feab.generation.posterior import affect_noise, expression_alpha, sampling_variance, unit_alpha
from feab.generation.record import Level
from feab.generation.settings import Settings
from feab.generation.standing import widened, within
from feab.generation.tally import Floats, Tally
from feab.knowledge import Posterior

_AHEAD = 2
"""Answers that are looked ahead at, together: by one alone a decision often cannot change (our choice)."""


def gains(said: Tally, found: Posterior, model: ErrorModel, settings: Settings) -> dict[Level, Floats]:
    """Level -> by how much one more context is expected to raise the probability of being right, (n,), 0 or more.

    What an answer at one level says of the others, through knowledge, is left aside: it would take a posterior for each
    answer that may come. Of AUs the gain is that of their expected share; of valence and arousal that of both being
    within `settings.va_error`.
    """
    ahead = min(settings.draws, _AHEAD)
    counts, alpha = expression_alpha(said, model)
    expression = expected_best(found.expression, counts[:, None] + alpha, ahead)
    named, rates = unit_alpha(said, model)
    prior = np.stack((1 - found.action_units, found.action_units), axis=-1)
    units = expected_best(prior, named[:, :, None] + rates, ahead)
    return {
        "expression": np.maximum(expression - found.expression.max(axis=1), 0),
        "action_units": np.maximum(units - prior.max(axis=-1), 0).mean(axis=1),
        "valence_arousal": _affect_gain(said, found, model, settings),
    }


def expected_best(prior: Floats, alpha: Floats, ahead: int) -> Floats:
    """Σ_answers max_z P(z) P(answers | z): how probable the likeliest truth will be, on average, after more answers.

    Args:
        prior: (..., z), the posterior so far.
        alpha: (..., z, K), the Dirichlet's parameters under each truth, with what was said so far added.
        ahead: answers to come.
    """
    answers, times = _answers(alpha.shape[-1], ahead)
    total = alpha.sum(axis=-1)[..., None]
    likelihood = np.ones((*alpha.shape[:-1], len(answers)))
    for step in range(ahead):
        taken = (answers[:, :step] == answers[:, step : step + 1]).sum(axis=1)
        likelihood = likelihood * (alpha[..., answers[:, step]] + taken) / (total + step)
    joint = prior[..., None] * likelihood * times
    return np.asarray(joint.max(axis=-2).sum(axis=-1))


def _answers(classes: int, ahead: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Every set of answers, in order, and in how many orders it can come."""
    sets = list(combinations_with_replacement(range(classes), ahead))
    orders = [factorial(ahead) // prod(factorial(one.count(a)) for a in set(one)) for one in sets]
    return np.array(sets, np.intp).reshape(len(sets), ahead), np.array(orders, float)


def _affect_gain(said: Tally, found: Posterior, model: ErrorModel, settings: Settings) -> Floats:
    """As if posteriors were normal: the measured part of 1/variance is β² / noise, and its noise becomes less."""
    now = widened(found, model)
    reads = said.affect_reads.sum(axis=1)
    after = found.sds.copy()
    for axis, errors in enumerate(model.axes):
        noise = np.where(reads > 0, affect_noise(said, model, axis), np.inf)
        used = (said.affect_reads > 0).sum(axis=1)
        sampling = np.where(reads > 0, sampling_variance(said, errors.between, errors.within), 0)
        another = errors.between**2 + errors.within**2 / settings.draws
        less = errors.tau**2 + (sampling * used**2 + another) / (used + 1) ** 2
        slope = errors.beta**2
        precision = 1 / np.maximum(found.sds[:, axis], 1e-3) ** 2
        after[:, axis] = 1 / np.sqrt(np.maximum(precision - slope / noise + slope / less, precision))
    return np.maximum(within(after * model.widening, settings.va_error) - within(now, settings.va_error), 0)

"""What a face shows, given its human labels, what an annotator and a verifier said of it, and knowledge.

    log P(z | all) = λ log P_K(z) + (1 - λ)+ log P_0(z) + ℓ_expression + Σ_j ℓ_AU j + ℓ_valence + ℓ_arousal + ℓ_verifier

after measurement.md 4.4, with human labels fixed. P_0, the labels' base rates on labelled faces, each by itself, is our
addition: λ alone would flatten those with the rest of the knowledge (at λ = 1/2 an AU of one face in 20 would be
expected in one of 5), so that "no knowledge of what goes together" would mean "AUs are there as often as not". It is a
logarithmic opinion pool (Genest & Zidek 1986). And P_K(valence | expression, AUs) ** λ is made to sum to 1 again, and
so for arousal: then a level that nobody was asked about says nothing of the others, and λ < 1 only widens it.

λ is fitted for each level, which is then judged by it (our choice): tables may be right about AUs and wrong about
arousal. What comes out is set right on labelled faces (`feab.generation.rescaling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from feab.errors import FeabError
from feab.generation.dispersion import log_polya
from feab.generation.fitted import ErrorModel
from feab.generation.record import FaceDraws
from feab.generation.rescaling import rescaled
from feab.generation.tally import Floats, Tally, divided, tally
from feab.generation.verifying import verdicts_evidence
from feab.knowledge import GRID, Evidence, Given, JointModel, Posterior, certain, nothing, posterior
from feab.knowledge.joint import Axis


def truth(faces: Sequence[FaceDraws], given: Sequence[Given], model: ErrorModel, knowledge: JointModel) -> Posterior:
    """What each face shows, level by level, from everything that is known of it.

    Args:
        faces: n of them; those without draws are judged by knowledge and labels alone.
        given: the human labels that the annotator saw: certain.
        model: the annotator's errors.
        knowledge: of what goes together, not tempered: λ is the error model's.

    Raises:
        FeabError: when they are not about the same AUs, or a label or draw cannot be.
    """
    said = tally(faces, model.aus)
    known = certain(given, model.aus) + heard(faces, said, model)
    return rescaled(judged(said, known, model, knowledge), model.scaling)


def evidence(faces: Sequence[FaceDraws], model: ErrorModel, aus: Sequence[int]) -> Evidence:
    """Log-weights of all draws and verdicts on n faces.

    Raises:
        FeabError: when the model is about other AUs.
    """
    if tuple(aus) != model.aus:
        raise FeabError(f"the error model is about AUs {list(model.aus)}, not {list(aus)}")
    return heard(faces, tally(faces, aus), model)


def heard(faces: Sequence[FaceDraws], said: Tally, model: ErrorModel) -> Evidence:
    """As `evidence`, of draws that are counted already."""
    return draws_evidence(said, model) + verdicts_evidence(faces, said, model)


def judged(said: Tally, known: Evidence, model: ErrorModel, knowledge: JointModel) -> Posterior:
    """As `truth`, of draws that are counted and evidence that is weighed already, and before it is rescaled."""
    if knowledge.aus != model.aus:
        raise FeabError(f"knowledge is about AUs {list(knowledge.aus)}, the error model about {list(model.aus)}")
    found = {lam: _weighed(said, known, model, knowledge, lam) for lam in set(model.lam.values())}
    affect, units = found[model.lam["valence_arousal"]], found[model.lam["action_units"]]
    return replace(
        found[model.lam["expression"]],
        action_units=units.action_units,
        valence=affect.valence,
        arousal=affect.arousal,
    )


def _weighed(said: Tally, known: Evidence, model: ErrorModel, knowledge: JointModel, lam: float) -> Posterior:
    weighed = known + base_evidence(said, model, lam)
    return posterior(tempered(knowledge, lam), weighed) if lam > 0 else independent(weighed, knowledge)


@lru_cache(maxsize=4)
def tempered(knowledge: JointModel, weight: float) -> JointModel:
    """λ log P_K, with P(valence | …) and P(arousal | …) summing to 1 again. Kept: one table serves a whole run."""
    found = knowledge.tempered(weight)
    return replace(found, valence=_summing_to_one(found.valence), arousal=_summing_to_one(found.arousal))


def _summing_to_one(axis: Axis) -> Axis:
    return replace(axis, density=axis.density / axis.density.sum(axis=-1, keepdims=True))


def independent(weighed: Evidence, knowledge: JointModel) -> Posterior:
    """The posterior at λ = 0, where no level says anything of another; only classes that cannot be stay impossible."""
    possible = np.where(np.isfinite(knowledge.log_prior), 0.0, -np.inf)
    parts = [_normalised(log) for log in (weighed.expression + possible, weighed.valence, weighed.arousal)]
    present = 0.5 * (1 + np.tanh(0.5 * weighed.action_units))
    total = np.sum([log for _, log in parts], axis=0) + np.logaddexp(0, _finite(weighed.action_units)).sum(axis=1)
    return Posterior(knowledge.aus, parts[0][0], present, parts[1][0], parts[2][0], total)


def _finite(odds: Floats) -> Floats:
    return np.where(np.isfinite(odds), odds, -np.inf)  # what is certain weighs 1


def _normalised(log: Floats) -> tuple[Floats, Floats]:
    most = log.max(axis=1, keepdims=True)
    if not np.isfinite(most).all():
        raise FeabError("evidence: the only expression left does not occur, by the prior")
    weights = np.exp(log - most)
    total = weights.sum(axis=1, keepdims=True)
    return weights / total, (most + np.log(total))[:, 0]


def base_evidence(said: Tally, model: ErrorModel, lam: float) -> Evidence:
    """(1 - λ)+ log P_0 of n faces: of expression always, of the other levels where something was said of them."""
    weight, base = max(0.0, 1 - lam), model.base_rates
    units = np.array(base.action_units)
    of_units, of_affect = said.unit_reads.sum(axis=1) > 0, said.affect_reads.sum(axis=1) > 0
    return Evidence(
        np.tile(weight * np.log(base.expression), (len(said), 1)),
        weight * of_units[:, None] * (np.log(units) - np.log1p(-units)),
        weight * of_affect[:, None] * np.log(base.valence),
        weight * of_affect[:, None] * np.log(base.arousal),
    )


def draws_evidence(said: Tally, model: ErrorModel) -> Evidence:
    """Log-likelihoods of the draws under each truth, n faces. What was not asked, or not read, is no evidence."""
    axes = [_affect(said, model, axis) for axis in (0, 1)]
    return Evidence(_expression(said, model), _units(said, model), axes[0], axes[1])


def expression_alpha(said: Tally, model: ErrorModel) -> tuple[Floats, Floats]:
    """Counts (n, 8) and the Dirichlet's parameters under each truth, (8, 8)."""
    errors = model.expression
    return said.expressions.sum(axis=1), errors.concentration * np.array(errors.confusion)


def _expression(said: Tally, model: ErrorModel) -> Floats:
    counts, alpha = expression_alpha(said, model)
    return log_polya(counts[:, None], alpha)


def unit_alpha(said: Tally, model: ErrorModel) -> tuple[Floats, Floats]:
    """Counts (n, k, 2) of named and not, and the Beta's parameters of each AU when absent and present, (k, 2, 2)."""
    errors = model.action_units
    rates = np.array([errors.false_alarms, errors.hits]).T
    alpha = np.array(errors.concentrations)[:, None, None] * np.stack((rates, 1 - rates), axis=-1)
    return said.named, alpha


def _units(said: Tally, model: ErrorModel) -> Floats:
    counts, alpha = unit_alpha(said, model)
    likelihoods = log_polya(counts[:, :, None], alpha)
    return np.asarray(likelihoods[..., 1] - likelihoods[..., 0])


def sampling_variance(said: Tally, between: float, within: float) -> Floats:
    """σ_b²/C + σ_w² Σ(1/r)/C², (n,): of a face's mean answer, by the draws that were read; NaN where none was."""
    used = (said.affect_reads > 0).sum(axis=1).astype(float)
    drawn = np.nan_to_num(divided(np.ones_like(said.affect_reads), said.affect_reads)).sum(axis=1)
    return np.asarray(divided(np.full(len(said), between**2), used) + within**2 * divided(drawn, used**2))


def affect_noise(said: Tally, model: ErrorModel, axis: int) -> Floats:
    """Variance of a face's mean answer around α + βv, (n,): τ² and what sampling adds."""
    errors = model.axes[axis]
    return np.asarray(errors.tau**2 + sampling_variance(said, errors.between, errors.within))


def answered(said: Tally) -> Floats:
    """Each face's mean valence and arousal, contexts weighing alike, (n, 2); NaN where none was read."""
    used = (said.affect_reads > 0).sum(axis=1).astype(float)
    return divided(np.nan_to_num(said.affect_means).sum(axis=1), used[:, None])


def _affect(said: Tally, model: ErrorModel, axis: int) -> Floats:
    errors, mean = model.axes[axis], answered(said)[:, axis]
    rows = ~np.isnan(mean)
    found = nothing(len(said), said.aus).valence.copy()
    variance = np.maximum(affect_noise(said, model, axis)[rows], 1e-4)
    missed = mean[rows, None] - errors.alpha - errors.beta * GRID
    found[rows] = -0.5 * missed**2 / variance[:, None]
    return np.asarray(found)

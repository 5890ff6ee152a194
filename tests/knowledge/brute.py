"""The joint model once more, written plainly: every state in one array, every sum over all of it."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import brentq

from feab.knowledge import GRID, Evidence, Knowledge
from feab.knowledge.maxent import fit_maximum_entropy
from feab.vocabulary import EXPRESSIONS


def small_knowledge(seed: int, k: int = 4) -> Knowledge:
    """Random numbers for k AUs."""
    rng = np.random.default_rng(seed)
    prior = rng.uniform(0.5, 2, len(EXPRESSIONS))
    return Knowledge(
        aus=tuple(range(1, k + 1)),
        prior=prior / prior.sum(),
        displays=rng.uniform(0.03, 0.9, (len(EXPRESSIONS), k)),
        pairs=np.triu(rng.uniform(-1, 1, (k, k)), 1),
        rates=rng.uniform(0.05, 0.4, k),
        background=0.2,
        anchors=rng.uniform(-0.8, 0.8, (len(EXPRESSIONS), 2)),
        spreads=rng.uniform(0.15, 0.4, (len(EXPRESSIONS), 2)),
        loadings=np.round(rng.uniform(-0.5, 0.5, (k, 2)), 2),
    )


def states(k: int) -> np.ndarray:
    return np.array(list(product((0, 1), repeat=k)))


def brute_force(knowledge: Knowledge) -> np.ndarray:
    """P(e, x, v, a), (8, 2^k, 41, 41)."""
    x = states(len(knowledge.aus))
    background = np.prod(np.where(x, knowledge.rates, 1 - knowledge.rates), axis=1)
    joint = np.empty((len(EXPRESSIONS), len(x), len(GRID), len(GRID)))
    for e in range(len(EXPRESSIONS)):
        posed = fit_maximum_entropy(knowledge.displays[e : e + 1], knowledge.pairs)[0]
        of_states = (1 - knowledge.background) * posed + knowledge.background * background
        v, a = (
            _axis(of_states, x @ knowledge.loadings[:, c], knowledge.anchors[e, c], knowledge.spreads[e, c])
            for c in (0, 1)
        )
        joint[e] = knowledge.prior[e] * of_states[:, None, None] * v[:, :, None] * a[:, None, :]
    return joint


def _axis(of_states: np.ndarray, shifts: np.ndarray, mean: float, spread: float) -> np.ndarray:
    def density(centre: float) -> np.ndarray:
        weights = np.exp(-0.5 * ((GRID - centre - shifts[:, None]) / spread) ** 2)
        return (1 - 1e-6) * weights / weights.sum(axis=1, keepdims=True) + 1e-6 / len(GRID)

    return density(brentq(lambda centre: of_states @ density(centre) @ GRID - mean, -4, 4, xtol=1e-12))


def brute_posterior(joint: np.ndarray, evidence: Evidence, row: int, weight: float = 1.0) -> dict[str, np.ndarray]:
    """Every marginal of P ** weight times the evidence's weights, and log of the sum."""
    x = states(evidence.action_units.shape[1])
    odds = evidence.action_units[row]
    with np.errstate(invalid="ignore"):
        certain = np.isinf(odds)
        agrees = (~certain | (x == (odds > 0))).all(axis=1)
        log_x = np.where(agrees, np.where(certain, 0, x * np.where(certain, 0, odds)).sum(axis=1), -np.inf)
    mass = joint**weight * np.exp(evidence.expression[row])[:, None, None, None] * np.exp(log_x)[:, None, None]
    mass = mass * np.exp(evidence.valence[row])[:, None] * np.exp(evidence.arousal[row])
    total = mass.sum()
    of_states = mass.sum(axis=(0, 2, 3)) / total
    return {
        "expression": mass.sum(axis=(1, 2, 3)) / total,
        "action_units": of_states @ x,
        "valence": mass.sum(axis=(0, 1, 3)) / total,
        "arousal": mass.sum(axis=(0, 1, 2)) / total,
        "affect": mass.sum(axis=(0, 1)) / total,
        "log_evidence": np.log(total),
    }

"""Maximum entropy over all on/off states of k action units, with given probabilities and given pair terms.

States are numbered so that the first AU is the highest bit; summing or adding one AU at a time costs 2 * 2^k in all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError

Floats = npt.NDArray[np.floating]

_TOLERANCE = 1e-5
_MOST_STEPS = 200


def over_states(pairs: Floats, combine: np.ufunc) -> Floats:
    """What each state's AUs combine to, one number of every AU: (k, 2), of absent and present, -> (2^k,)."""
    values = np.full(1, combine.identity, pairs.dtype)
    for absent, present in pairs[::-1]:
        values = np.concatenate((combine(values, absent), combine(values, present)))
    return values


def totals(terms: Floats) -> Floats:
    """For every state the sum of the terms of its AUs that are on: (k,) -> (2^k,)."""
    return over_states(np.stack((np.zeros_like(terms), terms), axis=1), np.add)


def marginals(mass: Floats, k: int) -> Floats:
    """The mass of the states in which each AU is on: (2^k,) or (2^k, m) -> (k,) or (k, m)."""
    found = []
    for _ in range(k):
        mass = mass.reshape(2, -1, *mass.shape[1:])
        found.append(mass[1].sum(axis=0))
        mass = mass[0] + mass[1]
    return np.array(found).reshape(k, *mass.shape[1:])


def pair_totals(pairs: Floats) -> Floats:
    """For every state the sum of the pair terms whose two AUs are both on: (k, k), upper triangle, -> (2^k,)."""
    sums = np.zeros(1)
    for j in reversed(range(len(pairs))):
        sums = np.concatenate((sums, sums + totals(pairs[j, j + 1 :])))
    return sums


def fit_maximum_entropy(targets: Floats, pairs: Floats) -> Floats:
    """Distributions P(x) ∝ exp(h·x + Σ J_jk x_j x_k) over 2^k states whose P(x_j = 1) are the targets.

    Args:
        targets: (m, k), each in (0, 1), of m distributions.
        pairs: J, (k, k), of which the upper triangle is read; the same for all.

    Returns:
        (m, 2^k), each row summing to 1; each P(x_j = 1) within 1e-5 of its target.

    Raises:
        FeabError: when the fit does not settle, because pair terms are far too strong.
    """
    pairs = np.triu(pairs, 1)
    energy = pair_totals(pairs)
    return np.array([_fit(row, pairs + pairs.T, energy) for row in targets])


def _fit(targets: Floats, pairs: Floats, energy: Floats) -> Floats:
    wanted = _logit(targets)
    fields = wanted - pairs @ targets  # what would do if AUs moved each other only on average
    for _ in range(_MOST_STEPS):
        mass = totals(fields) + energy
        mass = np.exp(mass - mass.max())
        mass = np.asarray(mass / mass.sum())
        now = marginals(mass, len(targets))
        if np.abs(now - targets).max() < _TOLERANCE:
            return mass
        # Damped: the fields of two AUs that pull each other would overshoot together.
        fields += 0.8 * (wanted - _logit(np.clip(now, 1e-12, 1 - 1e-12)))
    raise FeabError("the pair terms are too strong for P(AU | expression) to be fitted: weaken them")


def _logit(p: Floats) -> Floats:
    return np.asarray(np.log(p) - np.log1p(-p))

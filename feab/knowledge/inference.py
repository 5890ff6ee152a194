"""Conditionals of the joint model in every direction, as exact sums: any levels given, any levels asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.knowledge.evidence import GRID, Evidence, Given, certain, nearest
from feab.knowledge.joint import Axis, JointModel
from feab.knowledge.maxent import marginals, over_states
from feab.vocabulary import EXPRESSIONS

Floats = npt.NDArray[np.floating]

_LEAST = 1e-25
"""A total mass below this, in single precision, is computed again in double."""


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What n faces show, given the evidence: each level with the others summed out.

    Attributes:
        aus: the AUs' numbers.
        expression: (n, 8), summing to 1.
        action_units: (n, k), P(present).
        valence: (n, 41), over `GRID`, summing to 1.
        arousal: likewise.
        log_evidence: (n,), log Σ P(e, x, v, a) · weights: of certain labels, the log-probability of those labels (a
            valence or arousal counts as its grid point). A tempered model's is not normalised.
    """

    aus: tuple[int, ...]
    expression: Floats
    action_units: Floats
    valence: Floats
    arousal: Floats
    log_evidence: Floats

    @property
    def means(self) -> Floats:
        """Mean valence and arousal, (n, 2)."""
        return np.stack((self.valence @ GRID, self.arousal @ GRID), axis=1)

    @property
    def sds(self) -> Floats:
        """Standard deviations of valence and arousal, (n, 2)."""
        squares = np.stack((self.valence @ GRID**2, self.arousal @ GRID**2), axis=1)
        return np.asarray(np.sqrt(np.maximum(squares - self.means**2, 0)))


def posterior(model: JointModel, evidence: Evidence) -> Posterior:
    """P(e | …), P(x_j | …), P(v | …) and P(a | …) of every face, exactly, from whatever is known of it.

    A level that is certain comes back as certain. Each AU that is open, and not certain, doubles the states to sum
    over: 2^17 × 8 when nothing is certain.

    Raises:
        FeabError: when evidence and model are not about the same AUs, or the evidence is impossible.
    """
    n = len(evidence)
    found = Posterior(
        model.aus,
        np.empty((n, len(EXPRESSIONS))),
        np.empty((n, len(model.aus))),
        np.empty((n, len(GRID))),
        np.empty((n, len(GRID))),
        np.empty(n),
    )
    for row in range(n):
        face = _Face(model, evidence, row)
        found.expression[row] = face.expression
        found.action_units[row] = face.action_units()
        found.valence[row], found.arousal[row] = (axis.posterior(face.mass) for axis in face.axes)
        found.log_evidence[row] = face.log_evidence
    return found


def affect_grid(model: JointModel, evidence: Evidence, row: int = 0) -> Floats:
    """P(v, a | …) of one face, (41, 41), summing to 1: valence by rows, arousal by columns, both over `GRID`.

    Raises:
        FeabError: as `posterior`.
    """
    from scipy.sparse import csr_matrix

    face = _Face(model, evidence, row)
    grid = np.zeros((len(GRID), len(GRID)))
    valence, arousal = face.axes
    for e in range(face.mass.shape[1]):
        where = (valence.axis.level, arousal.axis.level)
        heard = valence.likelihood[:, e][where[0]] * arousal.likelihood[:, e][where[1]]
        share = np.divide(face.mass[:, e], heard, out=np.zeros(len(heard)), where=heard > 0)
        by_levels = csr_matrix((share, where), (len(valence.likelihood), len(arousal.likelihood)))
        grid += valence.spread(e).T @ (by_levels @ arousal.spread(e))
    return np.asarray(grid / grid.sum())


class _Face:
    """The states that one face may be in, each with its mass: P · weights."""

    def __init__(self, model: JointModel, evidence: Evidence, row: int) -> None:
        if evidence.action_units.shape[1] != len(model.aus):
            raise FeabError(f"evidence is about {evidence.action_units.shape[1]} AUs, the model about {len(model.aus)}")
        weights = evidence.expression[row] + model.log_prior
        kept = np.flatnonzero(np.isfinite(weights))
        if not len(kept):
            raise FeabError(f"evidence: face {row}: the only expression left does not occur, by the prior")
        self._odds = evidence.action_units[row]
        self._open = np.isfinite(self._odds)
        # Open AUs stay axes of the table of states; certain ones are looked up.
        where = tuple(
            slice(None) if is_open else int(odd > 0) for is_open, odd in zip(self._open, self._odds, strict=True)
        )
        states = model.states.reshape(*(2,) * len(where), -1)[where].reshape(-1, model.states.shape[1])
        self.axes = [
            _Heard(axis if self._open.all() else axis.part(where), said[row], kept)
            for axis, said in ((model.valence, evidence.valence), (model.arousal, evidence.arousal))
        ]
        for precision in (np.float32, np.float64):
            self.mass = self._weigh(states, kept, weights[kept], np.dtype(precision))
            of_expressions = _sum_rows(self.mass)
            self._total = float(of_expressions.sum())
            if self._total > _LEAST:
                break
        if not self._total > 0:
            raise FeabError(f"evidence: face {row}: nothing that the tables hold possible is left")
        self.expression = np.zeros(len(weights))
        self.expression[kept] = of_expressions / self._total
        scales = weights.max() + np.maximum(self._odds[self._open], 0).sum() + sum(axis.scale for axis in self.axes)
        self.log_evidence = float(np.log(self._total) + scales)

    def _weigh(
        self, states: npt.NDArray[np.float32], kept: npt.NDArray[np.intp], weights: Floats, precision: np.dtype[Any]
    ) -> Floats:
        # The likelier of absent and present weighs 1, and so does the likeliest expression: products stay in range.
        odds = self._odds[self._open]
        pairs = np.exp(np.minimum(np.stack((-odds, odds), axis=1), 0)).astype(precision)
        product = over_states(pairs, np.multiply)[:, None]
        mass: Floats = (states if len(kept) == states.shape[1] else states[:, kept]) * product
        mass *= np.exp(weights - weights.max()).astype(precision)
        for axis in self.axes:
            mass *= np.take(axis.likelihood, axis.axis.level, axis=0)
        return mass

    def action_units(self) -> Floats:
        """P(present), (k,)."""
        found = np.asarray(self._odds > 0, float)
        of_states = self.mass @ np.ones(self.mass.shape[1], self.mass.dtype)
        found[self._open] = marginals(of_states, int(self._open.sum())) / self._total
        return found


def _sum_rows(mass: Floats) -> Floats:
    """Over 2^k rows, in two steps: of long rows, which is quick, then of what is left, in double precision."""
    rows, columns = mass.shape
    first = 1 << (rows.bit_length() // 2)
    return np.asarray(mass.reshape(first, -1).sum(axis=0).reshape(-1, columns).sum(axis=0, dtype=np.float64))


class _Heard:
    """One axis of affect for one face: what was heard of it, and how well states and expressions foretell that.

    Attributes:
        axis: the axis over the states that are open.
        likelihood: (levels, expressions), of what was heard.
        scale: the logarithm by which the weights were divided to stay in range.
    """

    def __init__(self, axis: Axis, said: Floats, kept: npt.NDArray[np.intp]) -> None:
        """`said`: (41,) log-weights; `kept`: the expressions that are possible."""
        self.axis = axis
        self.scale = float(said.max())
        self._points = np.flatnonzero(np.isfinite(said))
        self._weights = np.exp(said[self._points] - self.scale)
        self._density = axis.density
        if len(kept) < axis.density.shape[1]:
            self._density = self._density[:, kept]
        if len(self._points) < len(GRID):
            self._density = self._density[:, :, self._points]
        self.likelihood = self._density @ self._weights.astype(np.float32)

    def posterior(self, mass: Floats) -> Floats:
        """P over the grid, (41,)."""
        found = np.zeros(len(GRID))
        if len(self._points) == 1:
            found[self._points] = 1
            return found
        by_level = np.asarray(self.axis.sums @ mass)
        share = np.divide(by_level, self.likelihood, out=np.zeros_like(by_level), where=self.likelihood > 0)
        found[self._points] = share.ravel() @ self._density.reshape(-1, len(self._points)) * self._weights
        return np.asarray(found / found.sum())

    def spread(self, e: int) -> Floats:
        """P(v | the e-th possible expression, level) times what was heard of v: (levels, 41)."""
        found = np.zeros((len(self._density), len(GRID)))
        found[:, self._points] = self._density[:, e] * self._weights
        return found


def log_likelihood(model: JointModel, faces: Sequence[Given]) -> Floats:
    """Logarithm of P(labels) of each face, (n,): of all levels, or any part of them with the rest summed out.

    A valence or an arousal counts as the grid point nearest to it.
    """
    return posterior(model, certain(faces, model.aus)).log_evidence


def agreement(model: JointModel, face: Given) -> dict[str, float]:
    """How probable each label of a face is by its other labels, in [0, 1]: a small number is a conflict with knowledge.

    Of "expression" and "au12" it is P(that label | the others); of "valence" and "arousal" the probability of a value
    at least as far out on the same side, times two.

    Raises:
        FeabError: when a label is wrong.
    """
    units = [au for au in model.aus if au in face.action_units]
    others = {f"au{au}": _without(face, au) for au in units}
    if face.expression is not None:
        others["expression"] = replace(face, expression=None)
    if face.valence is not None:
        others["valence"] = replace(face, valence=None)
    if face.arousal is not None:
        others["arousal"] = replace(face, arousal=None)
    found = posterior(model, certain([face, *others.values()], model.aus))
    agreeing: dict[str, float] = {}
    for row, name in enumerate(others, start=1):
        if name == "expression":
            agreeing[name] = float(found.expression[row, EXPRESSIONS.index(str(face.expression))])
        elif name in ("valence", "arousal"):
            agreeing[name] = _two_sided(getattr(found, name)[row], nearest(name, getattr(face, name)))
        else:
            present = float(found.action_units[row, model.aus.index(int(name[2:]))])
            agreeing[name] = present if face.action_units[int(name[2:])] else 1 - present
    return agreeing


def _without(face: Given, au: int) -> Given:
    return replace(face, action_units={one: shown for one, shown in face.action_units.items() if one != au})


def _two_sided(chances: Floats, point: int) -> float:
    return float(min(1.0, 2 * min(chances[: point + 1].sum(), chances[point:].sum())))

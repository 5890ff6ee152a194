"""The exact joint model of expression, action units, valence and arousal: P(e) P(x | e) P(v, a | e, x).

* P(e): uniform unless class shares are given.
* P(x | e) = (1 - ε) maximum entropy + ε background over all 2^17 states of the AUs. The first has P(AU | expression) of
  a theory and the pair terms of au_pairs.yaml; the second is the AUs' rates in spontaneous faces, independent. Without
  it, posed prototypes speak too surely: ε = .2 (our choice).
* P(v, a | e, x): a normal distribution around m_e + Λx, cut to [-1, 1]² and held on a grid of 41 × 41 points; Λ says
  how each AU moves valence and arousal. m_e is such that E[v | e] and E[a | e] are the table's values, whatever Λ and
  the cut do; correlation of v and a, given e and x: 0 (our choice).

Sums over it are in `feab.knowledge.inference`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.knowledge.affect import load_anchors, load_loadings
from feab.knowledge.displays import load_displays
from feab.knowledge.evidence import GRID
from feab.knowledge.maxent import fit_maximum_entropy, totals
from feab.knowledge.tables import load_pairs, load_rates
from feab.vocabulary import EXPRESSIONS, FEAB_17

Floats = npt.NDArray[np.floating]

BACKGROUND = 0.2
"""ε: how much of every expression is background."""


EVEN = 1e-6
"""How much of every P(v | e, x) is spread evenly, so that no label is impossible, however odd (our choice)."""


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """The numbers of a joint model over k AUs; expressions in the order of `EXPRESSIONS`.

    Attributes:
        aus: the AUs' numbers, (k).
        prior: P(e), (8,); 0 for a class that a source does not have.
        displays: P(AU | expression), (8, k), each in [.005, .995].
        pairs: pair terms, (k, k), upper triangle.
        rates: background rates, (k,).
        background: ε, in [.01, 1).
        anchors: mean valence and arousal, (8, 2), each in (-1, 1).
        spreads: SDs of valence and arousal around what e and x say, (8, 2), at least .05.
        loadings: Λ, (k, 2), in thousandths: the model sums over the distinct totals, and so they stay few.

    Raises:
        FeabError: when a number is outside its range.
    """

    aus: tuple[int, ...]
    prior: Floats
    displays: Floats
    pairs: Floats
    rates: Floats
    background: float
    anchors: Floats
    spreads: Floats
    loadings: Floats

    def __post_init__(self) -> None:
        ranges = {
            "prior": (self.prior, 0, 1),
            "displays": (self.displays, 0.005, 0.995),
            "rates": (self.rates, 0.001, 0.999),
            "background": (np.array(self.background), 0.01, 0.99),
            "anchors": (self.anchors, -0.98, 0.98),
            "spreads": (self.spreads, 0.05, 2),
        }
        for name, (values, low, high) in ranges.items():
            if not ((values >= low) & (values <= high)).all():
                raise FeabError(f"knowledge: {name} must lie from {low:g} to {high:g}")
        if not np.allclose(self.loadings, np.round(self.loadings, 3), rtol=0, atol=1e-9):
            raise FeabError("knowledge: loadings have at most three decimals")
        if abs(self.prior.sum() - 1) > 1e-6:
            raise FeabError("knowledge: prior must sum to 1")


def load_knowledge(
    theory: str = "du2014",
    *,
    anchors: str = "words",
    loadings: str = "rule",
    prior: Mapping[str, float] | None = None,
    background: float = BACKGROUND,
    renamed: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Knowledge:
    """The numbers of a joint model from the tables.

    Args:
        theory: whose P(AU | expression): a name of `display_theories`.
        anchors: the table of valence and arousal by expression: a name of `anchor_tables`.
        loadings: the table of how AUs move them: a name of `loading_tables`.
        prior: expression -> share, in any unit; what is left out does not occur. Default: all alike.
        background: ε.
        renamed: expression -> the expression whose rows are taken for it: wrong names, for studies (`shuffled`).
        folder: other tables of the same form.

    Raises:
        FeabError: when a name is unknown or a table is wrong.
    """
    named = dict(renamed) if renamed else {name: name for name in EXPRESSIONS}
    if sorted(named) != sorted(EXPRESSIONS) or sorted(named.values()) != sorted(EXPRESSIONS):
        raise FeabError(f"renamed must be a permutation of {', '.join(EXPRESSIONS)}")
    shown, placed = load_displays(theory, folder).table, load_anchors(anchors, folder)
    moves, rates = load_loadings(loadings, folder), load_rates(folder)
    column = {au: k for k, au in enumerate(FEAB_17)}
    pairs = np.zeros((len(FEAB_17), len(FEAB_17)))
    for pair in load_pairs(folder):
        if pair.aus[0] in column and pair.aus[1] in column:
            pairs[column[pair.aus[0]], column[pair.aus[1]]] = pair.weight
    taken = [named[name] for name in EXPRESSIONS]
    return Knowledge(
        aus=FEAB_17,
        prior=_prior(prior),
        displays=np.array([[shown[name][au].value for au in FEAB_17] for name in taken]),
        pairs=pairs,
        rates=np.array([rates[au].rate for au in FEAB_17]),
        background=background,
        anchors=np.array([(placed[name].valence, placed[name].arousal) for name in taken]),
        spreads=np.array([(placed[name].valence_sd, placed[name].arousal_sd) for name in taken]),
        loadings=np.array([(moves[au].valence, moves[au].arousal) if au in moves else (0, 0) for au in FEAB_17]),
    )


def _prior(given: Mapping[str, float] | None) -> Floats:
    if given is None:
        return np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS))
    if unknown := sorted(set(given) - set(EXPRESSIONS)):
        raise FeabError(f"prior: unknown expression {unknown[0]!r}; known are {', '.join(EXPRESSIONS)}")
    shares = np.array([given.get(name, 0.0) for name in EXPRESSIONS], float)
    if not ((shares >= 0) & (shares < np.inf)).all() or not shares.any():
        raise FeabError("prior: shares must be 0 or more, and one of them above 0")
    return np.asarray(shares / shares.sum())


def shuffled(seed: int) -> dict[str, str]:
    """Every expression -> another one, drawn so that none keeps its own name: the wrong names of a study."""
    draw, names = random.Random(seed), list(EXPRESSIONS)
    while any(name == other for name, other in zip(EXPRESSIONS, names, strict=True)):
        draw.shuffle(names)
    return dict(zip(EXPRESSIONS, names, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """P(v | e, x) of one axis of affect. It depends on x through Λx alone, which takes few distinct values.

    Attributes:
        level: (2^k,), which of the distinct values each state has.
        density: (levels, 8, 41), P(v | e, that value): over the grid it sums to 1.
        sums: sparse (levels, 2^k): sums what states have by their value.
    """

    level: npt.NDArray[np.int32]
    density: npt.NDArray[np.float32]
    sums: Any

    def part(self, where: tuple[int | slice, ...]) -> Axis:
        """The axis over the states in which some AUs are on or off: an index for each AU."""
        level = self.level.reshape((2,) * len(where))[where].ravel()
        return Axis(level, self.density, _summing(level, len(self.density)))


def _summing(level: npt.NDArray[np.int32], levels: int) -> Any:
    from scipy.sparse import csr_matrix

    ones, ends = np.ones(len(level), np.float32), np.arange(len(level) + 1, dtype=np.int32)
    return csr_matrix((ones, level, ends), (len(level), levels)).T


@dataclass(frozen=True, slots=True, eq=False)
class JointModel:
    """A fitted joint model: P(e, x, v, a) to the power of `weight`, as tables.

    Attributes:
        aus: the AUs' numbers; a state's first AU is its highest bit.
        log_prior: weight · log P(e), (8,); -inf for a class that does not occur, whatever the weight.
        states: P(x | e) ** weight, (2^k, 8).
        valence, arousal: P(v | e, x) ** weight and P(a | e, x) ** weight.
        weight: λ; 1 for the model itself.
    """

    aus: tuple[int, ...]
    log_prior: Floats
    states: npt.NDArray[np.float32]
    valence: Axis
    arousal: Axis
    weight: float = 1.0

    def tempered(self, weight: float) -> JointModel:
        """The model with λ · log P instead of log P: 0 is no knowledge of what goes together. Sums are not normalised.

        Raises:
            FeabError: when the weight is not from 0 to 2, or this model is tempered already.
        """
        if self.weight != 1 or not 0 <= weight <= 2:
            raise FeabError(f"a weight of knowledge must be from 0 to 2 and is given once, got {weight!r}")
        power = np.float32(weight)
        log_prior = np.multiply(weight, self.log_prior, out=self.log_prior.copy(), where=np.isfinite(self.log_prior))
        axes = [replace(axis, density=axis.density**power) for axis in (self.valence, self.arousal)]
        return JointModel(self.aus, log_prior, self.states**power, axes[0], axes[1], weight)


def fit_joint(knowledge: Knowledge) -> JointModel:
    """Fit and tabulate the joint model; deterministic.

    Raises:
        FeabError: when the pair terms are too strong for a fit.
    """
    share = knowledge.background
    spontaneous = np.exp(totals(np.log(knowledge.rates) - np.log1p(-knowledge.rates)))
    spontaneous *= share / spontaneous.sum()
    posed = fit_maximum_entropy(knowledge.displays, knowledge.pairs)
    states = np.ascontiguousarray(((1 - share) * posed + spontaneous).T, np.float32)
    axes = [_fit_axis(states, *columns) for columns in _columns(knowledge)]
    with np.errstate(divide="ignore"):
        log_prior = np.log(knowledge.prior)
    return JointModel(knowledge.aus, log_prior, states, axes[0], axes[1])


def _columns(knowledge: Knowledge) -> list[tuple[Floats, Floats, Floats]]:
    return [(knowledge.loadings[:, c], knowledge.anchors[:, c], knowledge.spreads[:, c]) for c in (0, 1)]


def _fit_axis(states: npt.NDArray[np.float32], loadings: Floats, means: Floats, spreads: Floats) -> Axis:
    """The axis whose mean given each expression is the one wanted."""
    thousandths = np.rint(1000 * totals(loadings)).astype(np.int32)
    least = thousandths.min()
    taken = np.flatnonzero(np.bincount(thousandths - least))
    shifts = (taken + least) / 1000
    level = np.searchsorted(taken, np.arange(taken[-1] + 1)).astype(np.int32)[thousandths - least]
    masses = np.stack([np.bincount(level, states[:, e], len(shifts)) for e in range(states.shape[1])], axis=1)
    masses = masses / masses.sum(axis=0)
    centres = means - shifts @ masses
    for _ in range(100):
        density = _cut_normal(shifts[:, None] + centres, spreads)
        mean = density @ GRID
        missing = means - (masses * mean).sum(axis=0)
        if np.abs(missing).max() < 1e-7:
            break
        # A cut normal's mean moves with its centre by variance / spread²: Newton's step, cut short where it is wide.
        slope = (masses * (density @ GRID**2 - mean**2)).sum(axis=0) / spreads**2
        centres += np.clip(missing / slope, -0.3, 0.3)
    else:
        raise FeabError("knowledge: an anchor lies so near the end of its axis that no cut normal has it as its mean")
    return Axis(level, density.astype(np.float32), _summing(level, len(shifts)))


def _cut_normal(centres: Floats, spreads: Floats) -> Floats:
    """(..., 8) centres -> (..., 8, 41): normal densities on the grid, each summing to 1, and nowhere 0."""
    exponents = -0.5 * ((GRID - centres[..., None]) / spreads[:, None]) ** 2
    exponents -= exponents.max(axis=-1, keepdims=True)
    density = np.exp(exponents)
    return np.asarray((1 - EVEN) * density / density.sum(axis=-1, keepdims=True) + EVEN / len(GRID))

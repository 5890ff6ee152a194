"""How unsure an annotator is of a face, and how much of that is sensitivity to the context it is asked in.

One decomposition for all levels (measurement.md 4.3), from r draws in each of C contexts. W is the chance that two
draws in one context agree, B that two draws in different contexts do:

    total = 1 - B,  aleatoric = 1 - W,  epistemic = W - B = Σ_k Var_context(p_k) on average.

All three are unbiased for any C, r >= 2 (pairs of different draws and of different contexts only: U-statistics,
Hoeffding 1948); epistemic may therefore come out below 0 for one face. Of valence and arousal they are variances, by
one-way analysis of variance over contexts.

"Epistemic" means sensitivity to context and no more: an error that all contexts share is invisible to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.generation.record import Draw, Level
from feab.generation.tally import Floats, Tally, divided, tally_draws
from feab.vocabulary import FEAB_17

_SPREADS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e4)
"""κ, how alike contexts are, that mutual information is averaged over, even on the logarithm (our choice)."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Of one label of one face; NaN where the draws do not suffice (two contexts, two draws in one of them).

    Attributes:
        total: chance that two draws in different contexts disagree; of valence and arousal a variance.
        aleatoric: chance that two draws in one context disagree, or the variance within contexts.
        epistemic: total - aleatoric; below 0 by chance.
        mutual_information: of answer and context, in nats, beside these; not defined of valence and arousal.
    """

    total: float
    aleatoric: float
    epistemic: float
    mutual_information: float


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainties:
    """The same of n faces; each (n,), or (n, labels)."""

    total: Floats
    aleatoric: Floats
    epistemic: Floats
    mutual_information: Floats

    def of(self, *where: int) -> Uncertainty:
        """Of one face (and label)."""
        columns = (self.total, self.aleatoric, self.epistemic, self.mutual_information)
        return Uncertainty(*(float(column[where]) for column in columns))


def uncertainty(draws: Sequence[Draw], level: Level, aus: Sequence[int] = FEAB_17) -> Mapping[str, Uncertainty]:
    """Of one level of one face, by label: "expression"; "valence" and "arousal"; the number of each AU as text.

    Raises:
        FeabError: when a draw says what cannot be said.
    """
    found = uncertainties(tally_draws([draws], aus), level)
    names = {"expression": ("expression",), "valence_arousal": ("valence", "arousal")}.get(level, tuple(map(str, aus)))
    return {name: found.of(0, column) for column, name in enumerate(names)}


def uncertainties(said: Tally, level: Level) -> Uncertainties:
    """Of one level of n faces, (n, labels): 1 label of expression, 2 of valence and arousal, k of AUs."""
    if level == "valence_arousal":
        return of_values(said)
    if level == "expression":
        return of_counts(said.expressions[:, None])
    named = np.moveaxis(said.units, -1, 1)
    return of_counts(np.stack((named, said.unit_reads[:, None] - named), axis=-1))


def of_counts(counts: Floats) -> Uncertainties:
    """Of labels: (..., contexts, classes) counts of what was said -> (...)."""
    within, between = agreement(counts)
    return Uncertainties(1 - between, 1 - within, within - between, mutual_information(counts))


def agreement(counts: Floats) -> tuple[Floats, Floats]:
    """W and B of (..., contexts, classes) counts, each (...); NaN where not estimable. Contexts weigh alike."""
    reads = counts.sum(axis=-1)
    pairs = divided((counts * (counts - 1)).sum(axis=-1), reads * (reads - 1))
    paired = reads >= 2
    within = divided(np.where(paired, pairs, 0).sum(axis=-1), paired.sum(axis=-1).astype(float))
    shares = np.nan_to_num(divided(counts, reads[..., None]))
    used = (reads > 0).sum(axis=-1).astype(float)
    products = (shares.sum(axis=-2) ** 2).sum(axis=-1) - (shares**2).sum(axis=(-2, -1))
    return within, divided(products, used * (used - 1))


def of_values(said: Tally) -> Uncertainties:
    """Of valence and arousal, (n, 2): one-way analysis of variance with contexts as groups, unequal ones too."""
    reads = said.affect_reads[..., None]
    draws, used = reads.sum(axis=1), (reads > 0).sum(axis=1).astype(float)
    within = said.affect_squares - np.nan_to_num(said.affect_sums * said.affect_means)
    mean_within = divided(np.maximum(within.sum(axis=1), 0), draws - used)
    between = np.nan_to_num(reads * (said.affect_means - divided(said.affect_sums.sum(axis=1), draws)[:, None]) ** 2)
    mean_between = divided(between.sum(axis=1), used - 1)
    size = divided(draws - divided((reads**2).sum(axis=1), draws), used - 1)
    epistemic = (mean_between - mean_within) / size
    return Uncertainties(epistemic + mean_within, mean_within, epistemic, np.full_like(epistemic, np.nan))


def entropy(shares: Floats) -> Floats:
    """Entropy in nats of (..., classes) probabilities, (...)."""
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=-1))


def information_of_probabilities(shares: npt.ArrayLike) -> Floats:
    """Mutual information of answer and context, in nats, from the probabilities in each: (..., contexts, classes)."""
    given = np.asarray(shares, float)
    return np.asarray(entropy(given.mean(axis=-2)) - entropy(given).mean(axis=-1))


def mutual_information(counts: Floats) -> Floats:
    """Mutual information of answer and context, in nats, from counts (..., contexts, classes); NaN where not estimable.

    Contexts are taken as p_context ~ Dirichlet(κ p), with p = (n_k + 1/4) / (n + K/4): its mutual information,
    H(p) - [ψ(κ+1) - Σ_k p_k ψ(κ p_k + 1)], is averaged over the posterior of κ. A secondary figure: at two contexts of
    two draws it leans to +.2 where contexts do not matter, and to -.3 where they matter much (measurement.md 4.1).
    """
    from scipy.special import digamma

    from feab.generation.dispersion import log_polya

    reads = counts.sum(axis=-1)
    mean = (counts.sum(axis=-2) + 0.25) / (reads.sum(axis=-1) + 0.25 * counts.shape[-1])[..., None]
    likelihoods, informations = [], []
    for spread in _SPREADS:
        likelihoods.append(log_polya(counts, spread * mean[..., None, :]).sum(axis=-1))
        within = digamma(spread + 1) - (mean * digamma(spread * mean + 1)).sum(axis=-1)
        informations.append(entropy(mean) - within)
    weights = np.exp(np.array(likelihoods) - np.max(likelihoods, axis=0))
    found = (weights * informations).sum(axis=0) / weights.sum(axis=0)
    estimable = ((reads > 0).sum(axis=-1) >= 2) & (reads >= 2).any(axis=-1)
    return np.where(estimable, found, np.nan)

"""Which places may each of several models hold?

They follow from simultaneous intervals of all pairwise differences, by the bootstrap's largest |t| (Mogstad, Romano,
Shaikh & Wilhelm 2024): ranks of bootstrap draws do not cover the true ones. Whole clusters of faces are drawn, the same
for every model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feab.errors import FeabError
from feab.metrics.comparing import SAME, overall_resampled, resampled
from feab.metrics.intervals import LEVEL, MIN_CLUSTERS, Estimate, estimates
from feab.metrics.measures import Sampled, all_kinds, one_metric, sampled
from feab.metrics.overall import estimate_of
from feab.metrics.sums import BoolArray, ClusterSums, FloatArray


@dataclass(frozen=True, slots=True)
class Standing:
    """A model among others: its score, and the best and the worst place it may hold at 95 % confidence, 1 the best.

    The places of all models together are right in 95 % of comparisons. Both are None where a score is undefined or
    there are fewer than 10 clusters.
    """

    score: Estimate
    best: int | None
    worst: int | None


def standings(
    models: Sequence[ClusterSums], metric: str | None = None, *, resamples: int = 1000, seed: int = 0
) -> list[Standing]:
    """Where each of several models stands on a metric of one task (its primary, unless another is named).

    Args:
        models: sums of each model's answers to the same faces.
        metric: one of their names.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        FeabError: when the answers are not about the same faces, or there is no such metric.
    """
    return standings_of(models, metric, resampled(models, metric, resamples, seed))


def standings_of(models: Sequence[ClusterSums], metric: str | None, found: Sequence[Sampled]) -> list[Standing]:
    """Where each of several models stands on a metric that was resampled; see `standings`."""
    name = metric or models[0].primary
    scores = [estimates(model)[name] for model in models]
    return _standings(found, scores, -1.0 if models[0].scales[models[0].column(name)] == "distance" else 1.0)


def overall_standings(
    models: Sequence[Sequence[ClusterSums]], *, resamples: int = 1000, seed: int = 0
) -> list[Standing] | None:
    """Where each of several models stands overall; None unless all three kinds are there.

    Raises:
        FeabError: when the answers are not about the same faces.
    """
    found = overall_resampled(models, resamples, seed)
    return None if found is None else overall_standings_of(found)


def overall_standings_of(found: Sequence[Sampled]) -> list[Standing]:
    """Where each of several models stands overall, once that was resampled; see `overall_standings`."""
    return _standings(found, [estimate_of(one) for one in found])


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A model's score in bootstrap resamples: all that the places of many models need, so that it can be kept."""

    score: Estimate
    """`value` is None where the score is undefined."""
    draws: FloatArray
    """(resamples,); models are compared by draws of the same clusters, resamples and seed."""
    df: float
    """Degrees of freedom of the score's spread; NaN where it has none."""


def drawn(sums: ClusterSums, *, resamples: int = 1000, seed: int = 0) -> Drawn:
    """A model's primary score of one task in bootstrap resamples."""
    return _drawn(sampled([one_metric(sums)], resamples, seed)[0], estimates(sums)[sums.primary])


def overall_drawn(tasks: Sequence[ClusterSums], *, resamples: int = 1000, seed: int = 0) -> Drawn | None:
    """A model's overall score in bootstrap resamples; None unless all three kinds are there."""
    measure = all_kinds(tasks)
    if measure is None:
        return None
    found = sampled([measure], resamples, seed)[0]
    return _drawn(found, estimate_of(found))


def _drawn(found: Sampled, score: Estimate) -> Drawn:
    spread = found.measure.spread(found.deleted)
    known = score if score.value is not None else Estimate(found.value if math.isfinite(found.value) else None)
    shown = Estimate(known.value, known.low, known.high, int(found.measure.support.sum()))
    return Drawn(shown, found.draws, float(spread.df[0]))


def places(models: Sequence[Drawn]) -> list[tuple[int, int] | None]:
    """The best and the worst place that each of several models may hold, as in `Standing`; None where it has none.

    Memory does not grow with the pairs of models, only with the models.

    Args:
        models: their scores in the same resamples of the same faces, larger is better.

    Raises:
        FeabError: when the resamples are not the same number for all.
    """
    if len({len(model.draws) for model in models}) > 1:
        raise FeabError("models are compared by the same resamples; these have other numbers of them")
    known = [i for i, model in enumerate(models) if model.score.value is not None]
    found: list[tuple[int, int] | None] = [None] * len(models)
    if not known:
        return found
    first = models[known[0]]
    if first.score.clusters < MIN_CLUSTERS or not first.df > 0:
        return found
    values = np.array([models[i].score.value for i in known], dtype=np.float64)
    better = _surely_better(values, np.stack([models[i].draws for i in known], axis=1), first.df)
    for k, i in enumerate(known):
        found[i] = (1 + int(better[:, k].sum()), len(known) - int(better[k].sum()))
    return found


def _standings(found: Sequence[Sampled], scores: list[Estimate], sign: float = 1.0) -> list[Standing]:
    """`sign` is -1 where less is better."""
    models = []
    for one in found:
        drawn = _drawn(one, Estimate(None))
        signed = None if drawn.score.value is None else sign * drawn.score.value
        models.append(Drawn(Estimate(signed, clusters=drawn.score.clusters), sign * drawn.draws, drawn.df))
    held = places(models)
    return [Standing(score, *(place or (None, None))) for score, place in zip(scores, held, strict=True)]


def _surely_better(values: FloatArray, draws: FloatArray, df: float) -> BoolArray:
    """Whether model i beats model j beyond doubt, (models, models), from bootstrap draws (resamples, models).

    The critical value is the quantile of the largest |t| over pairs, times what turns a normal interval into that of
    t with `df` degrees of freedom and the bootstrap's spread of G clusters into an unbiased one: sqrt(G / (G - 1)).
    """
    from scipy.special import ndtri, stdtrit

    n = len(values)
    gaps = values[:, None] - values[None, :]
    se = np.zeros((n, n))
    largest = np.zeros(len(draws))
    off = np.ascontiguousarray((draws - values).T)  # of each model, how far its draws lie from its score
    spread = np.nanstd if np.isnan(off).any() else np.std
    for i in range(n - 1):  # one model and those after it at a time: of a thousand models there are 499,500 pairs
        apart = off[i] - off[i + 1 :]
        se[i, i + 1 :] = se[i + 1 :, i] = spread(apart, axis=1)
        moving = se[i, i + 1 :] > SAME  # two models that answer alike differ by nothing, in every draw
        if not moving.any():
            continue
        sizes = np.abs(apart if moving.all() else apart[moving])
        sizes /= se[i, i + 1 :][moving, None]
        np.fmax(largest, np.fmax.reduce(sizes, axis=0), out=largest)  # NaN is a resample without a score
    tail = (1 + LEVEL) / 2
    widened = math.sqrt((df + 1) / df) * float(stdtrit(df, tail) / ndtri(tail))
    critical = widened * float(np.quantile(largest, LEVEL))
    return (se > SAME) & (gaps > critical * se)

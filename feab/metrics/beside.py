"""Several models beside each other on one score: where each stands and how every two differ, resampled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feab.metrics.comparing import PERMUTATIONS, Difference, differences_of, overall_resampled, resampled
from feab.metrics.standing import Standing, overall_standings_of, standings_of
from feab.metrics.sums import ClusterSums


@dataclass(frozen=True, slots=True)
class Beside:
    """Several models on one score."""

    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    """Of every two models, in the order of `itertools.combinations`."""


def beside(
    models: Sequence[ClusterSums],
    metric: str | None = None,
    *,
    resamples: int = 1000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Beside:
    """What `standings` and `difference` say of several models on a metric of one task, for less work.

    Args:
        models: sums of each model's answers to the same faces.
        metric: one of their names; their primary, unless another is named.
        resamples: bootstrap draws behind places and intervals.
        permutations: arrangements of swapped clusters behind each p-value.
        seed: of both.

    Raises:
        FeabError: when the answers are not about the same faces, or there is no such metric.
    """
    found = resampled(models, metric, resamples, seed)
    return Beside(tuple(standings_of(models, metric, found)), tuple(differences_of(found, permutations, seed)))


def overall_beside(
    models: Sequence[Sequence[ClusterSums]],
    *,
    resamples: int = 1000,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Beside | None:
    """The same of the overall score, from sums of each model's tasks; None unless all three kinds are there.

    Raises:
        FeabError: when the answers are not about the same faces.
    """
    found = overall_resampled(models, resamples, seed)
    if found is None:
        return None
    return Beside(tuple(overall_standings_of(found)), tuple(differences_of(found, permutations, seed)))

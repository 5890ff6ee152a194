"""Which conversation comes when: sampling weights, drawn so evenly that no chance is left in how often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.training.sft.recipe import Mixture, SftRecipe

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def weights_of(table: pa.Table, mixture: Mixture, left_out: Sequence[int] = ()) -> Floats:
    """The weight of each conversation: its task's times its source's; 0 for rows `left_out`.

    Args:
        table: columns `task` and `source` of FEID, a row a conversation.
        mixture: the weights.
        left_out: rows that are not learnt from.

    Raises:
        FeabError: for a source that the data do not have, or when nothing is left.
    """
    sources = table.column("source").to_pylist()
    unknown = sorted(set(mixture.sources) - set(sources))
    if unknown:
        raise FeabError(
            f"sampling.sources: the data have no {unknown[0]!r}; they have {', '.join(sorted(set(sources)))}"
        )
    tasks = table.column("task").to_pylist()
    pairs = zip(tasks, sources, strict=True)
    weights = np.array([mixture.tasks.get(task, 1.0) * mixture.sources.get(source, 1.0) for task, source in pairs])
    weights[list(left_out)] = 0
    if not weights.any():
        raise FeabError("no conversation is left to learn from: every weight is 0, or everything is held out")
    return weights


def steps_of(recipe: SftRecipe, conversations: int) -> int:
    """Updates: those the recipe names, else as many as its epochs take; at least one."""
    return recipe.steps or max(1, round(recipe.epochs * conversations / recipe.batch_size))


def draw_order(weights: Floats, draws: int, seed: int) -> Rows:
    """Rows in the order in which they are learnt from, `draws` of them.

    They come in rounds of as many as there are rows with weight. Each round is a systematic sample (Madow 1949): a row
    occurs as often as its share of the weights says, rounded up or down by chance; with equal weights each occurs
    exactly once. The order within a round is shuffled.
    """
    rng = np.random.default_rng(seed)
    usable = np.flatnonzero(weights > 0)
    edges = np.cumsum(weights[usable] / weights[usable].sum())
    n = len(usable)
    rounds: list[Rows] = []
    for _ in range(math.ceil(draws / n)):
        # Within a hair of the edges, rounding must not take a row twice that has the same weight as all others.
        at = (np.arange(n) + rng.uniform(0.01, 0.99)) / n
        drawn = usable[np.minimum(np.searchsorted(edges, at), n - 1)]
        rounds.append(rng.permutation(drawn))
    return np.concatenate(rounds)[:draws].astype(np.int64)


def shares(weights: Floats, names: Sequence[Any]) -> dict[str, float]:
    """Name -> its share of what is drawn, the largest first."""
    found: dict[str, float] = {}
    for name, weight in zip(names, weights / weights.sum(), strict=True):
        found[str(name)] = found.get(str(name), 0.0) + float(weight)
    return dict(sorted(found.items(), key=lambda item: -item[1]))

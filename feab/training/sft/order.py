"""Which conversation comes when: sampling weights, drawn so evenly that no chance is left in how often."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feab.data.feid import RecordOrigin, origin_of
from feab.data.feid.columns import ORIGINS
from feab.errors import FeabError
from feab.training.sft.recipe import Mixture, SftRecipe

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_SHOWN = 12
"""Names that are told of those that there are."""


DRAWN_BY = ("task", "source", "template", "grounds", *ORIGINS.values())
"""Columns of FEID that weights go by."""


def weights_of(table: pa.Table, mixture: Mixture, left_out: Sequence[int] = ()) -> Floats:
    """The weight of each conversation: the product of its task's, source's, origin's and wordings'; 0 if `left_out`.

    Args:
        table: columns `DRAWN_BY` of FEID, a row a conversation.
        mixture: the weights.
        left_out: rows that are not learnt from.

    Raises:
        FeabError: for a source, or a pattern of wordings, that nothing in the data fits; or when nothing is left.
    """
    tasks, sources, templates = (table.column(name).to_pylist() for name in ("task", "source", "template"))
    _refuse_unknown("sources", set(mixture.sources) - set(sources), set(sources))
    wordings = {name: _fitting(name, mixture.templates) for name in set(templates)}
    _refuse_unknown("templates", set(mixture.templates).difference(*wordings.values()), set(templates))
    weights = np.array([mixture.tasks.get(name, 1.0) for name in tasks])
    weights *= [mixture.sources.get(name, 1.0) for name in sources]
    weights *= [mixture.origins.get(name, 1.0) for name in _origins(table)]
    weights *= [math.prod(mixture.templates[one] for one in wordings[name]) for name in templates]
    weights[list(left_out)] = 0
    if not weights.any():
        raise FeabError("no conversation is left to learn from: every weight is 0, or everything is held out")
    return weights


def _fitting(template: str, patterns: Iterable[str]) -> set[str]:
    return {pattern for pattern in patterns if fnmatchcase(template, pattern)}


def _refuse_unknown(field: str, unknown: set[str], known: set[str]) -> None:
    if unknown:
        shown = sorted(known)[:_SHOWN]
        more = f", … ({len(known)} in all)" if len(known) > _SHOWN else ""
        raise FeabError(f"sampling.{field}: the data have no {min(unknown)!r}; they have {', '.join(shown)}{more}")


def _origins(table: pa.Table) -> list[RecordOrigin]:
    """Where the labels that each conversation's answers rest on come from."""
    levels = {level: table.column(name).to_pylist() for level, name in ORIGINS.items()}
    grounds = table.column("grounds").to_pylist()
    return [origin_of(found, {level: said[row] for level, said in levels.items()}) for row, found in enumerate(grounds)]


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


def alike_together(rows: Sequence[int] | Rows, sizes: Sequence[Any], update: int) -> list[int]:
    """The same conversations in each update, those of like size beside each other.

    An update is worked on in parts, each padded to its longest conversation; what is learnt is the sum over all of
    them, in whichever order they come.

    Args:
        rows: conversations in the order in which they were drawn.
        sizes: of each of `rows`, what can be put in order.
        update: conversations of one update.
    """
    order = sorted(range(len(rows)), key=lambda place: (place // update, sizes[place]))
    return [int(rows[place]) for place in order]


def shares(weights: Floats, names: Sequence[Any]) -> dict[str, float]:
    """Name -> its share of what is drawn, the largest first."""
    found: dict[str, float] = {}
    for name, weight in zip(names, weights / weights.sum(), strict=True):
        found[str(name)] = found.get(str(name), 0.0) + float(weight)
    return dict(sorted(found.items(), key=lambda item: -item[1]))

"""Prompt contexts: the ways of asking about a face that Monte Carlo sampling draws from.

A context is a paraphrase, a part of the knowledge and an order of the options. Which ones a face meets, and in which
order, is our choice:

* Contexts go through all pairs of paraphrase and part in turn, so that as long a run of them as there are paraphrases
  repeats none, one as long as there are parts repeats no part, and all pairs are used before any comes again. Each face
  goes through them in its own random order.
* Contexts 0 and 1, 2 and 3, ... show the options in opposite orders: what a model likes about a place in a list falls
  upon opposite labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from math import lcm
from pathlib import Path
from typing import TypeVar

from feab.generation.record import Context
from feab.generation.wording import paraphrases
from feab.models.seeds import derived_seed

T = TypeVar("T")

NO_KNOWLEDGE = "none"

PARTS: tuple[str, ...] = ("likely", "appearance", "contradictions")
"""The parts of the knowledge: which labels go together, what action units look like, what contradicts a label."""

KNOWLEDGE: tuple[str, ...] = (NO_KNOWLEDGE, *PARTS, "all")
"""What `Context.knowledge` may be."""

_ORDERS = 2**30


def contexts_for(sample: str, seed: int, *, knowledge: bool = True, folder: Path | None = None) -> Iterator[Context]:
    """The contexts in which one face is asked about, without end; the same every time.

    Args:
        sample: the face's id: another face meets them in another order.
        seed: of the run.
        knowledge: whether knowledge is put in words in most of them; without, "none" of it is in all.
        folder: other templates of the same form (default: the shipped ones).

    Raises:
        FeabError: when a template is missing or wrong (on the first).
    """
    wordings, parts = paraphrases(folder), KNOWLEDGE if knowledge else (NO_KNOWLEDGE,)
    every = len(wordings) * len(parts)
    shift = lcm(len(wordings), len(parts))
    for number in count():
        cycle, at = divmod(number, every)
        words = mixed(wordings, derived_seed("paraphrases", seed, sample, cycle))
        known = mixed(parts, derived_seed("knowledge", seed, sample, cycle))
        order = 2 * (derived_seed("order", seed, sample, number // 2) % _ORDERS) + number % 2
        yield Context(number, words[at % len(words)], known[(at + at // shift) % len(known)], order)


def arranged(options: Sequence[T], order: int) -> tuple[T, ...]:
    """The options in the order of a context (`Context.order`): an odd number turns round that of the even one below.

    Args:
        options: different ones; how they are given does not matter.
        order: 0 or more.
    """
    found = mixed(options, derived_seed("options", order // 2))
    return found[::-1] if order % 2 else found


def mixed(items: Sequence[T], seed: int) -> tuple[T, ...]:
    """Different items in an order that depends on the seed and on them, and on nothing else."""
    return tuple(sorted(items, key=lambda item: derived_seed(seed, item)))

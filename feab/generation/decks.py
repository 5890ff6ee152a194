"""Drawing wordings so that none dominates: a shuffled deck, dealt to its end before it is shuffled again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Decks:
    """Seeded decks, one for each purpose: of n choices no one is drawn more than once oftener than another.

    A deck belongs to a key; keys hold the label that is to be said, so that no wording tells the label either.
    The same seed and the same calls give the same draws, on every machine.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._left: dict[tuple[str, ...], list[int]] = {}
        self._rounds: Counter[tuple[str, ...]] = Counter()
        self._uses: dict[tuple[str, ...], Counter[str]] = {}

    def number(self, key: tuple[str, ...], n: int) -> int:
        """The next of 0 to n - 1 from the deck of this key and size."""
        key = (*key, str(n))
        left = self._left.get(key)
        if not left:
            left = list(range(n))
            self._random(*key, str(self._rounds[key])).shuffle(left)
            self._rounds[key] += 1
            self._left[key] = left
        return left.pop()

    def least_used(self, key: tuple[str, ...], names: Sequence[str]) -> str:
        """Of some names that may differ from call to call, one that was drawn least so far."""
        uses = self._uses.setdefault(key, Counter())
        least = min(uses[name] for name in names)
        tied = [name for name in names if uses[name] == least]
        found = self.shuffled(key, tied)[0] if len(tied) > 1 else tied[0]
        uses[found] += 1
        return found

    def shuffled(self, key: tuple[str, ...], items: Sequence[T]) -> list[T]:
        """The items in random order; each call another."""
        self._rounds[key] += 1
        found = list(items)
        self._random(*key, str(self._rounds[key])).shuffle(found)
        return found

    def _random(self, *of: str) -> random.Random:
        return random.Random("\x1f".join((str(self._seed), *of)))

"""Keys of predictions, kept small: a run of a million answers must not need a gigabyte to know what it has."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator

Key = tuple[str, str, str, int]
"""(task, sample, prompt, draw): one line of predictions.jsonl."""


def key_number(key: Key) -> int:
    """A key as a number from 1 to 2**64 - 1, by hash.

    Two of a million keys share one with probability 3e-8; the second would not be asked, and the run would say that
    it is incomplete.
    """
    text = "\x1f".join((*key[:3], str(key[3])))  # a name never holds control characters
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


class KeySet:
    """A set of key numbers in 12 to 27 bytes each; Python's own takes about 100.

    An open-addressing table of 64-bit words in which 0 is an empty place. The numbers are hashes, so their low bits
    say where to look first.
    """

    __slots__ = ("_count", "_table")

    def __init__(self) -> None:
        self._table = array("Q", [0]) * 1024
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return self._table[self._place(number)] == number

    def __iter__(self) -> Iterator[int]:
        return (number for number in self._table if number)

    def add(self, number: int) -> bool:
        """Put a number in; whether it was new."""
        place = self._place(number)
        if self._table[place] == number:
            return False
        self._table[place] = number
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            self._grow()
        return True

    def _place(self, number: int) -> int:
        """Where the number lies, or the empty place where it would."""
        table, mask = self._table, len(self._table) - 1
        place = number & mask
        while (there := table[place]) and there != number:
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        before = self._table
        self._table = array("Q", [0]) * (2 * len(before))
        for number in before:
            if number:
                self._table[self._place(number)] = number

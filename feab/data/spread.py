"""A seeded spread over samples: those of them whose marks are smallest."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from heapq import heappush, heapreplace


def mark(sample: str, seed: int) -> int:
    """A number by which samples are chosen: sha256 of "seed:id".

    Choosing by it mixes classes and people, stays the same whatever else there is and in which order, and a larger
    limit takes a superset.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample}".encode()).digest(), "big")


def smallest(samples: Iterable[str], most: int, seed: int) -> Container[int]:
    """The smallest marks of some samples' ids, at most `most`; an id that comes again is one. Holds no more than that.

    Args:
        samples: their ids, in any order.
        most: at least 1.
        seed: of the marks.
    """
    heap: list[int] = []  # of negative marks, so that the largest mark is at hand
    kept: set[int] = set()
    for sample in samples:
        number = mark(sample, seed)
        if number in kept or (len(heap) == most and number > -heap[0]):
            continue
        if len(heap) == most:
            kept.discard(-heapreplace(heap, -number))
        else:
            heappush(heap, -number)
        kept.add(number)
    return kept

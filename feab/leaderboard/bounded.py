"""A cache that many threads share: so much at most, each value made once however many ask for it at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Values by key; where there are too many, the one goes that was asked for longest ago."""

    def __init__(self, most: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        """`most`: values that are kept or, with `weigh`, what they weigh together; the last one made is always kept."""
        self._most, self._weigh = most, weigh
        self._lock = Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._weight = 0  # of all of them: adding them up anew would take longer with each
        self._making: dict[K, Lock] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made now if it is not kept. What `make` raises passes through, and nothing is kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    if key in self._values:  # by another who asked while it was kept, and gone again, meanwhile
                        self._weight -= self._weigh(self._values[key])
                    self._values[key] = value
                    self._weight += self._weigh(value)
                    while self._weight > self._most and len(self._values) > 1:
                        self._weight -= self._weigh(self._values.popitem(last=False)[1])
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value

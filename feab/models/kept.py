"""What was made or found out before, kept up to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class LruCache(Generic[_K, _V]):
    """The most recently used values up to a total size; safe to use from several threads."""

    def __init__(self, limit: int, size: Callable[[_V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._size = size
        self._used = 0
        self._values: OrderedDict[_K, _V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _K) -> _V | None:
        """The value kept for the key, now the most recently used; None when there is none."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: _K, value: _V) -> None:
        """Keep a value, dropping the least recently used ones beyond the limit."""
        with self._lock:
            old = self._values.pop(key, None)
            if old is not None:
                self._used -= self._size(old)
            self._values[key] = value
            self._used += self._size(value)
            while self._used > self._limit and self._values:
                _, dropped = self._values.popitem(last=False)
                self._used -= self._size(dropped)


class Trust:
    """Which shortcuts were seen to be exact, and which were not."""

    def __init__(self) -> None:
        self._verdicts: LruCache[Hashable, str] = LruCache(4096)

    def granted(self, key: Hashable) -> bool:
        """Whether this one was seen to be exact."""
        return self._verdicts.get(key) == "exact"

    def refused(self, key: Hashable) -> bool:
        """Whether this one was seen to differ."""
        return self._verdicts.get(key) == "differs"

    def judge(self, key: Hashable, exact: bool) -> bool:
        """Remember whether it is exact; returns that."""
        self._verdicts.put(key, "exact" if exact else "differs")
        return exact

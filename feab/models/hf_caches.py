"""What is kept between questions, within bounds, and the shortcuts that were seen to be exact."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

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
        """Whether it was seen to be exact."""
        return self._verdicts.get(key) == "exact"

    def refused(self, key: Hashable) -> bool:
        """Whether it was seen to differ."""
        return self._verdicts.get(key) == "differs"

    def judge(self, key: Hashable, exact: bool) -> bool:
        """Remember what was seen, and return it."""
        self._verdicts.put(key, "exact" if exact else "differs")
        return exact


def give_again(image_processor: Any, outputs: LruCache[Hashable, Any], about: Callable[[], Hashable | None]) -> None:
    """Have an image processor keep its outputs, and give one again for the same images and settings.

    `about` names the images of the call it is about to get; None: unknown, and nothing is kept.
    """
    base = type(image_processor)

    def call(self: Any, *args: Any, **settings: Any) -> Any:
        images = about()
        if images is None:
            return base.__call__(self, *args, **settings)
        named = {name: value for name, value in settings.items() if name != "images"}
        key = (images, repr(args[1:]), repr(sorted(named.items())))
        found = outputs.get(key)
        if found is None:
            found = base.__call__(self, *args, **settings)
            outputs.put(key, found)
        return copy.copy(found)  # processors take things out of it

    image_processor.__class__ = type(base.__name__, (base,), {"__call__": call})

"""What all wrappers need of the streams they pass on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar("_T")


@contextmanager
def closing_stream(items: Iterable[_T]) -> Iterator[Iterator[_T]]:
    """The items, and in the end, whatever ends it, what `close` a generator has: it stops threads and connections."""
    stream = iter(items)
    try:
        yield stream
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()

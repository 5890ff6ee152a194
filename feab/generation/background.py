"""Work that goes on while questions are asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_STEP_S = 0.2


class Background(Generic[T]):
    """A call in a thread of its own. The process may end without it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feab-background", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def result(self) -> T:
        """What it gave; waits for it.

        Raises:
            BaseException: what it raised.
        """
        while not self.done:
            self._thread.join(_STEP_S)  # in steps, between which Ctrl-C is heard
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._work())
        except BaseException as error:
            self._error = error

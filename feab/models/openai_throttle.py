"""How many requests are under way: one until the server has replied, then as many as it bears."""

from __future__ import annotations

import asyncio
from collections import deque

FIRST_ALONE_S = 2.0
"""Seconds the first request is alone: a wrong key or model costs one request, a slow first answer no long wait."""

WINDOW_S = 1.0
"""Seconds between one halving and the next: a server needs some time to notice the first (our choice)."""


class Throttle:
    """Slots for requests. Their number halves when the server is overloaded, and grows back by one a round.

    All methods are for the thread of one event loop at a time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = most
        """Slots there are now."""
        self.lowest = most
        self._first = True
        self._shut = False
        self._busy = 0
        self._round = 0
        self._well = 0
        self._halved_at = -WINDOW_S
        self._resume_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> int:
        """Wait for a slot; returns the round it belongs to, for `overloaded`."""
        loop = asyncio.get_running_loop()
        while self._busy >= self._room or loop.time() < self._resume_at:
            waiter = loop.create_future()
            self._waiting.append(waiter)
            later = None
            if loop.time() < self._resume_at:
                later = loop.call_at(self._resume_at, self._wake)
            elif self._first:
                later = loop.call_later(FIRST_ALONE_S, self.open)
            try:
                await waiter
            except asyncio.CancelledError:
                self._wake()  # somebody else's turn, should it have been ours
                raise
            finally:
                if later is not None:
                    later.cancel()
        self._busy += 1
        return self._round

    def begin(self) -> None:
        """Grant slots (again): a new loop begins."""
        self._shut = False

    def shut(self) -> None:
        """Grant no more slots: no request would fare better than the last."""
        self._shut = True

    def release(self) -> None:
        """Give a slot back."""
        self._busy -= 1
        self._wake()

    def open(self) -> None:
        """The server has replied, or takes its time: others need not wait for the first any longer."""
        self._first = False
        self._wake()

    def went_well(self) -> None:
        """An answer came; after as many as there are slots, there is one more."""
        self._well += 1
        if self._well >= self.limit:
            self._well = 0
            self.limit = min(self.most, self.limit + 1)
            self._wake()

    def overloaded(self, granted_in: int, wait_s: float) -> None:
        """The server wants less: half the slots, once a window and not for requests of the round before.

        Nobody gets a slot for `wait_s` seconds.
        """
        now = asyncio.get_running_loop().time()
        if granted_in == self._round and now >= self._halved_at + WINDOW_S:
            self._round += 1
            self._halved_at = now
            self._well = 0
            self.limit = max(1, self.limit // 2)
            self.lowest = min(self.lowest, self.limit)
        self._resume_at = max(self._resume_at, now + wait_s)

    @property
    def _room(self) -> int:
        return 0 if self._shut else 1 if self._first else self.limit

    def _wake(self) -> None:
        free = self._room - self._busy
        while self._waiting and free > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1

"""Slots for requests: one at first, half when the server is overloaded, back again by one a round."""

from __future__ import annotations

import asyncio
import time

from feab.models import openai_throttle
from feab.models.openai_throttle import Throttle


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_first_is_alone_until_there_is_a_reply():
    async def main():
        throttle = Throttle(3)
        tasks = [asyncio.create_task(throttle.acquire()) for _ in range(5)]
        await settle()
        assert [task.done() for task in tasks] == [True, False, False, False, False]
        throttle.open()
        throttle.release()
        await settle()
        assert [task.done() for task in tasks] == [True, True, True, True, False]
        for task in tasks:
            task.cancel()

    asyncio.run(main())


def test_a_first_reply_that_takes_long_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(openai_throttle, "FIRST_ALONE_S", 0.05)

    async def main():
        throttle = Throttle(4)
        await asyncio.wait_for(asyncio.gather(*(throttle.acquire() for _ in range(4))), 2)

    asyncio.run(main())


def test_half_once_a_window_and_a_round_and_slowly_back(monkeypatch):
    async def main():
        throttle = Throttle(16)
        throttle.open()
        granted = [await throttle.acquire() for _ in range(16)]
        for one in granted:
            throttle.overloaded(one, 0.0)  # the same overload, told sixteen times
            throttle.release()
        assert throttle.limit == 8
        throttle.overloaded(await throttle.acquire(), 0.0)  # of the next round, but too soon
        throttle.release()
        assert throttle.limit == 8
        monkeypatch.setattr(openai_throttle, "WINDOW_S", 0.0)
        again = await throttle.acquire()
        throttle.overloaded(again, 0.0)
        throttle.release()
        assert (throttle.limit, throttle.lowest) == (4, 4)
        for expected in (5, 6, 7):
            for _ in range(expected - 1):
                throttle.went_well()
            assert throttle.limit == expected
        for _ in range(1000):
            throttle.went_well()
        assert (throttle.limit, throttle.lowest) == (16, 4)
        for _ in range(10):
            throttle.overloaded(await throttle.acquire(), 0.0)
            throttle.release()
        assert throttle.limit == 1

    asyncio.run(main())


def test_silence_is_kept_by_all_and_a_slot_is_never_lost():
    async def main():
        throttle = Throttle(2)
        throttle.open()
        throttle.overloaded(await throttle.acquire(), 0.1)
        throttle.release()
        start = time.monotonic()
        waiting = [asyncio.create_task(throttle.acquire()) for _ in range(3)]
        await settle()
        waiting[0].cancel()
        for left in (1, 0):  # in whichever order
            _, open_ones = await asyncio.wait(waiting[1:], timeout=2, return_when=asyncio.FIRST_COMPLETED)
            assert time.monotonic() - start >= 0.09
            assert len(open_ones) == left
            throttle.release()
            waiting = [None, *open_ones]
        throttle.shut()
        last = asyncio.create_task(throttle.acquire())
        await settle()
        assert not last.done()
        throttle.begin()
        throttle.open()
        await asyncio.wait_for(last, 2)

    asyncio.run(main())

"""An event loop in a thread of its own, which works on questions and hands completions back as they come."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TypeAlias

from feab.records import Completion, Question

Emit: TypeAlias = Callable[[Completion], None]
Work: TypeAlias = Callable[[Question, Emit], Awaitable[None]]

_JOIN_S = 30.0
"""Seconds the thread has to end; it needs milliseconds, unless an image is being encoded."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """One question is finished, or all of them are, by an exception that is not about a question."""

    error: BaseException | None = None


class Pool:
    """Works on questions in a thread, as a context manager: leaving it cancels what is under way and ends the thread.

    The questions are pulled, and the completions taken, in the thread that calls `answers`.
    """

    def __init__(self, opened: AbstractAsyncContextManager[Work], look_ahead: int) -> None:
        """`opened` gives the work to do, and is entered and left inside the thread.

        At most `look_ahead` questions are pulled that are not yet finished and taken, so memory does not grow.
        """
        self._opened = opened
        self._look_ahead = look_ahead
        self._work: Work | None = None
        self._results: queue.SimpleQueue[Completion | _Finished] = queue.SimpleQueue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="feab-openai", daemon=True)

    def __enter__(self) -> Pool:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(self._stop.set)
        self._thread.join(_JOIN_S)

    def answers(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Completions, in the order in which they come.

        Raises:
            Exception: what the work raised, after the completions that came before.
        """
        source = iter(questions)
        pulling = True
        under_way = 0
        while True:
            while pulling and under_way < self._look_ahead:
                question = next(source, None)
                if question is None:
                    pulling = False
                else:
                    under_way += 1
                    self._tell(self._begin, question)
            if not under_way:
                return
            result = self._results.get()
            if isinstance(result, Completion):
                yield result
            elif result.error is not None:
                raise result.error
            else:
                under_way -= 1

    def _tell(self, act: Callable[..., object], *arguments: object) -> None:
        """Have the thread call something. One that has ended has left word among the results of why."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act, *arguments)

    # In the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        except Exception as error:
            self._results.put(_Finished(error))  # whoever waits for an answer must not wait for ever
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with self._opened as self._work:
            self._ready.set()
            await self._stop.wait()
            while self._tasks:  # before Python 3.12, `wait_for` now and then swallows a cancellation
                for task in self._tasks:
                    task.cancel()
                await asyncio.wait(self._tasks, timeout=0.5)

    def _begin(self, question: Question) -> None:
        if not self._stop.is_set():
            task = self._loop.create_task(self._one(question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, question: Question) -> None:
        await self._ready.wait()
        assert self._work is not None
        failed: Exception | None = None
        try:
            await self._work(question, self._results.put)
        except Exception as error:
            failed = error
        self._results.put(_Finished(failed))

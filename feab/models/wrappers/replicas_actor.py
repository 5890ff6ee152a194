"""Inside a replica: a model in a process of its own, handed questions and asked what it has said so far.

The model runs in a thread over one long stream of questions, so that it looks ahead, batches and keeps connections as
it does alone. Only what was said goes back: a completion's pictures stay here.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import feab
from feab.errors import FeabError
from feab.models.loading import card_of, load_model
from feab.models.protocol import Model, ModelInfo
from feab.models.wrappers.streams import closing_stream
from feab.records import Completion, Question

LOW = 8
"""Handed-over questions that the model has not yet looked at, below which more are asked for. Our choice."""

LEAVE_S = 3.0
"""Seconds that a model has to end what it is doing when nobody wants the rest."""


@dataclass(frozen=True, slots=True)
class Start:
    """Whom a replica is to load."""

    name: str
    include: tuple[str, ...]
    args: Mapping[str, Any]
    folder: str
    """Where relative paths begin, if that folder is there."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Where a replica is, before it loads anything."""

    version: str
    """That of the feab that is installed there."""
    node: str
    """The machine's address."""
    pid: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Whom a replica has loaded, and by what it must be the same as the others."""

    info: ModelInfo
    card: tuple[Any, ...] | None
    """What decides, in the model's card, on who answers."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no question could be answered: the message of a `FeabError`."""

    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a replica has said since the last time, and whether it wants more."""

    said: tuple[Completion, ...]
    """Their questions are reduced to their keys and draws."""
    unread: int
    """Questions handed over that the model has not looked at."""
    working: bool
    refusal: Refusal | None = None
    details: Mapping[str, Any] | None = None
    """The model's details, once it has come to the end of its questions."""


def card_facts(name: str, include: Sequence[str]) -> tuple[Any, ...] | None:
    """What decides, in a model's card, on who answers; None without a card.

    Raises:
        FeabError: as `feab.models.loading.card_of`.
    """
    card = card_of(name, include)
    return None if card is None else (card.name, card.adapter, dict(card.args), card.revision)


class Replica:
    """One copy of a model. Its methods are called one after the other; `exchange` is what goes on all the time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._model: Model | None = None
        self._thread: threading.Thread | None = None
        self._questions: deque[Question] = deque()
        self._said: list[Completion] = []
        self._failed: BaseException | None = None
        self._more = False
        self._left = False
        self._working = False

    def hello(self) -> Hello:
        """Where this is."""
        import ray

        return Hello(feab.__version__, ray.util.get_node_ip_address(), os.getpid())

    def load(self, start: Start) -> Facts | Refusal:
        """Load the model."""
        with suppress(OSError):
            os.chdir(start.folder)
        try:
            self._model = load_model(start.name, include=start.include, **start.args)
            return Facts(self._model.info, card_facts(start.name, start.include))
        except FeabError as error:
            return Refusal(str(error))

    def exchange(self, questions: Sequence[Question], more: bool, wait_s: float) -> Report:
        """Take questions, and say what was answered: as soon as there is something to say, or after `wait_s` seconds.

        `more` says whether there are others to come. After a "no", none may be handed over until `working` is false.

        Raises:
            Exception: what the model raised, unless it was a `FeabError`, which becomes a refusal.
        """
        with self._changed:
            self._questions.extend(questions)
            self._more = more
            if self._questions and not self._working:
                self._start()
            self._changed.notify_all()
            self._changed.wait_for(self._has_news, wait_s)
            said, self._said = tuple(self._said), []
            failed, self._failed = self._failed, None
            if failed is not None and not isinstance(failed, FeabError):
                raise failed
            refusal = None if failed is None else Refusal(str(failed))
            details = None if self._working or self._model is None else self._model.info.details
            return Report(said, len(self._questions), self._working, refusal, details)

    def leave(self) -> None:
        """Stop asking the model, and forget what it has said: nobody wants the rest."""
        with self._changed:
            self._left = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._forget()

    def close(self) -> None:
        """Stop asking the model, and close it."""
        with self._changed:
            self._left = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(LEAVE_S)
        if self._model is not None:
            self._model.close()

    def _start(self) -> None:
        self._forget()
        self._working = True
        self._thread = threading.Thread(target=self._work, name="feab-replica", daemon=True)
        self._thread.start()

    def _forget(self) -> None:
        self._said, self._failed, self._left = [], None, False

    def _has_news(self) -> bool:
        return bool(self._said) or not self._working or (self._more and len(self._questions) < LOW)

    # In the thread

    def _work(self) -> None:
        assert self._model is not None
        failed: BaseException | None = None
        try:
            with closing_stream(self._model.generate(self._handed_over())) as completions:
                for completion in completions:
                    with self._changed:
                        if self._left:
                            break
                        self._said.append(without_pictures(completion))
                        self._changed.notify_all()
        except Exception as error:
            failed = error
        with self._changed:
            self._questions.clear()
            self._failed = failed
            self._working = False
            self._changed.notify_all()

    def _handed_over(self) -> Iterator[Question]:
        """The questions, waiting for more as long as there are any to come."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._questions or self._left or not self._more)
                if self._left or not self._questions:
                    return
                question = self._questions.popleft()
                if len(self._questions) < LOW:
                    self._changed.notify_all()
            yield question


def without_pictures(completion: Completion) -> Completion:
    """The completion, its question reduced to what names it."""
    bare = replace(completion.question, messages=(), choices=(), schema=None, closed=())
    return replace(completion, question=bare)

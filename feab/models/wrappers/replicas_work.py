"""What is still to be asked, in chunks, and what a replica was asked and has not yet answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

from feab.models.images import pictures_of
from feab.records import Completion, Failure, Image, Media, Message, Question

CHUNK = 8
"""Questions handed over at a time: few, so that replicas end at the same time; more cost no less time (our choice)."""

FACE_CHUNK = 32
"""At the most, where several questions ask about the same face: a model that sees each face once wants them all."""

CHUNK_BYTES = 8 * 2**20
"""Bytes of pictures after which a chunk ends, so that videos do not fill the memory."""

DEATHS = 3
"""Replicas that may die over a question, before it becomes an error. Our choice."""

Draw: TypeAlias = tuple[tuple[str, str, str], int]


class Asked:
    """What one replica was asked and has not yet answered, draw by draw."""

    def __init__(self) -> None:
        self._draws: dict[Draw, Question] = {}

    def __bool__(self) -> bool:
        return bool(self._draws)

    def add(self, questions: Iterable[Question]) -> None:
        """Note what is handed over."""
        self._draws.update((draw, question) for question in questions for draw in draws_of(question))

    def settle(self, said: Completion) -> Completion | None:
        """The completion with its question as it was asked; None for one that nobody is waiting for."""
        found = [self._draws.pop(draw, None) for draw in draws_of(said.question)]
        question = found[0] if found else None
        if question is None or None in found:
            return None
        asked = replace(question, first_draw=said.question.first_draw, n=said.question.n)
        return replace(said, question=asked)

    def give_up(self) -> list[Question]:
        """What was not answered, narrowed to the draws that were not; it is forgotten here."""
        left: list[Question] = []
        for (key, draw), question in self._draws.items():
            last = left[-1] if left else None
            if last is not None and last.key == key and last.first_draw + last.n == draw:
                left[-1] = replace(last, n=last.n + 1)
            else:
                left.append(replace(question, first_draw=draw, n=1))
        self._draws.clear()
        return left


class Work:
    """Questions in chunks, pulled as they are wanted, and those over which a replica died."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._source = iter(questions)
        self._next: Question | None = None
        self._begun = False
        self._suspects: deque[Question] = deque()
        self._deaths: dict[Draw, int] = {}

    @property
    def exhausted(self) -> bool:
        """Whether no chunk is left; suspects may be."""
        if not self._begun:
            self._pull()
        return self._next is None

    def chunk(self) -> tuple[Question, ...]:
        """The next questions, with the bytes of their pictures; all about the last face of them belong to it."""
        taken: list[Question] = []
        weight = 0
        while not self.exhausted and len(taken) < FACE_CHUNK:
            assert self._next is not None
            full = len(taken) >= CHUNK or weight >= CHUNK_BYTES
            if full and not _same_face(taken[-1], self._next):
                break
            shared = taken[-1] if taken and _same_face(taken[-1], self._next) else None
            taken.append(self._next)
            weight += 0 if shared else sum(len(one.data or b"") for one in pictures_of(self._next))
            self._pull()
        read: dict[Media, Media] = {}
        return tuple(_with_bytes(question, read) for question in taken)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to hand out."""
        return self.exhausted and not self._suspects

    def suspect(self) -> Question | None:
        """A question over which a replica died, to be asked alone; None where there is none."""
        return self._suspects.popleft() if self._suspects else None

    def died_over(self, questions: list[Question]) -> list[Completion]:
        """Note that a replica died with these under way. Those that have had their chances come back, as errors.

        Only one that was alone is to blame; so those that died in company are asked alone from now on.
        """
        errors = []
        for question in questions:
            first = next(iter(draws_of(question)))
            self._deaths[first] = self._deaths.get(first, 0) + 1
            if len(questions) == 1 and self._deaths[first] >= DEATHS:
                message = f"{self._deaths[first]} replicas died while they were asked this"
                errors.append(Completion(question, error=Failure("replica_died", message)))
            else:
                self._suspects.append(question)
        return errors

    def _pull(self) -> None:
        self._begun = True
        self._next = next(self._source, None)


def draws_of(question: Question) -> list[Draw]:
    """Every draw that a question asks for."""
    return [(question.key, question.first_draw + number) for number in range(question.n)]


def _same_face(one: Question, other: Question) -> bool:
    return one.sample == other.sample and pictures_of(one) == pictures_of(other)


def _with_bytes(question: Question, read: dict[Media, Media]) -> Question:
    """The question with its pictures' bytes in it, since another machine does not have the files.

    A picture that cannot be read stays a path: the adapter says what is wrong with it. `read` has those of the chunk,
    so that one that is asked about several times is read and sent once.
    """
    if all(map(_travels, pictures_of(question))):
        return question

    def sent(messages: tuple[Message, ...]) -> tuple[Message, ...]:
        return tuple(_message_with_bytes(message, read) for message in messages)

    closed = tuple(replace(one, messages=sent(one.messages)) for one in question.closed)
    return replace(question, messages=sent(question.messages), closed=closed)


def _travels(media: Media) -> bool:
    """Whether it can be read elsewhere: bytes can; a part of a picture or a frame of a video may need a file here."""
    return type(media) is Media and (media.data is not None or media.path is None)


def _message_with_bytes(message: Message, read: dict[Media, Media]) -> Message:
    parts = []
    for part in message.parts:
        if isinstance(part, Image) and not _travels(part.media):
            if part.media not in read:
                with suppress(OSError):
                    read[part.media] = Media(data=part.media.read())
            part = Image(read.get(part.media, part.media))
        parts.append(part)
    return replace(message, parts=tuple(parts))

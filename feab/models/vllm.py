"""`vllm/FOLDER` or `vllm/OWNER/NAME`: a checkpoint in vLLM's offline engine, on this machine.

Questions reach the engine one by one, each on its own, and up to `chunk` of them are in it at once: it always has
work, memory on the host does not grow with their number, and one that cannot be asked disturbs no other. Those about
one face follow each other, so that its picture is prepared, and what they begin with computed, once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from feab.errors import FeabError
from feab.models.cards import ModelCard
from feab.models.choices import added, around, weighs_lists
from feab.models.hf_load import folder_digest, locate, reached
from feab.models.images import ImageError, decode, first_line, pictures_of, read_media, within
from feab.models.loading import parse_options
from feab.models.protocol import ModelInfo
from feab.models.vllm_choices import Request, Weighing
from feab.models.vllm_engine import Engine, start
from feab.models.vllm_options import VllmOptions
from feab.models.vllm_wire import completion, conversation, sampling
from feab.records import Completion, Failure, Question

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

VERSION = "1"

ABOUT_A_QUESTION = 16
"""Requests that a question whose options are weighed makes, about: so many fewer questions are in it at once."""


def options_of(rest: str) -> type[BaseModel]:
    """What `-M` takes for `vllm/rest`. Whether a hub checkpoint exists is not asked.

    Raises:
        FeabError: when it names no folder with a checkpoint, and cannot be a hub id.
    """
    locate(rest, None, False, provider="vllm")
    return VllmOptions


def open_model(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> VllmModel:
    """The model behind `vllm/rest`; see `feab.load_model`."""
    pinned = {"revision": card.revision} if card is not None and card.revision is not None else {}
    options = parse_options(VllmOptions, {**pinned, **args}, "vllm")
    template = options.read_template()
    source = reached(locate(rest, options.revision, options.trust_remote_code, provider="vllm"))
    engine = start(source, options, template)
    facts = dict(engine.facts)
    revision = folder_digest(Path(source.path)) if source.local else facts["revision"]
    info = ModelInfo(
        name=name,
        adapter="vllm",
        adapter_version=VERSION,
        revision=revision,
        args_that_change_answers={
            "dtype": facts["dtype"],
            "model_impl": facts["model_impl"],
            **options.identity(template),
        },
        parameters=card.parameters if card is not None else None,
        scorings=("generate", "choices", "yes-no"),
        max_tokens=options.max_new_tokens,
        details={**facts["details"], "chunk": options.chunk},
    )
    return VllmModel(info, engine, options)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that the engine is working on."""

    question: Question
    since: float


class VllmModel:
    """A checkpoint in an engine."""

    def __init__(self, info: ModelInfo, engine: Engine, options: VllmOptions) -> None:
        self.info = info
        self._engine: Engine | None = engine
        self._options = options
        self._last: list[tuple[str, Picture]] = []

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer as the engine finishes; see `feab.models.Model`.

        At most `chunk` questions are pulled ahead of what is handed back. `latency_s` is the time in the engine, with
        the wait for its turn.

        Raises:
            FeabError: when the engine died, or after `close`.
        """
        if self._engine is None:
            raise FeabError(f"{self.name} is closed")
        for scoring, several in groupby(questions, key=lambda question: question.scoring):
            yield from (self._generated if scoring == "generate" else self._chosen)(several)

    def _generated(self, questions: Iterable[Question]) -> Iterator[Completion]:
        if self._engine is None:
            raise FeabError(f"{self.name} is closed")
        engine, chunk = self._engine, self._options.chunk
        source = iter(questions)
        asked: dict[str, _Asked] = {}
        try:
            while True:
                room = chunk - len(asked)
                more = _by_face(islice(source, room)) if room >= (chunk + 1) // 2 else []
                for question in more:
                    put = self._put(engine, question)
                    if isinstance(put, Failure):
                        yield Completion(question, error=put)
                    else:
                        asked[put] = _Asked(question, time.perf_counter())
                if not asked:
                    if more:
                        continue
                    return
                for name, output in engine.ready():
                    known = asked.pop(name, None)
                    if known is not None:  # else one that was dropped
                        yield completion(known.question, output, time.perf_counter() - known.since)
        finally:
            if asked:
                engine.drop(list(asked))

    def _chosen(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Weigh the options of closed questions; answer the others by generation, and weigh lists around theirs."""
        source = iter(questions)
        while several := list(islice(source, max(1, self._options.chunk // ABOUT_A_QUESTION))):
            lists: dict[tuple[str, str, str], Completion] = {}
            for one in self._generated(question for question in several if not question.closed):
                if weighs_lists(one.question) and one.error is None:
                    lists[one.question.key] = one
                else:
                    yield one
            yield from self._weighed([question for question in several if question.closed])
            for one in self._weighed([around(own.question, own.texts[0]) for own in lists.values()]):
                yield added(lists[one.question.key], one)

    def _weighed(self, questions: Sequence[Question]) -> Iterator[Completion]:
        """Have the engine read all options of some questions; completions as they are whole."""
        assert self._engine is not None
        engine = self._engine
        asked: dict[str, tuple[Weighing, Request]] = {}
        try:
            for question in _by_face(questions):
                weighing = Weighing(question, engine.ends)
                named = self._read(engine, weighing)
                if isinstance(named, Failure):
                    yield Completion(question, error=named)
                else:
                    asked |= named
            while asked:
                for name, output in engine.ready():
                    if name in asked:
                        weighing, request = asked.pop(name)
                        weighing.take(request, output)
                        if not weighing.waiting:
                            yield weighing.completion()
        finally:
            if asked:
                engine.drop(list(asked))

    def _read(self, engine: Engine, weighing: Weighing) -> dict[str, tuple[Weighing, Request]] | Failure:
        """Hand all that is to be read for a question to the engine: names of the requests, or why it cannot be."""
        named: dict[str, tuple[Weighing, Request]] = {}
        for request in tuple(weighing.waiting):
            put = self._put(engine, weighing.question, request)
            if isinstance(put, Failure):
                engine.drop(list(named))
                return put
            named[put] = (weighing, request)
        return named

    def close(self) -> None:
        """End the engine."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None
        self._last = []

    def _put(self, engine: Engine, question: Question, request: Request | None = None) -> str | Failure:
        """Hand a question, or a part of one, to the engine: the request's name, or why it cannot be asked."""
        try:
            pictures = self._pictures(question)
            if request is not None:
                begun = request.spelling is not None
                return engine.put(request.conversation(pictures), request.sampling(engine.ends), begun=begun)
            return engine.put(conversation(question.messages, pictures), sampling(question, self._options))
        except FeabError:
            raise
        except ImageError as error:
            return Failure("image", str(error))
        except MemoryError:
            return Failure("out_of_memory", "while its image was prepared")
        except Exception as error:  # whatever a template, a processor or vLLM's checks raise is one question's trouble
            return Failure("prompt", first_line(error))

    def _pictures(self, question: Question) -> list[tuple[str, Picture]]:
        """Its pictures with names by their content; those of the question before are not decoded again."""
        data = read_media(pictures_of(question))
        names = [hashlib.blake2b(one, digest_size=16).hexdigest() for one in data]
        if names != [name for name, _ in self._last]:
            low, high = self._options.min_pixels, self._options.max_pixels
            self._last = [(name, within(decode(one), low, high)) for name, one in zip(names, data, strict=True)]
        return self._last


def _by_face(questions: Iterable[Question]) -> list[Question]:
    """The same questions, those about one face next to each other."""
    faces: dict[str, list[Question]] = {}
    for question in questions:
        faces.setdefault(question.sample, []).append(question)
    return [question for about_one in faces.values() for question in about_one]

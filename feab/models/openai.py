"""`openai/NAME`: any chat API that speaks as OpenAI's does: OpenAI, Gemini, Anthropic, vLLM, SGLang, Ollama, llama.cpp.

`base_url` says where it is (`-M base_url=http://127.0.0.1:8000/v1`); the key comes from the environment alone. Images
go out as the bytes that are stored. Failures that pass by themselves are tried again here, sorted (`openai_errors`);
what is left becomes a completion with an error, and the same run asks it again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from feab.errors import FeabError
from feab.models.cards import ModelCard
from feab.models.loading import parse_options
from feab.models.openai_asking import Asker
from feab.models.openai_options import OpenAIOptions, read_key
from feab.models.openai_pool import Pool, Work
from feab.models.protocol import ModelInfo
from feab.records import Completion, Question

VERSION = "1"


def options_of(rest: str) -> type[OpenAIOptions]:
    """What `-M` takes for `openai/rest`, whichever model that is."""
    return OpenAIOptions


def open_model(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> OpenAIModel:
    """The model behind `openai/rest`; see `feab.load_model`."""
    pinned = {"revision": card.revision} if card is not None and card.revision is not None else {}
    options = parse_options(OpenAIOptions, {**pinned, **args}, "openai")
    endpoint = options.endpoint()
    info = ModelInfo(
        name=name,
        adapter="openai",
        adapter_version=VERSION,
        revision=options.revision,
        args_that_change_answers={"model": rest, **options.identity(endpoint)},
        local=endpoint.local,
        endpoint=endpoint.url,
        parameters=card.parameters if card else None,
        scorings=("generate", "yes-no"),
        max_tokens=options.max_tokens,
    )
    return OpenAIModel(info, Asker(rest, options, endpoint, read_key(options, endpoint)), options.concurrency)


class OpenAIModel:
    """A model behind a chat API. What the endpoint turned out to take is remembered as long as this object lives."""

    def __init__(self, info: ModelInfo, asker: Asker, concurrency: int) -> None:
        self._info = info
        self._asker = asker
        self._concurrency = concurrency
        self._closed = False

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self._info.name

    @property
    def info(self) -> ModelInfo:
        """What the manifest says; the details grow while questions are asked."""
        return replace(self._info, details=self._asker.details)

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Ask up to `concurrency` questions at once; see `feab.models.Model`. Several draws come one by one.

        At most twice `concurrency` questions are pulled ahead of what is handed back. `latency_s` is that of the
        attempt that was answered.

        Raises:
            FeabError: when the server cannot be reached, or refuses the key or the model: no question could be
                answered; or after `close`.
        """
        if self._closed:
            raise FeabError(f"{self.name} is closed")
        with Pool(self._opened(), look_ahead=2 * self._concurrency) as pool:
            yield from pool.answers(questions)

    def close(self) -> None:
        """Ask no more. Connections end with the iterator that `generate` gave."""
        self._closed = True

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Work]:
        client = self._asker.client()
        try:
            yield partial(self._asker.answer, client)
        finally:
            await client.close()

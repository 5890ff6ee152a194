"""Asking one question of a chat API until there is an answer, or patience is at its end."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from feab.errors import FeabError
from feab.models.endpoints import Endpoint
from feab.models.images import ImageError, pictures_of, read_media
from feab.models.openai_client import Client
from feab.models.openai_dialect import Dialect
from feab.models.openai_errors import Trouble, advice, from_error_reply, scrubbed
from feab.models.openai_images import data_url
from feab.models.openai_options import OpenAIOptions
from feab.models.openai_pool import Emit
from feab.models.openai_throttle import Throttle
from feab.models.openai_weighing import NO_LOGPROBS, singles, together
from feab.models.openai_wire import Reply, read_reply, request
from feab.records import Completion, Failure, Media, Question

IN_THREAD = 256 * 1024
"""Bytes of images from which they are encoded in a thread: half a millisecond, a third of all else of a request."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
UNREACHED_ATTEMPTS = 4
"""Attempts at a server that has never been there: within four seconds it is either starting or wrongly named."""

_NAMES_KEPT = 8

_NO_SCORING = (
    "so nothing can be scored by choices there; leave out --scoring, or ask a server that gives them (vLLM does)"
)


class Asker:
    """Asks one endpoint for one model, and remembers what it has learnt about it."""

    def __init__(self, model: str, options: OpenAIOptions, endpoint: Endpoint, key: str) -> None:
        self._model = model
        self._options = options
        self._endpoint = endpoint
        self._key = key
        self._dialect = Dialect()
        self._throttle = Throttle(options.concurrency)
        self._reached = False
        self._shows = False
        """Whether it has given log-probabilities."""
        self._schemas = False
        self._answered_by: Counter[str] = Counter()
        self._repeated: Counter[str] = Counter()

    def client(self) -> Client:
        """Connections for one event loop, which is to be the only one for as long as they stand."""
        self._throttle.begin()
        return Client(self._options, self._endpoint, self._key)

    @property
    def details(self) -> dict[str, Any]:
        """What the manifest says about how the endpoint was asked, so far."""
        found: dict[str, Any] = {"endpoint": self._endpoint.url, "concurrency": self._throttle.most}
        if self._reached:
            found |= self._dialect.details(self._schemas)
        if self._throttle.lowest < self._throttle.most:
            found["lowest_concurrency"] = self._throttle.lowest
        if self._answered_by:
            found["answered_by"] = dict(self._answered_by)
        if self._repeated:
            found["repeated_after"] = dict(self._repeated)
        return found

    async def answer(self, client: Client, question: Question, emit: Emit) -> None:
        """Ask for all draws: at once where the endpoint gives several answers to a request, else one by one.

        Raises:
            FeabError: when no other question would fare better.
        """
        pictures = _Pictures(pictures_of(question), self._options.max_pixels)
        if question.closed:
            await self._weigh(client, question, pictures, emit)
            return
        draws = 0
        if question.n == 1 or self._dialect.takes("n"):
            draws = await self._attempts(client, question, pictures, emit)
        if draws < question.n:
            self._dialect = self._dialect.without("n")
            rest = range(question.first_draw + draws, question.first_draw + question.n)
            single = [replace(question, first_draw=draw, n=1) for draw in rest]
            await asyncio.gather(*(self._attempts(client, one, pictures, emit) for one in single))

    async def _weigh(self, client: Client, question: Question, pictures: _Pictures, emit: Emit) -> None:
        """Ask its closed questions, one request each; where one fails, all are asked again when the run goes on."""
        asked = singles(question)
        got: list[list[Completion]] = [[] for _ in asked]
        await asyncio.gather(
            *(self._attempts(client, one, pictures, found.append) for one, found in zip(asked, got, strict=True))
        )
        emit(together(question, [found[0] for found in got]))

    async def _attempts(self, client: Client, question: Question, pictures: _Pictures, emit: Emit) -> int:
        """Send it until something comes of it; returns how many draws that was."""
        attempts, waited = 0, 0.0
        while True:
            try:
                found = await self._attempt(client, question, pictures)
            except ImageError as error:
                emit(Completion(question, error=Failure("image", f"the image {error}")))
                return question.n
            if found is None:
                continue
            if isinstance(found, Reply):
                return self._hand_over(found, emit)
            attempts += 1
            if found.ends_run:
                raise FeabError(self._advice(found))
            wait = _wait(found, attempts)
            most = self._options.max_attempts if self._reached else min(UNREACHED_ATTEMPTS, self._options.max_attempts)
            if not found.passes or attempts >= most or waited + wait > self._options.max_wait:
                if not self._reached:
                    raise FeabError(self._advice(found))
                emit(Completion(question, error=self._given_up(found, attempts)))
                return question.n
            self._repeated[found.failure.kind] += 1
            waited += wait
            await asyncio.sleep(wait)

    async def _attempt(self, client: Client, question: Question, pictures: _Pictures) -> Reply | Trouble | None:
        """Send it once; None when it should be sent at once again, in other words."""
        granted_in = await self._throttle.acquire()
        try:
            urls = await pictures.urls()
            dialect = self._dialect
            if question.closed and not (dialect.takes("logprobs") and dialect.takes("top_logprobs")):
                raise FeabError(f"{self._endpoint.url}: does not take `top_logprobs`: {_NO_SCORING}")
            asked = request(self._model, question, urls, self._options, dialect)
            self._schemas = self._schemas or "response_format" in asked.fields
            start = time.perf_counter()
            got = await client.post(asked.body)
            found = got if isinstance(got, Trouble) else read_reply(got, question, time.perf_counter() - start)
            if isinstance(found, Mapping):
                found = from_error_reply(found)
            if isinstance(found, Reply):
                self._check_shown(found)
            if isinstance(found, Reply):
                self._throttle.went_well()
            elif self._can_rephrase(found, dialect, asked.fields):
                return None
            elif found.ends_run:
                self._throttle.shut()
            elif found.overloaded:
                self._throttle.overloaded(granted_in, min(found.wait_s or 0.0, self._options.max_wait))
            if isinstance(found, Reply) or found.reached:
                self._reached = True
                self._throttle.open()
            return found
        finally:
            self._throttle.release()

    def _check_shown(self, reply: Reply) -> None:
        """Whether an endpoint that was asked for log-probabilities gives them: the first reply tells.

        Raises:
            FeabError: when it does not.
        """
        for completion in reply.completions:
            if completion.question.closed and not self._shows:
                if completion.error is not None and completion.error.kind == NO_LOGPROBS:
                    raise FeabError(f"{self._endpoint.url}: {completion.error.message}: {_NO_SCORING}")
                self._shows = completion.error is None

    def _can_rephrase(self, trouble: Trouble, dialect: Dialect, sent: frozenset[str]) -> bool:
        """Whether a refusal named a field that may be left out; it is remembered. Others may have learnt it before."""
        if trouble.failure.kind not in ("http_400", "http_422"):
            return False
        learnt = dialect.after(trouble.complaint, trouble.param, sent)
        if self._dialect == dialect and learnt is not None:
            self._dialect = learnt
        return self._dialect != dialect

    def _hand_over(self, reply: Reply, emit: Emit) -> int:
        if reply.model is not None and (reply.model in self._answered_by or len(self._answered_by) < _NAMES_KEPT):
            self._answered_by[scrubbed(reply.model, self._key)] += 1
        for completion in reply.completions:
            emit(replace(completion, texts=tuple(scrubbed(text, self._key) for text in completion.texts)))
        return sum(completion.question.n for completion in reply.completions)

    def _advice(self, trouble: Trouble) -> str:
        return scrubbed(advice(trouble, self._endpoint.url, self._model, self._options.key_env), self._key)

    def _given_up(self, trouble: Trouble, attempts: int) -> Failure:
        asks = f"; the server asks to wait {trouble.wait_s:.0f} s" if trouble.wait_s else ""
        times = f" ({attempts} attempts)" if attempts > 1 else ""
        return replace(trouble.failure, message=scrubbed(f"{trouble.failure.message}{asks}{times}", self._key))


class _Pictures:
    """The data URLs of a question's pictures, encoded once, and not before there is a slot to send them in."""

    def __init__(self, media: Sequence[Media], max_pixels: int | None) -> None:
        self._media = media
        self._max_pixels = max_pixels
        self._urls: list[bytes] | None = None
        self._turn = asyncio.Lock()

    async def urls(self) -> list[bytes]:
        """The URLs in the pictures' order.

        Raises:
            ImageError: when a picture cannot be read or sent.
        """
        async with self._turn:
            if self._urls is None:
                at_hand = sum(len(one.data) if one.data is not None else IN_THREAD for one in self._media)
                if self._max_pixels is None and at_hand < IN_THREAD:
                    self._urls = self._encode()
                else:
                    self._urls = await asyncio.get_running_loop().run_in_executor(None, self._encode)
            return self._urls

    def _encode(self) -> list[bytes]:
        return [data_url(data, self._max_pixels) for data in read_media(self._media)]


def _wait(trouble: Trouble, attempts: int) -> float:
    """Seconds before the next attempt: longer each time and never in step with others, and what the server asks for."""
    own = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (attempts - 1)) * random.uniform(0.5, 1.0)
    return max(own, (trouble.wait_s or 0.0) * random.uniform(1.0, 1.1))

"""Watching a chat class of lm-eval: each question's own answer or failure, none turned into text, none lost.

Left alone, such a class gives "" for a reply that it cannot read (an error with status 200, a filtered answer, no
content), moves all later answers to other questions when a reply holds no choice or several, and loses a whole batch
when one request fails for good. Here it hands back one `Said` a request, with the reply or the trouble inside.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from feab.models.images import first_line
from feab.models.openai_errors import Trouble, from_error_reply, from_status
from feab.models.openai_wire import Reply, read_reply
from feab.records import Completion, Failure, Question

_COMPLAINT = 16 * 1024
"""Bytes that are read of what a server says with a status of failure."""


class Said(str):
    """What a chat class hands back for one request: its text, and what the text alone does not tell."""

    body: Any = None
    """The reply, as JSON."""
    trouble: Trouble | None = None
    """Why there is none."""
    thought: bool = False
    """Whether the class leaves out what comes before the end of thinking."""
    seconds: float | None = None
    """From sending it to the end of the reply."""


class Watched:
    """A chat class whose requests are watched. Only one batch may be with it at a time."""

    def __init__(self, lm: Any) -> None:
        self._lm = lm
        self._call = lm.amodel_call
        self._parse = lm.parse_generations
        self._attempts: Counter[int] = Counter()
        self.reached = False
        """Whether a server was ever there."""
        self.sent = 0
        """Attempts that the last batch made."""
        lm.amodel_call = self._watched_call
        lm.parse_generations = self._parsed
        lm._concurrent = max(2, lm._concurrent)  # one path of its two, the one that can be watched

    def generate(self, requests: list[Any]) -> list[Any]:
        """What `generate_until` of the class gives, in the order of the requests."""
        self._attempts.clear()
        self.sent = 0
        answers: list[Any] = self._lm.generate_until(requests)
        return answers

    async def _watched_call(self, **given: Any) -> list[Any]:
        """One attempt: its outcome, or its exception as long as the class is to try again."""
        session = _Straight(given["session"])
        self.sent += 1
        try:
            answers: list[Any] = await self._call(**{**given, "session": session})
        except Exception as error:
            trouble = sorted_out(error)
            self.reached = self.reached or trouble.reached
            request = id(given["messages"])  # the same object at every attempt
            self._attempts[request] += 1
            if trouble.passes and self._attempts[request] < self._lm.max_retries:
                raise
            answers = [Said()]
            answers[0].trouble = trouble
        else:
            self.reached = True
        self._attempts.pop(id(given["messages"]), None)  # another request may come to lie where this one lay
        for answer in answers:
            if isinstance(answer, Said) and session.since is not None:
                answer.seconds = time.perf_counter() - session.since
        return answers[:1] or [None]

    def _parsed(self, outputs: Any, **given: Any) -> list[Said]:
        """The text as the class reads it, with the whole reply: one, whatever the reply holds."""
        try:
            texts = self._parse(outputs=outputs, **given)
        except Exception:  # what is wrong with the reply is told by our own reading of it
            texts = []
        said = Said(texts[0] if texts and isinstance(texts[0], str) else "")
        said.body = outputs
        said.thought = bool(getattr(self._lm, "think_end_token", None))
        return [said]


class _Straight:
    """A session that follows no redirect: faces go where the user said and nowhere else."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.since: float | None = None

    @asynccontextmanager
    async def post(self, *args: Any, **given: Any) -> AsyncIterator[Any]:
        """The reply, if its status says that all is well."""
        self.since = time.perf_counter()
        async with self._session.post(*args, **given, allow_redirects=False) as response:
            if response.status >= 300:
                said = await response.content.read(_COMPLAINT)
                raise RefusedError(response.status, said, response.headers)
            yield response


class RefusedError(Exception):
    """A reply with a status of failure."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        text = body.decode("utf-8", "replace")
        try:
            self.body: Any = json.loads(text)
        except (ValueError, RecursionError):
            self.body = text


def forced(lm: Any) -> dict[str, Any]:
    """What a class sends whatever it is asked: `openai-chat-completions` has a temperature of 1 for names with a 5."""
    asked = {"until": [], "max_gen_toks": 1, "do_sample": False, "temperature": 0.0, "stop": None}
    sent = lm._create_payload([{"role": "user", "content": "?"}], generate=True, gen_kwargs=asked, seed=0)
    temperature = sent.get("temperature")
    return {} if temperature == 0 else {"temperature_sent": temperature}


def completion_of(said: Any, question: Question) -> Completion | Trouble:
    """What one request for one draw of the question came to."""
    if not isinstance(said, Said):
        return Completion(question, error=Failure("adapter", "lm-eval's class gave back no answer of its own"))
    if said.trouble is not None:
        return said.trouble
    try:
        data = json.dumps(said.body).encode()
    except (ValueError, TypeError, RecursionError):
        data = b""
    found = read_reply(data, question, said.seconds or 0.0)
    if not isinstance(found, Reply):
        return from_error_reply(found)
    (read,) = found.completions
    if read.error is not None or read.finish_reasons[0] in ("refusal", "content_filter"):
        return read
    if not said.strip():
        if not said.thought:
            return read
        failure = Failure("empty", "nothing comes after the end of thinking")
        return Completion(question, usage=read.usage, latency_s=said.seconds, error=failure)
    return Completion(question, (str(said),), read.finish_reasons, read.usage, said.seconds)


def sorted_out(error: Exception) -> Trouble:
    """What an exception of a request means, by the rules of `openai/…`."""
    http = import_module("aiohttp")
    if isinstance(error, RefusedError):
        return from_status(error.status, error.body, error.headers)
    if isinstance(error, http.ContentTypeError):  # its status is that of a good reply
        return Trouble(Failure("malformed", "the reply is not JSON"))
    status = getattr(error, "status_code", None)  # of a library between lm-eval and the server
    if isinstance(status, int) and 300 <= status <= 599:
        return from_status(status, first_line(error), {})
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        connecting = isinstance(error, getattr(http, "ConnectionTimeoutError", ()))
        return Trouble(Failure("timeout", "no answer in time"), passes=True, reached=not connecting)
    if isinstance(error, http.ClientConnectorError):
        return Trouble(Failure("connection", "no connection to the server"), passes=True, reached=False)
    if isinstance(error, (http.ClientError, OSError)):
        return Trouble(Failure("connection", "the connection broke"), passes=True)
    if isinstance(error, (ValueError, RecursionError)):
        return Trouble(Failure("malformed", "the reply is not JSON"))
    return Trouble(Failure("adapter", first_line(error)))


@contextmanager
def without_bars(verbose: bool) -> Iterator[None]:
    """Without the progress bars of lm-eval's API classes, which no argument switches off."""
    module: Any = import_module("lm_eval.models.api_models")
    known: tuple[Callable[..., Any], Any] = (module.tqdm, module.tqdm_asyncio)

    class Quiet(module.tqdm_asyncio):  # type: ignore[misc]
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **{**given, "disable": True})

    if not verbose:
        module.tqdm, module.tqdm_asyncio = partial(known[0], disable=True), Quiet
    try:
        yield
    finally:
        module.tqdm, module.tqdm_asyncio = known

"""A question as the body of a chat request, and the reply as completions: one a draw, never an answer made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from feab.models.first_token import TOP_LOGPROBS, label_probabilities
from feab.models.openai_dialect import Dialect
from feab.models.openai_options import OpenAIOptions
from feab.models.openai_weighing import weighed
from feab.records import Completion, Failure, FinishReason, Question, Text, Usage

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "eos": "stop", "stop_sequence": "stop",
    "length": "length", "max_tokens": "length",
    "content_filter": "content_filter", "safety": "content_filter", "refusal": "refusal",
}  # fmt: skip
_MOST_TOKENS = 10**9
_MOST_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """The body of a request, and which of our fields it holds."""

    body: bytes
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat endpoint answered: completions of as many of the question's draws as there are choices."""

    completions: tuple[Completion, ...]
    model: str | None = None
    """The model by the server's own name."""


def request(model: str, question: Question, urls: Sequence[bytes], options: OpenAIOptions, dialect: Dialect) -> Request:
    """The body that asks a question.

    `urls` are the data URLs of its images, in their order: plain ASCII, put in as they are. `dialect` is which optional
    fields the endpoint takes.
    """
    fields = _fields(question, options, dialect)
    detail = options.detail if dialect.takes("detail") else None
    messages = _messages(question, urls, detail)
    head = json.dumps({"model": model, **options.extra, **fields}, allow_nan=False)
    sent = frozenset(fields) | (frozenset() if detail is None else {"detail"})
    return Request(b"".join([head[:-1].encode("ascii"), b', "messages": ', messages, b"}"]), sent)


def _fields(question: Question, options: OpenAIOptions, dialect: Dialect) -> dict[str, Any]:
    sampling = question.sampling
    optional: dict[str, Any] = {
        "temperature": sampling.temperature,
        # Several requests for one question must not draw the same answer. Endpoints take 64 bits.
        "seed": (sampling.seed + question.first_draw) % 2**63,
    }
    if sampling.top_p != 1:  # one is every endpoint's own, and some refuse both it and a temperature
        optional["top_p"] = sampling.top_p
    if question.n > 1:
        optional["n"] = question.n
    if question.closed or (options.logprobs and question.kind == "expression"):
        optional |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    fields = {name: value for name, value in optional.items() if dialect.takes(name)}
    fields[dialect.limit] = 1 if question.closed else options.max_tokens or sampling.max_tokens
    if options.reasoning_effort is not None:
        fields["reasoning_effort"] = options.reasoning_effort
    if question.schema is not None and options.structured == "auto" and dialect.format != "none":
        fields["response_format"] = _format(question.schema, dialect)
    return fields


def _format(schema: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    if dialect.format == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}


def _messages(question: Question, urls: Sequence[bytes], detail: str | None) -> bytes:
    """The messages as JSON, with the data URLs spliced in: encoding them again as JSON would copy each image twice."""
    waiting = iter(urls)
    close = b'"}}' if detail is None else b'", "detail": ' + _json(detail) + b"}}"
    messages = []
    for message in question.messages:
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        if len(texts) == len(message.parts):
            content = _json("\n".join(texts))  # some servers take a list only where there are images
        else:
            parts = [
                b'{"type": "text", "text": ' + _json(part.text) + b"}"
                if isinstance(part, Text)
                else b'{"type": "image_url", "image_url": {"url": "' + next(waiting) + close
                for part in message.parts
            ]
            content = b"[" + b", ".join(parts) + b"]"
        messages.append(b'{"role": ' + _json(message.role) + b', "content": ' + content + b"}")
    return b"[" + b", ".join(messages) + b"]"


def _json(text: str) -> bytes:
    return json.dumps(text).encode("ascii")


def read_reply(data: bytes, question: Question, latency_s: float) -> Reply | Mapping[str, Any]:
    """The completions in a reply's body; or, where the body is an error although the status was 200, that error.

    A body that is no such JSON gives completions with an error of kind `malformed`, `shape` or `empty`: one a draw, for
    the draws that the choices stand for. It never raises, whatever the bytes.
    """
    try:
        body = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return Reply((_failed(question, "malformed", "the reply is not JSON", latency_s),))
    if not isinstance(body, dict):
        return Reply((_failed(question, "shape", "the reply is no JSON object", latency_s),))
    if body.get("error") and not body.get("choices"):
        return body
    choices, usage = body.get("choices"), _usage(body.get("usage"))
    if not isinstance(choices, list) or not choices:
        return Reply((_failed(question, "shape", "the reply has no choices", latency_s, usage),))
    model = body.get("model")
    found = []
    for draw, choice in enumerate(choices[: question.n]):
        mine = replace(question, first_draw=question.first_draw + draw, n=1) if question.n > 1 else question
        # The server's count is of all draws together: the first has it, so that sums are right.
        spent = usage if draw == 0 or usage == Usage() else Usage(input_tokens=0, output_tokens=0)
        found.append(_choice(choice, mine, spent, latency_s))
    return Reply(tuple(found), model[:200] if isinstance(model, str) else None)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _failed(question: Question, kind: str, message: str, latency_s: float, usage: Usage | None = None) -> Completion:
    return Completion(question, error=Failure(kind, message), latency_s=latency_s, usage=usage or Usage())


def _choice(choice: Any, question: Question, usage: Usage, latency_s: float) -> Completion:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return _failed(question, "shape", "a choice has no message", latency_s, usage)
    given = choice.get("finish_reason")
    reason: FinishReason = _FINISH.get(given.lower(), "unknown") if isinstance(given, str) else "unknown"
    text = _text(message.get("content"))
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip() and not (text and text.strip()):
        text, reason = refusal, "refusal"
    if text is None and message.get("content") is not None:
        return _failed(question, "shape", "the content of a choice is no text", latency_s, usage)
    text = text or ""
    if question.closed:
        return weighed(question, text, _alternatives(choice), usage, latency_s)
    if not text.strip() and reason not in ("content_filter", "refusal", "length"):
        return _failed(question, "empty", f"the answer is empty (finish_reason {str(given)[:40]})", latency_s, usage)
    pairs = _alternatives(choice)
    found = None if pairs is None else label_probabilities(question, text, pairs)
    return Completion(question, (text,), (reason,), usage, latency_s, probabilities=found)


def _text(content: Any) -> str | None:
    """The text of a message: a string, or a list of parts of which those of type text count."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        part.get("text") for part in content[:_MOST_PARTS] if isinstance(part, dict) and part.get("type") == "text"
    ]
    return "".join(text for text in texts if isinstance(text, str)) if texts else None


def _usage(usage: Any) -> Usage:
    found = usage if isinstance(usage, dict) else {}
    return Usage(_count(found.get("prompt_tokens")), _count(found.get("completion_tokens")))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _alternatives(choice: Mapping[str, Any]) -> list[tuple[str, float]] | None:
    """The likeliest first tokens with their log-probabilities; None where there are none, or they are misshapen."""
    content = choice.get("logprobs")
    tokens = content.get("content") if isinstance(content, dict) else None
    first = tokens[0] if isinstance(tokens, list) and tokens else None
    top = first.get("top_logprobs") if isinstance(first, dict) else None
    pairs = []
    for item in top[:TOP_LOGPROBS] if isinstance(top, list) else ():
        token, logprob = (item.get("token"), item.get("logprob")) if isinstance(item, dict) else (None, None)
        if not (isinstance(token, str) and isinstance(logprob, (int, float))):
            return None
        pairs.append((token, float(logprob)))
    return pairs or None

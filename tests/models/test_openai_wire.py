"""Whatever a server sends: never an exception, never an answer that is not in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_vlm import ask, jpeg

from feab.models.images import pictures_of
from feab.models.openai_dialect import Dialect
from feab.models.openai_errors import Trouble, from_exception, from_status, retry_after
from feab.models.openai_images import data_url
from feab.models.openai_options import OpenAIOptions
from feab.models.openai_wire import Reply, read_reply, request
from feab.records import Completion, Image, Media, Message, Text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FINISH = st.sampled_from(["stop", "length", "content_filter", "STOP", "tool_calls"]) | JSON


def or_any(**fields):
    """A mapping with these fields, each of which may be missing or anything."""
    return st.fixed_dictionaries({}, optional={name: strategy | JSON for name, strategy in fields.items()})


TOKEN = or_any(token=st.sampled_from(["h", "neutral", " ang", ""]), logprob=st.floats(-20, 0))
PART = or_any(type=st.just("text"), text=st.text())
CHOICE = or_any(
    message=or_any(
        content=st.sampled_from(["happiness", "", " "]) | st.lists(PART, max_size=3),
        refusal=st.just("I cannot."),
    ),
    finish_reason=FINISH,
    logprobs=or_any(content=st.lists(or_any(top_logprobs=st.lists(TOKEN, max_size=5)), max_size=2)),
)  # fmt: skip
BODY = or_any(
    choices=st.lists(CHOICE | JSON, max_size=4),
    usage=or_any(prompt_tokens=st.integers(), completion_tokens=st.integers()),
    model=st.text(),
    error=or_any(code=st.integers(0, 999), message=st.text(), param=st.text()),
)


def check(found, question):
    """Completions of draws of the question, each a text or an error; no text that is not in the reply."""
    if isinstance(found, Mapping):
        return
    assert isinstance(found, Reply)
    assert found.completions
    draws = [
        draw
        for one in found.completions
        for draw in range(one.question.first_draw, one.question.first_draw + one.question.n)
    ]
    assert draws == list(range(question.first_draw, question.first_draw + len(draws)))
    assert len(draws) <= question.n
    for one in found.completions:
        assert isinstance(one, Completion)
        assert one.question.key == question.key
        if one.error is None:
            assert len(one.texts) == len(one.finish_reasons) == one.question.n == 1
            assert one.texts[0].strip() or one.finish_reasons[0] in ("length", "content_filter", "refusal")
        if one.probabilities is not None:
            assert all(0 <= p <= 1 for p in one.probabilities.values())
            assert sum(one.probabilities.values()) <= 1 + 1e-6
        for count in (one.usage.input_tokens, one.usage.output_tokens):
            assert count is None or 0 <= count <= 10**9


@given(st.binary(max_size=200), st.integers(1, 3))
def test_any_bytes(data, n):
    question = ask(0, data=b"", n=n, first_draw=2)
    found = read_reply(data, question, 0.1)
    check(found, question)


@given(BODY | JSON, st.integers(1, 3))
def test_any_json(body, n):
    data = json.dumps(body).encode()
    question = ask(0, data=b"", n=n)
    found = read_reply(data, question, 0.1)
    check(found, question)
    if isinstance(found, Reply):
        for one in found.completions:
            for text in one.texts:
                assert text == "" or json.dumps(text)[1:-1] in data.decode() or len(text) > 1


@given(
    st.integers(300, 599),
    BODY | JSON | st.text(),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=30)),
)
def test_any_error_is_sorted(status, body, headers):
    trouble = from_status(status, body, headers)
    assert trouble.failure.kind == f"http_{status}"
    assert len(trouble.failure.message) <= 320
    assert "\n" not in trouble.failure.message
    assert not (trouble.passes and trouble.ends_run)
    assert trouble.wait_s is None or 0 <= trouble.wait_s < float("inf")
    for dialect in (Dialect(), Dialect("max_completion_tokens", "none")):
        after = dialect.after(trouble.complaint, trouble.param, frozenset({"temperature", "n", "max_tokens", "seed"}))
        assert after is None or after != dialect


def test_what_a_dialect_gives_up_comes_to_an_end():
    dialect, steps = Dialect(), 0
    while True:
        sent = {dialect.limit, *(name for name in ("temperature", "seed", "n") if dialect.takes(name))}
        if dialect.format != "none":
            sent.add("response_format")
        after = dialect.after(f"not supported: {' '.join(sorted(sent))} 'n'", None, frozenset(sent))
        if after is None:
            break
        dialect, steps = after, steps + 1
    assert steps <= 6
    assert dialect.format == "none"


@pytest.mark.parametrize(
    ("complaint", "param"),
    [
        ("This model's maximum context length is 256 tokens; 'max_tokens' is too large: 300", "max_tokens"),
        ("The image is too large for the temperature scale", None),
        ("", None),
        ("Unsupported image type", "messages"),
    ],
)
def test_a_complaint_about_something_else_changes_nothing(complaint, param):
    sent = frozenset({"max_tokens", "temperature", "seed"})
    assert Dialect().after(complaint, param, sent) is None


NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0), ({"retry-after": " 0.25 "}, 0.25), ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Saturday, 21-Nov-26 12:00:30 GMT"}, 30.0),
        ({}, None), ({"retry-after": "soon"}, None), ({"retry-after": "-3"}, None), ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None), ({"retry-after": "1e9"}, None), ({"retry-after": "9" * 400}, None),
    ],
)  # fmt: skip
def test_retry_after(headers, seconds):
    assert retry_after(headers, NOW) == seconds


def test_an_exception_of_ours_is_not_taken_for_the_servers():
    assert from_exception(KeyError("choices")) is None
    assert isinstance(from_exception(asyncio.TimeoutError()), Trouble)


def test_the_frames_of_a_clip_are_images_in_order_before_the_words():
    asked = ask(0)
    frames = [Image(Media(data=jpeg(i))) for i in range(3)]
    asked = replace(asked, messages=(Message("user", (*frames, Text("Which?"))),), times=(0.0, 0.5, 1.0))
    urls = [data_url(media.read()) for media in pictures_of(asked)]
    body = json.loads(request("m", asked, urls, OpenAIOptions(), Dialect()).body)
    (message,) = body["messages"]
    kinds = [part["type"] for part in message["content"]]
    assert kinds == ["image_url", "image_url", "image_url", "text"]
    assert [part["image_url"]["url"] for part in message["content"][:3]] == [url.decode() for url in urls]
    assert len(set(urls)) == 3

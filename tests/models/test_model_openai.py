"""The chat adapter against a server in this process: what is sent, what comes of each reply, and what ends a run."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import time
import traceback
from dataclasses import replace
from itertools import pairwise

import pytest
from chat_server import Reply, chat, chat_server
from PIL import Image as Pillow
from tiny_vlm import ask, by_key, jpeg

from feab.errors import FeabError
from feab.models import Model, load_model
from feab.records import Image, Media, Message, Text

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setattr("feab.models.openai_asking.FIRST_WAIT_S", 0.01)
    for name in ("OPENAI_API_KEY", "OTHER_KEY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def load(server, **args):
    return load_model("openai/some/model", base_url=server.url, **args)


def image_of(body):
    parts = body["messages"][-1]["content"]
    return next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")


def no_threads_left():
    return not [thread for thread in threading.enumerate() if thread.name == "feab-openai"]


# What is sent


def test_a_question_goes_out_as_stored_image_first_with_the_key_in_the_header_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with chat_server(lambda body, number: chat("Happiness.")) as server:
        model = load(server, max_tokens="7", extra='{"top_k": 1}', detail="low")
        assert isinstance(model, Model)
        question = ask(5, seed=3)
        (completion,) = model.generate([question])
    assert completion.texts == ("Happiness.",)
    assert completion.finish_reasons == ("stop",)
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (10, 2)
    assert completion.latency_s > 0
    body = server.bodies[0]
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg(5)).decode()
    assert body.pop("messages") == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                {"type": "text", "text": question.messages[0].parts[1].text},
            ],
        }
    ]
    assert body == {"model": "some/model", "temperature": 0.0, "seed": 3, "max_tokens": 7, "top_k": 1}
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.headers[0]["content-type"] == "application/json"
    assert no_threads_left()


def test_text_alone_is_sent_as_text_and_odd_characters_arrive():
    words = 'say "a\\b"\n\u2028 \u00e9 \U0001f600'
    question = replace(ask(0), messages=(Message("system", (Text(words),)), *ask(0).messages))
    with chat_server(lambda body, number: chat("fear")) as server:
        list(load(server).generate([question]))
    assert server.bodies[0]["messages"][0] == {"role": "system", "content": words}


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp")])
def test_the_type_is_told_by_the_bytes(kind, mime):
    out = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(out, kind)
    with chat_server(lambda body, number: chat("fear")) as server:
        list(load(server).generate([ask(0, data=out.getvalue())]))
    assert image_of(server.bodies[0]) == f"data:image/{mime};base64," + base64.b64encode(out.getvalue()).decode()


def test_only_max_pixels_makes_another_picture(tmp_path):
    large = io.BytesIO()
    Pillow.effect_noise((600, 300), 80).convert("RGB").save(large, "PNG")
    path = tmp_path / "face.png"
    path.write_bytes(large.getvalue())
    from_file = replace(ask(1), messages=(Message("user", (Image(Media(path=str(path))), Text("?"))),))
    with chat_server(lambda body, number: chat("fear")) as server:
        list(load(server).generate([ask(0, data=large.getvalue()), from_file]))
        list(load(server, max_pixels="20000").generate([ask(0, data=large.getvalue()), ask(1)]))
    urls = [image_of(body) for body in server.bodies]
    stored = "data:image/png;base64," + base64.b64encode(large.getvalue()).decode()
    assert urls[:2] == [stored, stored]
    shrunk = next(url for url in urls[2:] if len(url) > 5000)
    assert shrunk.startswith("data:image/jpeg;base64,")
    assert Pillow.open(io.BytesIO(base64.b64decode(shrunk.partition(",")[2]))).size == (200, 100)
    assert "data:image/jpeg;base64," + base64.b64encode(jpeg(1)).decode() in urls[2:]


def test_a_large_picture_is_encoded_whole():
    data = b"\xff\xd8\xff" + bytes(range(256)) * 8000
    with chat_server(lambda body, number: chat("fear")) as server:
        list(load(server).generate([ask(0, data=data)]))
    assert base64.b64decode(image_of(server.bodies[0]).partition(",")[2]) == data


def test_a_picture_that_cannot_be_sent_is_an_error_of_its_question_alone(tmp_path):
    missing = replace(ask(1), messages=(Message("user", (Image(Media(path=str(tmp_path / "no.jpg"))), Text("?"))),))
    with chat_server(lambda body, number: chat("fear")) as server:
        found = by_key(load(server).generate([ask(0, data=b"text"), missing, ask(2, data=b""), ask(3)]))
        broken = by_key(load(server, max_pixels=9).generate([ask(4, data=b"\xff\xd8\xffx")]))
    kinds = [None if one.error is None else one.error.kind for one in [*found.values(), *broken.values()]]
    assert sorted(kinds, key=str) == [None, "image", "image", "image", "image"]
    assert len(server.bodies) == 1


# What the endpoint takes


SCHEMA = {"type": "object", "properties": {"expression": {"type": "string"}}}


def test_a_schema_is_sent_where_it_is_taken_and_given_up_once():
    def answer(body, number):
        kind = body.get("response_format", {}).get("type")
        if kind in refused:
            return Reply({"error": {"message": f"response_format of type {kind} is not supported"}}, 400)
        return chat('{"expression": "fear"}')

    questions = [replace(ask(i), schema=SCHEMA) for i in range(6)]
    for refused, used in [((), "json_schema"), (("json_schema",), "json_object")]:
        with chat_server(answer) as server:
            model = load(server)
            assert all(one.texts for one in model.generate(questions))
            assert model.info.details["structured_output"] == used
            assert len(server.bodies) == 6 + len(refused)  # one request finds out
    refused = ("json_schema", "json_object")
    with chat_server(answer) as server:
        model = load(server)
        assert all(one.texts for one in model.generate(questions))
        assert model.info.details["structured_output"] == "none"
        assert len(server.bodies) == 8
    with chat_server(answer) as server:
        list(load(server, structured="none").generate(questions[:1]))
    assert "response_format" not in server.bodies[0]
    assert questions[0].schema == SCHEMA


@pytest.mark.parametrize(
    ("complaint", "gone", "status"),
    [
        ({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                    "'max_completion_tokens' instead.", "param": "max_tokens"}}, "max_tokens", 400),
        ({"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model. Only the default "
                    "(1) value is supported.", "param": "temperature"}}, "temperature", 400),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
         "seed", 422),
        ([{"error": {"code": 400, "message": 'Invalid JSON payload. Unknown name "seed": Cannot find field.'}}],
         "seed", 400),
    ],
)  # fmt: skip
def test_a_refused_field_is_left_out_from_then_on_and_said(complaint, gone, status):
    def answer(body, number):
        return Reply(complaint, status) if gone in body else chat("fear")

    with chat_server(answer) as server:
        model = load(server)
        assert all(one.texts for one in model.generate([ask(i) for i in range(5)]))
        assert len(server.bodies) == 6
        details = model.info.details
        if gone == "max_tokens":
            assert details["token_limit"] == "max_completion_tokens"
            assert server.bodies[-1]["max_completion_tokens"] == 6
        else:
            assert details["not_accepted"] == [gone]
            assert details["token_limit"] == "max_tokens"
        assert details["answered_by"] == {"served": 5}


def test_a_refusal_that_names_no_field_is_an_error_of_the_question_at_once():
    def answer(body, number):
        bad = {"error": {"message": "The temperature of the debate: your image is unreadable", "param": None}}
        return Reply(bad, 400) if number == 1 else chat("fear")

    with chat_server(answer) as server:
        found = list(load(server).generate([ask(i) for i in range(3)]))
    assert len(server.bodies) == 3
    (error,) = [one.error for one in found if one.error]
    assert error.kind == "http_400"
    assert "your image is unreadable" in error.message


def test_several_draws_in_one_request_or_one_by_one():
    with chat_server(lambda body, number: chat(*[f"text {i}" for i in range(body.get("n", 1))])) as server:
        found = list(load(server).generate([ask(0, n=3, first_draw=2, seed=10, temperature=1.0)]))
    assert [(one.question.first_draw, one.question.n, one.texts) for one in found] == [
        (2, 1, ("text 0",)), (3, 1, ("text 1",)), (4, 1, ("text 2",)),
    ]  # fmt: skip
    assert server.bodies[0]["n"] == 3
    assert [one.usage.input_tokens for one in found] == [10, 0, 0]

    def refuses(body, number):
        return Reply({"error": {"message": "'n' > 1 is not supported"}}, 400) if "n" in body else chat("one")

    for answer, requests in ((refuses, 4), (lambda body, number: chat("one"), 3)):  # or it is passed over in silence
        with chat_server(answer) as server:
            model = load(server)
            found = by_key(model.generate([ask(0, n=3, first_draw=2, seed=10, temperature=1.0)]))
        assert sorted(key[3] for key in found) == [2, 3, 4]
        assert all(one.texts == ("one",) and one.question.n == 1 for one in found.values())
        assert len(server.bodies) == requests
        assert len({body["seed"] for body in server.bodies}) == 3, "draws of their own"
        assert model.info.details["not_accepted"] == ["n"]


def logprobs(*pairs):
    top = [{"token": token, "logprob": value} for token, value in pairs]
    return {"content": [{"token": pairs[0][0], "logprob": pairs[0][1], "top_logprobs": top}]}


@pytest.mark.parametrize(
    ("text", "pairs", "expected"),
    [
        ("Happiness.", [("H", -0.5), ("neu", -1.5), (" ang", -2.0), ("The", -3.0)], (0.223, 0.607, 0.135)),
        ("happiness", [("happ", -0.5), ("", -0.6)], (0, 0.607, 0)),
        ("The face is happy", [("The", -0.1), ("neu", -1.0)], None),  # not a label
        ("happiness", [("The", -0.1)], None),
        ("happiness", [("happ", -0.1), ("hap", -0.1)], None),  # more than one in all
        ("happiness", [("happ", 0.5)], None),
        ("happiness", [("happ", float("nan"))], None),
    ],
)
def test_probabilities_only_where_they_are_sound(text, pairs, expected):
    def answer(body, number):
        reply = chat(text)
        reply["choices"][0]["logprobs"] = logprobs(*[pair for pair in pairs if pair[1] == pair[1]] or [("x", "no")])
        return reply

    with chat_server(answer) as server:
        (found,) = load(server, logprobs="true").generate([ask(0)])
        list(load(server).generate([ask(0), ask(0, task="t_va")]))
    assert (server.bodies[0]["logprobs"], server.bodies[0]["top_logprobs"]) == (True, 20)
    assert not any("logprobs" in body for body in server.bodies[1:])
    if expected is None:
        assert found.probabilities is None
    else:
        assert tuple(found.probabilities[label] for label in ("neutral", "happiness", "anger")) == pytest.approx(
            expected, abs=1e-3
        )


# What comes of it


@pytest.mark.parametrize(
    ("reply", "text", "reason"),
    [
        (chat([{"type": "text", "text": "fe"}, {"type": "text", "text": "ar"}]), "fear", "stop"),
        (chat(None, refusal="I cannot."), "I cannot.", "refusal"),
        (chat(None, finish="content_filter"), "", "content_filter"),
        (chat("", finish="length", reasoning_content="hm"), "", "length"),
        (chat("fear", finish="tool_calls"), "fear", "unknown"),
        (chat("fear", finish=None), "fear", "unknown"),
        (chat("fear", usage=None), "fear", "stop"),
        (chat("fear", usage={"prompt_tokens": -1, "completion_tokens": True}), "fear", "stop"),
    ],
)
def test_replies_that_are_answers(reply, text, reason):
    with chat_server(lambda body, number: reply) as server:
        (found,) = load(server).generate([ask(0)])
    assert (found.texts, found.finish_reasons) == ((text,), (reason,))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", "malformed"), (b"{", "malformed"), (b"\xff\xfe", "malformed"), (b"[" * 100_000, "malformed"),
        (b'{"choices": NaN}', "malformed"), (b"[]", "shape"), (b"{}", "shape"), ({"choices": [None]}, "shape"),
        ({"choices": [{"message": {"content": 3}}]}, "shape"), ({"choices": {"0": 1}}, "shape"),
        (chat(""), "empty"), (chat(" \n"), "empty"), (chat(None), "empty"), (chat([]), "shape"),
        (chat(None, reasoning_content="happiness"), "empty"),
        (Reply(b'{"choices": "' + b"x" * (5 * 2**20) + b'"}'), "too_large"),
        (Reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "malformed"),
    ],
)  # fmt: skip
def test_replies_that_are_no_answer_are_errors_and_not_repeated(reply, kind):
    with chat_server(lambda body, number: reply) as server:
        (found,) = load(server).generate([ask(0)])
    assert found.error.kind == kind
    assert found.texts == ()
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_passes_by_itself_is_tried_again(status):
    def answer(body, number):
        return Reply({"error": {"message": "busy"}}, status) if number < 2 else chat("fear")

    with chat_server(answer) as server:
        model = load(server)
        (found,) = model.generate([ask(0)])
    assert found.texts == ("fear",)
    assert model.info.details["repeated_after"] == {f"http_{status}": 2}


@pytest.mark.parametrize("status", [400, 413, 415, 422, 451])
def test_what_does_not_pass_is_not_tried_again(status):
    with chat_server(lambda body, number: Reply({"error": {"message": "no"}}, status)) as server:
        (found,) = load(server).generate([ask(0)])
    assert (found.error.kind, found.error.message) == (f"http_{status}", f"HTTP {status}: no")
    assert len(server.bodies) == 1


def test_attempts_and_waiting_have_an_end():
    with chat_server(lambda body, number: Reply("down", 500)) as server:
        (found,) = load(server, max_attempts=3).generate([ask(0)])
        assert found.error.message == "HTTP 500: down (3 attempts)"
        assert len(server.bodies) == 3
    with chat_server(lambda body, number: Reply("no", 429, {"Retry-After": "3600"})) as server:
        start = time.monotonic()
        (found,) = load(server, max_wait=5).generate([ask(0)])
        assert time.monotonic() - start < 4
    assert "asks to wait 3600 s" in found.error.message
    assert len(server.bodies) == 1


def test_retry_after_is_kept_by_all_and_fewer_ask_at_once():
    times = []
    lock = threading.Lock()
    busy = most = 0

    def answer(body, number):
        nonlocal busy, most
        with lock:
            times.append(time.monotonic())
            busy += 1
            most = max(most, busy)
        time.sleep(0.03)
        with lock:
            busy -= 1
        return Reply("slow down", 429, {"Retry-After": "0.4"}) if number == 8 else chat("fear")

    with chat_server(answer) as server:
        model = load(server, concurrency=8)
        assert all(one.texts for one in model.generate([ask(i) for i in range(40)]))
    assert most <= 8
    assert model.info.details["lowest_concurrency"] == 4
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) > 0.3  # silence for all, not for the one question alone
    assert len(server.bodies) == 41


def test_an_error_inside_a_good_status_counts_by_its_code():
    replies = [{"error": {"code": 503, "message": "x"}}, {"error": {"message": "provider"}}, chat("fear")]
    with chat_server(lambda body, number: replies[number]) as server:
        (found,) = load(server).generate([ask(0)])
    assert found.texts == ("fear",)
    with (
        chat_server(lambda body, number: {"error": {"code": 402, "message": "no credit"}}) as server,
        pytest.raises(FeabError, match="quota and billing"),
    ):
        list(load(server).generate([ask(0)]))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "OTHER_KEY"),
        (Reply({"error": {"message": f"not for {KEY}"}}, 403), r"not let this key.*not for \[key\]"),
        (Reply({"error": {"message": "The model `some/model` does not exist"}}, 404), "no model 'some/model'"),
        (Reply({"error": {"message": "x", "code": "insufficient_quota"}}, 429), "quota"),
        (Reply("", 307, {"Location": "http://198.51.100.7/"}), "final address"),
    ],
)
def test_what_no_question_would_survive_ends_the_run_at_once(reply, says, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", KEY)
    with chat_server(lambda body, number: reply) as server:
        model = load(server, key_env="OTHER_KEY")
        with pytest.raises(FeabError, match=says) as caught:
            list(model.generate(ask(i) for i in range(100)))
    assert len(server.bodies) == 1, "the first is sent alone"
    told = "".join(traceback.format_exception(caught.value)) + repr(model.info) + repr(vars(caught.value))
    assert KEY not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert no_threads_left()


def test_the_key_is_nowhere_even_if_a_server_repeats_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def answer(body, number):
        reply = chat(f"fear {KEY}")
        return reply | {"model": KEY} if number else Reply({"error": {"message": f"bad {KEY}"}}, 400)

    with chat_server(answer) as server:
        model = load(server)
        found = list(model.generate([ask(0), ask(1)]))
    assert KEY not in repr(found) + repr(model.info)
    assert any(one.texts == ("fear [key]",) for one in found)


def test_a_server_that_is_not_there_is_said_within_seconds():
    with chat_server(lambda body, number: chat("fear")) as server:
        pass
    with pytest.raises(FeabError, match=r"cannot be reached.*is the server running"):
        list(load(server).generate([ask(i) for i in range(100)]))


def test_a_silent_server_is_a_timeout():
    def answer(body, number):
        time.sleep(1.5)
        return chat("fear")

    with chat_server(answer) as server:
        (found,) = load(server, timeout=0.2, connect_timeout=0.2, max_attempts=2).generate([ask(0)])
    assert found.error.kind == "timeout"
    assert len(server.bodies) == 2


# The stream


def test_questions_are_pulled_as_needed_and_leaving_ends_everything_at_once():
    pulled = 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield ask(pulled)

    release = threading.Event()

    def answer(body, number):
        if number >= 20:
            release.wait(10)
        return chat("fear")

    with chat_server(answer) as server:
        answers = load(server, concurrency=4).generate(endless())
        assert len([next(answers) for _ in range(20)]) == 20
        assert pulled <= 20 + 8
        start = time.monotonic()
        answers.close()
        assert time.monotonic() - start < 2
        assert no_threads_left()
        release.set()


def test_what_the_questions_raise_comes_through_and_ends_the_thread():
    def broken():
        yield ask(0)
        raise RuntimeError("the disk is gone")

    with chat_server(lambda body, number: chat("fear")) as server, pytest.raises(RuntimeError, match="disk"):
        list(load(server).generate(broken()))
    assert no_threads_left()


def test_a_closed_model_and_no_questions():
    with chat_server(lambda body, number: chat("fear")) as server:
        model = load(server)
        assert list(model.generate([])) == []
        model.close()
        model.close()
        with pytest.raises(FeabError, match="closed"):
            list(model.generate([ask(0)]))


# Arguments and identity


def test_the_identity_is_what_changes_answers():
    base = "http://127.0.0.1:9/v1"
    info = load_model("openai/m", base_url=base + "/", concurrency=3, timeout=5).info
    assert info.args_that_change_answers == {"model": "m", "base_url": base}
    assert (info.local, info.endpoint, info.adapter) == (True, base, "openai")
    more = load_model("openai/m", base_url=base, max_pixels=9, reasoning_effort="low", revision="abc").info
    assert more.args_that_change_answers == {
        "model": "m", "base_url": base, "max_pixels": 9, "reasoning_effort": "low",
    }  # fmt: skip
    assert more.revision == "abc"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"base_url": f"http://user:{KEY}@127.0.0.1/v1"}, "user name or password"),
        ({"base_url": f"http://127.0.0.1/v1?key={KEY}"}, "query"),
        ({"base_url": "ftp://127.0.0.1"}, "http"),
        ({"base_url": "127.0.0.1:8000"}, "http"),
        ({"base_url": "http://[::1"}, "http"),
        ({"base_url": "http://x/ y"}, "http"),
        ({"extra": "[1]"}, "extra"),
        ({"extra": '{"temperature": 1}'}, "option of its own"),
        ({"extra": '{"a": NaN}'}, "NaN"),
        ({"concurrency": "0"}, "concurrency"),
        ({"api_key": KEY}, "not an argument"),
        ({"base_url": "https://192.0.2.1/v1"}, "OPENAI_API_KEY"),
    ],
)
def test_wrong_arguments_are_refused_without_repeating_a_secret(args, says):
    with pytest.raises(FeabError, match=says) as caught:
        load_model("openai/m", **args)
    assert KEY not in str(caught.value)


def test_a_key_is_never_sent_unencrypted_to_a_third_party(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(FeabError, match="use https"):
        load_model("openai/m", base_url="http://192.0.2.1/v1")
    assert not load_model("openai/m", base_url="https://192.0.2.1/v1").info.local


def test_the_same_question_is_the_same_bytes():
    with chat_server(lambda body, number: chat("fear")) as server:
        for _ in range(2):
            list(load(server).generate([ask(0)]))
    one, two = (hashlib.sha256(repr(body).encode()).digest() for body in server.bodies)
    assert one == two

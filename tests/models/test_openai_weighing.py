"""Closed questions over a chat API: what is sent, what is read from the first token, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from chat_server import Reply, chat, chat_server
from tiny_vlm import ask, jpeg

import feab
from feab.errors import FeabError
from feab.models.choices import LEAST
from feab.models.first_token import option_likelihoods
from feab.records import Closed, Failure, Option, Question
from feab.tasks import load_tasks
from feab.tasks.choices import as_scored

EXPRESSION, _, UNITS = load_tasks("synth")
WORDS = {"neutral": 0.1, " Happiness": 0.4, "happiness": 0.2, "fear": 0.1, "The": 0.2}


def labels(sample: str = "a") -> Question:
    return as_scored(EXPRESSION, EXPRESSION.question(sample, ask(0, data=jpeg(0)).messages[0].parts[0].media), "yes-no")


def units(sample: str = "a") -> Question:
    question = UNITS.question(sample, ask(0, data=jpeg(0)).messages[0].parts[0].media)
    few = as_scored(UNITS, question, "yes-no")
    return replace(few, choices=("4", "12"), closed=tuple(one for one in few.closed if one.about in ("4", "12")))


def shown(tokens: dict[str, float], text: str = "x") -> dict:
    """A reply whose first token has these alternatives."""
    body = chat(text, finish="length", usage=(30, 1))
    top = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in tokens.items()]
    body["choices"][0]["logprobs"] = {"content": [{"token": text, "logprob": -1.0, "top_logprobs": top}]}
    return body


def model(url: str, **options: object) -> object:
    return feab.load_model("openai/some", base_url=url, timeout=5, **options)


def test_labels_are_read_from_the_first_token_in_any_case():
    with chat_server(lambda body, number: shown(WORDS)) as server:
        (one,) = model(server.url).generate([labels()])
    (body,) = server.bodies
    assert body["logprobs"] is True
    assert body["top_logprobs"] == 20
    assert body["max_tokens"] == 1
    assert one.texts == ("happiness",)
    assert one.likelihoods["happiness"].logprob == pytest.approx(math.log(0.6))
    assert one.likelihoods["anger"].logprob == LEAST
    assert one.probabilities["happiness"] == pytest.approx(0.6 / 0.8)
    assert one.probabilities["anger"] == 0
    assert sum(one.probabilities.values()) == pytest.approx(1)
    assert one.usage.input_tokens == 30
    assert one.question == labels()


def test_each_unit_is_a_request_of_its_own():
    def answer(body, number):
        about_12 = "AU12 " in body["messages"][0]["content"][1]["text"]
        return shown({"Yes": 0.9, " no": 0.05} if about_12 else {"No": 0.6, "yes": 0.2, "YES": 0.1})

    with chat_server(answer) as server:
        (one,) = model(server.url).generate([units()])
    assert len(server.bodies) == 2
    assert {body["messages"][0]["content"][0]["type"] for body in server.bodies} == {"image_url"}
    assert one.probabilities == pytest.approx({"4": 1 / 3, "12": 0.9 / 0.95})
    assert one.texts == ("12",)
    assert (one.usage.input_tokens, one.usage.output_tokens) == (60, 2)


def test_one_unit_that_fails_is_a_failure_of_the_question_and_no_other():
    def answer(body, number):
        fine = "AU12 " in body["messages"][0]["content"][1]["text"]
        return shown({"Yes": 0.9, "No": 0.1}) if fine else Reply({"error": {"message": "bad"}}, 400)

    with chat_server(answer) as server:
        found = {
            one.question.sample: one
            for one in model(server.url).generate(
                [units("a"), replace(units("b"), choices=("12",), closed=units().closed[1:])]
            )
        }
    assert found["a"].error.kind == "http_400"
    assert found["b"].error is None
    assert found["b"].texts == ("12",)


def test_an_answer_that_begins_no_option_is_no_option():
    with chat_server(lambda body, number: shown({"The": 0.9, "I": 0.1}, "The")) as server:
        (one,) = model(server.url).generate([labels()])
        (other,) = model(server.url).generate([units()])
    for completion in (one, other):
        assert completion.texts == ("The",)
        assert completion.probabilities is None
        assert completion.error is None


@pytest.mark.parametrize(
    "reply",
    [
        chat("happiness"),
        {**shown(WORDS), "choices": [{**shown(WORDS)["choices"][0], "logprobs": None}]},
        {**shown(WORDS), "choices": [{**shown(WORDS)["choices"][0], "logprobs": {"content": []}}]},
        Reply({"error": {"message": "'logprobs' is not supported with this model", "param": "logprobs"}}, 400),
        Reply({"error": {"message": "Unsupported parameter: top_logprobs"}}, 400),
    ],
)
def test_an_endpoint_without_log_probabilities_is_refused_at_once(reply):
    with chat_server(lambda body, number: reply) as server, pytest.raises(FeabError, match="scored by choices there"):
        list(model(server.url, concurrency=1).generate([labels(str(i)) for i in range(30)]))
    assert len(server.bodies) <= 2


def test_a_later_reply_without_them_is_one_questions_trouble():
    with chat_server(lambda body, number: chat("fear") if number == 1 else shown(WORDS)) as server:
        found = list(model(server.url, concurrency=1).generate([labels(str(i)) for i in range(3)]))
    assert sorted(one.error.kind if one.error else "" for one in found) == ["", "", "logprobs"]


def test_generated_answers_ask_for_as_many_tokens_as_ever():
    with chat_server(lambda body, number: chat("fear")) as server:
        list(model(server.url).generate([EXPRESSION.question("a", ask(0).messages[0].parts[0].media)]))
    assert server.bodies[0]["max_tokens"] == 32
    assert "logprobs" not in server.bodies[0]


def closed(*names: str) -> Closed:
    return Closed("", (), tuple(Option(name, (name,)) for name in names))


@pytest.mark.parametrize(
    ("names", "tokens", "expected"),
    [
        (("surprise", "sadness"), {"sur": 0.6, "sad": 0.3}, {"surprise": 0.6, "sadness": 0.3}),
        (("surprise", "sadness"), {"s": 0.6, "sad": 0.3}, "ambiguous"),
        (("surprise", "sadness"), {"s": 0.001, "sad": 0.3}, {"surprise": 0.0, "sadness": 0.3}),
        (("fear", "fearful"), {"fear": 0.6}, "ambiguous"),
        (('{"expression": "fear"}', '{"expression": "joy"}'), {'{"': 0.99}, "ambiguous"),
        (("fear", "joy"), {" ": 0.5, "": 0.2, "\n": 0.1}, None),
        (("fear", "joy"), {"fear": 0.8, " Fear": 0.8}, "logprobs"),
        (("fear", "joy"), {"fear": 3.0}, "logprobs"),
    ],
)
def test_what_the_first_token_tells(names, tokens, expected):
    found = option_likelihoods(closed(*names), [(token, math.log(p)) for token, p in tokens.items()])
    if isinstance(expected, dict):
        assert {name: round(math.exp(one.logprob), 9) for name, one in found.items()} == expected
        assert {one.tokens for one in found.values()} == {1}
    elif isinstance(expected, str):
        assert isinstance(found, Failure)
        assert found.kind == expected
    else:
        assert found is None


def test_not_a_number_is_no_log_probability():
    assert option_likelihoods(closed("a", "b"), [("a", math.nan)]).kind == "logprobs"


def test_a_run_refuses_lists_of_units_and_says_what_can_be_asked(tmp_path):
    with chat_server(lambda body, number: shown(WORDS)) as server:
        with pytest.raises(FeabError, match="--scoring yes-no"):
            feab.run("openai/some", base_url=server.url, limit=3, scoring="choices", out=tmp_path / "a")
        run = feab.run(
            "openai/some", "synth_expression", base_url=server.url, limit=3, scoring="choices", out=tmp_path / "b"
        )
    assert run.complete
    assert all(line.answer == "happiness" for line in run.predictions())

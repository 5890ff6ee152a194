"""Closed questions for vLLM's engine, without vLLM: what it is handed, what is read. tests/peers has vLLM itself."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
from tiny_vlm import ask

from feab.models import ModelInfo
from feab.models.vllm import VllmModel
from feab.models.vllm_options import VllmOptions
from feab.records import Closed, Option

END, OTHER_END = 7, 8
LABELS = ("neutral", "happiness", "anger")


class Reading:
    """An engine whose tokens are words, and whose log-probability of a word is minus its length, a tenth each."""

    ends = (END, OTHER_END)

    def __init__(self) -> None:
        self.asked: list[tuple[list, dict, bool]] = []
        self.in_it: dict[str, tuple[list, dict, bool]] = {}
        self.dropped: list[str] = []
        self.words: dict[str, int] = {}
        self._names = map(str, count())
        self.shows = True

    def put(self, messages, given, *, begun=False):
        if any("too long" in part.get("text", "") for message in messages for part in message["content"]):
            raise ValueError("the prompt is longer than 10 tokens")
        name = next(self._names)
        self.asked.append((messages, given, begun))
        self.in_it[name] = (messages, given, begun)
        return name

    def ready(self):
        name = list(self.in_it)[-1]  # the last first: the order of answers is nobody's promise
        messages, given, begun = self.in_it.pop(name)
        texts = ["<user>", *(part["text"] for part in messages[0]["content"] if part["type"] == "text"), "<model>"]
        texts += [messages[1]["content"][0]["text"]] if begun else []
        pieces = [word for text in texts for word in re.findall(r"<\w+>|[\w']+|[^\s\w]+", text)]
        ids = [self.words.setdefault(word, 100 + len(self.words)) for word in pieces]
        shown = [None, *({i: SimpleNamespace(logprob=-len(w) / 10)} for i, w in zip(ids[1:], pieces[1:], strict=True))]
        drawn = SimpleNamespace(text="12, 4", token_ids=(1, 2), finish_reason="stop", logprobs=None)
        if "logprob_token_ids" in given:
            assert given["logprob_token_ids"] == [END, OTHER_END]
            drawn.logprobs = [
                {END: SimpleNamespace(logprob=math.log(0.5)), OTHER_END: SimpleNamespace(logprob=-math.inf)}
            ]
        found = SimpleNamespace(
            outputs=[drawn],
            prompt_token_ids=ids,
            prompt_logprobs=shown if "prompt_logprobs" in given and self.shows else None,
        )
        return [(name, found)]

    def drop(self, names):
        self.dropped += names
        for name in names:
            self.in_it.pop(name, None)

    def close(self):
        pass


def model(engine, **options):
    return VllmModel(ModelInfo("vllm/some", "vllm", "1"), engine, VllmOptions(**options))


def expression(sample=0, **more):
    question = ask(sample, **more)
    options = tuple(Option(label, (label, label.capitalize())) for label in LABELS)
    return replace(question, choices=LABELS, scoring="choices", closed=(Closed("", question.messages, options),))


def test_each_spelling_is_read_as_the_beginning_of_an_answer():
    engine = Reading()
    (one,) = model(engine).generate([expression(text="Which is it?")])
    assert [begun for _, _, begun in engine.asked] == [False] + [True] * 6
    assert engine.asked[1][0][-1] == {"role": "assistant", "content": [{"type": "text", "text": "neutral"}]}
    assert engine.asked[1][1] == {"temperature": 0.0, "max_tokens": 1, "prompt_logprobs": 0}
    assert "prompt_logprobs" not in engine.asked[0][1]
    for label in LABELS:
        assert one.likelihoods[label].logprob == pytest.approx(min(0.0, math.log(2) - len(label) / 10))
        assert one.likelihoods[label].tokens == 1
    assert one.texts == ("anger",)
    assert one.usage.input_tokens == sum(len(["Which", "is", "it", "?"]) + 2 + begun for _, _, begun in engine.asked)


def test_lists_are_weighed_with_their_end_around_the_models_own():
    engine = Reading()
    asked = replace(ask(0, task="t_au"), scoring="choices")
    (one,) = model(engine).generate([asked])
    assert one.question == asked
    read = {messages[-1]["content"][0]["text"]: given for messages, given, begun in engine.asked if begun}
    assert set(read) == {"1, 4, 12", "4, 12", "12", "4"}
    assert all("logprob_token_ids" in given for given in read.values())
    # "4, 12" has three pieces of 1, 1 and 2 letters, and ends with probability one half.
    assert one.likelihoods["1 no"].logprob == pytest.approx(-0.4 + math.log(0.5))
    assert one.likelihoods["1 no"].tokens == 4
    assert len(engine.asked) == 1 + 1 + 4  # the answer, the prompt alone, four lists


def test_questions_of_all_sorts_in_one_stream_stay_apart():
    va = replace(ask(9, task="t_va"), choices=(), scoring="choices")
    stream = [expression(0), va, *(replace(ask(i, task="t_au"), scoring="choices") for i in range(5)), expression(1)]
    found = {one.question.key: one for one in model(Reading(), chunk=32).generate(stream)}
    assert set(found) == {question.key for question in stream}
    assert found[va.key].texts == ("12, 4",)
    assert found[va.key].likelihoods is None


def test_a_question_that_cannot_be_asked_disturbs_no_other():
    found = list(
        model(Reading()).generate([expression(0), expression(1, text="too long"), expression("x", data=b"no")])
    )
    assert sorted(one.error.kind if one.error else "" for one in found) == ["", "image", "prompt"]


def test_an_engine_that_shows_nothing_is_an_error():
    engine = Reading()
    engine.shows = False
    (one,) = model(engine).generate([expression(0)])
    assert one.error.kind == "engine"


def test_leaving_drops_what_is_in_the_engine():
    engine = Reading()
    stream = model(engine).generate([expression(i) for i in range(4)])
    next(stream)
    stream.close()
    assert engine.in_it == {}
    assert engine.dropped


def test_an_option_that_melts_into_the_prompt_is_an_error():
    engine = Reading()
    closed = Closed("", ask(0).messages, (Option("a", ("",)), Option("b", ("b",))))
    (one,) = model(engine).generate([replace(expression(0), choices=("a", "b"), closed=(closed,))])
    assert one.error.kind == "prompt"

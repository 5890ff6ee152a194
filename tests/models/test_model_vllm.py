"""The vllm adapter without vLLM: what it hands to an engine, what it makes of what comes back. tests/peers has vLLM."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import queue
import re
import time
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
from tiny_vlm import ask, by_key, jpeg

from feab.errors import FeabError
from feab.models import Model, ModelInfo, load_model
from feab.models.loading import parse_options
from feab.models.vllm import VllmModel
from feab.models.vllm_engine import _rank, _wake_on_death
from feab.models.vllm_options import VllmOptions
from feab.models.vllm_wire import completion, conversation, sampling
from feab.records import Image, Media, Message, Text


def said(text, reason="stop", logprobs=None):
    return SimpleNamespace(text=text, token_ids=(1, 2), finish_reason=reason, logprobs=logprobs)


def output(*drawn):
    return SimpleNamespace(outputs=list(drawn), prompt_token_ids=[1, 2, 3], finished=True)


class Scripted:
    """An engine in this process: it repeats the question's text, the oldest request first, a few at every step."""

    def __init__(self, *, at_once=3, dies_after=None):
        self.asked: list[tuple[list, dict]] = []
        self.in_it: dict[str, tuple[list, dict]] = {}
        self.most = 0
        self.dropped: list[str] = []
        self.closed = 0
        self._names = map(str, count())
        self._at_once = at_once
        self._dies_after = dies_after
        self._stale: list[tuple[str, object]] = []

    def put(self, messages, given):
        text = messages[-1]["content"][-1]["text"]
        if "too long" in text:
            raise ValueError("the prompt is longer than 10 tokens\nand so on")
        name = next(self._names)
        self.asked.append((messages, given))
        self.in_it[name] = (messages, given)
        self.most = max(self.most, len(self.in_it))
        return name

    def ready(self):
        if self._dies_after is not None:
            self._dies_after -= 1
            if self._dies_after < 0:
                raise FeabError("the engine died")
        done = list(self.in_it)[: self._at_once]
        found = [
            (name, output(*[said(self.in_it[name][0][-1]["content"][-1]["text"])] * self.in_it[name][1].get("n", 1)))
            for name in done
        ]
        for name in done:
            del self.in_it[name]
        stale, self._stale = self._stale, []
        return [*stale, *found]

    def drop(self, names):
        self.dropped += names
        self._stale = [(name, output(said("stale"))) for name in names]  # may come all the same
        for name in names:
            self.in_it.pop(name, None)

    def close(self):
        self.closed += 1


def model(engine, **options):
    return VllmModel(ModelInfo("vllm/some", "vllm", "1"), engine, VllmOptions(**options))


# The stream


def test_every_question_once_with_a_bounded_number_in_the_engine():
    engine = Scripted()
    asking = model(engine, chunk=8)
    assert isinstance(asking, Model)
    pulled = 0

    def questions():
        nonlocal pulled
        for number in range(50):
            pulled += 1
            yield ask(number, text=f"question {number}")

    answers = {}
    for back, one in enumerate(asking.generate(questions())):
        assert pulled - back <= 8
        answers[one.question.sample] = one
    assert {sample: one.texts for sample, one in answers.items()} == {str(n): (f"question {n}",) for n in range(50)}
    assert engine.most == 8
    assert engine.dropped == []
    assert all(one.latency_s >= 0 and one.usage.input_tokens == 3 for one in answers.values())


def test_questions_about_one_face_follow_each_other_and_share_its_picture():
    engine = Scripted()
    stream = [ask(face, task=task, text=task) for task in ("t_expression", "t_va", "t_au") for face in range(4)]
    assert len(list(model(engine, chunk=12).generate(stream))) == 12
    pictures = [messages[0]["content"][0] for messages, _ in engine.asked]
    names = [picture["uuid"] for picture in pictures]
    assert names == [name for name in dict.fromkeys(names) for _ in range(3)]
    assert len(set(names)) == 4
    assert len({id(picture["image_pil"]) for picture in pictures}) == 4
    assert {picture["image_pil"].mode for picture in pictures} == {"RGB"}


def test_one_that_cannot_be_asked_disturbs_no_other(tmp_path):
    missing = replace(ask(7), messages=(Message("user", (Image(Media(path=str(tmp_path / "no.jpg"))), Text("x"))),))
    stream = [ask(0), ask(1, data=b"no picture"), missing, ask(2, text="too long"), ask(3)]
    answers = by_key(model(Scripted(), chunk=2).generate(stream))
    failures = {key[1]: one.error and one.error.kind for key, one in answers.items()}
    assert failures == {"0": None, "1": "image", "7": "image", "2": "prompt", "3": None}
    assert answers[(*stream[3].key, 0)].error.message == "ValueError: the prompt is longer than 10 tokens"


def test_a_stream_of_nothing_but_failures_is_gone_through_lazily():
    stream = (ask(number, data=b"no picture") for number in range(30))
    assert sum(one.error is not None for one in model(Scripted(), chunk=4).generate(stream)) == 30


def test_a_dead_engine_ends_the_run_after_what_came_back():
    stream = model(Scripted(dies_after=2), chunk=6).generate(ask(number) for number in range(20))
    assert [next(stream).error for _ in range(6)] == [None] * 6
    with pytest.raises(FeabError, match="died"):
        next(stream)


def test_who_waits_for_an_engine_that_is_killed_is_told():
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    process.start()
    core = SimpleNamespace(
        resources=SimpleNamespace(engine_manager=SimpleNamespace(processes=[process])), outputs_queue=queue.Queue()
    )
    _wake_on_death(core, lambda: RuntimeError("dead"))
    assert core.outputs_queue.empty()
    process.kill()
    assert str(core.outputs_queue.get(timeout=60)) == "dead"
    process.join()
    _wake_on_death(SimpleNamespace(), RuntimeError)  # an engine without a process of its own is let be


def test_an_interrupted_stream_is_dropped_and_the_next_one_is_right():
    engine = Scripted(at_once=1)
    asking = model(engine, chunk=4)
    stream = asking.generate(ask(number, text="old") for number in range(9))
    next(stream)
    stream.close()
    assert len(engine.dropped) == 3
    assert [one.texts for one in asking.generate([ask(0, text="new"), ask(1, text="new")])] == [("new",)] * 2


def test_close_ends_the_engine_once():
    engine = Scripted()
    asking = model(engine)
    asking.close()
    asking.close()
    assert engine.closed == 1
    with pytest.raises(FeabError, match="closed"):
        next(iter(asking.generate([ask(0)])))


def test_pictures_are_scaled_to_the_area_that_was_asked_for():
    engine = Scripted()
    list(model(engine, max_pixels=1024).generate([ask(0)]))
    assert engine.asked[0][0][0]["content"][0]["image_pil"].size == (32, 32)


# One question


def test_messages_keep_their_order_and_roles():
    first, second = object(), object()
    asked = replace(
        ask(0),
        messages=(
            Message("system", (Text("be short"),)),
            Message("user", (Image(Media(data=jpeg(0))), Text("and"), Image(Media(data=jpeg(1))), Text("which?"))),
        ),
    )
    assert conversation(asked.messages, [("a", first), ("b", second)]) == [
        {"role": "system", "content": [{"type": "text", "text": "be short"}]},
        {
            "role": "user",
            "content": [
                {"type": "image_pil", "image_pil": first, "uuid": "a"},
                {"type": "text", "text": "and"},
                {"type": "image_pil", "image_pil": second, "uuid": "b"},
                {"type": "text", "text": "which?"},
            ],
        },
    ]


def test_greedy_answers_are_asked_once_whatever_the_number_of_draws():
    greedy = ask(0, n=3)
    assert sampling(greedy, VllmOptions()) == {"temperature": 0.0, "top_p": 1.0, "max_tokens": 6}
    assert completion(greedy, output(said("neutral"))).texts == ("neutral",) * 3
    assert sampling(greedy, VllmOptions(max_new_tokens=9))["max_tokens"] == 9


def test_a_draw_has_the_same_seed_when_it_is_asked_again():
    def seeds(asked):
        given = sampling(asked, VllmOptions())
        return [given["seed"] + draw for draw in range(given["n"])]  # vLLM's rule

    whole = seeds(ask(0, n=5, temperature=0.7))
    assert seeds(ask(0, n=2, first_draw=3, temperature=0.7)) == whole[3:]
    assert not set(whole) & set(seeds(ask(1, n=5, temperature=0.7)))
    assert not set(whole) & set(seeds(ask(0, n=5, temperature=0.7, seed=1)))
    assert all(0 <= seed < 2**63 for seed in whole)


def test_answers_are_held_to_their_form_only_on_request_and_where_it_is_closed():
    held, free = VllmOptions(structured=True), VllmOptions()
    expression, units, va = ask(0), ask(0, task="t_au"), replace(ask(0, task="t_va"), choices=())
    assert "structured_outputs" not in sampling(expression, free)
    assert sampling(expression, held)["structured_outputs"] == {"choice": ["neutral", "happiness", "anger"]}
    assert "structured_outputs" not in sampling(va, held)
    assert "structured_outputs" not in sampling(ask(0, max_tokens=512), held)  # room to reason
    schema = {"type": "object"}
    assert sampling(replace(va, schema=schema), held)["structured_outputs"] == {"json": schema}
    pattern = re.compile(sampling(units, held)["structured_outputs"]["regex"])
    assert all(pattern.fullmatch(text) for text in ("none", "1", "12", "1, 4, 12"))
    assert not any(pattern.fullmatch(text) for text in ("", "2", "1,4", "1, ", "1, 1, 1, 1", "none, 1"))


def test_finish_reasons_and_usage():
    found = completion(ask(0, n=2, temperature=1.0), output(said("neutral"), said("hap", "length")), 0.5)
    assert found.texts == ("neutral", "hap")
    assert found.finish_reasons == ("stop", "length")
    assert (found.usage.input_tokens, found.usage.output_tokens, found.latency_s) == (3, 4, 0.5)


@pytest.mark.parametrize("reason", ["abort", "error", None])
def test_what_the_engine_gave_up_is_an_error_and_no_answer(reason):
    found = completion(ask(0), output(said("neut", reason)))
    assert found.texts == ()
    assert found.error.kind == "engine"


def test_probabilities_are_those_of_the_first_token():
    first = [("neut", -0.105), ("happ", -2.5), ("the", -4.0), ("ang", float("-inf"))]
    tokens = [{n: SimpleNamespace(decoded_token=t, logprob=p) for n, (t, p) in enumerate(first)}]
    assert sampling(ask(0), VllmOptions(logprobs=True))["logprobs"] == 20
    assert "logprobs" not in sampling(ask(0, task="t_au"), VllmOptions(logprobs=True))
    found = completion(ask(0), output(said("neutral", logprobs=tokens)))
    assert found.probabilities == pytest.approx({"neutral": 0.9003, "happiness": 0.0821, "anger": 0.0}, abs=1e-4)
    assert completion(ask(0), output(said("I see neutral", logprobs=tokens))).probabilities is None


# Arguments


def test_arguments_reach_vllm_only_where_they_were_given():
    assert VllmOptions().passed == {"enable_prefix_caching": True}
    given = parse_options(
        VllmOptions,
        {
            "tensor_parallel_size": "2",
            "gpu_memory_utilization": "0.5",
            "dtype": "bfloat16",
            "trust_remote_code": "true",
            "engine": '{"enable_prefix_caching": false, "max_num_seqs": 8}',
            "structured": "true",
        },
        "vllm",
    )
    assert given.passed == {
        "enable_prefix_caching": False,
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.5,
        "dtype": "bfloat16",
        "trust_remote_code": True,
        "max_num_seqs": 8,
    }
    assert given.identity(None) == {
        "structured": True,
        "engine": {"enable_prefix_caching": False, "max_num_seqs": 8},
    }


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("engine", '{"model": "other"}', "model: set by feab"),
        ("engine", "[1]", "valid dictionary"),
        ("engine", "{", "a JSON object"),
        ("engine", '{"x": NaN}', "without NaN"),
        ("chunk", "0", "greater than or equal to 1"),
        ("gpu_memory_utilization", "1.5", "less than or equal to 1"),
        ("dtype", "float8", "'auto', 'float32'"),
        ("tensor_parallel", "2", "not an argument"),
    ],
)
def test_wrong_arguments_are_refused_by_name(key, value, says):
    with pytest.raises(FeabError, match=says) as caught:
        parse_options(VllmOptions, {key: value}, "vllm")
    assert key in str(caught.value)
    assert "tensor_parallel_size" in str(caught.value)


def test_an_adapters_rank_is_rounded_up_to_one_that_vllm_knows(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    assert _rank(tmp_path) == 16
    for text in ("{}", "[]", "{", '{"r": true}', '{"r": 0}', '{"r": 1000}'):
        (tmp_path / "adapter_config.json").write_text(text)
        with pytest.raises(FeabError, match="names no rank"):
            _rank(tmp_path)


def test_names_that_lead_nowhere_are_refused_before_vllm_is_looked_for(tmp_path):
    with pytest.raises(FeabError, match=r"vllm/\./nothing: no such folder"):
        load_model("vllm/./nothing")
    with pytest.raises(FeabError, match=r"no config\.json"):
        load_model(f"vllm/{tmp_path}")


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_it_says_what_to_install(tiny):
    with pytest.raises(FeabError, match=r"pip install 'feab\[vllm\]'.*openai/NAME"):
        load_model(f"vllm/{tiny}")


def test_an_adapter_with_a_face_module_is_sent_to_hf(tiny, tmp_path):
    from feab.models.faceinfo.config import FaceInfo, write_config

    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    write_config(tmp_path, FaceInfo(), "0" * 64)
    with pytest.raises(FeabError, match="face module, which vLLM does not run; ask it through hf/"):
        load_model(f"vllm/{tiny}", adapter=str(tmp_path))


def test_a_folder_without_an_adapter_is_refused(tiny, tmp_path):
    with pytest.raises(FeabError, match=r"no adapter_model\.safetensors"):
        VllmOptions(adapter=str(tmp_path)).identity(None)

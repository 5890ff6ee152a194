"""The lm-eval adapter without lm-eval: what it hands to a class, what it makes of what comes back.

tests/peers/test_lm_eval_adapter.py has lm-eval's own classes.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from chat_server import chat
from hypothesis import given
from hypothesis import strategies as st
from test_openai_wire import BODY, JSON, check
from tiny_vlm import ask, by_key, jpeg

from feab.errors import FeabError
from feab.models import Model, ModelInfo, load_model
from feab.models.cards import ModelCard
from feab.models.hf_load import folder_digest
from feab.models.lm_eval import LmEvalModel
from feab.models.lm_eval_api import Said, completion_of
from feab.models.lm_eval_load import Loaded
from feab.models.lm_eval_options import LmEvalOptions
from feab.models.lm_eval_wire import PromptError, conversation, generation, rows_of
from feab.models.loading import options_for, parse_options
from feab.models.openai_errors import Trouble
from feab.models.openai_wire import Reply
from feab.records import Completion, Image, Media, Message, Sampling, Text


class Repeats:
    """A class of a model on this machine, as lm-eval has them: it repeats the text, and notes its batches."""

    batch_size = 4
    max_images = 2

    def __init__(self, fails=lambda text: None, answers=None):
        self.batches: list[list] = []
        self._fails, self._answers = fails, answers

    def apply_chat_template(self, history):
        if "no template" in history[-1]["content"]:
            raise ValueError("no template\nfor this")
        return "".join(f"[{turn['role']}]{turn['content']}" for turn in history)

    def generate_until(self, requests, disable_tqdm=False):
        assert disable_tqdm
        self.batches.append(requests)
        for request in requests:
            if error := self._fails(request.arguments[0]):
                raise error
        if self._answers is not None:
            return self._answers(requests)
        return [request.arguments[0].rpartition("]")[2] for request in requests]


def model_of(lm, family="vllm", **options):
    info = ModelInfo(name="lm-eval/x", adapter="lm-eval", adapter_version="1")
    return LmEvalModel(info, Loaded(lm, family, None, True, None, SimpleNamespace), LmEvalOptions(**options))


def test_a_batch_is_asked_at_a_time_in_the_form_of_lm_evals_own_tasks():
    lm, pulled = Repeats(), 0
    model = model_of(lm)
    assert isinstance(model, Model)

    def questions():
        nonlocal pulled
        for number in range(10):
            pulled += 1
            yield ask(number, text=f"Which? {number}")

    stream = model.generate(questions())
    first = next(stream)
    assert pulled == 4
    found = by_key([first, *stream])
    assert [len(batch) for batch in lm.batches] == [4, 4, 2]
    assert [one.texts for one in found.values()] == [(f"<image>Which? {number}",) for number in range(10)]
    request = lm.batches[0][0]
    context, how, media = request.arguments
    assert context == "[user]<image>Which? 0"
    assert how["until"] == []
    assert request.request_type == "generate_until"
    (picture,) = media["visual"]
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    model.close()
    with pytest.raises(FeabError, match="closed"):
        next(model.generate([ask(0)]))


def test_greedy_draws_are_one_row_and_drawn_ones_a_row_each():
    greedy = ask(0, n=3, first_draw=2)
    (row,) = rows_of(greedy, "hf")
    assert (row.draw, row.same) == (2, 3)
    assert [row.draw for row in rows_of(greedy, "api")] == [2, 3, 4]
    drawn = replace(greedy, sampling=Sampling(temperature=0.5, top_p=0.8, max_tokens=7, seed=10))
    assert [(row.draw, row.same) for row in rows_of(drawn, "hf")] == [(2, 1), (3, 1), (4, 1)]
    lm = Repeats()
    (one,) = model_of(lm).generate([greedy])
    assert one.question == greedy
    assert len(one.texts) == 3
    assert len(lm.batches[0]) == 1
    several = list(model_of(lm).generate([drawn]))
    assert [(one.question.first_draw, one.question.n) for one in several] == [(2, 1), (3, 1), (4, 1)]


def test_how_answers_are_drawn():
    question = replace(ask(0), sampling=Sampling(temperature=0.5, top_p=0.8, max_tokens=7, seed=10))
    row = rows_of(replace(question, first_draw=2), "api")[0]
    common = {"until": [], "max_gen_toks": 7, "do_sample": True, "temperature": 0.5, "top_p": 0.8}
    assert generation(row, "api", None) == {**common, "stop": None, "seed": 12}
    assert generation(row, "vllm", None) == {**common, "seed": 12}
    assert generation(row, "hf", None) == {**common, "top_k": 0}
    greedy = rows_of(ask(0), "hf")[0]
    assert generation(greedy, "hf", 5) == {"until": [], "max_gen_toks": 5, "do_sample": False, "temperature": 0.0}


def test_a_failing_batch_is_asked_one_by_one():
    class OutOfMemoryError(Exception):
        pass

    def fails(text):
        if "bad" in text:
            return ValueError("what is this?\nmore")
        return OutOfMemoryError("2 GiB") if "big" in text else None

    lm = Repeats(fails)
    texts = ["good", "bad", "big", "fine"]
    found = by_key(model_of(lm).generate([ask(name, text=name, data=jpeg(0)) for name in texts]))
    assert {key[1]: (one.texts, one.error and one.error.kind) for key, one in found.items()} == {
        "good": (("<image>good",), None),
        "bad": ((), "model"),
        "big": ((), "out_of_memory"),
        "fine": (("<image>fine",), None),
    }
    assert [len(batch) for batch in lm.batches] == [4, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "answers", [lambda asked: [], lambda asked: [None] * len(asked), lambda asked: ["a"] * (len(asked) + 1)]
)
def test_what_is_no_answer_is_an_error(answers):
    for one in model_of(Repeats(answers=answers)).generate([ask(0), ask(1)]):
        assert one.error is not None
        assert one.texts == ()


def test_an_empty_answer_of_a_model_on_this_machine_is_its_answer():
    (one,) = model_of(Repeats(answers=lambda asked: [""] * len(asked))).generate([ask(0)])
    assert one.texts == ("",)


def test_a_question_that_cannot_be_asked_disturbs_no_other():
    lm = Repeats()
    questions = [
        ask("picture", data=b"none"),
        ask("template", text="no template", data=jpeg(0)),
        ask("good", text="good", data=jpeg(0)),
        ask("marker", text="what is <image>?", data=jpeg(0)),
    ]
    found = {key[1]: one for key, one in by_key(model_of(lm).generate(questions)).items()}
    assert found["good"].texts == ("<image>good",)
    kinds = {name: one.error.kind for name, one in found.items() if one.error}
    assert kinds == {"picture": "image", "template": "prompt", "marker": "prompt"}
    assert [len(batch) for batch in lm.batches] == [1]


def test_pictures_that_a_class_would_drop_or_move_are_errors():
    picture, words = Image(Media(data=jpeg(0))), Text("Which?")
    once, behind, thrice = ((picture, words), (words, picture), (picture,) * 3 + (words,))

    def asked(*messages):
        return replace(ask(0), messages=tuple(Message("user", parts) for parts in messages))

    assert conversation(asked(once), "api", 1) == [{"role": "user", "content": "Which?"}]
    assert conversation(asked(behind), "hf", 1) == [{"role": "user", "content": "Which?<image>"}]
    for question, why in ((asked(behind), "before the text"), (asked(once, (words,)), "last message")):
        with pytest.raises(PromptError, match=why):
            conversation(question, "api", 1)
    for family in ("api", "hf"):
        with pytest.raises(PromptError, match="max_images=3"):
            conversation(asked(thrice), family, 1)


# Arguments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("float32", "float32"), ("16", 16), ("-1", -1), ("0.5", 0.5), ("1e-3", 0.001), ("True", True),
        ("false", False), ("nan", "nan"),
        ("None", None), ("'7'", "7"), ('"true"', "true"), ('{"a": [1]}', {"a": [1]}), ("1_000", "1_000"),
        ("auto:4", "auto:4"), ("", ""), ("'", "'"),
    ],
)  # fmt: skip
def test_arguments_mean_what_lm_eval_takes_them_for(text, value):
    assert LmEvalOptions(some=text).passed == {"some": value}


def test_names_stay_text():
    given = {"pretrained": "7", "model": "1.5", "revision": "1234567", "max_gen_toks": "12"}
    options = LmEvalOptions(**given)
    assert options.max_gen_toks == 12
    assert options.passed == {"pretrained": "7", "model": "1.5", "revision": "1234567"}


@pytest.mark.parametrize(
    "name",
    [
        "auth_token",
        "header",
        "headers",
        "api_key",
        "apikey",
        "token",
        "hf_token",
        "password",
        "openai_api_key",
        "TOKEN",
    ],
)
def test_secrets_are_refused_and_not_repeated(name):
    with pytest.raises(FeabError, match="environment") as raised:
        parse_options(LmEvalOptions, {name: "sk-very-secret"}, "lm-eval")
    assert "sk-very-secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["think_end_token", "image_token_id", "add_bos_token", "max_gen_toks", "key_frames"])
def test_what_only_sounds_like_one_is_not(name):
    assert parse_options(LmEvalOptions, {name: "7"}, "lm-eval")


def test_values_that_no_manifest_holds_are_refused():
    for value in ("{", '{"a": NaN}', {"a": float("inf")}, object()):
        with pytest.raises(FeabError):
            parse_options(LmEvalOptions, {"some": value}, "lm-eval")


def test_what_belongs_to_a_runs_identity(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    given = {"pretrained": "x", "peft": str(tmp_path), "batch_size": "8", "device": "cpu", "num_concurrent": 4}
    given |= {"base_url": "http://127.0.0.1/v1", "max_pixels": "100", "max_gen_toks": 9}
    assert LmEvalOptions(**given).identity() == {
        "max_gen_toks": 9, "pretrained": "x", "peft": folder_digest(tmp_path), "max_pixels": 100,
    }  # fmt: skip


def test_a_card_may_name_it():
    card = ModelCard(
        name="x", adapter="lm-eval/hf-multimodal", access="open", licence="MIT", intended_use="tests",
        args={"pretrained": "y"},
    )  # fmt: skip
    assert options_for(card) is LmEvalOptions


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is not None, reason="lm-eval is installed here")
def test_without_lm_eval_it_says_how_to_get_it():
    with pytest.raises(FeabError, match=r"pip install 'feab\[lm-eval\]'"):
        load_model("lm-eval/hf-multimodal", pretrained="x")


# Replies of chat classes


def said(body, text=""):
    found = Said(text)
    found.body = body
    found.seconds = 0.5
    return found


def test_what_a_class_read_of_a_reply_counts_only_where_the_reply_holds_an_answer():
    question = ask(0, data=b"")
    found = completion_of(said(chat("thinking</think> anger"), "anger"), question)
    assert (found.texts, found.finish_reasons, found.latency_s) == (("anger",), ("stop",), 0.5)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (10, 2)
    unfinished = said(chat("anger</think>"))
    unfinished.thought = True  # what was thought is no answer
    assert completion_of(unfinished, question).error.kind == "empty"
    refused = completion_of(said(chat(None, refusal="I cannot."), ""), question)
    assert (refused.texts, refused.finish_reasons) == (("I cannot.",), ("refusal",))
    for body in (chat(None), chat(""), {}, {"choices": []}, [], None, "anger", float("nan"), {"choices": [{}]}):
        found = completion_of(said(body, "made up"), question)
        assert found.error is not None
        assert found.texts == ()
    assert completion_of("anger", question).error is not None
    assert completion_of(None, question).error is not None
    told = completion_of(said({"error": {"message": "busy", "code": 503}}), question)
    assert isinstance(told, Trouble)
    assert told.failure.kind == "http_503"


@given(BODY | JSON, st.text(max_size=5))
def test_any_reply_is_an_answer_in_it_or_an_error(body, text):
    question = ask(0, data=b"")
    found = completion_of(said(body, text), question)
    if isinstance(found, Completion):
        if found.texts and found.texts[0] == text and text.strip():
            assert "choices" in json.dumps(body)
        else:
            check(Reply((found,)), question)

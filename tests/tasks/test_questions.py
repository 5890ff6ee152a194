"""From samples to questions: order, options, schema, hashes, and what is skipped."""

from __future__ import annotations

import dataclasses
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.records import Image, Media, Sample, Sampling, Text
from feab.tasks import answer_schema, load_tasks
from feab.tasks.task import Task

EXPRESSION, VA, UNITS = load_tasks("synth")


def sample(name: str = "a", **labels) -> Sample:
    return Sample(id=name, media=Media(data=b"jpeg"), **labels)


def test_a_question_carries_picture_words_options_and_no_truth():
    (question,) = EXPRESSION.questions([sample(expression="anger", subject="s1")], seed=7, draws=3)
    assert question.key == ("synth_expression", "a", "direct")
    assert question.choices == EXPRESSION.labels
    assert (question.n, question.sampling.max_tokens, question.sampling.seed) == (3, 32, 7)
    picture, words = question.messages[0].parts
    assert isinstance(picture, Image)
    assert isinstance(words, Text)
    assert picture.media.read() == b"jpeg"
    assert words.text == EXPRESSION.prompt_text("direct")
    assert question.schema is None


def test_a_picture_outside_a_dataset_is_asked_about_in_the_same_words():
    for task in (EXPRESSION, VA, UNITS):
        labelled = sample("a", expression="fear", valence=0.0, arousal=0.0, au_presence={12: 1.0})
        for prompt in task.prompts:
            (ours,) = task.questions([labelled], prompt)
            assert task.question("a", labelled.media, prompt) == ours
        with pytest.raises(FeabError, match="one prompt at a time, such as direct, json"):
            task.question("a", labelled.media, "direct,json")


def test_samples_without_the_tasks_label_are_skipped():
    free = sample("free", valence=0.1, arousal=0.2, au_presence={12: 1.0})
    posed = sample("posed", expression="fear")
    odd = sample("odd", expression="other", valence=0.5)
    blank = sample("blank", au_presence={12: float("nan"), 43: 1.0}, au_intensity={12: 3.0})
    everything = [free, posed, odd, blank]
    assert [q.sample for q in EXPRESSION.questions(everything)] == ["posed"]
    assert [q.sample for q in VA.questions(everything)] == ["free"]
    assert [q.sample for q in UNITS.questions(everything)] == ["free"]
    by_intensity = dataclasses.replace(UNITS, threshold=2.0)
    assert [q.sample for q in by_intensity.questions(everything)] == ["blank"]


def test_questions_are_lazy_and_unknown_prompts_fail_at_once():
    endless = (sample(str(i), expression="fear") for i in itertools.count())
    assert [q.sample for q in itertools.islice(EXPRESSION.questions(endless), 3)] == ["0", "1", "2"]
    with pytest.raises(FeabError, match="has no prompt 'polite'; it has direct, json"):
        EXPRESSION.questions([], "polite")
    two = (sample(name, expression="fear") for name in "ab")
    in_turn = [("a", "json"), ("a", "direct"), ("b", "json"), ("b", "direct")]
    assert [(q.sample, q.prompt) for q in EXPRESSION.questions(two, "json,direct")] == in_turn


def test_all_prompts_each_with_its_own_limit_of_tokens():
    questions = list(UNITS.questions([sample(au_presence={1: 0.0})], "all", sampling=Sampling(0.7, 0.9, 5, 3)))
    assert [(q.prompt, q.sampling.max_tokens) for q in questions] == [
        ("direct", 64), ("json", 128), ("definitions", 64), ("reason", 512), ("shuffled", 64),
    ]  # fmt: skip
    assert {(q.sampling.temperature, q.sampling.top_p, q.sampling.seed) for q in questions} == {(0.7, 0.9, 3)}
    assert questions[1].schema == answer_schema(UNITS)
    assert questions[0].choices[:3] == ("1", "2", "4")


def test_json_schemas_accept_an_answer_and_list_every_option():
    assert answer_schema(EXPRESSION)["properties"]["expression"]["enum"] == list(EXPRESSION.labels)
    assert answer_schema(UNITS)["properties"]["action_units"]["items"]["enum"] == list(UNITS.aus)
    assert answer_schema(VA)["required"] == ["valence", "arousal"]


@given(st.text(max_size=20))
def test_shuffling_is_a_permutation_fixed_by_the_id(name):
    for task in (EXPRESSION, VA, UNITS):
        order = task.order("shuffled", name)
        assert sorted(order) == sorted(task.options)
        assert order == task.order("shuffled", name)
        assert task.order("direct", name) == task.options
        shown = task.prompt_text("shuffled", name)
        if task.kind == "expression":
            assert ", ".join(order) in shown
            (question,) = task.questions([sample(name or "x", expression="fear")], "shuffled")
            assert question.choices == task.order("shuffled", name or "x")


def test_shuffling_puts_every_option_everywhere():
    orders = [EXPRESSION.order("shuffled", f"id{i}") for i in range(800)]
    for position in range(8):
        for label in EXPRESSION.labels:
            share = sum(order[position] == label for order in orders) / len(orders)
            assert 0.07 < share < 0.19  # 1/8 within five standard errors


def test_the_hash_changes_with_what_is_asked_and_with_nothing_else():
    same = dataclasses.replace(EXPRESSION, description="other words", file=None)
    assert same.identity() == EXPRESSION.identity()
    assert EXPRESSION.identity("direct").prompts.keys() == {"direct"}

    def variants(task: Task):
        prompts = dict(task.prompts)
        yield dataclasses.replace(task, labels=task.labels[::-1])
        yield dataclasses.replace(task, version="9")
        yield dataclasses.replace(task, split="train")
        for change in ({"text": "?"}, {"max_tokens": 1}, {"json": True}, {"shuffled": True}):
            yield dataclasses.replace(
                task, prompts={**prompts, "direct": dataclasses.replace(prompts["direct"], **change)}
            )

    hashes = [v.identity("direct").sha256 for v in (EXPRESSION, *variants(EXPRESSION))]
    assert len(set(hashes)) == len(hashes) == 8
    reworded = dataclasses.replace(EXPRESSION, definitions={**EXPRESSION.definitions, "anger": "x"})
    assert reworded.identity("direct") == EXPRESSION.identity("direct")  # a prompt that says no definitions
    assert reworded.identity("definitions").sha256 != EXPRESSION.identity("definitions").sha256


@pytest.mark.parametrize(
    ("task", "plain", "value"),
    [
        (EXPRESSION, "fear", "fear"),
        (VA, "valence: -0.35, arousal: 0.60", (-0.35, 0.6)),
        (UNITS, "1, 4, 25", frozenset({1, 4, 25})),
        (UNITS, "none", frozenset()),
    ],
)
def test_an_answer_in_the_form_that_is_asked_for_can_be_read(task, plain, value):
    from feab.answers import parse

    as_json = {
        "expression": {"expression": value},
        "valence_arousal": dict(zip(("valence", "arousal"), value, strict=False)) if isinstance(value, tuple) else {},
        "action_units": {"action_units": sorted(value) if isinstance(value, frozenset) else []},
    }[task.kind]
    labels = {"expression": "anger", "valence": 0.0, "arousal": 0.0, "au_presence": {1: 1.0}}
    for question in task.questions([sample("x", **labels)], "all"):
        text = {
            "json": json.dumps(as_json),
            "reason": f"The brows are raised, the nose is smooth, the lips are apart.\n<answer>{plain}</answer>",
        }.get(question.prompt, plain)
        if question.schema is not None:
            assert set(as_json) == set(question.schema["required"])
        answer = parse(text, task.kind, question.choices or None)
        assert answer.value == value, (question.prompt, text)


def test_attributes_are_told_only_where_a_task_says_so_and_in_the_datasets_words():
    from feab.tasks.choices import as_scored

    known = {"age_group": "20-39", "perceived_gender": "female", "perceived_race": "asian"}
    face = sample("a", expression="anger", valence=0.0, arousal=0.0, au_presence={12: 1.0}, **known)
    sentence = "The dataset describes this person so: age group 20-39, perceived gender female, perceived race asian."
    for task in (EXPRESSION, VA, UNITS):
        told = dataclasses.replace(task, attributes="agr")
        for prompt in task.prompts:
            ((one,), (plain,)) = (each.questions([face], prompt) for each in (told, task))
            assert one.messages[0].parts[-1].text == f"{sentence}\n{plain.messages[0].parts[-1].text}"
            assert dataclasses.replace(one, messages=plain.messages) == plain
        (unknown,) = told.questions([dataclasses.replace(face, **dict.fromkeys(known))])
        (plain,) = task.questions([face])
        assert unknown == plain, "of whom nothing is known, nothing is said"
        assert told.identity().sha256 != task.identity().sha256
    told = dataclasses.replace(UNITS, attributes="agr")
    (one,) = told.questions([face])
    for asked in as_scored(told, one, "yes-no").closed:
        assert asked.messages[0].parts[-1].text.startswith(f"{sentence}\nDoes this face display")


def test_a_task_file_asks_for_attributes(tmp_path):
    text = (tmp_path / "mine.yaml", EXPRESSION.file.read_text())
    text[0].write_text(
        text[1].replace("task: synth_expression", "task: mine").replace("metadata:\n", "metadata:\n  attributes: agr\n")
    )
    (task,) = load_tasks(["mine"], include=[tmp_path])
    assert task.attributes == "agr"
    assert EXPRESSION.attributes is None

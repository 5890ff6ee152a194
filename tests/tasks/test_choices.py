"""Questions with closed sets: what is offered, in which words, and which prompts can be answered so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from feab.answers import parse
from feab.errors import FeabError
from feab.records import Image, Media, Text
from feab.tasks import load_tasks
from feab.tasks.choices import as_scored, identity, prompt_names, unit_questions

EXPRESSION, VA, UNITS = load_tasks("synth")
MEDIA = Media(data=b"face")


def asked(task, scoring, prompt="direct", sample="a"):
    return as_scored(task, task.question(sample, MEDIA, prompt), scoring)


def test_generation_stays_as_it_is():
    question = EXPRESSION.question("a", MEDIA)
    assert as_scored(EXPRESSION, question, "generate") is question


def test_labels_are_offered_in_the_order_shown_and_two_spellings():
    question = asked(EXPRESSION, "choices", "shuffled", "x7")
    (closed,) = question.closed
    assert [option.name for option in closed.options] == list(question.choices)
    assert set(question.choices) == set(EXPRESSION.labels)
    assert question.choices != EXPRESSION.labels
    assert closed.messages == question.messages
    assert all(option.spellings == (option.name, option.name.capitalize()) for option in closed.options)
    assert question.scoring == "choices"


def test_a_prompt_for_json_is_offered_json():
    (closed,) = asked(EXPRESSION, "choices", "json").closed
    assert [json.loads(option.spellings[0]) for option in closed.options] == [
        {"expression": label} for label in EXPRESSION.labels
    ]


@pytest.mark.parametrize("scoring", ["choices", "yes-no"])
def test_valence_and_arousal_are_generated_all_the_same(scoring):
    question = asked(VA, scoring, "reason")
    assert question.closed == ()
    assert question.scoring == scoring


def test_lists_of_units_have_no_set_before_the_model_has_spoken():
    assert asked(UNITS, "choices").closed == ()


def test_units_one_by_one():
    question = asked(UNITS, "yes-no")
    assert [closed.about for closed in question.closed] == [str(au) for au in UNITS.aus]
    picture, words = question.closed[8].messages[0].parts
    assert picture == Image(MEDIA)
    assert words == Text("Does this face display the facial action unit AU12 (lip corner puller)? Answer yes or no.")
    assert [option.name for option in question.closed[8].options] == ["yes", "no"]
    assert question.messages == UNITS.question("a", MEDIA).messages


def test_units_are_explained_where_the_prompt_explains_them():
    direct, explained = unit_questions(UNITS, "direct"), unit_questions(UNITS, "definitions")
    assert UNITS.definition("12") in explained["12"]
    assert UNITS.definition("12") not in direct["12"]
    own = replace(UNITS, aus=(12, 43), definitions={"43": "eyes shut"})
    assert "AU43)" not in unit_questions(own, "direct")["43"]
    assert "AU43 (eyes shut)" in unit_questions(own, "definitions")["43"]


@pytest.mark.parametrize(
    ("task", "scoring", "fit"),
    [
        (EXPRESSION, "choices", ("direct", "json", "definitions", "shuffled")),
        (EXPRESSION, "yes-no", ("direct", "json", "definitions", "shuffled")),
        (UNITS, "choices", ("direct", "json", "definitions", "shuffled")),
        (UNITS, "yes-no", ("direct", "definitions")),
        (VA, "choices", tuple(VA.prompts)),
        (UNITS, "generate", tuple(UNITS.prompts)),
    ],
)
def test_all_prompts_are_those_that_can_be_answered_so(task, scoring, fit):
    assert prompt_names(task, "all", scoring) == fit
    for name in task.prompts:
        if name in fit:
            assert prompt_names(task, [name], scoring) == (name,)
            assert asked(task, scoring, name).scoring == scoring
        else:
            with pytest.raises(FeabError, match=f"prompt {name} cannot"):
                prompt_names(task, [name], scoring)
            with pytest.raises(FeabError, match=f"prompt {name} cannot"):
                asked(task, scoring, name)


def test_the_words_of_the_questions_belong_to_the_identity():
    names = ["direct", "definitions"]
    plain, lists, single = (identity(UNITS, names, scoring) for scoring in ("generate", "choices", "yes-no"))
    assert plain == lists == UNITS.identity(names)
    assert single.sha256 == plain.sha256
    assert all(single.prompts[name] != plain.prompts[name] for name in names)
    own = replace(UNITS, definitions={"12": "a smile"})
    assert identity(own, ["definitions"], "yes-no") != single
    assert identity(EXPRESSION, ["direct"], "yes-no") == EXPRESSION.identity(["direct"])


@pytest.mark.parametrize("label", EXPRESSION.labels)
def test_every_label_reads_as_itself(label):
    assert parse(label, "expression", EXPRESSION.labels).value == label


@pytest.mark.parametrize(("text", "value"), [("none", frozenset()), ("4", {4}), ("1, 2, 12, 25", {1, 2, 12, 25})])
def test_every_list_reads_as_itself(text, value):
    assert parse(text, "action_units", UNITS.options).value == frozenset(value)

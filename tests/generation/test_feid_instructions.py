"""Instruction data says what the annotation says, in many wordings of which none dominates or tells the label."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from typing import Any

import pytest
from feid_faces import some_labels, some_records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feab.data.annotations import AnnotationLine
from feab.data.feid import FEID_TASKS, FeidRecord
from feab.data.feid.check import row_faults
from feab.data.feid.columns import row_of
from feab.data.feid.record import text_of
from feab.errors import FeabError
from feab.generation.agreeing import contradiction, read
from feab.generation.decks import Decks
from feab.generation.instructions import Face, Instructor, Plan, grains_of
from feab.generation.labels import labels_of
from feab.generation.templates import load_templates
from feab.records import Media
from feab.tasks import load_tasks
from feab.vocabulary import EXPRESSIONS, FEAB_17


@pytest.fixture(scope="module")
def records() -> list[FeidRecord]:
    return list(some_records(400))


def test_every_answer_is_read_back_as_the_annotation_it_states(records: list[FeidRecord]) -> None:
    for one in records:
        assert contradiction(one.answers, one.labels, one.levels) is None, (one.template, one.answers)
        assert row_faults(row_of(one)) == []
    assert {one.task for one in records} == set(FEID_TASKS) - {"benchmark"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000))
def test_so_for_any_face(seed: int) -> None:
    labels = some_labels(random.Random(seed))
    instructor = Instructor.of(load_templates(), seed=seed, plan=Plan(conversation=3, correlation=3))
    for one in instructor.records(Face("f", "made", labels, (Media(data=b"x"),))):
        assert contradiction(one.answers, labels, one.levels) is None, (one.template, one.answers)
        assert set(one.levels) <= set(one.grounds) <= set(labels.origins)


def test_what_is_not_known_is_not_said(records: list[FeidRecord]) -> None:
    for one in records:
        unknown = [kind for kind in ("expression", "valence_arousal", "action_units") if kind not in one.labels.origins]
        for kind in unknown:
            assert all(read(answer, kind) is None for answer in one.answers), (kind, one.answers)


def test_absent_units_that_nobody_coded_are_not_asked_about(records: list[FeidRecord]) -> None:
    unknown = [one for one in records if one.labels.coded and len(one.labels.coded) < 17]
    assert unknown
    for one in unknown:
        named = {int(n) for message in one.messages for n in re.findall(r"AU(\d+)", text_of(message))}
        assert named <= one.labels.coded, (one.template, named)
        assert "fine.open" not in one.template
        assert not re.search(r"conversation\.fine/", one.template)


def shares(of: Counter[str]) -> float:
    return max(of.values()) * len(of) / of.total()


def test_no_wording_dominates_and_all_are_used() -> None:
    questions: dict[str, Counter[str]] = defaultdict(Counter)
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for one in some_records(600, whole=True, plan=Plan(choice=7)):
        for turn in one.template.split():
            name, question, answer = turn.split("/")
            questions[name][question] += 1
            if re.fullmatch(r"a\d+", answer):
                answers[name.partition(".")[0] if name.startswith("conversation") else name][answer] += 1
    lists = load_templates().lists
    for name in ("coarse", "dimensional", "correlation", "ferid.category", "ferid.conversation"):
        assert len(questions[name]) == len(lists[f"{name}.questions"])
        assert shares(questions[name]) < 1.25, (name, questions[name])
    for name in ("fine.open", "conversation.coarse", "conversation.limits"):
        assert len(questions[name]) == len(lists[name])
        assert shares(questions[name]) < 1.35, (name, questions[name])
    for name in ("choice.expression", "choice.unit", "choice.seen", "choice.which", "choice.valence", "choice.letter"):
        assert len(questions[name]) == len(lists[f"{name}.questions"])
        assert shares(questions[name]) < 1.3, (name, questions[name])
    assert len(answers["coarse"]) == len(lists["coarse.answers"])
    assert shares(answers["coarse"]) < 1.2
    assert len({len(lists[f"{name}.questions"]) for name in ("coarse", "dimensional")}) >= 1
    assert min(len(lists[name]) for name in ("coarse.questions", "dimensional.questions", "coarse.answers")) >= 12


def test_wordings_do_not_tell_the_label() -> None:
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    for one in some_records(1600, whole=True, plan=Plan(1, 0, 0, 0, 0, 0, 0, 0)):
        by_label[str(one.labels.expression)][one.template.split("/")[1]] += 1
    for label, used in by_label.items():
        assert len(used) == 16
        assert max(used.values()) - min(used.values()) <= 1, (label, used)


def test_closed_questions_are_balanced() -> None:
    places: Counter[tuple[int, int]] = Counter()
    yes: Counter[str] = Counter()
    units: dict[str, Counter[int]] = defaultdict(Counter)
    sides: Counter[tuple[str, bool]] = Counter()
    for one in some_records(900, whole=True, plan=Plan(0, 0, 0, 0, 0, 7, 0, 0)):
        question, answer = text_of(one.messages[0]), one.answers[0]
        if one.template.startswith("choice.letter"):
            assert f"{answer}. {one.labels.expression}\n" in question + "\n"
        elif one.template.startswith("choice.expression"):
            assert answer == one.labels.expression
            found = [word for word in re.findall(r"[a-z]+", question) if word in EXPRESSIONS]
            assert len(found) == len(set(found)) >= 2
            places[(len(found), found.index(answer))] += 1
        elif one.template.startswith(("choice.unit", "choice.seen")):
            yes[answer] += 1
            number = re.search(r"AU(\d+)", question)
            if number:
                assert (int(number[1]) in (one.labels.action_units or ())) == (answer == "Yes")
                units[answer][int(number[1])] += 1
        elif one.template.startswith("choice.which"):
            pair = [int(n) for n in re.findall(r"AU(\d+)", question)]
            assert len(set(pair) & (one.labels.action_units or set())) == 1
            assert int(answer.removeprefix("AU")) in (one.labels.action_units or ())
            sides[("which", pair[0] == int(answer.removeprefix("AU")))] += 1
        elif one.template.startswith("choice.valence"):
            assert one.labels.valence_arousal is not None
            assert (answer == "pleasant") == (one.labels.valence_arousal[0] > 0)
            first = question.index(answer) < question.index("unpleasant" if answer == "pleasant" else "pleasant")
            sides[("valence", first)] += 1
    for count in range(2, 9):
        of_count = Counter({place: n for (size, place), n in places.items() if size == count})
        assert len(of_count) == count
        assert shares(of_count) < 1.6, of_count
    assert 0.45 < yes["Yes"] / yes.total() < 0.55
    for used in units.values():
        assert set(used) == set(FEAB_17)
        assert shares(used) < 1.5, used
    assert 0.4 < sides[("which", True)] / (sides[("which", True)] + sides[("which", False)]) < 0.6


def test_the_same_seed_gives_the_same_words_and_another_gives_others() -> None:
    first, again, other = [list(some_records(12, seed)) for seed in (3, 3, 4)]
    assert first == again
    instructors = [Instructor.of(load_templates(), seed=seed) for seed in (1, 2)]
    face = Face("f", "made", some_labels(random.Random(0), whole=True), (Media(data=b"x"),))
    words = [[text_of(m) for one in i.records(face) for m in one.messages] for i in instructors]
    assert words[0] != words[1]
    assert other != first


def test_words_speak_of_displays_and_never_claim_feelings(records: list[FeidRecord]) -> None:
    inner = re.compile(r"\bfeel(s|ing)?\b|\bfelt\b", re.IGNORECASE)
    for one in records:
        assert not any(inner.search(answer) for answer in one.answers)
        for message in one.messages:
            if inner.search(text_of(message)):
                assert "conversation.limits" in one.template


def test_clips_are_called_clips(records: list[FeidRecord]) -> None:
    clips = [one for one in records if len(one.images) == 8]
    assert clips
    assert not any("picture" in text_of(message) for one in clips for message in one.messages)
    assert any("clip" in text_of(message) for one in clips for message in one.messages)


def test_questions_are_not_those_of_the_benchmark() -> None:
    texts = {wording for wordings in load_templates().lists.values() for wording in wordings}
    for task in load_tasks("synth"):
        for name in task.prompts:
            assert task.prompt_text(name, "x") not in texts


def test_the_benchmarks_own_questions_are_answered_in_its_own_form() -> None:
    tasks = {task.name: task for task in load_tasks("synth")}
    rng = random.Random(3)
    instructor = Instructor.of(load_templates(), seed=0, plan=Plan(0, 0, 0, 0, 0, 0, 0, 0), tasks=list(tasks.values()))
    prompts: Counter[str] = Counter()
    for number in range(200):
        labels = some_labels(rng)
        made = list(instructor.records(Face(f"f{number}", "made", labels, (Media(data=b"x"),))))
        assert {one.task for one in made} <= {"benchmark"}
        asked = {one.template.split("/")[0].removeprefix("benchmark.") for one in made}
        assert ("synth_expression" in asked) == (labels.expression is not None)
        assert ("synth_action_units" in asked) == (labels.coded >= set(FEAB_17))
        for one in made:
            name, prompt, _ = one.template.removeprefix("benchmark.").split("/")
            prompts[prompt] += 1
            task, question = tasks[name], text_of(one.messages[0])
            assert question == task.prompt_text(prompt, one.sample)
            assert one.grounds == (task.kind,)
            assert contradiction(one.answers, labels, (task.kind,)) is None, one.answers
            assert prompt != "reason" or labels.coded
    assert len(prompts) == 5
    assert shares(prompts) < 1.4


def test_a_source_of_fewer_labels_offers_no_others() -> None:
    seven = [label for label in EXPRESSIONS if label != "contempt"]
    plan = Plan(1, 0, 0, 0, 0, 7, 1, 0)
    instructor = Instructor.of(load_templates(), seed=0, plan=plan, labels=[*seven, "other"])
    rng = random.Random(1)
    for number in range(200):
        labels = some_labels(rng, whole=True)
        for one in instructor.records(Face(f"f{number}", "made", labels, (Media(data=b"x"),))):
            question = text_of(one.messages[0])
            assert "other" not in question.replace("others", "").replace("another", "").split(", ")
            offers = "contempt" in question
            assert not offers or labels.expression == "contempt"
            if one.task == "ferid_category":
                assert sum(label in question for label in EXPRESSIONS) == (8 if labels.expression == "contempt" else 7)
    assert Instructor.of(load_templates(), seed=0, labels=["other"]).wording.labels == EXPRESSIONS


def test_grains_follow_from_what_is_known() -> None:
    labels = some_labels(random.Random(5), whole=True)
    assert list(grains_of(labels)) == ["coarse", "dimensional", "fine", "correlation", "limits"]
    assert list(grains_of(type(labels)(expression="fear"))) == ["coarse", "limits"]


@pytest.mark.parametrize("wrong", [{"coarse": -1}, {"choice": 21}])
def test_a_plan_of_too_few_or_too_many_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FeabError, match="0 to 20"):
        Plan(**wrong)


def test_decks_deal_evenly_and_forget_nothing() -> None:
    decks = Decks(0)
    drawn = [decks.number(("a",), 7) for _ in range(70)]
    assert Counter(drawn) == dict.fromkeys(range(7), 10)
    assert drawn[:7] != drawn[7:14]
    assert [Decks(0).number(("a",), 7)] == drawn[:1]
    used = Counter(decks.least_used(("b",), names) for names in (["x", "y"], ["x", "y"], ["x"], ["x", "y"], ["y", "x"]))
    assert used == {"x": 3, "y": 2} or used == {"x": 2, "y": 3}


def line(**levels: Any) -> AnnotationLine:
    return AnnotationLine.model_validate({"sample": "f", **levels})


def test_rejected_levels_are_never_used() -> None:
    labels = labels_of(
        line(
            expression={"value": "fear", "source": "rejected", "confidence": 0.99},
            valence_arousal={"value": {"valence": 0.1, "arousal": 0.2}, "source": "rejected", "confidence": 0.9},
            action_units={"value": [1], "source": "rejected", "confidence": 0.9, "details": {"1": 0.9}},
        ),
        FEAB_17,
    )
    assert labels == type(labels)()
    assert list(Instructor.of(load_templates(), seed=0).records(Face("f", "m", labels, (Media(data=b"x"),)))) == []


def test_labels_keep_their_origin_and_what_is_coded() -> None:
    labels = labels_of(
        line(
            expression={"value": "fear", "source": "human"},
            valence_arousal={"value": {"valence": 0.1, "arousal": 0.2}, "source": "generated", "confidence": 0.9},
            action_units={"value": [1, 43], "source": "human"},
        ),
        {1, 2, 4, 43},
    )
    assert labels.origins == {"expression": "human", "valence_arousal": "generated", "action_units": "human"}
    assert labels.confidences == {"valence_arousal": 0.9}
    assert labels.action_units == {1}
    assert labels.coded == {1, 2, 4}
    generated = line(
        action_units={"value": [1], "source": "generated", "confidence": 0.8, "details": {"1": 0.9, "2": 0.1}}
    )
    assert labels_of(generated, ()).coded == {1, 2}
    compound = line(expression={"value": "happily surprised", "source": "human"})
    assert labels_of(compound, ()).expression is None
    assert labels_of(compound, ()).origins == {}

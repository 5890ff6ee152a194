"""The simulated annotator: errors as published, the same answers every time, and words that SEKE's readers read."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest

from feab.errors import FeabError
from feab.generation.answers import read_draw, read_verdict
from feab.generation.contexts import contexts_for
from feab.generation.prompts import annotation_question, verification_question
from feab.generation.simulated import Annotator, Answers, SimulatedModel, Truths, profile, profiles, simulate
from feab.knowledge import Given, JointModel, fit_joint, load_knowledge
from feab.models import Model
from feab.records import Media, Outcome, Question, Sample, Sampling
from feab.vocabulary import EXPRESSIONS, FEAB_17

TRUTHS = {
    f"face{i}": Given(
        EXPRESSIONS[i % 8], {au: au % (i % 5 + 2) == 0 for au in FEAB_17}, i % 7 / 4 - 0.75, i % 5 / 3 - 0.6
    )
    for i in range(60)
}
ALL = ("expression", "valence_arousal", "action_units")
SAMPLING = Sampling(temperature=1.0, max_tokens=320)


@cache
def knowledge() -> JointModel:
    return fit_joint(load_knowledge())


def sample(name: str) -> Sample:
    return Sample(name, Media(data=b"\xff\xd8 no picture is read"))


def questions(missing=ALL, given: Given | None = None, contexts: int = 2) -> list[Question]:
    return [
        annotation_question(
            sample(name), given or Given(), missing, one, knowledge(), n=2, first_draw=2 * one.number, sampling=SAMPLING
        )
        for name in TRUTHS
        for one in islice(contexts_for(name, 0), contexts)
    ]


def answered(model: SimulatedModel, asked: list[Question]) -> dict[tuple[str, str, int], str]:
    return {
        (one.question.sample, one.question.prompt, one.question.first_draw + k): text
        for one in model.generate(asked)
        for k, text in enumerate(one.texts)
    }


def test_every_answer_is_read_and_none_is_lost() -> None:
    model = SimulatedModel(TRUTHS, profile())
    assert isinstance(model, Model)
    found = answered(model, questions())
    assert len(found) == len(TRUTHS) * 4
    for text in found.values():
        draw, outcome = read_draw(text, ALL, FEAB_17, context=0, draw=0)
        assert outcome is Outcome.OK
        assert None not in (draw.expression, draw.valence_arousal, draw.action_units)


def test_the_same_question_gets_the_same_answer_in_any_order_and_company() -> None:
    asked = questions()
    once = answered(SimulatedModel(TRUTHS, profile(), seed=1), asked)
    again = answered(SimulatedModel(TRUTHS, profile(), seed=1), asked[::-1][:50])
    assert again.items() <= once.items()
    narrowed = [replace(one, n=1, first_draw=one.first_draw + 1) for one in asked]
    assert answered(SimulatedModel(TRUTHS, profile(), seed=1), narrowed).items() <= once.items()
    assert answered(SimulatedModel(TRUTHS, profile(), seed=2), asked) != once


def test_it_is_right_as_often_as_the_same_annotator_in_numbers() -> None:
    names = {f"face{i}": Given(EXPRESSIONS[i % 8]) for i in range(800)}
    asked = [
        Question("seke", name, "c0", "expression", (), schema={"properties": {"expression": {}}}) for name in names
    ]
    said = [
        read_draw(one.texts[0], ("expression",), FEAB_17, context=0, draw=0)[0]
        for one in SimulatedModel(names, profile()).generate(asked)
    ]
    words = np.mean([draw.expression == EXPRESSIONS[i % 8] for i, draw in enumerate(said)])
    numbers = np.diag(profile().confusion).mean()
    assert abs(words - numbers) < 4.5 * np.sqrt(0.25 / 800)


def test_draws_of_a_face_agree_more_than_draws_of_faces_and_within_a_context_most() -> None:
    truths = Truths.of([Given("fear")] * 3000)
    said = simulate(profile(item=1.0, context=2.0), truths, contexts=2, draws=2, seed=0).expression
    within = (said[:, 0, 0] == said[:, 0, 1]).mean()
    between = (said[:, 0, 0] == said[:, 1, 0]).mean()
    faces = (said[:-1, 0, 0] == said[1:, 0, 0]).mean()
    assert within > between + 0.05
    assert between > faces + 0.05


def test_only_what_is_asked_is_answered() -> None:
    given = Given("fear")
    for text in answered(SimulatedModel(TRUTHS, profile()), questions(("action_units",), given, 1)).values():
        assert "expression" not in text
        assert "valence" not in text
        assert "action_units" in text


def test_a_face_it_does_not_know_is_an_error_and_some_answers_say_nothing() -> None:
    (found,) = SimulatedModel({}, profile()).generate(questions()[:1])
    assert found.error is not None
    assert found.error.kind == "unknown_face"
    texts = answered(SimulatedModel(TRUTHS, profile(unreadable=0.5)), questions()).values()
    refused = [read_draw(text, ALL, FEAB_17, context=0, draw=0)[1] is Outcome.REFUSED for text in texts]
    assert 0.3 < np.mean(refused) < 0.7


def verdicts(about: str, candidate: str, foil: str, annotator: Annotator) -> list[tuple[Given, str | None]]:
    asked = [
        verification_question(sample(name), Given(), about, candidate, foil, 0, knowledge(), SAMPLING)
        for name in TRUTHS
    ]
    return [
        (TRUTHS[one.question.sample], read_verdict(one.texts[0], about, candidate).ruling)
        for one in SimulatedModel(TRUTHS, annotator).generate(asked)
    ]


def test_an_honest_verifier_and_a_sycophant() -> None:
    honest, sycophant = profile(confirms_right=1.0, confirms_wrong=0.0), profile(confirms_right=1.0, confirms_wrong=1.0)
    for truth, ruling in verdicts("expression", "fear", "surprise", honest):
        assert ruling == ("confirm" if truth.expression == "fear" else "refute")
    for truth, ruling in verdicts("4", "absent", "present", honest):
        assert ruling == ("refute" if truth.action_units[4] else "confirm")
    assert {ruling for _, ruling in verdicts("expression", "fear", "surprise", sycophant)} == {"confirm"}


def test_values_are_ruled_too_low_and_too_high() -> None:
    found = verdicts("valence", "0.00", "", profile(heeds=1.0))
    far = [(truth.valence, ruling) for truth, ruling in found if abs(truth.valence or 0) >= 0.7]
    assert far
    for valence, ruling in far:
        assert ruling == ("too low" if valence > 0 else "too high")
    assert {ruling for _, ruling in verdicts("valence", "0.00", "", profile(heeds=0.0))} == {"confirm"}


def test_the_published_totals_of_gpt4v_hold() -> None:
    table = profile("gpt4v-affectnet").confusion
    assert table.sum(axis=1) == pytest.approx(1)
    assert np.diag(table).mean() == pytest.approx(0.428, abs=5e-4)
    assert table[EXPRESSIONS.index("contempt"), EXPRESSIONS.index("contempt")] == 0.016
    assert table.mean(axis=0)[0] == pytest.approx(0.355, abs=2e-3)
    assert set(profiles()) == {"middling", "gpt4v-affectnet"}
    with pytest.raises(FeabError, match="gpt-5"):
        profile("gpt-5")


def test_action_units_are_named_as_often_as_the_rates_say() -> None:
    truths = Truths.of([Given("fear", {au: au in (1, 12) for au in FEAB_17})] * 4000)
    annotator = profile()
    said = simulate(annotator, truths, contexts=1, draws=1, seed=0).units[:, 0, 0]
    present = np.isin(FEAB_17, (1, 12))
    rates = np.where(present, annotator.hits, annotator.false_alarms)
    assert said.mean(axis=0) == pytest.approx(rates, abs=4.5 * np.sqrt(0.25 / 4000))


def test_a_halo_makes_units_follow_what_it_believes_to_see() -> None:
    truths = Truths.of([Given("fear", dict.fromkeys(FEAB_17, False))] * 2000)
    annotator = profile(beliefs=load_knowledge(), halo=0.5)
    said = simulate(annotator, truths, contexts=1, draws=1, seed=0)
    smiles = said.units[:, 0, 0, FEAB_17.index(12)]
    happy = said.expression[:, 0, 0] == EXPRESSIONS.index("happiness")
    assert smiles[happy].mean() > smiles[~happy].mean() + 0.2


def test_numbers_become_records_and_records_the_same_counts() -> None:
    from feab.generation.tally import tally

    answers = simulate(profile(unreadable=0.2), Truths.of(list(TRUTHS.values())), contexts=3, draws=2, seed=0)
    used = np.arange(60) % 3 + 1
    cut = answers.in_contexts(used)
    faces = cut.faces(list(TRUTHS))
    records, numbers, again = tally(faces), cut.tally(), Answers.of(faces).tally()
    for name in ("asked", "expressions", "unit_reads", "units", "affect_reads", "affect_sums", "affect_squares"):
        assert getattr(records, name) == pytest.approx(getattr(numbers, name))
        assert getattr(records, name) == pytest.approx(getattr(again, name))

"""Fitting on labelled faces and deciding on others: what is asked next, accepted, rejected, and never touched."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from feab.errors import FeabError
from feab.generation.annotator import Truths, simulate
from feab.generation.deciding import Settings, annotate_faces, next_step
from feab.generation.error_model import ErrorModel, fit_error_model
from feab.generation.fitted import Confirmed
from feab.generation.profiles import profile
from feab.generation.record import Draw, FaceDraws, Level, Verdict
from feab.knowledge import Given, JointModel, fit_joint, load_knowledge, shuffled
from feab.vocabulary import EXPRESSIONS, FEAB_17

MISSING: tuple[Level, ...] = ("expression", "valence_arousal")
S = Settings()


@cache
def knowledge(wrong: bool = False) -> JointModel:
    return fit_joint(load_knowledge(renamed=shuffled(1) if wrong else None))


@cache
def world(n: int, seed: int) -> tuple[list[FaceDraws], list[Given], list[Given]]:
    """Faces of the tables' own world, of which the annotator sees the AUs: (what it said, hidden labels, given)."""
    rng = np.random.default_rng(seed)
    numbers = load_knowledge()
    expression = rng.integers(0, 8, n)
    cumulated = knowledge().states.cumsum(axis=0)
    states = [np.searchsorted(cumulated[:, e], rng.random() * cumulated[-1, e]) for e in expression]
    units = (np.array(states)[:, None] >> np.arange(17)[::-1]) & 1
    affect = np.clip(numbers.anchors[expression] + 0.15 * rng.standard_normal((n, 2)), -1, 1)
    shown = [{au: bool(row[k]) for k, au in enumerate(FEAB_17)} for row in units]
    truths = [Given(EXPRESSIONS[e], shown[i], *map(float, affect[i])) for i, e in enumerate(expression)]
    answers = simulate(profile(), Truths.of(truths), contexts=2, draws=2, seed=seed)
    faces = [
        FaceDraws(one.sample, tuple(replace(draw, action_units=None) for draw in one.draws))
        for one in answers.faces([f"face{i}" for i in range(n)])
    ]
    return faces, [replace(one, action_units={}) for one in truths], [Given(action_units=one) for one in shown]


@cache
def fitted(wrong: bool = False) -> ErrorModel:
    faces, hidden, given = world(400, 0)
    return fit_error_model(faces, hidden, knowledge(wrong), given)


@cache
def guessed() -> ErrorModel:
    return fit_error_model([], [], knowledge(), [])


def test_the_weight_of_knowledge_is_what_it_is_worth() -> None:
    for level in MISSING:
        lam = fitted().lam[level]
        assert 0.5 <= lam <= 1.5
        assert fitted(wrong=True).lam[level] < lam
        losses = {float(at): loss for at, loss in fitted().losses[level].items()}
        assert min(losses, key=lambda at: losses[at]) == lam
        assert losses[0.0] > losses[lam]
    assert fitted().lam["action_units"] in (fitted().lam["expression"], fitted().lam["valence_arousal"])
    assert "action_units" not in fitted().losses
    assert fitted(wrong=True).lam["expression"] <= 0.125  # AUs move valence and arousal as they did, whatever the names


def test_levels_that_no_label_covers_are_marked_and_weak() -> None:
    assert fitted().calibrated == {"expression": True, "valence_arousal": True, "action_units": False}
    assert fitted().labelled["action_units"] == 0
    assert guessed().calibrated == dict.fromkeys(guessed().calibrated, False)
    assert guessed().thresholds == dict.fromkeys(guessed().thresholds)
    few = fit_error_model(
        *(column[:20] for column in (world(400, 0)[0], world(400, 0)[1])), knowledge(), world(400, 0)[2][:20]
    )
    assert few.labelled["expression"] == 20
    assert not few.calibrated["expression"]


def test_it_comes_back_from_json_and_nonsense_does_not() -> None:
    text = fitted().to_json()
    assert ErrorModel.from_json(text) == fitted()
    broken = json.loads(text)
    for change in (
        {"lam": 7},
        {"lam": {**broken["lam"], "expression": math.nan}},
        {"lam": {"expression": 1}},
        {"aus": [1, 2]},
        {"extra": 1},
        {"schema": 2},
        {"expression": {**broken["expression"], "confusion": [[0.5] * 8] * 8}},
        {"expression": {**broken["expression"], "concentration": -1}},
        {"thresholds": {"boredom": 0.5}},
    ):
        with pytest.raises(FeabError):
            ErrorModel.from_json(json.dumps({**broken, **change}))
    with pytest.raises(FeabError, match="twice"):
        ErrorModel.from_json(text.replace('"lam"', '"lam": 1, "lam"', 1))


def test_faces_of_one_cluster_are_in_one_fold() -> None:
    from feab.generation.error_model import _folds
    from feab.generation.labelled import labelled

    faces, hidden, given = (column[:50] for column in world(400, 0))
    clusters = [row // 5 for row in range(50)]
    found = _folds(labelled(faces, hidden, given, FEAB_17), clusters, 5)
    assert all(len(set(found[np.array(clusters) == c])) == 1 for c in range(10))
    assert np.bincount(found).tolist() == [10] * 5
    unknown = _folds(labelled(faces, hidden, given, FEAB_17), [None] * 50, 5)
    assert np.bincount(unknown).tolist() == [10] * 5
    with pytest.raises(FeabError, match="clusters"):
        fit_error_model(faces, hidden, knowledge(), given, clusters=clusters[:3])


def test_accepted_labels_of_other_faces_are_wrong_as_seldom_as_promised() -> None:
    faces, hidden, given = world(800, 7)
    done = annotate_faces(faces, given, [{}] * 800, [MISSING] * 800, fitted(), knowledge(), S)
    taken = [one.levels["expression"].source == "generated" for one in done]
    wrong = [one.levels["expression"].value != truth.expression for one, truth in zip(done, hidden, strict=True)]
    share = np.array(wrong)[taken].mean()
    assert 0.2 < np.mean(taken) < 1
    # The threshold's own error rate has an upper bound of .05; 3 standard errors are left for counting here.
    assert share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / sum(taken))
    assert np.mean(wrong) > share
    missed = np.array(
        [
            np.array(one.levels["valence_arousal"].value) - (truth.valence, truth.arousal)
            for one, truth in zip(done, hidden, strict=True)
            if one.levels["valence_arousal"].source == "generated"
        ]
    )
    if len(missed):
        assert (np.sqrt((missed**2).mean(axis=0)) < 0.2 + 0.03).all()


def test_confidence_of_affect_is_what_it_says() -> None:
    faces, hidden, given = world(800, 7)
    done = annotate_faces(faces, given, [{}] * 800, [MISSING] * 800, fitted(), knowledge(), S)
    levels = [one.levels["valence_arousal"] for one in done]
    near = [
        np.abs(np.array(level.value) - (truth.valence, truth.arousal)).max() <= S.va_error
        for level, truth in zip(levels, hidden, strict=True)
    ]
    sure = np.mean([level.confidence for level in levels])
    assert sure - 0.05 < np.mean(near)  # errors are no more frequent than said, up to what chance does to 800 faces


def test_affect_that_misses_more_is_taken_for_less_sure() -> None:
    faces, hidden, given = world(400, 0)
    rng = np.random.default_rng(1)
    far = [replace(one, valence=float(np.clip(one.valence + 0.5 * rng.normal(), -1, 1))) for one in hidden]
    near = [
        replace(one, valence=float(load_knowledge().anchors[EXPRESSIONS.index(one.expression), 0])) for one in hidden
    ]
    few = replace(S, weighing_faces=100)
    wide, narrow = (fit_error_model(faces, one, knowledge(), given, few).valence for one in (far, near))
    assert wide.widening > fitted().valence.widening
    assert narrow.widening < fitted().valence.widening


HUMAN = {"action_units": frozenset({1, 2})}


def test_human_labels_are_kept_and_what_is_unlabelled_is_never_accepted() -> None:
    faces = [FaceDraws("x", tuple(Draw(c // 2, c, "fear", (-0.6, 0.6), frozenset({12})) for c in range(20)))]
    given = [Given(action_units={au: au in (1, 2) for au in FEAB_17})]
    done = annotate_faces(faces, given, [HUMAN], [("expression", "valence_arousal")], guessed(), knowledge(), S)[0]
    assert done.sample == "x"
    assert done.levels["action_units"].value == frozenset({1, 2})
    assert done.levels["action_units"].source == "human"
    assert done.levels["action_units"].confidence is None
    for level in MISSING:
        assert done.levels[level].source == "rejected"
        assert done.levels[level].samples == 20
    assert done.levels["expression"].value == "fear"
    assert done.levels["expression"].total_uncertainty == 0  # of the pilot: two contexts
    trusting = replace(S, unlabelled=0.5)
    done = annotate_faces(faces, given, [HUMAN], [MISSING], guessed(), knowledge(), trusting)[0]
    assert done.levels["expression"].source == "generated"


def test_what_only_knowledge_says_is_not_accepted() -> None:
    silent = [FaceDraws("x", tuple(Draw(c // 2, c) for c in range(4)))]
    smile = [Given(action_units={au: au in (6, 12, 25) for au in FEAB_17})]
    done = annotate_faces(silent, smile, [{}], [MISSING[:1]], fitted(), knowledge(), S)[0].levels["expression"]
    assert done.value == "happiness"
    assert done.confidence is not None
    assert done.confidence > (fitted().thresholds["expression"] or 1)
    assert done.source == "rejected"
    assert done.samples == 0


def test_every_level_and_its_details() -> None:
    draws = tuple(Draw(c // 2, c, None, None, frozenset({12, 6})) for c in range(4))
    verdicts = (
        Verdict("12", "present", "confirm"),
        Verdict("6", "present", None),
        Verdict("expression", "fear", "confirm"),
    )
    faces = [FaceDraws("x", draws, verdicts)]
    human = [{"expression": "happiness", "valence_arousal": (0.8, 0.4)}]
    done = annotate_faces(
        faces, [Given("happiness", {}, 0.8, 0.4)], human, [("action_units",)], guessed(), knowledge(), S
    )[0]
    units = done.levels["action_units"]
    assert {6, 12} <= units.value
    assert units.verification == {"12": "present: confirm", "6": "present: unreadable"}
    assert set(units.details) == {str(au) for au in FEAB_17}
    assert units.details["12"] > 0.9
    assert done.levels["valence_arousal"].value == (0.8, 0.4)


def test_a_level_nobody_asked_about_is_not_there() -> None:
    done = annotate_faces([FaceDraws("x")], [Given("fear")], [{"expression": "fear"}], [()], guessed(), knowledge(), S)
    assert set(done[0].levels) == {"expression"}
    assert annotate_faces([], [], [], [], guessed(), knowledge(), S) == []


def test_the_pilot_is_asked_of_every_face_and_nothing_of_one_that_lacks_nothing() -> None:
    faces = [FaceDraws("a"), FaceDraws("b", (Draw(0, 0, "fear"), Draw(0, 1, "fear"))), FaceDraws("c")]
    steps = next_step(faces, [Given()] * 3, [MISSING, MISSING, ()], guessed(), knowledge(), S)
    assert steps == [("ask", None), ("ask", None), ("stop", None)]
    assert next_step([], [], [], guessed(), knowledge(), S) == []


def face(*names: str, verdicts: tuple[Verdict, ...] = ()) -> FaceDraws:
    return FaceDraws("x", tuple(Draw(k // 2, k, name, (0.0, 0.0)) for k, name in enumerate(names)), verdicts)


def step(
    one: FaceDraws, settings: Settings = S, model: ErrorModel | None = None, missing: tuple[Level, ...] = MISSING[:1]
):
    frown = Given(action_units={au: au == 4 for au in FEAB_17})
    return next_step([one], [frown], [missing], model or fitted(), knowledge(), settings)[0]


def test_sure_faces_stop_and_torn_ones_are_asked_again_up_to_the_cap() -> None:
    assert step(face(*["neutral"] * 4)) == ("stop", None)
    torn = ("anger", "sadness", "sadness", "anger")
    cheap = replace(S, price=0.0005)
    assert step(face(*torn), cheap) == ("ask", None)
    assert step(face(*torn), replace(S, price=0.5))[0] != "ask"
    assert step(face(*torn * 5), cheap)[0] != "ask"
    assert step(face(*torn), replace(S, most_contexts=2, price=0.0005))[0] != "ask"


def strict(errors: ErrorModel) -> ErrorModel:
    good = Confirmed(right_confirmed=90, right_refuted=10, wrong_confirmed=10, wrong_refuted=90)
    confirmed = dict.fromkeys(errors.verifier.confirmed, (good, good))
    verifier = errors.verifier.model_copy(update={"confirmed": confirmed, "heed": {"valence": 0.9, "arousal": 0.9}})
    return errors.model_copy(update={"verifier": verifier})


TORN = ("anger", "sadness", "sadness", "anger")


def test_the_verifier_is_asked_once_where_its_verdict_could_matter() -> None:
    dear = replace(S, price=0.5)
    found = step(face(*TORN), dear, strict(fitted()))
    assert found[0] == "verify"
    assert found[1] is not None
    about, candidate, foil = found[1]
    assert about == "expression"
    assert {candidate, foil} <= set(EXPRESSIONS)
    assert candidate != foil
    ruled = Verdict("expression", candidate, "refute")
    assert step(face(*TORN, verdicts=(ruled,)), dear, strict(fitted())) == ("stop", None)
    assert step(face(*TORN), replace(dear, verify="never"), strict(fitted())) == ("stop", None)
    assert step(face(*TORN), dear, guessed())[0] == "stop"  # nothing is known of the verifier
    assert step(face(*TORN), replace(dear, verify="always"), guessed())[0] == "verify"


def test_values_are_verified_to_two_decimals() -> None:
    dear = replace(S, price=0.9, verify="always", va_sd=0.02)
    found = step(face(*TORN), dear, guessed(), ("valence_arousal",))
    assert found[0] == "verify"
    assert found[1] is not None
    about, candidate, foil = found[1]
    assert about in ("valence", "arousal")
    assert foil == ""
    assert -1 <= float(candidate) <= 1
    assert len(candidate.split(".")[1]) == 2
    other = step(face(*TORN, verdicts=(Verdict(about, candidate, "confirm"),)), dear, guessed(), ("valence_arousal",))
    assert other[1] is None or other[1][0] not in (about, "expression")


def test_only_doubtful_units_are_verified_and_only_some() -> None:
    draws = tuple(Draw(c // 2, c, None, None, frozenset({12} if c % 2 else {4, 12, 15})) for c in range(4))
    settings = replace(S, price=0.9, verify="always", most_unit_checks=2, provisional=1.0)
    verdicts: tuple[Verdict, ...] = ()
    seen = []
    for _ in range(5):
        one = FaceDraws("x", draws, verdicts)
        step_, found = next_step(
            [one], [Given("sadness", {}, -0.5, -0.3)], [("action_units",)], guessed(), knowledge(), settings
        )[0]
        if found is None:
            break
        assert step_ == "verify"
        assert {found[1], found[2]} == {"present", "absent"}
        seen.append(found[0])
        verdicts = (*verdicts, Verdict(found[0], found[1], None))
    assert 1 <= len(seen) <= 2
    assert len(set(seen)) == len(seen)
    assert "12" not in seen


def test_lengths_must_agree_and_settings_make_sense() -> None:
    with pytest.raises(FeabError, match="differ in number"):
        next_step([FaceDraws("x")], [], [], guessed(), knowledge(), S)
    with pytest.raises(FeabError, match="as many"):
        fit_error_model([FaceDraws("x")], [], knowledge(), [])
    for change in ({"pilot_contexts": 1}, {"draws": 1}, {"price": -1}, {"doubtful": (0.6, 0.7)}, {"unlabelled": 0.1}):
        with pytest.raises(FeabError):
            Settings(**change)

"""Sums over the joint model: equal to plain ones on few AUs, and on all 17 true to the tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brute import brute_force, brute_posterior, small_knowledge
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.knowledge import (
    GRID,
    Evidence,
    Given,
    JointModel,
    affect_grid,
    agreement,
    certain,
    coded,
    fit_joint,
    gaussian,
    load_knowledge,
    log_likelihood,
    nothing,
    posterior,
    shuffled,
)
from feab.vocabulary import EXPRESSIONS, FEAB_17

LEVELS = ("expression", "action_units", "valence", "arousal")


def soft(n: int, k: int, seed: int) -> Evidence:
    """What an unsure annotator might have said of n faces."""
    rng = np.random.default_rng(seed)
    axes = [gaussian(rng.uniform(-1, 1, n), rng.uniform(0.1, 1, n)) for _ in range(2)]
    return Evidence(rng.normal(0, 2, (n, len(EXPRESSIONS))), rng.normal(0, 3, (n, k)), *axes)


@st.composite
def labels(draw: st.DrawFn, k: int) -> Given:
    """Any subset of levels, and of AUs, that might be certain."""
    units = {au: draw(st.booleans()) for au in draw(st.sets(st.integers(1, k)))}
    axis = st.none() | st.floats(-1, 1)
    return Given(draw(st.none() | st.sampled_from(EXPRESSIONS)), units, draw(axis), draw(axis))


@settings(max_examples=40)
@given(labels(4), st.integers(0, 3), st.sampled_from(("nothing", "soft")), st.sampled_from((0.0, 0.4, 1.0, 1.5)))
def test_every_conditional_equals_the_plain_sum(face: Given, seed: int, kind: str, weight: float) -> None:
    knowledge = small_knowledge(seed)
    model = fit_joint(knowledge)
    evidence = certain([face], knowledge.aus) + (soft(1, 4, seed) if kind == "soft" else nothing(1, knowledge.aus))
    wanted = brute_posterior(brute_force(knowledge), evidence, 0, weight)
    model = model if weight == 1 else model.tempered(weight)
    found = posterior(model, evidence)
    for level in LEVELS:
        assert np.abs(getattr(found, level)[0] - wanted[level]).max() < 1e-6, level
    assert found.log_evidence[0] == pytest.approx(wanted["log_evidence"], abs=1e-5)
    assert np.abs(affect_grid(model, evidence) - wanted["affect"]).max() < 1e-6


@settings(max_examples=20)
@given(labels(4), st.integers(0, 3))
def test_agreement_leaves_each_label_out_in_turn(face: Given, seed: int) -> None:
    knowledge = small_knowledge(seed)
    joint, found = brute_force(knowledge), agreement(fit_joint(knowledge), face)
    assert len(found) == len(face.action_units) + sum(
        x is not None for x in (face.expression, face.valence, face.arousal)
    )
    for name, value in found.items():
        if name.startswith("au"):
            rest = replace(face, action_units={k: on for k, on in face.action_units.items() if f"au{k}" != name})
        else:
            rest = replace(face, **{name: None})
        wanted = brute_posterior(joint, certain([rest], knowledge.aus), 0)
        if name == "expression":
            expected = wanted["expression"][EXPRESSIONS.index(face.expression)]
        elif name.startswith("au"):
            present = wanted["action_units"][int(name[2:]) - 1]
            expected = present if face.action_units[int(name[2:])] else 1 - present
        else:
            point = round((getattr(face, name) + 1) / 0.05)
            expected = min(1, 2 * min(wanted[name][: point + 1].sum(), wanted[name][point:].sum()))
        assert value == pytest.approx(expected, abs=2e-6)


def test_a_label_that_fits_none_of_the_others_stands_out(full: JointModel) -> None:
    found = agreement(full, Given("happiness", {4: True, 9: True, 12: False, 17: True}, -0.6))
    assert found["expression"] < 0.05
    assert found["valence"] < 0.1
    assert agreement(full, Given("disgust", {9: True, 17: True}, -0.6))["expression"] > 0.5


def test_what_says_next_to_nothing_is_still_summed_exactly() -> None:
    knowledge = small_knowledge(0)
    far = Evidence(np.zeros((1, 8)), np.full((1, 4), -300.0), gaussian(1.0, 0.01), gaussian(-1.0, 0.01))
    far += certain([Given(action_units={1: True})], knowledge.aus)
    wanted = brute_posterior(brute_force(knowledge), far, 0)
    found = posterior(fit_joint(knowledge), far)
    for level in LEVELS:
        assert np.abs(getattr(found, level)[0] - wanted[level]).max() < 1e-6


def test_the_whole_sums_to_one_and_every_marginal_to_the_tables(full: JointModel) -> None:
    knowledge = load_knowledge()
    assert full.states.nbytes == 4 * 2**17 * 8
    prior = posterior(full, nothing(1))
    assert prior.log_evidence[0] == pytest.approx(0, abs=1e-5)
    assert np.abs(prior.expression - 1 / 8).max() < 1e-6
    each = posterior(full, certain([Given(name) for name in EXPRESSIONS]))
    share = knowledge.background
    mixed = (1 - share) * knowledge.displays + share * knowledge.rates
    assert np.abs(each.action_units - mixed).max() < 1e-4
    assert np.abs(each.means - knowledge.anchors).max() < 1e-4
    for axis in (each.valence, each.arousal, prior.valence, prior.arousal):
        assert np.abs(axis.sum(axis=1) - 1).max() < 1e-9


@pytest.mark.parametrize("options", [
    {"theory": "cordaro_core", "loadings": "affdex"},
    {"theory": "facs_2002", "anchors": "neighbours"},
    {"theory": "keltner_2019", "anchors": "neighbours", "loadings": "affdex"},
])  # fmt: skip
def test_other_tables_keep_their_anchors_too(options: dict[str, str]) -> None:
    knowledge = load_knowledge(**options)
    each = posterior(fit_joint(knowledge), certain([Given(name) for name in EXPRESSIONS]))
    assert np.abs(each.means - knowledge.anchors).max() < 1e-4


def given_all(*present: int) -> Given:
    return Given(action_units={au: au in present for au in FEAB_17})


def expression(model: JointModel, face: Given) -> dict[str, float]:
    return dict(zip(EXPRESSIONS, posterior(model, certain([face])).expression[0].tolist(), strict=True))


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_no_labels_are_impossible(full: JointModel, weight: float) -> None:
    model = full if weight == 1 else full.tempered(weight)
    odd = Given("neutral", dict.fromkeys(FEAB_17, True), 1.0, -1.0)
    found = posterior(model, certain([odd, Given(None, odd.action_units, 1.0, -1.0)]))
    assert np.isfinite(found.log_evidence).all()
    assert found.expression[1].sum() == pytest.approx(1)


def test_a_lone_smile_is_no_contempt_and_a_lone_frown_no_anger(full: JointModel) -> None:
    # Without the background a smile without parted lips gave contempt .79, and lowered brows anger .84.
    smile, frown = expression(full, given_all(12)), expression(full, given_all(4))
    assert max(smile, key=smile.__getitem__) == "happiness"
    assert smile["contempt"] < 0.3
    assert frown["anger"] < 0.2
    # With the other AUs unknown instead of absent, a smile says more.
    assert expression(full, Given(action_units={12: True}))["happiness"] > smile["happiness"] + 0.1


@pytest.mark.parametrize(
    ("present", "name"),
    [((), "neutral"), ((6, 12, 25), "happiness"), ((1, 4, 15, 17), "sadness"), ((1, 2, 5, 25, 26), "surprise"),
     ((1, 4, 20, 25), "fear"), ((9, 10, 17), "disgust"), ((4, 7, 17, 24), "anger"), ((14,), "contempt")],
)  # fmt: skip
def test_prototypes_are_recognised(full: JointModel, present: tuple[int, ...], name: str) -> None:
    assert expression(full, given_all(*present))[name] > 0.6


def test_valence_and_arousal_tell_of_expressions_and_units(full: JointModel) -> None:
    found = posterior(
        full, certain([Given(valence=0.8, arousal=0.5), Given(valence=-0.6, arousal=-0.3), Given(arousal=0.9)])
    )
    assert [EXPRESSIONS[k] for k in found.expression.argmax(axis=1)] == ["happiness", "sadness", "surprise"]
    smile = FEAB_17.index(12)
    assert found.action_units[0, smile] > 0.7 > 0.2 > found.action_units[1, smile]
    assert found.means[0].tolist() == pytest.approx([0.8, 0.5])
    assert found.sds[0].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_within_an_expression_units_move_valence(full: JointModel) -> None:
    with_smile, without = (posterior(full, certain([Given("happiness", {12: on})])).means[0, 0] for on in (True, False))
    assert with_smile - without > 0.25


def test_a_full_annotation_is_as_probable_as_the_tables_say(full: JointModel) -> None:
    face = Given("fear", given_all(1, 4, 20, 25).action_units, -0.6, 0.55)
    state = sum(1 << (16 - FEAB_17.index(au)) for au in (1, 4, 20, 25))
    e = EXPRESSIONS.index("fear")
    v = full.valence.density[full.valence.level[state], e, 8]
    a = full.arousal.density[full.arousal.level[state], e, 31]
    assert log_likelihood(full, [face])[0] == pytest.approx(np.log(full.states[state, e] * v * a / 8), abs=1e-4)


def test_the_chain_rule_holds_across_levels(full: JointModel) -> None:
    whole = Given("anger", {4: True, 25: False}, -0.5, 0.6)
    parts = [
        Given(),
        Given(arousal=0.6),
        Given(valence=-0.5, arousal=0.6),
        Given(None, whole.action_units, -0.5, 0.6),
        whole,
    ]
    steps = np.diff(log_likelihood(full, parts))
    assert (steps < 0).all()
    found = posterior(full, certain([parts[3]]))
    assert steps[-1] == pytest.approx(np.log(found.expression[0, EXPRESSIONS.index("anger")]), abs=1e-4)


def test_single_precision_is_enough(full: JointModel, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = soft(3, 17, 1)
    single = posterior(full, evidence)
    monkeypatch.setattr("feab.knowledge.inference._LEAST", np.inf)
    double = posterior(full, evidence)
    for level in LEVELS:
        assert 0 < np.abs(getattr(single, level) - getattr(double, level)).max() < 1e-6


def test_few_coded_units_have_a_table_of_their_own(full: JointModel) -> None:
    disfa = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    table = coded(full, disfa)
    assert table.states.shape == (4096, 8)
    assert np.allclose(table.states.sum(axis=0), 1, atol=1e-5)
    present = np.random.default_rng(0).integers(0, 2, (20, 12))
    faces = [Given(action_units=dict(zip(disfa, map(bool, row), strict=True))) for row in present]
    assert np.abs(table.expression(present) - posterior(full, certain(faces)).expression).max() < 1e-6
    turned = coded(full, disfa[::-1])
    assert np.allclose(turned.expression(present[:, ::-1]), table.expression(present))


def test_shuffled_names_move_every_row_and_leave_the_mixture(full: JointModel) -> None:
    names = shuffled(3)
    assert names == shuffled(3)
    assert sorted(names.values()) == sorted(EXPRESSIONS)
    assert all(name != other for name, other in names.items())
    wrong = fit_joint(load_knowledge(renamed=names))
    truth, moved = (posterior(model, certain([Given(name) for name in EXPRESSIONS])) for model in (full, wrong))
    rows = [EXPRESSIONS.index(names[name]) for name in EXPRESSIONS]
    assert np.abs(moved.action_units - truth.action_units[rows]).max() < 1e-5
    assert np.abs(moved.means - truth.means[rows]).max() < 1e-5
    both = posterior(full, nothing(1)), posterior(wrong, nothing(1))
    assert np.abs(both[0].action_units - both[1].action_units).max() < 1e-5


def test_class_shares_become_the_prior() -> None:
    shares = dict.fromkeys(EXPRESSIONS, 1.0) | {"happiness": 13.0}
    model = fit_joint(load_knowledge(prior=shares))
    assert posterior(model, nothing(1)).expression[0, EXPRESSIONS.index("happiness")] == pytest.approx(0.65, abs=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_class_that_a_source_lacks_does_not_occur(weight: float) -> None:
    model = fit_joint(load_knowledge(prior=dict.fromkeys(EXPRESSIONS[:-1], 1.0)))
    smirk = certain([given_all(14)])
    for each in (model, model.tempered(weight)):
        assert posterior(each, smirk).expression[0, -1] == 0
        with pytest.raises(FeabError, match="does not occur"):
            posterior(each, certain([Given("contempt")]))


def test_no_knowledge_leaves_the_evidence_alone(full: JointModel) -> None:
    evidence = soft(2, 17, 0)
    found = posterior(full.tempered(0), evidence)
    alone = np.exp(evidence.expression)
    assert np.abs(found.expression - alone / alone.sum(axis=1, keepdims=True)).max() < 1e-5
    assert np.abs(found.action_units - 1 / (1 + np.exp(-evidence.action_units))).max() < 1e-5
    heard = np.exp(evidence.valence)
    assert np.abs(found.valence - heard / heard.sum(axis=1, keepdims=True)).max() < 1e-5


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: certain([Given("joy")]), "unknown expression"),
        (lambda: certain([Given(action_units={4: float("nan")})]), "AU 4"),
        (lambda: certain([Given(valence=1.2)]), "valence"),
        (lambda: certain([Given(valence=float("nan"))]), "valence"),
        (lambda: certain([Given(), Given("fear")]) + certain([Given(), Given("anger")]), "face 1: expression"),
        (lambda: certain([Given(action_units={4: True})]) + certain([Given(action_units={4: False})]), "action_units"),
        (lambda: certain([Given(arousal=0.1)]) + certain([Given(arousal=0.9)]), "arousal: every value"),
        (lambda: Evidence(np.full((1, 8), np.nan), np.zeros((1, 17)), np.zeros((1, 41)), np.zeros((1, 41))), "NaN"),
        (lambda: Evidence(np.zeros((1, 7)), np.zeros((1, 17)), np.zeros((1, 41)), np.zeros((1, 41))), "shape"),
        (lambda: posterior(fit_joint(small_knowledge(0)), nothing(1)), "17 AUs"),
        (lambda: fit_joint(small_knowledge(0)).tempered(-1), "weight"),
        (lambda: fit_joint(small_knowledge(0)).tempered(0.5).tempered(0.5), "once"),
        (lambda: coded(fit_joint(small_knowledge(0)), (1, 1)), "different"),
        (lambda: coded(fit_joint(small_knowledge(0)).tempered(0.5), (1, 2)), "tempered"),
        (lambda: coded(fit_joint(small_knowledge(0)), (1, 2)).expression([[0, np.nan]]), "0 and 1"),
        (lambda: load_knowledge(prior={"joy": 1}), "joy"),
        (lambda: load_knowledge(prior={"fear": 0}), "above 0"),
        (lambda: load_knowledge(prior={"fear": 2, "anger": -1}), "0 or more"),
        (lambda: load_knowledge(prior={"fear": float("nan")}), "0 or more"),
        (lambda: load_knowledge(background=0), "background"),
        (lambda: load_knowledge(renamed={"fear": "anger"}), "permutation"),
    ],
)
def test_mistakes_are_named(wrong, told: str) -> None:
    with pytest.raises(FeabError, match=told):
        wrong()


def test_unknown_is_not_absent(full: JointModel) -> None:
    unknown, absent = expression(full, Given(action_units={12: True})), expression(full, given_all(12))
    assert unknown != pytest.approx(absent, abs=0.05)
    assert GRID[0] == -1
    assert GRID[-1] == 1
    assert GRID[20] == 0

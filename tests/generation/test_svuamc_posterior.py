"""The posterior of the truth: human labels stay, knowledge counts once, and λ = 0 is no knowledge at all."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from feab.errors import FeabError
from feab.generation.annotator import Truths, simulate
from feab.generation.error_model import fit_error_model
from feab.generation.fitted import ErrorModel
from feab.generation.posterior import evidence, independent, judged, tempered, truth
from feab.generation.profiles import profile
from feab.generation.record import LEVELS, Draw, FaceDraws, Verdict
from feab.generation.tally import tally
from feab.knowledge import (
    GRID,
    Evidence,
    Given,
    JointModel,
    certain,
    fit_joint,
    gaussian,
    load_knowledge,
    nothing,
    posterior,
)
from feab.vocabulary import EXPRESSIONS, FEAB_17

KNOWN = {au: au in (1, 2, 5, 25, 26) for au in FEAB_17}


@cache
def knowledge() -> JointModel:
    return fit_joint(load_knowledge())


@cache
def guessed(lam: float = 1.0) -> ErrorModel:
    """No labelled faces: documented weak rates."""
    return fit_error_model([], [], knowledge(), []).model_copy(update={"lam": dict.fromkeys(LEVELS, lam)})


def face(*draws: Draw, verdicts: tuple[Verdict, ...] = ()) -> FaceDraws:
    return FaceDraws("x", draws, verdicts)


def test_without_draws_it_is_the_knowledge_of_what_is_given() -> None:
    given = [Given(action_units=KNOWN)]
    found, known = truth([face()], given, guessed(), knowledge()), posterior(knowledge(), certain(given))
    assert found.expression == pytest.approx(known.expression, abs=1e-6)
    assert found.valence == pytest.approx(known.valence, abs=1e-6)


def test_draws_move_it_and_their_order_does_not_matter() -> None:
    given = [Given(action_units=KNOWN)]
    draws = [Draw(0, 0, "fear", (-0.6, 0.6)), Draw(0, 1, "fear", (-0.5, 0.5)), Draw(1, 2, "surprise", (0.1, 0.7))]
    first, second = (truth([face(*some)], given, guessed(), knowledge()) for some in (draws, draws[::-1]))
    before = truth([face()], given, guessed(), knowledge())
    fear = EXPRESSIONS.index("fear")
    assert first.expression[0, fear] > before.expression[0, fear]
    assert first.means[0, 0] < before.means[0, 0]
    assert first.expression == pytest.approx(second.expression)


def test_human_labels_are_never_estimated_anew() -> None:
    given = [Given("anger", KNOWN, -0.5, 0.5)]
    said = face(*(Draw(c, c, "happiness", (0.9, 0.9), frozenset({12})) for c in range(10)))
    found = truth([said], given, guessed(), knowledge())
    assert found.expression[0, EXPRESSIONS.index("anger")] == 1
    assert found.action_units[0].tolist() == [float(KNOWN[au]) for au in FEAB_17]
    assert found.means[0] == pytest.approx([-0.5, 0.5])


def some_evidence(n: int, seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    affect = [gaussian(rng.uniform(-1, 1, n), rng.uniform(0.1, 0.5, n)) for _ in range(2)]
    return Evidence(rng.normal(size=(n, 8)), 2 * rng.normal(size=(n, 17)), *affect)


def test_no_knowledge_is_the_joint_model_at_weight_zero() -> None:
    heard = some_evidence(3, 0) + certain([Given(action_units={1: True, 4: False}), Given("fear"), Given()])
    quick, slow = independent(heard, knowledge()), posterior(knowledge().tempered(0), heard)
    for name in ("expression", "action_units", "valence", "arousal"):
        assert getattr(quick, name) == pytest.approx(getattr(slow, name), abs=1e-5)
    assert quick.log_evidence == pytest.approx(slow.log_evidence, abs=1e-3)


def test_a_class_that_cannot_be_stays_out_without_knowledge() -> None:
    shares = {name: float(name != "contempt") for name in EXPRESSIONS}
    source = fit_joint(load_knowledge(prior=shares))
    assert independent(nothing(1), source).expression[0, EXPRESSIONS.index("contempt")] == 0
    with pytest.raises(FeabError, match="does not occur"):
        independent(certain([Given("contempt")]), source)


def test_tempered_valence_sums_to_one_so_that_what_nobody_asked_says_nothing() -> None:
    half = tempered(knowledge(), 0.5)
    assert half.valence.density.sum(-1) == pytest.approx(1, abs=1e-5)
    given = certain([Given(action_units=KNOWN)])
    found = posterior(half, given).expression[0]
    of_units = posterior(knowledge(), given).expression[0] ** 0.5
    assert found == pytest.approx(of_units / of_units.sum(), abs=1e-5)
    wide, narrow = (posterior(model, certain([Given("fear", KNOWN)])).sds[0, 0] for model in (half, knowledge()))
    assert wide > narrow


def test_base_rates_count_as_much_as_knowledge_does_not() -> None:
    base = guessed().base_rates.model_copy(update={"action_units": (0.05,) * 17})
    read = face(*(Draw(c, c, action_units=frozenset({12}) if c else frozenset()) for c in range(2)))
    without = guessed(0.0).model_copy(update={"base_rates": base})
    silent = without.model_copy(update={"action_units": without.action_units.model_copy(update={"hits": (0.15,) * 17})})
    found = truth([read], [Given("neutral")], silent, knowledge())
    assert found.action_units[0] == pytest.approx(0.05)  # hits as often as false alarms: nothing but the base rate
    unasked = truth([face()], [Given("neutral")], silent, knowledge())
    assert unasked.action_units[0] == pytest.approx(0.5)  # and none of what nobody was asked about


def test_evidence_is_that_of_each_face_by_itself() -> None:
    faces = [face(Draw(0, 0, "fear", (-0.6, 0.6), frozenset({1}))), face(), face(Draw(0, 0, "anger"))]
    together = evidence(faces, guessed(), FEAB_17)
    for row, one in enumerate(faces):
        alone = evidence([one], guessed(), FEAB_17)
        assert together.expression[row] == pytest.approx(alone.expression[0])
        assert together.valence[row] == pytest.approx(alone.valence[0])
    assert (together.action_units[1:] == 0).all()
    assert (together.expression[1] == 0).all()
    with pytest.raises(FeabError, match="about AUs"):
        evidence(faces, guessed(), (1, 2))


def test_a_measured_valence_is_taken_through_its_line() -> None:
    axis = guessed().valence.model_copy(update={"alpha": 0.1, "beta": 0.5, "tau": 0.05})
    model = guessed(0.0).model_copy(update={"valence": axis})
    flat = (1 / 41,) * 41
    model = model.model_copy(update={"base_rates": model.base_rates.model_copy(update={"valence": flat})})
    draws = [Draw(c, 2 * c + d, None, (0.3, 0.0)) for c in range(10) for d in range(2)]
    found = truth([face(*draws)], [Given()], model, knowledge())
    assert found.means[0, 0] == pytest.approx((0.3 - 0.1) / 0.5, abs=0.01)
    assert found.sds[0, 0] >= 0.05 / 0.5 * 0.99
    assert GRID[np.argmax(found.valence[0])] == pytest.approx(0.4)


def test_it_is_calibrated_when_the_world_is_as_the_model_says() -> None:
    """Among faces that are judged p sure, p are right: counted over 1,500 faces, within their sampling error."""
    rng = np.random.default_rng(3)
    n = 1900
    expression = rng.integers(0, 8, n)
    cumulated = knowledge().states.cumsum(axis=0)
    states = [np.searchsorted(cumulated[:, e], rng.random() * cumulated[-1, e]) for e in expression]
    units = (np.array(states)[:, None] >> np.arange(17)[::-1]) & 1
    truths = [Given(EXPRESSIONS[e]) for e in expression]
    given = [Given(action_units={au: bool(row[k]) for k, au in enumerate(FEAB_17)}) for row in units]
    said = simulate(profile(), Truths.of(truths), contexts=2, draws=2, seed=4).faces([str(i) for i in range(n)])
    blind = [FaceDraws(one.sample, tuple(Draw(d.context, d.draw, d.expression) for d in one.draws)) for one in said]
    model = fit_error_model(blind[:400], truths[:400], knowledge(), given[:400])
    found = truth(blind[400:], given[400:], model, knowledge())
    sure, right = found.expression.max(1), found.expression.argmax(1) == expression[400:]
    assert abs(sure.mean() - right.mean()) < 4.5 * np.sqrt((sure * (1 - sure)).sum()) / len(sure) + 0.02
    assert right.mean() > max(0.75, (tally(blind[400:]).expressions.sum(1).argmax(1) == expression[400:]).mean())
    assert 0.5 <= model.lam["expression"] <= 1.5


def test_knowledge_and_errors_about_other_aus_are_refused() -> None:
    other = guessed().model_copy(update={"aus": FEAB_17[::-1]})
    with pytest.raises(FeabError, match="about AUs"):
        judged(tally([face()]), nothing(1), other, knowledge())


def test_each_level_is_judged_with_its_own_weight() -> None:
    weights = {"expression": 0.0, "valence_arousal": 0.5, "action_units": 1.0}
    mixed = guessed().model_copy(update={"lam": weights})
    said = [face(Draw(0, 0, "fear", (-0.6, 0.6), frozenset({1, 4})))]
    given = [Given(action_units={1: True})]
    found = truth(said, given, mixed, knowledge())
    alone = {lam: truth(said, given, guessed(lam), knowledge()) for lam in (0.0, 0.5, 1.0)}
    assert found.expression == pytest.approx(alone[0.0].expression)
    assert found.valence == pytest.approx(alone[0.5].valence)
    assert found.arousal == pytest.approx(alone[0.5].arousal)
    assert found.action_units == pytest.approx(alone[1.0].action_units)
    assert found.expression != pytest.approx(alone[1.0].expression, abs=1e-3)

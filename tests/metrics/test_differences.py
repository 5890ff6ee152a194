"""Differences, permutation tests, Holm and rank sets: against brute force, and against what they promise."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from feab.errors import FeabError
from feab.metrics import (
    action_unit_sums,
    beside,
    difference,
    differences,
    expression_sums,
    holm,
    overall,
    overall_beside,
    overall_difference,
    overall_standings,
    standings,
    valence_arousal_sums,
    vote_sums,
)
from feab.metrics.calibration import expression_calibration_sums
from feab.metrics.vote_sums import sums_of
from feab.metrics.votes import leave_one_out, read_votes
from feab.vocabulary import EXPRESSIONS

LABELS = EXPRESSIONS[:3]


def answers(rng, truth, skill):
    right = rng.random(len(truth)) < skill
    return np.where(right, truth, np.array(LABELS)[rng.integers(0, 3, len(truth))])


def sums(truth, said, who):
    return expression_sums(truth, said, LABELS, clusters=who)


def world(seed, groups=24, each=10):
    rng = np.random.default_rng(seed)
    truth = np.array(LABELS)[rng.integers(0, 3, groups * each)]
    return rng, truth, np.repeat([f"p{g:02d}" for g in range(groups)], each)


def test_the_p_value_is_that_of_all_arrangements():
    """Eight people are few enough to swap in every way; 1,999 ways drawn at random come near."""
    rng, truth, who = world(3, groups=8)
    a, b = answers(rng, truth, 0.8), answers(rng, truth, 0.6)
    people = [who == person for person in sorted(set(who))]

    def gap(one, other):
        score = [f1_score(truth, x, average="macro", labels=LABELS) for x in (one, other)]
        return score[0] - score[1]

    seen, gaps = gap(a, b), []
    for swapped in product((False, True), repeat=8):
        rows = np.any([person for person, swap in zip(people, swapped, strict=True) if swap] or [who == ""], axis=0)
        gaps.append(gap(np.where(rows, b, a), np.where(rows, a, b)))
    exact = np.mean(np.abs(gaps) >= abs(seen) - 1e-12)
    found = difference(sums(truth, a, who), sums(truth, b, who))
    assert found.value == pytest.approx(seen)
    error = np.sqrt(exact * (1 - exact) / 2000)
    assert abs(found.p - exact) < 4 * error + 1 / 2000
    assert (found.low, found.high) == (None, None)  # fewer than ten people


def test_a_difference_has_two_sides_and_is_nothing_with_itself():
    rng, truth, who = world(1)
    a, b = sums(truth, answers(rng, truth, 0.9), who), sums(truth, answers(rng, truth, 0.5), who)
    one, two = difference(a, b), difference(b, a)
    assert one.value == pytest.approx(-two.value)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    assert one.p == two.p == 1 / 2000
    assert one.low > 0
    same = difference(a, a)
    assert (same.value, same.low, same.high, same.p) == (0, None, None, 1)


def test_models_that_are_alike_are_rarely_told_apart():
    """Equal models that err by person: at most 5 % false alarms, and the interval holds 0 about as often as it says.

    400 worlds: the Monte-Carlo error of 5 % is 1.1 points; four of these are allowed.
    """
    alarms = missed = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        truth = np.array(LABELS)[rng.integers(0, 3, 240)]
        who = np.repeat(np.arange(24).astype(str), 10)
        favour = np.repeat(rng.normal(0, 0.25, 24), 10)  # each model is better on some people
        said = []
        for sign in (1, -1):
            right = rng.random(240) < np.clip(0.6 + sign * favour, 0, 1)
            said.append(np.where(right, truth, np.array(LABELS)[rng.integers(0, 3, 240)]))
        found = difference(*(sums(truth, x, who) for x in said), permutations=199, resamples=200)
        alarms += found.p <= 0.05
        missed += not found.low <= 0 <= found.high
    assert alarms / 400 < 0.05 + 4 * 0.011
    assert missed / 400 < 0.05 + 4 * 0.011
    assert alarms > 0  # a test that never rejects would pass too


def test_every_metric_can_be_compared():
    rng, truth, who = world(2)
    a, b = sums(truth, answers(rng, truth, 0.9), who), sums(truth, answers(rng, truth, 0.5), who)
    accuracy = difference(a, b, "accuracy")
    assert accuracy.value == pytest.approx(a.values()[0, a.column("accuracy")] - b.values()[0, b.column("accuracy")])
    with pytest.raises(FeabError, match="no metric 'f2' of expression"):
        difference(a, b, "f2")


def test_less_is_better_for_distances():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (200, 2))
    who = np.repeat(np.arange(20).astype(str), 10)
    said = [np.clip(truth + rng.normal(0, spread, truth.shape), -1, 1) for spread in (0.1, 0.5)]
    near, far = (valence_arousal_sums(truth, one, clusters=who) for one in said)
    assert [(x.best, x.worst) for x in standings([far, near], "rmse_valence")] == [(2, 2), (1, 1)]
    assert [(x.best, x.worst) for x in standings([far, near])] == [(2, 2), (1, 1)]


def test_answers_to_other_faces_are_refused():
    rng, truth, who = world(4)
    whole = sums(truth, answers(rng, truth, 0.7), who)
    part = sums(truth[:-10], answers(rng, truth[:-10], 0.7), who[:-10])
    with pytest.raises(FeabError, match="same faces"):
        difference(whole, part)
    with pytest.raises(FeabError, match="same faces"):
        standings([whole, part])
    with pytest.raises(FeabError, match="no model"):
        standings([])


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_holm(p_values):
    found = holm(p_values)
    tested = [p for p in p_values if p is not None]
    assert [p is None for p in found] == [p is None for p in p_values]
    for p, corrected in zip(p_values, found, strict=True):
        if p is not None:
            # Holm's rule, told the other way round: the largest of what each smaller one is worth
            worth = [min(1, other * (len(tested) - sorted(tested).index(other))) for other in tested if other <= p]
            assert corrected == pytest.approx(max(worth))
            assert p <= corrected <= 1


def test_places_of_models_that_are_clearly_apart():
    rng, truth, who = world(5, groups=40)
    models = [sums(truth, answers(rng, truth, skill), who) for skill in (0.3, 0.95, 0.6)]
    found = standings(models)
    assert [(x.best, x.worst) for x in found] == [(3, 3), (1, 1), (2, 2)]
    assert [x.score.value for x in found] == [pytest.approx(m.values()[0, m.column("macro_f1")]) for m in models]
    again = standings([models[0], models[0], models[1]])
    assert [(x.best, x.worst) for x in again] == [(2, 3), (2, 3), (1, 1)]
    assert [(x.best, x.worst) for x in standings(models[:1])] == [(1, 1)]


def test_places_hold_the_true_ones():
    """Five equal models: all places are true of all. Sets that leave one out must be rare (5 %, and four errors)."""
    wrong = 0
    for seed in range(200):
        rng, truth, who = world(1000 + seed)
        found = standings([sums(truth, answers(rng, truth, 0.6), who) for _ in range(5)], resamples=200)
        wrong += any((x.best, x.worst) != (1, 5) for x in found)
    assert wrong / 200 < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)


def test_few_people_have_no_places():
    rng, truth, who = world(6, groups=9)
    found = standings([sums(truth, answers(rng, truth, skill), who) for skill in (0.1, 0.95)])
    assert all((x.best, x.worst) == (None, None) for x in found)


def kinds(seed, skill, groups=20, sources=1):
    """A model's answers to all three kinds of task; expressions are on half of the people only."""
    rng, truth, who = world(seed, groups)
    of = [str(i % sources) for i in range(len(truth))]
    noise = np.random.default_rng([seed, int(100 * skill)])
    va = rng.uniform(-1, 1, (len(truth), 2))
    au = (rng.random((len(truth), 2)) < 0.4).astype(float)
    said_va = np.clip(va + noise.normal(0, 1.2 - skill, va.shape), -1, 1)
    said_au = np.where(noise.random(au.shape) < skill, au, 1 - au)
    half = len(truth) // 2
    return [
        expression_sums(
            truth[:half], answers(noise, truth[:half], skill), LABELS, clusters=who[:half], sources=of[:half]
        ),
        valence_arousal_sums(va, said_va, clusters=who, sources=of),
        action_unit_sums(au, said_au, [4, 12], clusters=who, sources=of),
    ]


def test_overall():
    good, bad = kinds(7, 0.95), kinds(7, 0.6)
    found = overall_difference(good, bad)
    assert found.value == pytest.approx(overall(good).value - overall(bad).value)
    assert found.low < found.value < found.high
    assert found.low > 0
    assert found.p == 1 / 2000
    assert found.clusters == 20
    places = overall_standings([bad, good])
    assert [(x.best, x.worst) for x in places] == [(2, 2), (1, 1)]
    assert overall_standings([bad[:2], good[:2]]) is None
    assert overall_difference(bad[:2], good[:2]).value is None
    with pytest.raises(FeabError, match="not on 3 and 2"):
        overall_difference(bad, good[:2])


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(2, 4))
@settings(max_examples=15)
def test_beside_each_other_is_as_two_by_two(seed, sources, models):
    """Models that share draws and arrangements get what each pair would get for itself, to the last bit."""
    rng = np.random.default_rng(seed)
    every = [kinds(seed % 1000, float(rng.random()), groups=12, sources=sources) for _ in range(models)]
    few = {"resamples": 40, "permutations": 39, "seed": seed % 7}
    for task in range(3):
        of_task = [model[task] for model in every]
        found = beside(of_task, **few)
        assert list(found.standings) == standings(of_task, resamples=40, seed=seed % 7)
        assert list(found.differences) == [difference(a, b, **few) for a, b in combinations(of_task, 2)]
        assert list(found.differences) == differences(of_task, **few)
    found = overall_beside(every, **few)
    assert list(found.standings) == overall_standings(every, resamples=40, seed=seed % 7)
    assert list(found.differences) == [overall_difference(a, b, **few) for a, b in combinations(every, 2)]
    assert overall_beside([model[:2] for model in every]) is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=20)
def test_the_primary_alone_is_that_among_all_scores(seed, sources):
    rng = np.random.default_rng(seed)
    tasks = kinds(seed % 1000, 0.7, groups=12, sources=sources)
    _, truth, who = world(seed % 1000, 12)
    where = {"clusters": who, "sources": [str(i % sources) for i in range(len(who))]}
    p = rng.dirichlet([1, 1, 1], len(truth))
    votes = rng.integers(0, 5, (len(truth), 3))
    tasks.append(expression_calibration_sums(truth, p, LABELS, **where))
    tasks.append(vote_sums(votes, list(truth), LABELS, **where))
    read = read_votes(votes, 3)
    tasks.append(sums_of(read, leave_one_out(read), None, where["clusters"], where["sources"]))  # the raters alone
    for task in tasks:
        weights = rng.integers(0, 3, (50, len(task.keys))).astype(float)
        totals = task.totals(weights)
        alone, among = task.formula.primary(totals), task.formula.values(totals)[:, task.column(task.primary)]
        np.testing.assert_allclose(alone, among, rtol=0, atol=1e-12)
        assert not np.isnan(alone).all()


def test_a_model_that_says_nothing_about_a_person_is_compared():
    """Its scores of answered faces look at fewer people; the faces asked about are the same."""
    silent, other = kinds(7, 0.9), kinds(7, 0.6)
    rng, _, who = world(7, 20)
    truth = rng.uniform(-1, 1, (len(who), 2))
    said = np.clip(truth + rng.normal(0, 0.3, truth.shape), -1, 1)
    gone = np.where((who == "p00")[:, None], np.nan, said)
    silent[1], other[1] = (valence_arousal_sums(truth, x, clusters=who) for x in (gone, said))
    assert not (silent[1].support == other[1].support).all()
    assert difference(silent[1], other[1]).value < 0
    assert overall_difference(silent, other).value is not None

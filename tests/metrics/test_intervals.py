"""Intervals against naive recomputation: delete the faces of a cluster, or repeat them, and score again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score

from feab.errors import FeabError
from feab.metrics import (
    Estimate,
    action_unit_sums,
    bootstrap_weights,
    estimates,
    expression_scores,
    expression_sums,
    valence_arousal_scores,
    valence_arousal_sums,
)
from feab.metrics.intervals import clopper_pearson, expanded_percentiles, interval, jackknife

LABELS = ["happiness", "fear", "anger"]


def sample(seed=0, groups=15, per_group=12, skill=0.6):
    rng = np.random.default_rng(seed)
    n = groups * per_group
    truth = rng.choice(LABELS, n)
    predicted = np.where(rng.random(n) < skill, truth, rng.choice(LABELS, n))
    return truth, predicted, np.repeat(np.arange(groups), per_group)


def macro_f1(truth, predicted):
    return f1_score(truth, predicted, labels=LABELS, average="macro", zero_division=0)


def test_the_jackknife_equals_scoring_again_without_each_cluster():
    truth, predicted, who = sample()
    left = [macro_f1(truth[who != g], predicted[who != g]) for g in range(15)]
    value = macro_f1(truth, predicted)
    se = math.sqrt(14 / 15 * np.sum((left - np.mean(left)) ** 2))
    half = stats.t.ppf(0.975, 14) * se / (value * (1 - value))
    logit = math.log(value / (1 - value))
    found = expression_scores(truth, predicted, LABELS, clusters=who)["macro_f1"]
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(1 / (1 + math.exp(half - logit)))
    assert found.high == pytest.approx(1 / (1 + math.exp(-half - logit)))
    assert found.clusters == 15


def test_correlations_use_atanh_and_distances_the_logarithm():
    rng = np.random.default_rng(5)
    t = np.clip(rng.normal(0, 0.4, (200, 2)), -1, 1)
    p = np.clip(0.7 * t + rng.normal(0, 0.2, t.shape), -1, 1)
    who = np.arange(200) % 20
    scores = valence_arousal_scores(t, p, clusters=who)
    for name, f, back in (
        ("pcc_valence", np.arctanh, np.tanh),
        ("rmse_valence", np.log, np.exp),
        ("mae_valence", np.log, np.exp),
    ):
        e = scores[name]
        assert (f(e.low) + f(e.high)) / 2 == pytest.approx(f(e.value))
        assert back(f(e.value)) == pytest.approx(e.value)
        assert e.low < e.value < e.high


def test_sources_have_their_own_spread_and_degrees_of_freedom():
    rng = np.random.default_rng(7)
    first, second = rng.normal(0, 3, (9, 1)), rng.normal(0, 1, (400, 1))
    spread = jackknife(np.vstack([first, second]), np.ones((409, 1), bool), ("a",) * 9 + ("b",) * 400)
    va, vb = (8 / 9 * np.sum((first - first.mean()) ** 2), 399 / 400 * np.sum((second - second.mean()) ** 2))
    assert spread.se[0] == pytest.approx(math.sqrt(va + vb))
    assert spread.df[0] == pytest.approx((va + vb) ** 2 / (va**2 / 8 + vb**2 / 399))
    assert spread.clusters[0] == 409
    alone = jackknife(first, np.ones((9, 1), bool), ("a",) * 9)
    assert alone.df[0] == pytest.approx(8)


def test_a_source_of_one_cluster_has_no_spread():
    truth, predicted, who = sample()
    sources = np.where(who == 0, "one", "many")
    e = expression_scores(truth, predicted, LABELS, clusters=who, sources=sources)["accuracy"]
    assert e.value is not None
    assert (e.low, e.high) == (None, None)


@pytest.mark.parametrize(("groups", "shown"), [(9, False), (10, True)])
@pytest.mark.parametrize("method", ["jackknife", "bootstrap"])
def test_fewer_than_ten_clusters_show_no_interval(groups, shown, method):
    truth, predicted, who = sample(groups=groups)
    e = expression_scores(truth, predicted, LABELS, clusters=who, method=method, resamples=200)["macro_f1"]
    assert e.clusters == groups
    assert (e.low is not None, e.high is not None) == (shown, shown)
    assert e.value is not None


def test_no_clusters_means_that_every_face_is_one():
    truth, predicted, _ = sample()
    unnamed = expression_scores(truth, predicted, LABELS)
    assert unnamed["accuracy"].clusters == len(truth)
    assert unnamed == expression_scores(truth, predicted, LABELS, clusters=[None] * len(truth))
    named = expression_scores(truth, predicted, LABELS, clusters=range(len(truth)))["accuracy"]
    assert named.low == pytest.approx(unnamed["accuracy"].low)


@pytest.mark.parametrize("skill", [0.0, 1.0])
def test_a_perfect_or_hopeless_score_gets_the_clopper_pearson_bound_of_its_clusters(skill):
    truth, _, who = sample()
    predicted = truth if skill else [None] * len(truth)
    e = expression_scores(truth, predicted, LABELS, clusters=who)["accuracy"]
    exact = stats.binomtest(int(15 * skill), 15).proportion_ci(method="exact")
    assert (e.value, e.low, e.high) == (skill, pytest.approx(exact.low), pytest.approx(exact.high))


def test_no_spread_between_clusters_is_not_certainty():
    truth = ["fear", "fear", "fear", "anger"] * 12
    predicted = ["fear"] * 48
    e = expression_scores(truth, predicted, LABELS, clusters=np.repeat(np.arange(12), 4))["accuracy"]
    exact = stats.binomtest(9, 12).proportion_ci(method="exact")
    assert (e.low, e.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    perfect = valence_arousal_scores(t := np.random.default_rng(0).uniform(-1, 1, (20, 2)), t)
    assert perfect["ccc"].high == 1
    assert perfect["ccc"].low == pytest.approx(2 * 0.025 ** (1 / 20) - 1)
    assert perfect["rmse_valence"] == Estimate(0.0, None, None, 20)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 40), st.integers(1, 40))
def test_clopper_pearson_equals_scipys(successes, trials):
    successes = min(successes, trials)
    exact = stats.binomtest(successes, trials).proportion_ci(method="exact")
    low, high = clopper_pearson(successes / trials, trials)
    assert (low, high) == (pytest.approx(exact.low, abs=1e-9), pytest.approx(exact.high, abs=1e-9))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["fraction", "correlation", "distance"]),
    st.floats(0, 1),
    st.floats(0, 10),
    st.integers(2, 100),
)
def test_intervals_stay_in_bounds_and_hold_the_score(scale, value, se, g):
    value = 2 * value - 1 if scale == "correlation" else value
    low, high = interval(value, se, g - 1, g, scale)
    if low is None:
        assert high is None
        assert scale == "distance"
        return
    assert low <= value + 1e-9
    assert high >= value - 1e-9
    assert low >= (-1 if scale == "correlation" else 0)
    assert scale == "distance" or high <= 1


def test_a_bootstrap_draw_equals_scoring_the_faces_of_the_drawn_clusters():
    truth, predicted, who = sample(groups=12)
    sums = expression_sums(truth, predicted, LABELS, clusters=[f"p{g:02d}" for g in who])
    weights = bootstrap_weights(sums.keys, 25, seed=3)
    assert (weights.sum(1) == 12).all()
    for row, scores in zip(weights, sums.values(weights), strict=True):
        faces = np.repeat(np.arange(len(who)), row[who].astype(int))
        assert scores[sums.column("macro_f1")] == pytest.approx(macro_f1(truth[faces], predicted[faces]))


def test_the_same_clusters_get_the_same_draws_whatever_the_model_the_task_or_the_other_sources():
    keys = [("lab", f"p{i:02d}") for i in range(12)]
    alone = bootstrap_weights(keys, 50, seed=1)
    with_web = bootstrap_weights(keys + [("web", str(i)) for i in range(7)], 50, seed=1)
    assert (with_web[:, :12] == alone).all()
    assert (with_web[:, 12:].sum(1) == 7).all()
    assert (bootstrap_weights(keys, 50, seed=2) != alone).any()


def test_draws_are_uniform_over_clusters():
    weights = bootstrap_weights([("", str(i)) for i in range(8)], 20_000, seed=0)
    assert weights.mean(0) == pytest.approx(np.ones(8), abs=0.03)
    assert weights.var(0) == pytest.approx(np.full(8, 7 / 8), abs=0.04)


def test_a_label_or_au_that_a_resample_does_not_show_is_left_out_of_it():
    truth = (["fear"] * 6 + ["happiness"] * 6) * 2 + ["anger"] * 6
    predicted = ["anger"] + truth[1:24] + ["fear"] * 6  # one false alarm of the label that is left out
    expression = expression_sums(truth, predicted, LABELS, clusters=["a"] * 12 + ["b"] * 12 + ["c"] * 6)
    without_c = np.array([[1.0, 1.0, 0.0]])
    assert expression.values(without_c)[0, expression.column("macro_f1")] == pytest.approx((22 / 23 + 1) / 2)
    assert expression.values()[0, expression.column("f1_anger")] == 0
    t = np.zeros((60, 2))
    t[:30, 0] = t[30:, 1] = 1
    said = np.column_stack([t[:, 0], np.arange(60) == 0])
    au = action_unit_sums(t, said, [1, 12], clusters=np.arange(60) // 5)
    first = np.array([[float(int(c) < 6) for c in au.clusters]])
    assert au.values(first)[0, au.column("f1")] == 1
    assert au.values()[0, au.column("f1")] == 0.5


def test_expanded_percentiles_are_hesterbergs():
    draws = np.random.default_rng(0).normal(size=5000)
    tail = stats.norm.cdf(-math.sqrt(10 / 9) * stats.t.ppf(0.975, 9))
    assert tail < 0.01
    assert expanded_percentiles(draws, 9) == pytest.approx(np.quantile(draws, [tail, 1 - tail]))
    with_gaps = np.r_[draws, np.full(100, np.nan)]
    assert expanded_percentiles(with_gaps, 9) == pytest.approx(np.quantile(draws, [tail, 1 - tail]))


def test_the_bootstrap_agrees_with_the_jackknife_and_is_seeded():
    truth, predicted, who = sample(groups=80)
    sums = expression_sums(truth, predicted, LABELS, clusters=who)
    a, b = (estimates(sums, method="bootstrap", resamples=4000, seed=s)["macro_f1"] for s in (0, 0))
    assert a == b
    jack = estimates(sums)["macro_f1"]
    assert (a.low, a.high) == (pytest.approx(jack.low, abs=0.006), pytest.approx(jack.high, abs=0.006))


def test_tables_of_two_models_can_be_mixed_cluster_by_cluster():
    # What a paired permutation test needs: swapping whole clusters of two models is a weighted sum of their rows.
    t, _, who = sample(seed=1)
    a, b = (sample(seed=s)[1] for s in (1, 2))
    swapped = who % 2 == 0
    mixed = expression_sums(t, np.where(swapped, b, a), LABELS, clusters=who)
    one, two = (expression_sums(t, x, LABELS, clusters=who) for x in (a, b))
    assert one.keys == two.keys
    row_swapped = np.array([int(c) % 2 == 0 for c in one.clusters])[None].astype(float)
    totals = one.totals(1 - row_swapped) + two.totals(row_swapped)
    assert one.formula.values(totals) == pytest.approx(mixed.values())
    rng = np.random.default_rng(0)
    va = np.clip(rng.normal(0, 0.4, (180, 2)), -1, 1)
    x, y = rng.uniform(-1, 1, (2, 180, 2))
    mixed = valence_arousal_sums(va, np.where(swapped[:, None], y, x), clusters=who)
    one, two = (valence_arousal_sums(va, z, clusters=who) for z in (x, y))
    totals = one.totals(1 - row_swapped) + two.totals(row_swapped)
    assert one.formula.values(totals) == pytest.approx(mixed.values())


def test_mistakes_are_named():
    truth, predicted, who = sample()
    with pytest.raises(FeabError, match="'bca'"):
        expression_scores(truth, predicted, LABELS, clusters=who, method="bca")
    with pytest.raises(FeabError, match="resamples"):
        expression_scores(truth, predicted, LABELS, clusters=who, method="bootstrap", resamples=0)
    with pytest.raises(FeabError, match="seed"):
        expression_scores(truth, predicted, LABELS, clusters=who, method="bootstrap", seed=-1)


def test_draws_and_deletions_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    truth, predicted, who = sample(groups=23)
    sources = np.where(who % 3 == 0, "a", "b")
    keys = expression_sums(truth, predicted, LABELS, clusters=who, sources=sources).keys

    def everything():
        sums = expression_sums(truth, predicted, LABELS, clusters=who, sources=sources)
        return bootstrap_weights(keys, 37, seed=4), sums.drawn(37, seed=4), sums.leave_one_out()

    whole = everything()
    monkeypatch.setattr("feab.metrics.sums.BLOCK", 5 * len(keys))
    monkeypatch.setattr("feab.metrics.sums._LEFT_OUT", 4)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_array_equal(one, other)

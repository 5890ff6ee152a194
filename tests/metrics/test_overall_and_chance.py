"""The overall score, and the rows of players without eyes beside it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from feab.errors import FeabError
from feab.metrics import (
    Estimate,
    action_unit_chance,
    action_unit_scores,
    action_unit_sums,
    bootstrap_weights,
    chance_corrected,
    expression_chance,
    expression_scores,
    expression_sums,
    oracle_from_expression,
    overall,
    valence_arousal_chance,
    valence_arousal_scores,
    valence_arousal_sums,
)
from feab.metrics.chance import _expected_f1
from feab.vocabulary import EXPRESSIONS

AUS = [1, 4, 12]


class World:
    """Faces of a few identities and a model that errs by identity; an expression on two thirds of the faces."""

    def __init__(self, seed=0, groups=24, skill=0.6):
        rng = np.random.default_rng(seed)
        n = groups * 18
        self.who = np.repeat([f"id{g:02d}" for g in range(groups)], 18)
        self.truth = np.array(EXPRESSIONS)[rng.integers(0, 8, n)]
        self.labelled = np.arange(n) % 3 > 0
        right = rng.random(n) < skill
        self.predicted = np.where(right, self.truth, np.array(EXPRESSIONS)[rng.integers(0, 8, n)])
        self.va = np.clip(rng.normal(0, 0.4, (n, 2)), -1, 1)
        self.said_va = np.clip(skill * self.va + rng.normal(0, 0.2, (n, 2)), -1, 1)
        self.au = (rng.random((n, 3)) < [0.2, 0.3, 0.5]).astype(float)
        self.said_au = np.where(rng.random((n, 3)) < 0.5 + skill / 2, self.au, 1 - self.au)

    def sums(self, clusters=None):
        who = self.who if clusters is None else clusters
        some = self.labelled
        return [
            expression_sums(self.truth[some], self.predicted[some], EXPRESSIONS, clusters=who[some]),
            valence_arousal_sums(self.va, self.said_va, clusters=who),
            action_unit_sums(self.au, self.said_au, AUS, clusters=who),
        ]


def corrected(score, chance):
    return (score - chance) / (1 - chance)


def test_overall_is_the_mean_of_chance_corrected_primaries():
    w = World()
    p = w.au.mean(0)
    expected = np.mean(
        [
            corrected(f1_score(w.truth[w.labelled], w.predicted[w.labelled], average="macro"), 1 / 8),
            valence_arousal_scores(w.va, w.said_va)["ccc"].value,
            corrected(action_unit_scores(w.au, w.said_au, AUS)["f1"].value, np.mean(2 * p / (1 + p))),
        ]
    )
    e = overall(w.sums())
    assert e.value == pytest.approx(expected)
    assert e.low < e.value < e.high
    assert e.clusters == 24


def test_the_three_tasks_are_drawn_together():
    # By hand: the faces of the drawn identities, in every task.
    w = World(groups=12)
    parts = w.sums()
    weights = bootstrap_weights(parts[0].keys, 10, seed=5)
    drawn = np.mean([chance_corrected(part, weights) for part in parts], axis=0)
    row = {name: i for i, name in enumerate(parts[0].clusters)}
    checked = 0
    for i, weight in enumerate(weights):
        times = np.array([int(weight[row[name]]) for name in w.who])
        faces = np.repeat(np.arange(len(w.who)), times)
        again = World(groups=12)
        for name in ("who", "truth", "labelled", "predicted", "va", "said_va", "au", "said_au"):
            setattr(again, name, getattr(w, name)[faces])
        # Scored afresh, a label with fewer than 5 faces would be dropped; a resample keeps the labels of the truth.
        if min(np.unique(again.truth[again.labelled], return_counts=True)[1]) >= 5:
            checked += 1
            assert overall(again.sums()).value == pytest.approx(drawn[i])
    assert checked >= 8


def test_tasks_that_share_faces_have_wider_intervals_than_tasks_that_do_not():
    # Answers that err by identity in all three tasks at once: a shared draw keeps the correlation.
    w = World(groups=40)
    rng = np.random.default_rng(1)
    bad = np.isin(w.who, [f"id{g:02d}" for g in rng.choice(40, 20, replace=False)])
    w.predicted = np.where(bad, "neutral", w.truth)
    w.said_va = np.where(bad[:, None], 0.0, w.va)
    w.said_au = np.where(bad[:, None], 0.0, w.au)
    shared = overall(w.sums())
    other = [World(groups=40), World(groups=40)]
    parts = w.sums()
    for k, part in enumerate(other, start=1):
        part.__dict__.update(w.__dict__)
        parts[k] = part.sums(clusters=np.array([f"{k}{name}" for name in w.who]))[k]
    apart = overall(parts)
    assert apart.value == pytest.approx(shared.value)
    assert apart.clusters == 120
    assert shared.high - shared.low > 1.3 * (apart.high - apart.low)


def test_overall_is_seeded_and_the_same_for_the_same_answers():
    w = World()
    assert overall(w.sums(), seed=3) == overall(w.sums(), seed=3)
    assert overall(w.sums(), seed=3) != overall(w.sums(), seed=4)


def test_overall_needs_all_three_kinds_and_defined_primaries():
    w = World()
    expression, va, au = w.sums()
    assert overall([expression, va]) == Estimate(None)
    assert overall([]) == Estimate(None)
    few = expression_sums(["fear"] * 4, ["fear"] * 4, EXPRESSIONS)
    assert overall([few, va, au]).value is None
    assert overall([expression_sums([], [], EXPRESSIONS), va, au]).value is None


def test_two_tasks_of_one_kind_weigh_as_one_kind():
    w = World()
    expression, va, au = w.sums()
    other = expression_sums(w.truth, ["fear"] * len(w.truth), EXPRESSIONS, clusters=w.who)
    parts = [float(chance_corrected(x)[0]) for x in (expression, other, va, au)]
    expected = np.mean([np.mean(parts[:2]), *parts[2:]])
    assert overall([expression, other, va, au]).value == pytest.approx(expected)


def test_few_clusters_and_perfect_scores():
    w = World(groups=9, skill=0.6)
    few = overall(w.sums())
    assert few.value is not None
    assert (few.low, few.high, few.clusters) == (None, None, 9)
    w = World(groups=24)
    w.predicted, w.said_va, w.said_au = w.truth, w.va, w.au
    perfect = overall(w.sums())
    assert perfect.value == pytest.approx(1)
    assert perfect.low == pytest.approx(0.025 ** (1 / 24))


# ------------------------------------------------------------------------------------------------------------- chance


def test_uniform_and_majority_expression_rows_are_what_such_players_score_on_average():
    rng = np.random.default_rng(0)
    labels = ["neutral", "happiness", "fear", "contempt"]
    truth = ["happiness"] * 60 + ["neutral"] * 25 + ["fear"] * 12 + ["contempt"] * 3
    rows = expression_chance(truth, labels)
    played = [expression_scores(truth, rng.choice(labels, 100).tolist(), labels)["macro_f1"].value for _ in range(600)]
    assert rows["uniform"] == pytest.approx(np.mean(played), abs=4 * np.std(played) / np.sqrt(600))
    assert rows["majority"] == pytest.approx(2 * 60 / 160 / 3)
    balanced = expression_chance(labels * 500, labels)
    assert balanced["uniform"] == pytest.approx(1 / 4, abs=0.001)


def test_with_one_label_guessing_is_always_right():
    assert expression_chance(["fear"] * 9, ["fear"]) == {"uniform": 1.0, "majority": 1.0}


def test_the_expected_f1_is_the_sum_over_the_binomial_distribution():
    for positives, n, p in ((3, 40, 0.125), (900, 17_000, 0.125), (12_000, 17_000, 0.5)):
        named = np.arange(n + 1)
        expected = (stats.binom.pmf(named, n, p) * 2 * named * positives / n / (positives + named)).sum()
        assert _expected_f1(positives, n, p) == pytest.approx(expected, rel=1e-12)


def test_action_unit_rows_are_what_such_players_score():
    rng = np.random.default_rng(1)
    t = (rng.random((300, 3)) < [0.15, 0.4, 0.7]).astype(float)
    t[:40, 0] = np.nan
    rows = action_unit_chance(t, AUS)
    played = [action_unit_scores(t, rng.integers(0, 2, t.shape), AUS)["f1"].value for _ in range(300)]
    assert rows["uniform"] == pytest.approx(np.mean(played), abs=4 * np.std(played) / np.sqrt(300))
    assert rows["always-active"] == pytest.approx(action_unit_scores(t, np.ones_like(t), AUS)["f1"].value)
    p = np.nanmean(t, axis=0)
    assert rows["always-active"] == pytest.approx(np.mean(2 * p / (1 + p)))
    assert rows["majority"] == pytest.approx(2 * p[2] / (1 + p[2]) / 3)


def test_rows_of_several_sources_are_averaged_as_scores_are():
    truth = ["fear"] * 50 + ["anger"] * 50 + ["fear"] * 90 + ["anger"] * 10
    sources = ["a"] * 100 + ["b"] * 100
    rows = expression_chance(truth, ["fear", "anger"], sources=sources)
    a, b = (expression_chance(truth[s], ["fear", "anger"]) for s in (slice(100), slice(100, None)))
    assert rows["uniform"] == pytest.approx((a["uniform"] + b["uniform"]) / 2)
    assert rows["majority"] == pytest.approx((a["majority"] + b["majority"]) / 2)


def test_valence_arousal_rows_are_zero_and_guessing_is_zero_on_average():
    rng = np.random.default_rng(2)
    t = np.clip(rng.normal(0.2, 0.4, (100, 2)), -1, 1)
    assert valence_arousal_chance(t) == {"uniform": 0, "constant": 0}
    played = [valence_arousal_scores(t, rng.uniform(-1, 1, t.shape))["ccc"].value for _ in range(400)]
    assert np.mean(played) == pytest.approx(0, abs=4 * np.std(played) / 20)


def test_no_truth_gives_no_rows():
    assert expression_chance([], EXPRESSIONS) == {}
    assert valence_arousal_chance([]) == {}
    assert action_unit_chance([], AUS) == {}
    assert expression_chance(["fear"], EXPRESSIONS) == {}
    assert oracle_from_expression([], [], [], AUS) == {}


def test_the_expression_oracle_answers_class_means_and_the_commonest_aus():
    classes = ["fear"] * 20 + ["anger"] * 20 + [None] * 20
    va = np.repeat([[-0.6, 0.6], [-0.5, 0.5], [0.3, 0.0]], 20, axis=0)
    va = va + 0.1 * np.tile([[1, -1], [-1, 1]], (30, 1))
    au = np.zeros((60, 2))
    au[:15, 0] = 1  # 15 of 20 fearful faces show AU1: said for all of them
    au[20:29, 0] = 1  # 9 of 20 angry ones: said for none
    au[40:50, 1] = 1  # 10 of 20 free combinations show AU4: half is enough
    rows = oracle_from_expression(classes, va, au, [1, 4])
    means = np.vstack([np.tile(va[s].mean(0), (20, 1)) for s in (slice(20), slice(20, 40), slice(40, 60))])
    assert rows["ccc"] == pytest.approx(valence_arousal_scores(va, means)["ccc"].value)
    said = np.zeros((60, 2))
    said[:20, 0] = said[40:, 1] = 1
    assert rows["f1"] == pytest.approx(np.mean([f1_score(au[:, j], said[:, j]) for j in range(2)]))
    assert set(oracle_from_expression(classes, va)) == {"ccc"}


def test_the_oracle_skips_what_is_not_labelled():
    classes = ["fear"] * 30 + ["anger"] * 30
    va = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    va[::7] = np.nan
    kept = ~np.isnan(va[:, 0])
    rows = oracle_from_expression(classes, va)
    assert rows == oracle_from_expression([c for c, k in zip(classes, kept, strict=True) if k], va[kept])
    with pytest.raises(FeabError, match="59 faces but the truth has 60"):
        oracle_from_expression(classes[1:], va)

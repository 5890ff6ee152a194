"""Valence-arousal scores against direct formulas, and what a missing answer costs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.metrics import valence_arousal_detail, valence_arousal_scores, valence_arousal_sums
from feab.metrics.valence_arousal import AXES

value = st.integers(-20, 20).map(lambda i: i / 20)
faces = st.lists(
    st.tuples(value, value, value, value, st.booleans(), st.integers(0, 3), st.sampled_from(["a", "b", None])),
    min_size=1,
    max_size=60,
)


def split(rows):
    t = np.array([row[:2] for row in rows])
    p = np.array([row[2:4] if row[4] else (np.nan, np.nan) for row in rows])
    return t, p, [row[5] for row in rows], [row[6] for row in rows]


def ccc(x, y):
    x, y = np.asarray(x), np.asarray(y)
    return 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def same(estimate, expected):
    return estimate.value is None if expected is None else estimate.value == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=150)
@given(faces)
def test_scores_equal_the_direct_formulas(rows):
    t, p, clusters, within = split(rows)
    scores = valence_arousal_scores(t, p, clusters=clusters, within=within)
    silent = np.isnan(p[:, 0])
    mirrored = np.where(silent[:, None], 2 * t.mean(0) - t, p)
    names = np.array([w or "" for w in within])
    for a, axis in enumerate(AXES):
        x, y = t[:, a], mirrored[:, a]
        # Values here are steps of .05; a mirrored one may differ from another by rounding only.
        constant_truth, constant_answer = np.ptp(x) == 0, np.ptp(y) < 1e-9
        assert same(scores[f"ccc_{axis}"], None if constant_truth else ccc(x, y))
        pcc = None if constant_truth else 0.0 if constant_answer else np.corrcoef(x, y)[0, 1]
        assert same(scores[f"pcc_{axis}"], pcc)
        assert same(scores[f"rmse_{axis}"], np.sqrt(np.mean((x - y) ** 2)))
        assert same(scores[f"mae_{axis}"], np.mean(abs(x - y)))
        counted = x != 0
        agree = (np.sign(x) == np.sign(p[:, a])) & ~silent
        assert same(scores[f"sagr_{axis}"], agree[counted].mean() if counted.any() else None)
        xa, ya = x[~silent], p[~silent, a]
        assert same(scores[f"ccc_{axis}_answered"], ccc(xa, ya) if len(xa) and np.ptp(xa) else None)
        xw, yw = x.copy(), y.copy()
        for name in set(names):
            xw[names == name] -= x[names == name].mean()
            yw[names == name] -= y[names == name].mean()
        assert same(scores[f"ccc_{axis}_within"], ccc(xw, yw) if abs(xw).max() > 1e-6 else None)
    both = [scores[f"ccc_{axis}"].value for axis in AXES]
    assert same(scores["ccc"], None if None in both else np.mean(both))


@settings(deadline=None, max_examples=60)
@given(faces, st.floats(-1, 1))
def test_a_constant_answer_scores_exactly_nothing(rows, c):
    t, _, clusters, _ = split(rows)
    scores = valence_arousal_scores(t, np.full_like(t, c), clusters=clusters)
    for axis, spread in zip(AXES, np.ptp(t, axis=0), strict=True):
        for name in ("ccc", "pcc"):
            assert scores[f"{name}_{axis}"].value == (0.0 if spread else None)


@settings(deadline=None, max_examples=60)
@given(faces)
def test_perfect_answers_score_one_and_silence_minus_one(rows):
    t, _, clusters, _ = split(rows)
    assume(np.ptp(t, axis=0).min() > 0)
    assert valence_arousal_scores(t, t, clusters=clusters)["ccc"].value == pytest.approx(1)
    silence = valence_arousal_scores(t, np.full_like(t, np.nan), clusters=clusters)
    assert silence["ccc"].value == pytest.approx(-1)
    assert silence["ccc_answered"].value is None
    assert silence["sagr_valence"].value == 0


@settings(deadline=None, max_examples=40)
@given(faces, st.randoms(use_true_random=False))
def test_neither_the_order_of_faces_nor_the_names_of_clusters_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    t, p, clusters, within = split(rows)
    before = valence_arousal_scores(t, p, clusters=clusters, within=within)
    t, p, clusters, within = split(shuffled)
    after = valence_arousal_scores(t, p, clusters=[f"person {9 - c}" for c in clusters], within=within)
    for name, estimate in before.items():
        assert same(after[name], estimate.value)
        assert after[name].clusters == estimate.clusters


def test_moments_keep_their_digits_far_from_zero():
    # Values that differ in the sixth digit only: E[x^2] - E[x]^2 without centring would be off by a thousandth.
    rng = np.random.default_rng(0)
    t = 0.9 + 2e-6 * rng.random((500, 2))
    p = t + 2e-7 * rng.normal(size=t.shape)
    scores = valence_arousal_scores(t, p)
    for a, axis in enumerate(AXES):
        assert scores[f"ccc_{axis}"].value == pytest.approx(ccc(t[:, a] - 0.9, p[:, a] - 0.9), abs=1e-6)


def models(rng, n=6000):
    """A good, a middling and a poor model (mean CCC .76, .38 and .15) of faces at seven anchors, three strengths."""
    anchors = np.array([[0, 0], [0.81, 0.51], [-0.63, -0.27], [0.16, 0.73], [-0.64, 0.6], [-0.6, 0.35], [-0.51, 0.59]])
    t = anchors[rng.integers(0, len(anchors), n)] * rng.choice([1 / 3, 2 / 3, 1], (n, 1))
    t = np.clip(t + rng.normal(0, 0.1, t.shape), -1, 1)
    for slopes, noise, bias in (((0.8, 0.7), 0.2, 0.0), ((0.55, 0.4), 0.35, 0.1), ((0.25, 0.2), 0.45, 0.15)):
        yield t, np.clip(t * slopes + rng.normal(0, noise, t.shape) + bias, -1, 1)


def mean_ccc(t, p):
    sums = valence_arousal_sums(t, p, clusters=np.zeros(len(t)))
    return sums.values()[0, sums.column("ccc")]


def test_skipping_the_hardest_faces_does_not_pay_though_the_neutral_point_would():
    # Even a player who knows where it errs most gains less than a hundredth, where (0, 0) would give a poor model
    # fifteen; skipping at random always costs.
    paid = []
    rng = np.random.default_rng(1)
    for t, p in models(rng, 20_000):
        full = mean_ccc(t, p)
        error = ((p - t) ** 2).sum(1)
        for share in (0.02, 0.05, 0.1, 0.2):
            worst = error > np.quantile(error, 1 - share)
            silent = mean_ccc(t, np.where(worst[:, None], np.nan, p))
            assert silent <= full + 0.01
            by_chance = rng.random((len(t), 1)) < share
            assert mean_ccc(t, np.where(by_chance, np.nan, p)) < full
            paid.append(mean_ccc(t, np.where(worst[:, None], 0.0, p)) - full)
    assert max(paid) > 0.1


def test_sources_are_scored_one_by_one_so_that_their_means_do_not_pass_for_skill():
    rng = np.random.default_rng(2)
    n = 1000
    shift = np.repeat([-0.3, 0.3], n)[:, None]
    t = np.clip(shift + rng.normal(0, 0.2, (2 * n, 2)), -1, 1)
    p = np.clip(shift + rng.normal(0, 0.2, (2 * n, 2)), -1, 1)  # knows the source and nothing about the face
    sources = ["x"] * n + ["y"] * n
    apart = valence_arousal_scores(t, p, sources=sources)
    assert abs(apart["ccc"].value) < 0.06
    assert valence_arousal_scores(t, p)["ccc"].value > 0.6
    x, y = (valence_arousal_scores(t[s], p[s]) for s in (slice(n), slice(n, None)))
    for name in apart:
        assert apart[name].value == pytest.approx((x[name].value + y[name].value) / 2)
    detail = valence_arousal_detail(t, p, sources=sources)
    assert detail["sources"]["x"]["ccc"] == pytest.approx(x["ccc"].value)


def test_a_missing_answer_is_mirrored_through_the_mean_of_its_own_source():
    t = np.array([[-0.8, -0.8], [-0.4, -0.2], [0.6, 0.4], [1.0, 0.9]])
    p = np.array([[-0.7, -0.6], [np.nan, np.nan], [0.5, 0.5], [0.8, 0.6]])
    by_hand = p.copy()
    by_hand[1] = 2 * t[:2].mean(0) - t[1]
    scores = valence_arousal_scores(t, p, sources=["x", "x", "y", "y"])
    expected = valence_arousal_scores(t, by_hand, sources=["x", "x", "y", "y"])
    assert scores["ccc"].value == pytest.approx(expected["ccc"].value)


def test_the_class_oracle_has_no_skill_within_classes():
    rng = np.random.default_rng(4)
    classes = rng.choice(["fear", "anger", ""], 300)
    t = np.clip(rng.normal(0, 0.3, (300, 2)), -1, 1)
    p = np.zeros_like(t)
    for c in set(classes):
        p[classes == c] = t[classes == c].mean(0)
    labels = [c or None for c in classes]
    assert valence_arousal_scores(t, p, within=labels)["ccc_within"].value == pytest.approx(0, abs=1e-9)
    assert valence_arousal_scores(t, t, within=labels)["ccc_within"].value == pytest.approx(1)


def test_detail_is_plain_and_empty_input_gives_no_scores():
    t = np.array([[0.5, -0.5], [0.1, 0.2]])
    detail = valence_arousal_detail(t, [[np.nan, np.nan], [0.0, 0.0]])
    assert json.loads(json.dumps(detail, allow_nan=False)) == detail
    assert (detail["n"], detail["answered"]) == (2, 1)
    assert detail["valence"]["truth_mean"] == pytest.approx(0.3)
    assert {e.value for e in valence_arousal_scores([], []).values()} == {None}


@pytest.mark.parametrize(
    ("truth", "predicted", "names"),
    [
        ([[0, 0]], [[0, 0], [0, 0]], "1 faces but predicted has 2"),
        ([0, 0], [[0, 0]], "shape"),
        ([[0, 0, 0]], [[0, 0]], "shape"),
        ([[np.nan, 0]], [[0, 0]], "truth\\[0\\]"),
        ([[-2, 0]], [[0, 0]], "-2 and -5"),
        ([[0, 0]], [[0, np.nan]], "both values"),
        ([[0, 0]], [[0, 1.2]], "predicted\\[0\\].*outside"),
        ([[0, 0]], [[0, np.inf]], "outside"),
        ([["x", 0]], [[0, 0]], "numbers"),
    ],
)
def test_mistakes_are_named(truth, predicted, names):
    with pytest.raises(FeabError, match=names):
        valence_arousal_sums(truth, predicted)


def test_within_needs_one_class_per_face():
    with pytest.raises(FeabError, match="within has 1 entries but there are 2"):
        valence_arousal_sums([[0, 0], [0, 0]], [[0, 0], [0, 0]], within=["a"])

"""Action unit scores against scikit-learn, and which AUs count."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef, recall_score

from feab.errors import FeabError
from feab.metrics import action_unit_detail, action_unit_scores, action_unit_sums

AUS = [1, 12, 25]


@st.composite
def faces(draw):
    """Truth with some AUs rare and some cells not coded, answers with some missing, clusters of unequal size."""
    n = draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prevalence = draw(st.lists(st.sampled_from([0, 0.05, 0.2, 0.5, 1]), min_size=3, max_size=3))
    t = (rng.random((n, 3)) < prevalence).astype(float)
    p = np.where(rng.random((n, 3)) < draw(st.sampled_from([0.1, 0.5, 0.9, 1])), t, 1 - t)
    t[rng.random((n, 3)) < draw(st.sampled_from([0, 0.2]))] = np.nan
    p[rng.random(n) < draw(st.sampled_from([0, 0.2]))] = np.nan
    return t, p, rng.integers(0, draw(st.integers(1, 12)), n)


@settings(deadline=None, max_examples=150)
@given(faces())
def test_scores_equal_scikit_learns(data):
    t, p, clusters = data
    scores = action_unit_scores(t, p, AUS, clusters=clusters)
    found = {name: [] for name in ("f1", "accuracy", "skew_f1", "mcc", "balanced_accuracy")}
    for j, au in enumerate(AUS):
        coded = ~np.isnan(t[:, j])
        x, raw, who = t[coded, j], p[coded, j], clusters[coded]
        y = np.nan_to_num(raw)
        estimate = scores[f"f1_au{au:02d}"]
        if x.sum() < 10 or len(set(who[x == 1])) < 5:
            assert estimate.value is None
            continue
        assert estimate.value == pytest.approx(f1_score(x, y))
        found["f1"].append(f1_score(x, y))
        found["accuracy"].append(np.mean(x == raw))  # NaN equals nothing: silence is wrong
        if not x.all():
            tpr, fpr = recall_score(x, y), y[x == 0].mean()
            found["skew_f1"].append(2 * tpr / (1 + tpr + fpr))
            found["mcc"].append(matthews_corrcoef(x, y))
            found["balanced_accuracy"].append(balanced_accuracy_score(x, y))
    for name, per_au in found.items():
        assert scores[name].value == (pytest.approx(np.mean(per_au)) if per_au else None)


@settings(deadline=None, max_examples=60)
@given(faces())
def test_detail_agrees_with_the_scores_and_names_what_is_left_out(data):
    t, p, clusters = data
    scores = action_unit_scores(t, p, AUS, clusters=clusters)
    detail = action_unit_detail(t, p, AUS, clusters=clusters)
    assert json.loads(json.dumps(detail, allow_nan=False)) == detail
    assert list(detail["per_au"]) == ["1", "12", "25"]
    for j, au in enumerate(AUS):
        row, estimate = detail["per_au"][str(au)], scores[f"f1_au{au:02d}"]
        assert row["f1"] == estimate.value
        assert (str(au) in detail["absent"]) == (estimate.value is None)
        assert row["n"] == np.isfinite(t[:, j]).sum()
        assert row["positives"] == np.nansum(t[:, j])
        if row["n"]:
            prevalence = row["positives"] / row["n"]
            assert row["prevalence"] == pytest.approx(prevalence)
            if row["f1"] is not None:
                assert row["always_active_f1"] == pytest.approx(2 * prevalence / (1 + prevalence))


@settings(deadline=None, max_examples=40)
@given(faces(), st.integers(0, 2**32 - 1))
def test_neither_the_order_of_faces_nor_of_aus_nor_the_names_of_clusters_matter(data, seed):
    t, p, clusters = data
    before = action_unit_scores(t, p, AUS, clusters=clusters)
    order = np.random.default_rng(seed).permutation(len(t))
    names = [f"person {99 - c}" for c in clusters[order]]
    after = action_unit_scores(t[order][:, ::-1], p[order][:, ::-1], AUS[::-1], clusters=names)
    for name, estimate in before.items():
        assert after[name].clusters == estimate.clusters
        for field in ("value", "low", "high"):
            assert getattr(after[name], field) == pytest.approx(getattr(estimate, field), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(faces())
def test_a_face_coded_for_no_au_changes_nothing(data):
    t, p, clusters = data
    more = action_unit_scores(
        np.vstack([t, np.full((3, 3), np.nan)]), np.vstack([p, np.ones((3, 3))]), AUS, clusters=[*clusters, 77, 78, 0]
    )
    assert more == action_unit_scores(t, p, AUS, clusters=clusters)


def truth_with(positives, clusters):
    t = np.zeros((100, 1))
    t[:positives] = 1
    who = np.arange(100) % 20 + 100
    who[:positives] = np.arange(positives) % clusters
    return t, who


@pytest.mark.parametrize(("positives", "clusters", "counts"), [(10, 5, True), (9, 9, False), (40, 4, False)])
def test_an_au_counts_by_its_truth_alone_whatever_the_model_said(positives, clusters, counts):
    t, who = truth_with(positives, clusters)
    for answer in (0.0, 1.0, np.nan):
        score = action_unit_scores(t, np.full_like(t, answer), [12], clusters=who)["f1"].value
        expected = 2 * positives / (100 + positives) if answer == 1 else 0.0
        assert score == (pytest.approx(expected) if counts else None)
    absent = action_unit_detail(t, t, [12], clusters=who)["absent"]
    expected = f"{positives} positives from {clusters} clusters, fewer than 10 from 5"
    assert absent == ({} if counts else {"12": expected})


def test_silence_is_no_au_for_f1_and_wrong_for_accuracy():
    t, who = truth_with(20, 10)
    silent, empty = (action_unit_scores(t, np.full_like(t, x), [12], clusters=who) for x in (np.nan, 0.0))
    assert silent["f1"].value == empty["f1"].value == 0
    assert silent["accuracy"].value == 0
    assert empty["accuracy"].value == pytest.approx(0.8)


def test_skew_normalised_f1_is_f1_at_a_prevalence_of_one_half():
    rng = np.random.default_rng(0)
    t = np.r_[np.ones(400), np.zeros(3600)][:, None]
    p = np.where(t == 1, rng.random(t.shape) < 0.7, rng.random(t.shape) < 0.1).astype(float)
    rare = action_unit_scores(t, p, [4])
    balanced = np.r_[np.repeat(np.arange(400), 9), np.arange(400, 4000)]  # every positive nine times
    even = action_unit_scores(t[balanced], p[balanced], [4])
    assert rare["skew_f1"].value == pytest.approx(even["f1"].value)
    assert rare["f1"].value < even["f1"].value - 0.1


def test_an_au_is_averaged_over_the_sources_that_have_enough_of_it():
    rng = np.random.default_rng(1)
    t = (rng.random((400, 2)) < 0.4).astype(float)
    p = np.where(rng.random(t.shape) < 0.8, t, 1 - t)
    t[200:, 1] = np.nan  # the second source does not code AU12
    p[:200, 0] = t[:200, 0]
    sources = ["disfa"] * 200 + ["bp4d"] * 200
    scores = action_unit_scores(t, p, [1, 12], sources=sources)
    second = f1_score(t[200:, 0], p[200:, 0])
    assert scores["f1_au01"].value == pytest.approx((1 + second) / 2)
    assert scores["f1_au12"].value == pytest.approx(f1_score(t[:200, 1], p[:200, 1]))
    assert scores["f1"].value == pytest.approx((scores["f1_au01"].value + scores["f1_au12"].value) / 2)
    assert scores["f1_au12"].clusters == 200
    detail = action_unit_detail(t, p, [1, 12], sources=sources)["sources"]
    assert detail["bp4d"] == {"n": 200, "clusters": 200, "f1": pytest.approx(second), "aus": [1]}


def test_no_faces_give_no_scores():
    assert {e.value for e in action_unit_scores([], [], AUS).values()} == {None}
    assert action_unit_detail(np.full((2, 3), np.nan), np.zeros((2, 3)), AUS)["absent"]["12"] == "not coded"


@pytest.mark.parametrize(
    ("truth", "predicted", "aus", "names"),
    [
        ([[1, 0, 0]], [[1, 0, 0]] * 2, AUS, "1 faces but predicted has 2"),
        ([[1, 0]], [[1, 0, 0]], AUS, "truth must have shape"),
        ([[1, 0, 3]], [[1, 0, 0]], AUS, "truth\\[0\\] has 3 for AU25"),
        ([[1, 0, 0]], [[1, 0.5, 0]], AUS, "predicted\\[0\\] has 0.5 for AU12"),
        ([[1, 0, 0]], [[1, 0, 0]], [1, 1, 2], "without repetition"),
    ],
)
def test_mistakes_are_named(truth, predicted, aus, names):
    with pytest.raises(FeabError, match=names):
        action_unit_sums(truth, predicted, aus)

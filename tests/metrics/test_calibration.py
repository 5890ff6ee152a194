"""Calibration and ranking beside plain reckoning: formulas by hand, scikit-learn's AUROC, and deleted clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from feab.errors import FeabError
from feab.metrics import (
    action_unit_auroc,
    action_unit_calibration_sums,
    action_unit_reliability,
    estimates,
    expression_calibration_sums,
    expression_reliability,
)
from feab.metrics.calibration import BINS

LABELS = ("calm", "joy", "fear")


def drawn(n: int, *, sharpness: float = 1.0, seed: int = 0) -> tuple[list[str], np.ndarray, list[int]]:
    """Truths drawn from the probabilities themselves, so that these are calibrated; then sharpened."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3), n)
    truth = [LABELS[rng.choice(3, p=row)] for row in p]
    sharp = p**sharpness
    return truth, sharp / sharp.sum(1, keepdims=True), (np.arange(n) // 5).tolist()


def plain_ece(confidence: np.ndarray, right: np.ndarray, bins: np.ndarray) -> float:
    total = 0.0
    for b in np.unique(bins):
        here = bins == b
        total += here.mean() * abs(confidence[here].mean() - right[here].mean())
    return total


def test_expression_scores_are_those_of_the_formulas():
    truth, p, clusters = drawn(400, sharpness=2.0)
    found = estimates(expression_calibration_sums(truth, p, LABELS, clusters=clusters))
    true = np.array([LABELS.index(label) for label in truth])
    assert found["brier"].value == pytest.approx(((p - np.eye(3)[true]) ** 2).sum(1).mean())
    confidence, right = p.max(1), p.argmax(1) == true
    assert found["ece_width"].value == pytest.approx(
        plain_ece(confidence, right, np.minimum(np.ceil(confidence * BINS), BINS))
    )
    ranks = confidence.argsort().argsort()
    assert found["ece"].value == pytest.approx(plain_ece(confidence, right, ranks * BINS // 400), abs=2e-3)
    for one in found.values():
        assert one.clusters == 80
        assert one.low < one.value < one.high


def test_intervals_are_the_jackknifes():
    truth, p, clusters = drawn(300, sharpness=2.0)
    sums = expression_calibration_sums(truth, p, LABELS, clusters=clusters)
    deleted = sums.leave_one_out()
    of = np.array(clusters)
    for row, name in enumerate(sums.clusters[:6]):
        left = of != int(name)
        again = expression_calibration_sums(np.array(truth)[left], p[left], LABELS).values()[0]
        column = sums.names.index("brier")
        assert deleted[row, column] == pytest.approx(again[column])


def test_perfect_calibration_is_at_the_floor_and_too_sure_a_model_is_not():
    truth, p, _ = drawn(3000)
    good = estimates(expression_calibration_sums(truth, p, LABELS))
    floor = expression_reliability(truth, p, LABELS)["floor"]
    for name in ("ece", "ece_width"):
        assert good[name].value == pytest.approx(floor[name], abs=0.015)
    truth, p, _ = drawn(3000, sharpness=3.0)
    assert estimates(expression_calibration_sums(truth, p, LABELS))["ece"].value > 5 * floor["ece"]


def test_bins_hold_every_face_once_and_empty_ones_are_left_out():
    truth, p, _ = drawn(200)
    found = expression_reliability(truth, p, LABELS)
    assert found["n"] == 200
    assert sum(one["n"] for one in found["bins"]) == 200
    assert all(one["low"] <= one["confidence"] <= one["high"] for one in found["bins"])
    assert all(one["low"] >= 1 / 3 - 1 / BINS for one in found["bins"])  # the likeliest of three is no less likely
    certain = expression_reliability(["joy"] * 4, np.eye(3)[[1] * 4], LABELS)
    assert [(one["n"], one["confidence"], one["right"]) for one in certain["bins"]] == [(4, 1.0, 1.0)]
    assert certain["floor"] == {"ece": 0.0, "ece_width": 0.0}


def test_what_lacks_to_one_is_none_of_the_labels():
    whole = estimates(expression_calibration_sums(["calm"], [[0.6, 0.4, 0.0]], LABELS))["brier"].value
    lacking = estimates(expression_calibration_sums(["calm"], [[0.6, 0.0, 0.0]], LABELS))["brier"].value
    assert whole == pytest.approx(lacking) == pytest.approx(2 * 0.4**2)


def test_sources_are_scored_each_by_itself():
    truth, p, _ = drawn(300, sharpness=2.0)
    sources = ["a"] * 100 + ["b"] * 200
    both = estimates(expression_calibration_sums(truth, p, LABELS, sources=sources))["brier"].value
    parts = [
        estimates(expression_calibration_sums(truth[of], p[of], LABELS))["brier"].value
        for of in (slice(0, 100), slice(100, 300))
    ]
    assert both == pytest.approx(np.mean(parts))


def test_unit_scores_leave_out_what_is_not_coded():
    rng = np.random.default_rng(3)
    p = rng.random((200, 2))
    truth = (rng.random((200, 2)) < p).astype(float)
    truth[:50, 1] = np.nan
    found = estimates(action_unit_calibration_sums(truth, p, (4, 12), clusters=(np.arange(200) // 4).tolist()))
    briers = [brier_score_loss(truth[:, 0], p[:, 0]), brier_score_loss(truth[50:, 1], p[50:, 1])]
    assert found["brier"].value == pytest.approx(np.mean(briers))
    coded = ~np.isnan(truth)
    bins = np.minimum(np.ceil(p[coded] * BINS), BINS)
    assert found["ece_width"].value == pytest.approx(plain_ece(p[coded], truth[coded], bins))
    assert sum(one["n"] for one in action_unit_reliability(truth, p, (4, 12))["bins"]) == 350


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 10, 1000]))
def test_auroc_is_scikit_learns_ties_and_all(seed, levels):
    rng = np.random.default_rng(seed)
    truth = (rng.random((150, 2)) < 0.4).astype(float)
    truth[rng.random((150, 2)) < 0.1] = np.nan
    scores = np.round(0.3 * np.nan_to_num(truth) + rng.random((150, 2)), 3) * levels // 1
    found = action_unit_auroc(truth, scores, (1, 2), clusters=(np.arange(150) // 3).tolist())
    each = []
    for column, au in enumerate((1, 2)):
        coded = ~np.isnan(truth[:, column])
        each.append(roc_auc_score(truth[coded, column], scores[coded, column]))
        assert found[f"auroc_au{au:02d}"].value == pytest.approx(each[-1])
    assert found["auroc"].value == pytest.approx(np.mean(each))


def test_auroc_without_a_cluster_is_that_of_the_other_faces(monkeypatch):
    from feab.metrics import ranking

    rng = np.random.default_rng(5)
    truth = (rng.random((120, 2)) < 0.4).astype(float)
    scores = np.round(truth + 2 * rng.random((120, 2)), 1)
    clusters = (np.arange(120) // 4).tolist()
    sources = ["a"] * 60 + ["b"] * 60
    seen = {}
    honest = ranking.from_replicates

    def spy(names, scales, values, replicates, *rest):
        seen["deleted"] = replicates
        return honest(names, scales, values, replicates, *rest)

    monkeypatch.setattr(ranking, "from_replicates", spy)
    action_unit_auroc(truth, scores, (1, 2), clusters=[f"{c:03d}" for c in clusters], sources=sources)
    of = np.array(clusters)
    for cluster in (0, 7, 15, 29):
        left = of != cluster
        each = np.mean(
            [
                [roc_auc_score(truth[part, j], scores[part, j]) for j in range(2)]
                for source in "ab"
                for part in [left & (np.array(sources) == source)]
            ],
            axis=0,
        )
        assert seen["deleted"][cluster] == pytest.approx([each.mean(), *each])


def test_auroc_needs_faces_with_the_unit_and_without_it():
    truth = np.zeros((60, 3))
    truth[:9, 0] = 1  # nine faces
    truth[:30, 1] = 1
    truth[:, 2] = 1
    truth[:4, 2] = 0  # four without
    found = action_unit_auroc(truth, np.random.default_rng(0).random((60, 3)), (1, 2, 4))
    assert found["auroc_au01"].value is None
    assert found["auroc_au04"].value is None
    assert found["auroc"].value == found["auroc_au02"].value


def test_few_people_get_no_interval():
    truth, p, _ = drawn(90)
    found = estimates(expression_calibration_sums(truth, p, LABELS, clusters=[i % 9 for i in range(90)]))
    assert found["ece"].low is None
    assert found["ece"].value is not None


def test_nothing_scores_nothing():
    assert estimates(expression_calibration_sums([], np.empty((0, 3)), LABELS))["ece"].value is None
    assert action_unit_auroc(np.empty((0, 2)), np.empty((0, 2)), (1, 2))["auroc"].value is None


@pytest.mark.parametrize(
    ("truth", "p", "message"),
    [
        (["joy"], [[0.5, 0.6, 1.2]], r"\[0, 1\]"),
        (["joy"], [[0.5, np.nan, 0.2]], r"\[0, 1\]"),
        (["rage"], [[0.5, 0.3, 0.2]], "rage"),
        (["joy", "joy"], [[0.5, 0.3, 0.2]], "one row per face"),
        (["joy"], [[0.5, 0.3]], "shape"),
    ],
)
def test_wrong_input_is_told(truth, p, message):
    with pytest.raises(FeabError, match=message):
        expression_calibration_sums(truth, p, LABELS)


def test_a_score_that_is_no_number_is_told():
    with pytest.raises(FeabError, match="no score"):
        action_unit_auroc([[1.0]], [[np.nan]], (1,))

"""Expression scores against scikit-learn, and the rules where scikit-learn's differ."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    recall_score,
)

from feab.errors import FeabError
from feab.metrics import expression_detail, expression_scores, expression_sums
from feab.metrics.expression import MIN_FACES
from feab.vocabulary import EXPRESSIONS

LABELS = ["neutral", "happiness", "fear", "anger"]
answers = st.sampled_from([*LABELS, None, "other", "Happiness"])
faces = st.lists(st.tuples(st.sampled_from(LABELS), answers, st.integers(0, 4)), min_size=1, max_size=80)


def split(rows):
    truth, predicted, clusters = zip(*rows, strict=True)
    return list(truth), list(predicted), list(clusters)


def same(estimate, expected):
    if expected is None or np.isnan(expected):
        return estimate.value is None
    return estimate.value == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=150)
@given(faces)
def test_scores_equal_scikit_learns_on_any_confusion(rows):
    truth, predicted, clusters = split(rows)
    said = [p if p in LABELS else "none" for p in predicted]
    kept = [label for label in LABELS if truth.count(label) >= MIN_FACES]
    scores = expression_scores(truth, predicted, LABELS, clusters=clusters)
    assert same(scores["accuracy"], accuracy_score(truth, said))
    macro = f1_score(truth, said, labels=kept, average="macro", zero_division=0) if kept else None
    assert same(scores["macro_f1"], macro)
    assert same(scores["uar"], recall_score(truth, said, labels=kept, average="macro") if kept else None)
    one_class = len(set(truth)) == 1
    assert same(scores["kappa"], None if one_class else cohen_kappa_score(truth, said))
    assert same(scores["mcc"], None if one_class else matthews_corrcoef(truth, said))
    for label in LABELS:
        f1 = f1_score(truth, said, labels=[label], average="macro", zero_division=0) if label in kept else None
        recall = recall_score(truth, said, labels=[label], average="macro") if label in kept else None
        assert same(scores[f"f1_{label}"], f1)
        assert same(scores[f"recall_{label}"], recall)


@settings(deadline=None, max_examples=60)
@given(faces)
def test_detail_holds_scikit_learns_confusion_and_every_face_once(rows):
    truth, predicted, clusters = split(rows)
    said = [p if p in LABELS else "none" for p in predicted]
    detail = expression_detail(truth, predicted, LABELS, clusters=clusters)
    expected = confusion_matrix(truth, said, labels=[*LABELS, "none"])[:-1]
    assert detail["confusion"] == expected.tolist()
    assert {label: row["n"] for label, row in detail["per_class"].items()} == {x: truth.count(x) for x in LABELS}
    assert set(detail["absent"]) == {x for x in LABELS if truth.count(x) < MIN_FACES}
    assert json.loads(json.dumps(detail, allow_nan=False)) == detail


@settings(deadline=None, max_examples=40)
@given(faces, st.randoms(use_true_random=False))
def test_neither_the_order_of_faces_nor_the_names_of_clusters_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    truth, predicted, clusters = split(rows)
    renamed = {c: f"person {9 - c}" for c in range(5)}
    before = expression_scores(truth, predicted, LABELS, clusters=clusters)
    truth, predicted, clusters = split(shuffled)
    after = expression_scores(truth, predicted, LABELS, clusters=[renamed[c] for c in clusters])
    for name, estimate in before.items():
        assert after[name].clusters == estimate.clusters
        for field in ("value", "low", "high"):
            assert getattr(after[name], field) == pytest.approx(getattr(estimate, field), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(faces, st.integers(0, 79))
def test_silence_never_scores_more_than_the_right_answer(rows, which):
    truth, predicted, _ = split(rows)
    i = which % len(rows)
    scores = {}
    for answer in (truth[i], None):
        scores[answer] = expression_scores(truth, [*predicted[:i], answer, *predicted[i + 1 :]], LABELS)
    assert scores[None]["accuracy"].value < scores[truth[i]]["accuracy"].value
    if scores[None]["macro_f1"].value is not None:
        assert scores[None]["macro_f1"].value <= scores[truth[i]]["macro_f1"].value + 1e-12


def test_a_rare_label_is_left_out_of_the_mean_but_still_counts_against_the_others():
    truth = ["happiness"] * 6 + ["fear"] * 6 + ["anger"] * 4
    predicted = ["happiness"] * 6 + ["fear"] * 6 + ["happiness"] * 4
    scores = expression_scores(truth, predicted, LABELS)
    assert scores["f1_anger"].value is None
    assert scores["f1_happiness"].value == pytest.approx(12 / 16)  # four angry faces are its false positives
    assert scores["macro_f1"].value == pytest.approx((12 / 16 + 1) / 2)
    assert scores["accuracy"].value == pytest.approx(12 / 16)
    assert expression_detail(truth, predicted, LABELS)["absent"] == {
        "neutral": "no face",
        "anger": "4 faces, fewer than 5",
    }


def test_constant_answers_have_no_skill_and_a_constant_truth_is_not_reported():
    truth = ["happiness"] * 5 + ["fear"] * 5
    constant = expression_scores(truth, ["fear"] * 10, LABELS)
    assert constant["kappa"].value == 0
    assert constant["mcc"].value == 0
    silent = expression_scores(truth, [None] * 10, LABELS)
    assert silent["accuracy"].value == silent["macro_f1"].value == 0
    easy = expression_scores(["fear"] * 10, ["fear"] * 10, LABELS)
    assert easy["macro_f1"].value == 1
    assert easy["kappa"].value is None
    assert easy["mcc"].value is None


def test_sources_are_scored_one_by_one_and_averaged():
    rng = np.random.default_rng(3)
    truth = rng.choice(LABELS, 300).tolist()
    predicted = [t if rng.random() < (0.9 if i < 100 else 0.4) else "anger" for i, t in enumerate(truth)]
    sources = ["lab"] * 100 + ["web"] * 200
    scores = expression_scores(truth, predicted, LABELS, sources=sources)
    lab = expression_scores(truth[:100], predicted[:100], LABELS)
    web = expression_scores(truth[100:], predicted[100:], LABELS)
    for name in scores:
        assert scores[name].value == pytest.approx((lab[name].value + web[name].value) / 2)
    assert scores["macro_f1"].value != pytest.approx(expression_scores(truth, predicted, LABELS)["macro_f1"].value)
    detail = expression_detail(truth, predicted, LABELS, sources=sources)
    assert detail["sources"]["lab"]["macro_f1"] == pytest.approx(lab["macro_f1"].value)
    assert detail["sources"]["web"]["n"] == 200


def test_no_faces_give_no_scores():
    assert {e.value for e in expression_scores([], [], EXPRESSIONS).values()} == {None}
    assert expression_detail([], [], EXPRESSIONS)["absent"]["neutral"] == "no face"


def test_pandas_missing_values_are_no_answer():
    scores = expression_scores(["fear"] * 5, ["fear", float("nan"), np.float64("nan"), None, "fear"], LABELS)
    assert scores["accuracy"].value == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((["fear"], [], LABELS), "1 faces but predicted has 0"),
        ((["joy"], ["fear"], LABELS), "'joy'"),
        (([None], ["fear"], LABELS), "truth\\[0\\] is None"),
        ((["fear"], [3], LABELS), "predicted\\[0\\] is 3"),
        ((["fear"], ["fear"], ["fear", "fear"]), "without repetition"),
        ((["fear"], ["fear"], []), "non-empty"),
    ],
)
def test_mistakes_are_named(arguments, names):
    with pytest.raises(FeabError, match=names):
        expression_scores(*arguments)


def test_wrong_lengths_of_clusters_and_sources_are_named():
    for what in ("clusters", "sources"):
        with pytest.raises(FeabError, match=f"{what} has 1 entries but there are 2"):
            expression_sums(["fear", "fear"], [None, None], LABELS, **{what: ["a"]})

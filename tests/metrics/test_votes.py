"""Scores against votes beside a version that takes every rater out by hand, in whole numbers."""

from __future__ import annotations

import math
import os
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.metrics import human_ceiling, human_consensus, vote_detail, vote_scores, vote_sums
from feab.metrics.expression import MIN_FACES
from feab.metrics.vote_sums import FLOOR
from feab.metrics.votes import CONSENSUS_NAMES, leave_one_out, read_votes

LABELS = ["neutral", "happiness", "fear", "anger"]
K = len(LABELS)
ballots = st.lists(st.integers(0, 4), min_size=K, max_size=K)
answers = st.sampled_from([*LABELS, None, "other"])
rated = st.lists(st.tuples(ballots, answers), min_size=1, max_size=40)


def raters_of(ballot):
    return [label for label, n in zip(LABELS, ballot, strict=True) for _ in range(n)]


def pluralities(people):
    counts = Counter(people)
    return [label for label in counts if counts[label] == max(counts.values())]


def credit(answer, people) -> Fraction:
    """What an answer gets against the plurality of some people, a tie shared."""
    top = pluralities(people)
    return Fraction(int(answer in top), len(top))


def left_out(ballot):
    """Each rater with the others."""
    people = raters_of(ballot)
    return [(people[i], people[:i] + people[i + 1 :]) for i in range(len(people))] if len(people) > 1 else []


def mean(values):
    return sum(values, Fraction(0)) / len(values) if values else None


def same(estimate, expected, **tolerance):
    if expected is None:
        return estimate.value is None
    return estimate.value == pytest.approx(float(expected), **(tolerance or {"abs": 1e-9}))


def macro_f1(pairs):
    """Of (weight, said, people to be held against), with shared targets; labels as targets of few faces left out."""
    target, said, hit = Counter(), Counter(), Counter()
    for weight, answer, people in pairs:
        said[answer] += weight
        for label in pluralities(people):
            part = weight / len(pluralities(people))
            target[label] += part
            hit[label] += part * (label == answer)
    found = [2 * hit[x] / (target[x] + said[x]) for x in LABELS if target[x] >= MIN_FACES]
    return mean(found)


@settings(deadline=None, max_examples=150)
@given(rated)
def test_every_score_equals_taking_each_rater_out_by_hand(rows):
    votes, said = zip(*rows, strict=True)
    scores = vote_scores(np.array(votes), said, LABELS)
    faces = [(ballot, answer) for ballot, answer in rows if sum(ballot)]
    shares = [[Fraction(n, sum(ballot)) for n in ballot] for ballot, _ in faces]
    given_by = [
        share[LABELS.index(answer)] if answer in LABELS else Fraction(0)
        for share, (_, answer) in zip(shares, faces, strict=True)
    ]
    assert same(scores["votes_accuracy"], mean(given_by))
    assert same(scores["votes_accuracy_best"], mean([max(share) for share in shares]))
    several = [(ballot, answer) for ballot, answer in faces if sum(ballot) > 1]
    if not several:
        assert "votes_one_out" not in scores
        assert "votes_one_out_human" not in scores
        return
    pair = [mean([Fraction(others.count(one), len(others)) for one, others in left_out(b)]) for b, _ in several]
    human = [mean([credit(one, others) for one, others in left_out(b)]) for b, _ in several]
    model = [mean([credit(answer, others) for _, others in left_out(b)]) for b, answer in several]
    assert same(scores["votes_accuracy_human"], mean(pair))
    assert same(scores["votes_one_out_human"], mean(human))
    assert same(scores["votes_one_out"], mean(model))
    assert same(scores["votes_one_out_gap"], mean(human) - mean(model))
    share_of_several = [g for g, (ballot, _) in zip(given_by, faces, strict=True) if sum(ballot) > 1]
    assert same(scores["votes_accuracy_gap"], mean(pair) - mean(share_of_several))
    people = [(Fraction(1, sum(b)), one, others) for b, _ in several for one, others in left_out(b)]
    asked = [(Fraction(1, sum(b)), answer, others) for b, answer in several for _, others in left_out(b)]
    assert same(scores["votes_one_out_macro_f1_human"], macro_f1(people))
    assert same(scores["votes_one_out_macro_f1"], macro_f1(asked))
    assert {name: e for name, e in scores.items() if name in human_ceiling(votes)} == human_ceiling(votes)


@settings(deadline=None, max_examples=60)
@given(rated)
def test_people_confuse_what_they_confuse(rows):
    out = leave_one_out(read_votes([ballot for ballot, _ in rows], K))
    by_hand = np.zeros((K, K))
    for ballot, _ in rows:
        for one, others in left_out(ballot):
            for label in pluralities(others):
                by_hand[LABELS.index(label), LABELS.index(one)] += 1 / len(pluralities(others)) / sum(ballot)
    assert (out is None) == all(sum(ballot) < 2 for ballot, _ in rows)
    if out is not None:
        np.testing.assert_allclose(out.confusion, by_hand, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ballots, ballots, answers), min_size=1, max_size=20))
def test_distances_equal_their_definitions(rows):
    votes, weights, said = zip(*rows, strict=True)
    probable = [[w / (sum(row) + 1) for w in row] for row in weights]  # what is missing to 1 is on no label
    scores = vote_scores(votes, said, LABELS, probabilities=probable)
    distances, entropies = [], []
    for ballot, likely, answer in zip(votes, probable, said, strict=True):
        if not sum(ballot):
            continue
        q = [n / sum(ballot) for n in ballot] + [0.0]
        p = [0.0] * K + [1.0] if answer is None else [*likely, 1 - sum(likely)]
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        parts = [a * math.log2(a / m) for side in (p, q) for a, m in zip(side, middle, strict=True) if a > 0]
        distances.append(math.sqrt(max(sum(parts) / 2, 0.0)))
        entropies.append(-sum(b * math.log(max(a, FLOOR)) for a, b in zip(p[:K], q[:K], strict=True)))
    expected = None if not distances else sum(distances) / len(distances)
    assert same(scores["votes_js_distance"], expected, abs=1e-6)
    rated_and_answered = any(sum(ballot) and answer is not None for ballot, _, answer in rows)
    assert ("votes_cross_entropy" in scores) == rated_and_answered
    if rated_and_answered:
        assert same(scores["votes_cross_entropy"], sum(entropies) / len(entropies))


def test_ferplus_one_person_against_the_plurality_of_the_others():
    """The published votes on FER2013's PrivateTest: 66.0 % pairwise, 73.7 % one against the rest, 77.7 % at best."""
    votes = ferplus("PrivateTest")
    assert len(votes) == 3589
    people = human_ceiling(votes)
    assert people["votes_one_out_human"].clusters == 3573
    assert round(people["votes_one_out_human"].value, 3) == 0.737
    assert people["votes_one_out_human"].low < 0.7368448993 < people["votes_one_out_human"].high
    assert round(people["votes_accuracy_human"].value, 3) == 0.660
    assert round(people["votes_accuracy_best"].value, 3) == 0.777
    bins = human_consensus(votes)
    assert [bins[name]["n"] for name in CONSENSUS_NAMES] == [502, 901, 1166, 1004]
    rates = [round(bins[name]["metrics"]["votes_one_out_human"]["value"], 3) for name in CONSENSUS_NAMES]
    assert rates == [0.210, 0.598, 0.845, 1.0]


FERPLUS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]


def ferplus(usage):
    """The votes for the eight expressions of one part; those for "unknown" and "no face" are dropped."""
    shared = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ferplus_votes.csv"
    path = Path(os.environ.get("FEAB_FERPLUS_VOTES", shared))
    if not path.is_file():
        pytest.skip(f"{path} is not here; FEAB_FERPLUS_VOTES names FERPlus' fer2013new.csv")
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    places = [header.split(",").index(label) for label in FERPLUS]
    cells = (line.split(",") for line in lines)
    return np.array([[int(row[place]) for place in places] for row in cells if row[0] == usage])


def test_by_hand():
    votes = [[5, 3, 0, 0], [1, 1, 0, 0], [0, 0, 4, 0], [np.nan] * 4, [0, 0, 0, 0], [0, 0, 0, 1]]
    said = ["neutral", "happiness", None, "fear", "fear", "anger"]
    scores = vote_scores(votes, said, LABELS)
    # 5 of 8, 1 of 2, none of 4, and 1 of 1; two faces have no votes.
    assert same(scores["votes_accuracy"], (5 / 8 + 1 / 2 + 0 + 1) / 4)
    # Of the face with 5 and 3 votes the plurality of the others is always the first; of two who disagree, never one's
    # own; of four who agree, always. The single rater has no others.
    assert same(scores["votes_one_out_human"], (5 / 8 + 0 + 1) / 3)
    assert same(scores["votes_one_out"], (1 + 1 / 2 + 0) / 3)
    assert scores["votes_accuracy"].clusters == 4
    assert scores["votes_one_out"].clusters == 3
    facts = vote_detail(votes, said, LABELS)["votes"]
    assert (facts["faces"], facts["left_out"], facts["raters"]) == (4, 3, True)
    assert facts["majority"] == pytest.approx((5 / 8 + 1 / 2) / 4)
    # What the mean votes get is what a model gets that answers with them.
    mean_votes = np.tile(np.mean([[5 / 8, 3 / 8, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], axis=0), (6, 1))
    prior = vote_scores(votes, ["fear"] * 6, LABELS, probabilities=mean_votes)
    assert facts["prior_js_distance"] == pytest.approx(prior["votes_js_distance"].value)
    assert facts["prior_cross_entropy"] == pytest.approx(prior["votes_cross_entropy"].value)


def test_a_tie_is_shared():
    # Without a rater of the first label the second and third tie for the plurality with one vote less of the first.
    out = leave_one_out(read_votes([[2, 1, 1]], 3))
    assert out is not None
    first_out = np.array([1 / 3, 1 / 3, 1 / 3])
    other_out = np.array([1, 0, 0])
    np.testing.assert_allclose(out.target[0], (2 * first_out + 2 * other_out) / 4)
    np.testing.assert_allclose(out.agreed[0], [2 / 4 / 3, 0, 0])


def test_shares_are_not_raters():
    shares = np.array([[0.7, 0.3, 0, 0], [0.25, 0.25, 0.5, 0], [1, 0, 0, 0]], dtype=np.float32)
    said = ["neutral", "fear", "anger"]
    scores = vote_scores(shares, said, LABELS)
    assert set(scores) == {"votes_accuracy", "votes_accuracy_best", "votes_js_distance", "votes_cross_entropy_best"}
    assert same(scores["votes_accuracy"], (0.7 + 0.5 + 0) / 3, abs=1e-6)
    assert set(human_ceiling(shares)) == {"votes_accuracy_best", "votes_cross_entropy_best"}
    detail = vote_detail(shares, said, LABELS)
    assert detail["votes"]["raters"] is False
    assert {name: part["n"] for name, part in detail["consensus"].items()} == {"<=0.5": 1, "0.5-0.7": 1, ">0.9": 1}
    # One number that is not whole, and what looks like raters elsewhere is shares too.
    assert "votes_one_out_human" not in human_ceiling([[5, 5], [0.5, 0.5]])
    assert "votes_one_out_human" not in human_ceiling([[1, 0], [0, 1]])


def test_cross_entropy_needs_probabilities():
    votes = np.tile([6, 4, 0, 0], (100, 1))
    said = ["neutral"] * 100
    given = np.tile([0.6, 0.4, 0.0, 0.0], (100, 1))
    exact = vote_scores(votes, said, LABELS, probabilities=given)
    assert same(exact["votes_js_distance"], 0, abs=1e-7)
    assert exact["votes_cross_entropy"].value == pytest.approx(exact["votes_cross_entropy_best"].value)
    assert "votes_cross_entropy" not in vote_scores(votes, said, LABELS)
    given[:2] = np.nan
    assert "votes_cross_entropy" in vote_scores(votes, said, LABELS, probabilities=given)
    given[2] = np.nan
    assert "votes_cross_entropy" not in vote_scores(votes, said, LABELS, probabilities=given)
    # Not answering is worse than any answer, whatever probabilities stand beside it.
    one = np.tile([0.6, 0.4, 0.0, 0.0], (100, 1))
    silent = vote_scores(votes, [None, *said[1:]], LABELS, probabilities=one)
    assert silent["votes_js_distance"].value == pytest.approx(0.01, abs=1e-6)
    assert silent["votes_cross_entropy"].value > exact["votes_cross_entropy"].value
    # Numbers that sum to more than 1 buy nothing.
    doubled = vote_scores(votes, said, LABELS, probabilities=np.minimum(one * 1.6, 1))
    assert same(doubled["votes_js_distance"], 0, abs=1e-7)


def test_sources_are_averaged_and_clusters_hold_together():
    votes = np.array([[8, 2], [2, 8], [10, 0], [6, 4]])
    sources, people = ["a", "a", "a", "b"], ["x", "x", "y", "z"]
    scores = vote_scores(votes, ["p", "p", "p", "q"], ["p", "q"], sources=sources, clusters=people)
    assert same(scores["votes_accuracy"], ((0.8 + 0.2 + 1) / 3 + 0.4) / 2)
    assert scores["votes_accuracy"].clusters == 3
    sums = vote_sums(votes, ["p", "p", "p", "q"], ["p", "q"], sources=sources, clusters=people)
    assert sums.keys == (("a", "x"), ("a", "y"), ("b", "z"))


def test_intervals_hold_what_the_votes_came_from():
    """Faces drawn anew: about 95 % of the intervals hold the rate at which one person hits the others' plurality."""
    rng = np.random.default_rng(5)

    def drawn(n):
        return np.stack([rng.multinomial(9, p) for p in rng.dirichlet(np.full(K, 0.6), n)])

    aim = human_ceiling(drawn(60_000), clusters=["all"] * 60_000)["votes_one_out_human"].value
    found = [human_ceiling(drawn(60))["votes_one_out_human"] for _ in range(300)]
    assert 0.91 <= np.mean([e.low <= aim <= e.high for e in found]) <= 0.985


@pytest.mark.parametrize(
    ("votes", "said", "more", "words"),
    [
        ([[1, -1]], ["p"], {}, r"votes\[0\]"),
        ([[1, 2], [np.inf, 0]], ["p", "p"], {}, r"votes\[1\]"),
        ([[1, np.nan]], ["p"], {}, "a row of NaN"),
        ([[1, 2, 3]], ["p"], {}, "shape"),
        ([[1, 2]], ["p", "q"], {}, "one answer per face"),
        ([[1, 2]], [3], {}, r"predicted\[0\]"),
        ([[1, 2]], ["p"], {"probabilities": [[0.5, 1.5]]}, r"probabilities\[0\]"),
        ([[1, 2]], ["p"], {"probabilities": [[0.5, 0.5]] * 2}, "one row per face"),
        ([[1, 2]], ["p"], {"clusters": ["a", "b"]}, "one entry per face"),
    ],
)
def test_what_is_refused(votes, said, more, words):
    with pytest.raises(FeabError, match=words):
        vote_scores(votes, said, ["p", "q"], **more)


def test_nothing_to_score():
    scores = vote_scores(np.full((3, 2), np.nan), ["p", None, "q"], ["p", "q"])
    assert all(estimate.value is None for estimate in scores.values())
    assert vote_detail(np.full((3, 2), np.nan), ["p", None, "q"], ["p", "q"]) == {
        "votes": {"faces": 0, "raters": False},
        "consensus": {},
    }

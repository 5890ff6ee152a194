"""Thresholds that keep errors small, and what one more context promises, beside brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.generation.dispersion import log_polya
from feab.generation.information import expected_best
from feab.generation.standing import largest_spread, least_confidence, within
from feab.metrics.intervals import clopper_pearson


def test_the_threshold_is_the_smallest_whose_bound_holds() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.3, 1, 600)
    wrong = (rng.random(600) > sure).astype(float)
    limit = least_confidence(sure, wrong, 0.1, 1)
    assert limit is not None

    def bound(t: float) -> float:
        taken = sure >= t
        return clopper_pearson(float(wrong[taken].mean()), int(taken.sum()))[1]

    assert bound(limit) <= 0.1
    assert all(bound(t) > 0.1 for t in sure[sure < limit])


def test_none_when_nothing_is_good_enough_and_few_faces_never_are() -> None:
    assert least_confidence(np.full(300, 0.99), np.ones(300), 0.05, 1) is None
    assert least_confidence(np.full(71, 0.99), np.zeros(71), 0.05, 1) is None  # 0 of 71: bound .0506
    assert least_confidence(np.full(72, 0.99), np.zeros(72), 0.05, 1) == 0.99
    assert least_confidence(np.array([]), np.array([]), 0.05, 1) is None


def test_faces_of_like_confidence_are_accepted_together() -> None:
    sure = np.repeat([0.9, 0.8], 200)
    wrong = np.r_[np.zeros(200), np.ones(20), np.zeros(180)]
    assert least_confidence(sure, wrong, 0.05, 1) == 0.9


def test_errors_of_one_face_that_go_together_count_as_few_trials() -> None:
    rng = np.random.default_rng(1)
    sure = np.full(100, 0.9)
    scattered = rng.binomial(17, 0.02, 100) / 17
    together = np.where(np.arange(100) < 2, 1.0, 0.0)
    assert least_confidence(sure, scattered, 0.05, 17) == 0.9
    assert least_confidence(sure, together, 0.05, 17) is None


def test_spreads_are_accepted_as_far_as_errors_allow() -> None:
    rng = np.random.default_rng(2)
    sds = rng.uniform(0.05, 0.3, (800, 2))
    honest = sds * rng.standard_normal((800, 2))
    limit = largest_spread(sds, honest, 0.2)
    assert limit == pytest.approx(0.2, abs=0.02)
    too_sure = largest_spread(sds, 2 * honest, 0.2)
    assert too_sure is not None
    assert too_sure < 0.15
    assert largest_spread(sds, 20 * honest, 0.2) is None
    assert largest_spread(sds[:5], 0 * honest[:5], 0.2) is None


def test_the_chance_that_both_axes_are_near() -> None:
    assert within(np.array([[0.35 / 1.959964, 1e-9]]), 0.35) == pytest.approx(0.95)
    assert within(np.array([[0.35 / 1.959964] * 2]), 0.35) == pytest.approx(0.95**2)


shares = st.lists(st.floats(0.01, 1), min_size=3, max_size=3)


@given(shares, st.lists(shares, min_size=3, max_size=3), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_expected_best_is_the_sum_over_all_answers(prior: list[float], alpha: list[list[float]], ahead: int) -> None:
    p, a = np.array(prior) / sum(prior), np.array(alpha) * 2
    total = 0.0
    for answers in product(range(3), repeat=ahead):
        counts = np.array([answers.count(k) for k in range(3)], float)
        total += (p * np.exp(log_polya(counts, a))).max()
    assert expected_best(p, a, ahead) == pytest.approx(total)
    assert expected_best(p, a, ahead) >= p.max() - 1e-9


def test_an_annotator_that_says_anything_promises_nothing() -> None:
    prior, alpha = np.array([0.6, 0.4]), np.ones((2, 3))
    assert expected_best(prior, alpha, 2) == pytest.approx(0.6)
    told = np.array([[1e6, 1.0], [1.0, 1e6]])
    assert expected_best(prior, told, 2) == pytest.approx(1, abs=1e-5)

"""The Dirichlet-multinomial: probabilities that sum to one; rates and concentration come back from simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from feab.generation.annotator import Truths, simulate
from feab.generation.dispersion import fit_dispersion, log_polya
from feab.generation.profiles import middling_confusion, profile
from feab.knowledge import Given
from feab.vocabulary import EXPRESSIONS


def test_probabilities_of_all_answers_sum_to_one() -> None:
    alpha = np.array([0.2, 1.5, 0.7])
    counts = [[answers.count(k) for k in range(3)] for answers in product(range(3), repeat=4)]
    assert np.exp(log_polya(np.array(counts, float), alpha)).sum() == pytest.approx(1)


def test_repeated_answers_say_ever_less() -> None:
    right, wrong = 1.5 * np.array([0.8, 0.2]), 1.5 * np.array([0.2, 0.8])

    def ratio(draws: float) -> float:
        counts = np.array([draws, 0.0])
        return float(log_polya(counts, right) - log_polya(counts, wrong))

    first, tenth, twentieth = ratio(1), ratio(10), ratio(20)
    assert first == pytest.approx(np.log(4))
    assert tenth < 10 * first / 3
    assert twentieth - tenth < tenth - first


def polya(rates: np.ndarray, concentration: float, faces: int, draws: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(rates), faces)
    weights = np.maximum(rng.standard_gamma(concentration * rates[truth]), 1e-200)
    shares = weights / weights.sum(1, keepdims=True)
    counts = np.stack([rng.multinomial(n, row * (1 - 1e-12)) for n, row in zip(draws, shares, strict=True)])
    return counts.astype(float), truth


def test_rates_and_concentration_come_back() -> None:
    rates = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    draws = np.random.default_rng(0).choice([4, 6, 12], 3000)
    counts, truth = polya(rates, 1.5, 3000, draws, seed=1)
    found = fit_dispersion(counts[None], truth[None], 2)
    # Each face is worth about 2 independent answers, so a rate's standard error is below sqrt(.25 / 3000).
    assert found.rates[0] == pytest.approx(rates, abs=4.5 * np.sqrt(0.25 / 3000))
    assert found.concentration[0] == pytest.approx(1.5, rel=0.12)


def test_problems_are_fitted_each_for_itself_and_the_unknown_is_left_out() -> None:
    first, truth = polya(np.array([[0.9, 0.1], [0.3, 0.7]]), 0.7, 400, np.full(400, 6), seed=2)
    second, _ = polya(np.array([[0.6, 0.4], [0.2, 0.8]]), 8.0, 400, np.full(400, 6), seed=3)
    other = np.where(np.arange(400) % 4 == 0, -1, truth)
    both = fit_dispersion(np.stack((first, second)), np.stack((truth, other)), 2)
    known = other >= 0
    alone = fit_dispersion(second[known][None], other[known][None], 2)
    assert both.rates[1] == pytest.approx(alone.rates[0], abs=1e-3)
    assert both.concentration[1] == pytest.approx(alone.concentration[0], rel=0.01)
    assert both.concentration[0] < 2 < both.concentration[1]


def test_a_class_without_faces_gets_even_rates_and_single_draws_the_usual_concentration() -> None:
    counts, truth = polya(np.array([[0.9, 0.1], [0.3, 0.7]]), 0.7, 100, np.ones(100, int), seed=4)
    found = fit_dispersion(counts[None], truth[None], 3)
    assert found.rates[0, 2] == pytest.approx(0.5)
    assert found.concentration[0] == pytest.approx(2, rel=0.01)


def test_the_simulated_annotator_has_the_concentration_that_is_fitted() -> None:
    truths = [Given(EXPRESSIONS[row % 8]) for row in range(1600)]
    said = simulate(profile("middling", context=1e6), Truths.of(truths), contexts=5, draws=2, seed=0).tally()
    found = fit_dispersion(said.expressions.sum(1)[None], (np.arange(1600) % 8)[None], 8)
    assert found.concentration[0] == pytest.approx(1.5, rel=0.15)
    assert found.rates[0] == pytest.approx(middling_confusion(), abs=4.5 * np.sqrt(0.25 / 200))

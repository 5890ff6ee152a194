"""Probabilities that are too sure are set right, and those that are right are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from feab.generation.fitted import Scaling
from feab.generation.rescaling import fit_expression, fit_units, rescaled
from feab.knowledge import Posterior
from feab.vocabulary import FEAB_17

NONE = Scaling.none(17)


def found(expression: np.ndarray, units: np.ndarray) -> Posterior:
    n, even = len(expression), np.full((len(expression), 41), 1 / 41)
    return Posterior(FEAB_17, expression, units, even, even, np.zeros(n))


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(8, 0.3), n)
    return p, (rng.random((n, 1)) > p.cumsum(1)).sum(1).clip(0, 7)


def test_none_changes_nothing_and_what_is_certain_stays() -> None:
    p, _ = drawn(5, 0)
    p[0] = np.eye(8)[3]
    units = np.random.default_rng(0).random((5, 17))
    units[0, :2] = (0, 1)
    assert rescaled(found(p, units), NONE).expression == pytest.approx(p)
    assert rescaled(found(p, units), NONE).action_units == pytest.approx(units)
    changed = NONE.model_copy(update={"expression_shift": (2.0,) * 7 + (-1.0,), "unit_shift": (1.0,) * 17})
    after = rescaled(found(p, units), changed)
    assert after.expression[0].tolist() == p[0].tolist()
    assert after.action_units[0, :2].tolist() == [0, 1]
    assert (after.action_units[1:] > units[1:]).all()
    assert after.expression.sum(1) == pytest.approx(1)


def test_squared_probabilities_are_found_out() -> None:
    p, truth = drawn(3000, 1)
    sharp = p**2 / (p**2).sum(1, keepdims=True)
    slope, shift = fit_expression(sharp, truth)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert np.abs(shift).max() < 0.3
    scaling = NONE.model_copy(update={"expression_slope": slope, "expression_shift": shift})
    right = rescaled(found(sharp, np.full((3000, 17), 0.5)), scaling).expression
    assert np.log(right[np.arange(3000), truth]).mean() > np.log(sharp[np.arange(3000), truth]).mean()


def test_what_is_right_is_left_about_alone() -> None:
    p, truth = drawn(3000, 2)
    slope, shift = fit_expression(p, truth)
    assert slope == pytest.approx(1, abs=0.1)
    assert np.abs(shift).max() < 0.3


def test_few_faces_change_little() -> None:
    p, truth = drawn(5, 3)
    slope, shift = fit_expression(p, truth)
    assert 0.5 < slope < 2
    assert np.abs(shift).max() < 0.8


def test_base_rates_of_units_are_found_out_each_by_itself_and_the_uncoded_left_out() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(0.05, 0.95, (3000, 17))
    truth = (rng.random(p.shape) < p).astype(float)
    odds = np.log(p / (1 - p))
    odds[:, 0] += 1.5
    truth[:, 1] = np.nan
    slope, shift = fit_units(1 / (1 + np.exp(-odds)), truth)
    assert slope == pytest.approx(1, abs=0.05)
    assert shift[0] == pytest.approx(-1.5, abs=0.2)
    assert shift[1] == 0
    assert np.abs(shift[2:]).max() < 0.25

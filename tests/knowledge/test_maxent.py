"""Maximum entropy: the probabilities asked for, the pair terms asked for, and nothing else."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.knowledge.maxent import fit_maximum_entropy, marginals, over_states, pair_totals, totals

probabilities = st.lists(st.floats(0.02, 0.98), min_size=1, max_size=6)


def bits(k: int) -> np.ndarray:
    """States in the order of the tables: the first AU is the highest bit."""
    return np.array(list(product((0, 1), repeat=k)), float)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=7))
def test_totals_add_the_terms_of_what_is_on(terms: list[float]) -> None:
    assert np.allclose(totals(np.array(terms)), bits(len(terms)) @ np.array(terms))


@given(st.lists(st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)), min_size=1, max_size=6))
def test_products_take_one_number_of_every_unit(pairs: list[tuple[float, float]]) -> None:
    wanted = [np.prod([pair[int(bit)] for pair, bit in zip(pairs, state, strict=True)]) for state in bits(len(pairs))]
    assert np.allclose(over_states(np.array(pairs), np.multiply), wanted)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_pair_totals_and_marginals_equal_plain_sums(k: int, seed: int) -> None:
    rng, x = np.random.default_rng(seed), bits(k)
    pairs = np.triu(rng.normal(size=(k, k)), 1)
    assert np.allclose(pair_totals(pairs), np.einsum("sj,jk,sk->s", x, pairs, x))
    mass = rng.random((2**k, 3))
    assert np.allclose(marginals(mass, k), x.T @ mass)
    assert np.allclose(marginals(mass[:, 0].copy(), k), x.T @ mass[:, 0])


@given(probabilities, st.integers(0, 2**32 - 1))
def test_the_fit_has_the_targets_and_the_pair_terms(targets: list[float], seed: int) -> None:
    k = len(targets)
    pairs = np.triu(np.random.default_rng(seed).uniform(-1.5, 1.2, (k, k)), 1)
    (found,) = fit_maximum_entropy(np.array([targets]), pairs)
    x = bits(k)
    assert found.sum() == pytest.approx(1)
    assert np.abs(x.T @ found - targets).max() < 1e-4
    # Without the pair terms log P is linear in x, so of all distributions with these targets it has the most entropy.
    rest = np.log(found) - pair_totals(pairs)
    linear = np.column_stack((x, np.ones(len(x))))
    assert np.abs(linear @ np.linalg.lstsq(linear, rest, rcond=None)[0] - rest).max() < 1e-6


def test_without_pair_terms_units_are_independent() -> None:
    (found,) = fit_maximum_entropy(np.array([[0.2, 0.7]]), np.zeros((2, 2)))
    assert np.allclose(found, [0.8 * 0.3, 0.8 * 0.7, 0.2 * 0.3, 0.2 * 0.7], atol=1e-5)


def test_a_fit_that_does_not_settle_is_told() -> None:
    pairs = np.triu(np.full((3, 3), 8.0), 1)  # three that are all but one: every step overshoots
    with pytest.raises(FeabError, match="weaken"):
        fit_maximum_entropy(np.array([[0.5, 0.53, 0.56]]), pairs)

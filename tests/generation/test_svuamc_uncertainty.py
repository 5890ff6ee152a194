"""The decomposition of uncertainty: unbiased by simulation, right by hand, and honest about what it cannot tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.generation.record import Draw
from feab.generation.tally import Tally, tally_draws
from feab.generation.uncertainty import (
    agreement,
    information_of_probabilities,
    mutual_information,
    of_counts,
    of_values,
    uncertainty,
)
from feab.vocabulary import FEAB_17

FACES = 6000
SURE = 4.5
"""Standard errors of the simulation that an unbiased estimate may be off: exceeded by chance once in 150,000."""


def near(estimates: np.ndarray, truth: float | np.ndarray) -> bool:
    missed = np.asarray(estimates) - truth
    return bool(abs(missed.mean()) < SURE * missed.std() / math.sqrt(len(missed)))


def drawn(spread: float, contexts: int, draws: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces, each with its own p and contexts p_context ~ Dirichlet(spread p), and counts of their answers."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(5, 0.7), FACES)
    alpha = np.maximum(spread * p, 1e-8)
    counts = np.zeros((FACES, contexts, 5))
    for c in range(contexts):
        weights = np.maximum(rng.standard_gamma(alpha), 1e-200)
        cumulated = (weights / weights.sum(1, keepdims=True)).cumsum(1)
        for _ in range(draws[c]):
            said = (rng.random((FACES, 1)) > cumulated).sum(1).clip(0, 4)
            counts[np.arange(FACES), c, said] += 1
    return p, counts


@pytest.mark.parametrize("spread", [1.0, 8.0, 1e6])
@pytest.mark.parametrize("draws", [[2, 2], [2, 2, 2], [3, 1, 2], [4, 0, 2]])
def test_all_three_are_unbiased_for_contexts_that_matter_much_little_and_not(spread: float, draws: list[int]) -> None:
    p, counts = drawn(spread, len(draws), draws, seed=len(draws))
    found = of_counts(counts)
    variance = (p * (1 - p)).sum(1) / (spread + 1)
    assert near(found.epistemic, variance)
    assert near(found.total, 1 - (p**2).sum(1))
    assert near(found.aleatoric, 1 - (p**2).sum(1) - variance)


def test_a_plug_in_estimate_would_not_pass() -> None:
    p, counts = drawn(8.0, 2, [2, 2], seed=2)
    shares = counts / counts.sum(2, keepdims=True)
    plugged = (shares**2).sum(2).mean(1) - (shares.mean(1) ** 2).sum(1)
    assert not near(plugged, (p * (1 - p)).sum(1) / 9)


def test_agreement_by_hand() -> None:
    # Contexts {a: 2} and {a: 1, b: 1}: pairs within agree 1 and 0; a draw of each agrees with probability 1/2.
    within, between = agreement(np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert within == pytest.approx(0.5)
    assert between == pytest.approx(0.5)


def test_epistemic_of_one_face_may_be_negative() -> None:
    assert of_counts(np.array([[1.0, 1.0], [1.0, 1.0]])).epistemic == pytest.approx(-0.5)


def values(reads: np.ndarray, said: np.ndarray) -> Tally:
    """A tally of valence and arousal from draws (n, c, r, 2) of which the first `reads` (c,) were read."""
    n, c, r = said.shape[:3]
    kept = (np.arange(r) < reads[:, None])[None, :, :, None]
    none = np.zeros((n, c))
    return Tally(
        (1,),
        none + r,
        np.zeros((n, c, 8)),
        none,
        np.zeros((n, c, 1)),
        none + reads,
        (said * kept).sum(2),
        (said**2 * kept).sum(2),
    )


@pytest.mark.parametrize("reads", [[2, 2], [2, 2, 2], [3, 1, 2]])
def test_variances_of_values_are_unbiased(reads: list[int]) -> None:
    rng = np.random.default_rng(5)
    contexts, between, within = len(reads), np.array([0.2, 0.05]), np.array([0.1, 0.3])
    said = rng.normal(0, 0.4, (FACES, 1, 1, 2)) + between * rng.normal(size=(FACES, contexts, 1, 2))
    said = said + within * rng.normal(size=(FACES, contexts, max(reads), 2))
    found = of_values(values(np.array(reads), said))
    for axis in (0, 1):
        assert near(found.epistemic[:, axis], between[axis] ** 2)
        assert near(found.aleatoric[:, axis], within[axis] ** 2)
        assert near(found.total[:, axis], between[axis] ** 2 + within[axis] ** 2)


def test_values_are_those_of_a_textbook_analysis_of_variance() -> None:
    from scipy.stats import f_oneway

    groups = [[0.1, 0.4, 0.3], [0.5, 0.9], [-0.2, 0.0, 0.2, 0.1]]
    said = np.zeros((1, 3, 4, 2))
    for c, group in enumerate(groups):
        said[0, c, : len(group), 0] = group
    found = of_values(values(np.array([3, 2, 4]), said))
    within = sum(((np.array(g) - np.mean(g)) ** 2).sum() for g in groups) / (9 - 3)
    assert found.aleatoric[0, 0] == pytest.approx(within)
    size = (9 - (9 + 4 + 16) / 9) / 2
    ratio = f_oneway(*groups).statistic
    assert found.epistemic[0, 0] == pytest.approx(within * (ratio - 1) / size)


def test_mutual_information_of_known_probabilities() -> None:
    assert information_of_probabilities([[1, 0], [0, 1]]) == pytest.approx(math.log(2))
    assert information_of_probabilities([[0.3, 0.7], [0.3, 0.7]]) == pytest.approx(0)


def test_mutual_information_from_counts_leans_as_documented() -> None:
    same = mutual_information(drawn(1e6, 2, [2, 2], seed=1)[1]).mean()
    much = mutual_information(drawn(1.0, 2, [2, 2], seed=1)[1]).mean()
    assert 0.05 < same < 0.35  # the truth is 0
    assert much > same + 0.02


def test_what_cannot_be_estimated_is_nan() -> None:
    one_draw = of_counts(np.array([[1.0, 0.0], [0.0, 1.0]]))  # no pair within a context
    assert math.isnan(one_draw.aleatoric)
    assert math.isnan(one_draw.epistemic)
    assert math.isnan(one_draw.mutual_information)
    assert one_draw.total == 1
    one_context = of_counts(np.array([[2.0, 1.0]]))
    assert math.isnan(one_context.total)
    assert math.isnan(one_context.epistemic)
    assert one_context.aleatoric == pytest.approx(2 / 3)


DRAWS = (
    Draw(0, 0, "fear", (-0.5, 0.5), frozenset({1, 4})),
    Draw(0, 1, "fear", (-0.7, 0.7), frozenset({1})),
    Draw(3, 2, "surprise", (0.1, 0.6), frozenset({1, 2})),
    Draw(3, 3),
    Draw(3, 4, "fear", None, frozenset()),
)


def test_one_face_by_label() -> None:
    expression = uncertainty(DRAWS, "expression")["expression"]
    assert expression.aleatoric == pytest.approx(1 - (1 + 0) / 2)
    assert expression.total == pytest.approx(1 - 0.5)
    units = uncertainty(DRAWS, "action_units")
    assert list(units) == [str(au) for au in FEAB_17]
    assert units["12"].total == units["12"].aleatoric == 0
    assert units["1"].total == pytest.approx(0.5)
    affect = uncertainty(DRAWS, "valence_arousal")
    assert affect["valence"].aleatoric == pytest.approx(0.02)  # of -.5 and -.7; the other context has one value
    assert math.isnan(affect["arousal"].mutual_information)


def test_a_draw_that_says_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(FeabError, match="bored"):
        uncertainty([Draw(0, 0, "bored")], "expression")
    with pytest.raises(FeabError, match="-1, 1"):
        uncertainty([Draw(0, 0, None, (2.0, 0.0))], "valence_arousal")
    with pytest.raises(FeabError, match="-1, 1"):
        uncertainty([Draw(0, 0, None, (math.nan, 0.0))], "valence_arousal")


tables = st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=5)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_parts_add_up_and_names_do_not_matter(table: list[list[int]]) -> None:
    counts = np.array(table, float)
    found, renamed = of_counts(counts), of_counts(counts[::-1, ::-1])
    for name in ("total", "aleatoric", "epistemic", "mutual_information"):
        assert getattr(found, name) == pytest.approx(getattr(renamed, name), nan_ok=True)
    if not math.isnan(found.epistemic):
        assert found.total == pytest.approx(found.aleatoric + found.epistemic)
    for share in (found.total, found.aleatoric):
        assert math.isnan(share) or -1e-9 <= share <= 1 + 1e-9


def test_contexts_without_gaps_and_no_draws_at_all() -> None:
    said = tally_draws([DRAWS, ()], FEAB_17)
    assert said.contexts.tolist() == [2, 0]
    assert said.asked.tolist() == [[2, 3], [0, 0]]
    assert len(tally_draws([], FEAB_17)) == 0

"""The arms that SV-UAMC is compared with."""

from __future__ import annotations

import numpy as np
import pytest

from feab.generation.annotator import Truths, simulate
from feab.generation.arms import adaptive_consistency, beta_sure, deviations, first_draws, plurality
from feab.generation.drawn import Answers
from feab.generation.profiles import profile
from feab.generation.record import Draw, FaceDraws
from feab.generation.tally import tally
from feab.knowledge import Given
from feab.vocabulary import EXPRESSIONS, FEAB_17


def test_the_beta_rule_as_published() -> None:
    # facts 8.1: 3:0 gives .9375 and goes on, 4:0 gives .969 and stops.
    assert beta_sure(np.array([3.0, 4.0, 5.0]), np.array([0.0, 0.0, 2.0])).tolist() == [False, True, False]


FACES = [
    FaceDraws(
        "a",
        (
            Draw(0, 0, "fear", (0.1, 0.2), frozenset({1, 2})),
            Draw(0, 1, "fear", (0.3, 0.2), frozenset({1})),
            Draw(1, 2, "anger", (0.2, 0.2), frozenset({1, 4})),
        ),
    ),
    FaceDraws("b"),
]


def test_plurality_of_each_level() -> None:
    said = tally(FACES)
    expression = plurality(said, "expression")
    assert EXPRESSIONS[int(expression.value[0])] == "fear"
    assert expression.confidence.tolist() == [pytest.approx(2 / 3), 0]
    assert expression.used.tolist() == [3, 0]
    units = plurality(said, "action_units")
    assert [au for au, on in zip(FEAB_17, units.value[0], strict=True) if on] == [1]
    affect = plurality(said, "valence_arousal")
    assert affect.value[0] == pytest.approx([0.2, 0.2])
    assert affect.confidence[0] > affect.confidence[1]


def test_deviations_are_those_of_the_answers() -> None:
    found = deviations(tally(FACES))
    assert found[0] == pytest.approx([np.std([0.1, 0.3, 0.2], ddof=1), 0], abs=1e-9)
    assert np.isnan(found[1]).all()


def written(*rows: list[str]) -> Answers:
    """Answers of faces, draw by draw, two draws a context; "" is not readable."""
    n, draws = len(rows), len(rows[0])
    names = np.array([[EXPRESSIONS.index(name) if name else -1 for name in row] for row in rows])
    shape = (n, draws // 2, 2)
    none = [np.full((*shape, width), np.nan) for width in (17, 2)]
    return Answers(FEAB_17, np.ones(shape, bool), names.reshape(shape), *none)


def test_draw_by_draw_until_two_answers_are_told_apart() -> None:
    answers = written(["fear"] * 8, ["fear", "anger"] * 4, ["", "fear", "fear", "", "fear", "fear", "anger", "anger"])
    found = adaptive_consistency(answers, "expression")
    assert found.used.tolist() == [4, 8, 6]
    assert found.decided.tolist() == [True, False, True]
    assert [EXPRESSIONS[int(e)] for e in found.value] == ["fear"] * 3  # of equals the first in the list
    assert adaptive_consistency(answers, "expression", most=3).used.tolist() == [3, 3, 3]


def test_each_level_has_its_own_rule_and_first_draws_are_the_first() -> None:
    truths = Truths.of([Given("fear", {1: True}, -0.5, 0.5)] * 40)
    answers = simulate(profile(), truths, contexts=10, draws=2, seed=0)
    for level in ("action_units", "valence_arousal"):
        found = adaptive_consistency(answers, level)
        assert 2 <= found.used.mean() < 20
    said = first_draws(answers, np.full(40, 3))
    assert said.expressions.sum(axis=(1, 2)).tolist() == [3] * 40
    assert plurality(said, "expression").used.tolist() == [3] * 40
    whole = plurality(answers.tally(), "valence_arousal").value
    assert whole == pytest.approx(answers.affect.mean(axis=(1, 2)))


def test_records_of_different_lengths_are_replayed_as_they_came() -> None:
    ragged = [
        FaceDraws("a", (Draw(5, 0, "anger"), Draw(2, 1, "fear"), Draw(2, 0, None, (0.5, 0.5)), Draw(2, 2, "fear"))),
        FaceDraws("b", (Draw(0, 0, "anger", None, frozenset({4, 99})),)),
        FaceDraws("c"),
    ]
    answers = Answers.of(ragged)
    found = adaptive_consistency(answers, "expression")
    assert found.used.tolist() == [4, 1, 0]
    assert not found.decided.any()
    two = answers.first(np.full(3, 2)).tally()
    assert two.expressions.sum(axis=(1, 2)).tolist() == [1, 1, 0]
    assert two.affect_reads.sum(axis=1).tolist() == [1, 0, 0]
    assert answers.tally().units[1, 0, FEAB_17.index(4)] == 1
    assert len(Answers.of([])) == 0

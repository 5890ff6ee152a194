"""Contexts: the same for the same face and seed, balanced, and without end."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.generation.contexts import KNOWLEDGE, arranged, contexts_for
from feab.generation.wording import paraphrases
from feab.vocabulary import EXPRESSIONS

EVERY = len(paraphrases()) * len(KNOWLEDGE)


def test_there_are_at_least_four_paraphrases_and_five_parts_of_knowledge():
    assert len(paraphrases()) >= 4
    assert set(KNOWLEDGE) == {"none", "likely", "appearance", "contradictions", "all"}


@given(st.text(max_size=20), st.integers(0, 10**6))
@settings(max_examples=20)
def test_contexts_are_balanced_and_come_again_in_the_same_order(sample, seed):
    found = list(islice(contexts_for(sample, seed), 2 * EVERY))
    assert found == list(islice(contexts_for(sample, seed), 2 * EVERY))
    assert [c.number for c in found] == list(range(2 * EVERY))
    pairs = Counter((c.paraphrase, c.knowledge) for c in found)
    assert len(pairs) == EVERY
    assert set(pairs.values()) == {2}
    for start in range(0, EVERY, len(KNOWLEDGE)):
        run = found[start : start + len(KNOWLEDGE)]
        assert len({c.paraphrase for c in run}) == len({c.knowledge for c in run}) == len(KNOWLEDGE)
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert arranged(EXPRESSIONS, one.order) == arranged(EXPRESSIONS, other.order)[::-1]


def test_without_knowledge_all_else_varies():
    found = list(islice(contexts_for("face", 1, knowledge=False), 10))
    assert {c.knowledge for c in found} == {"none"}
    assert {c.paraphrase for c in found} == set(paraphrases())
    assert len({c.order for c in found}) == 10


def test_faces_meet_contexts_in_different_orders():
    firsts = Counter()
    for face in range(1500):
        one, other = islice(contexts_for(f"face{face}", 7), 2)
        assert one.paraphrase != other.paraphrase
        assert one.knowledge != other.knowledge
        firsts.update([one.paraphrase, one.knowledge, arranged(EXPRESSIONS, one.order)[0]])
    for name in (*paraphrases(), *KNOWLEDGE):
        assert abs(firsts[name] / 1500 - 1 / 5) < 0.05, name
    for name in EXPRESSIONS:
        assert abs(firsts[name] / 1500 - 1 / 8) < 0.05, name


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 8])
def test_any_number_of_paraphrases_is_balanced(tmp_path, count):
    for number in range(count):
        (tmp_path / f"ask_p{number}.j2").write_text("x")
    every = count * len(KNOWLEDGE)
    found = list(islice(contexts_for("face", 0, folder=tmp_path), every))
    assert len({(c.paraphrase, c.knowledge) for c in found}) == every


def test_a_folder_without_paraphrases_is_refused(tmp_path):
    with pytest.raises(FeabError, match="holds 0 templates"):
        next(contexts_for("face", 0, folder=tmp_path))
    with pytest.raises(FeabError, match="cannot read"):
        next(contexts_for("face", 0, folder=tmp_path / "none"))


def test_what_is_arranged_depends_on_nothing_but_options_and_order():
    for order in range(50):
        assert sorted(arranged(EXPRESSIONS, order)) == sorted(EXPRESSIONS)
        assert arranged(EXPRESSIONS[::-1], order) == arranged(EXPRESSIONS, order)
    assert len({arranged(EXPRESSIONS, order) for order in range(50)}) == 50

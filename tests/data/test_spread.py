"""The seeded spread: the smallest marks, whatever the order, each once."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from feab.data.spread import mark, smallest


@given(st.lists(st.text(max_size=8), max_size=60), st.integers(1, 20), st.integers(0, 3))
def test_the_smallest_marks_are_kept(samples: list[str], most: int, seed: int) -> None:
    wanted = sorted({mark(sample, seed) for sample in samples})[:most]
    for order in (samples, samples[::-1], samples * 2):
        found = smallest(order, most, seed)
        assert [number for number in sorted({mark(sample, seed) for sample in samples}) if number in found] == wanted


def test_marks_do_not_change() -> None:
    """They choose the faces of `--limit`: by another rule, earlier runs would be about other faces than later ones."""
    letters = "abcdefgh"
    by_digest = sorted(letters, key=lambda letter: hashlib.sha256(f"7:{letter}".encode()).digest())
    assert sorted(letters, key=lambda letter: mark(letter, 7)) == by_digest

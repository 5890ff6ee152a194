"""A cache that many threads share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.leaderboard.bounded import Bounded


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=60))
def test_what_is_kept_is_what_fits_of_what_was_asked_for_last(most: int, asked: list[tuple[int, int]]) -> None:
    kept: Bounded[int, int] = Bounded(most, lambda weight: weight)
    there: dict[int, int] = {}  # by key, the one asked for longest ago first
    for key, weight in asked:
        made: list[int] = []
        assert kept.get(key, lambda weight=weight, made=made: made.append(weight) or weight) == there.get(key, weight)
        assert bool(made) == (key not in there)
        there[key] = there.pop(key, weight)
        while sum(there.values()) > most and len(there) > 1 and made:
            there.pop(next(iter(there)))


def test_a_value_is_made_once_however_many_ask() -> None:
    kept: Bounded[str, object] = Bounded(1)
    made: list[object] = []
    together = Barrier(8)

    def ask(_: int) -> object:
        together.wait()
        return kept.get("same", lambda: made.append(object()) or made[-1])

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == len(made) == 1


def test_what_could_not_be_made_is_asked_for_anew() -> None:
    kept: Bounded[str, int] = Bounded(1)
    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: 1 // 0)
    assert kept.get("key", lambda: 7) == 7

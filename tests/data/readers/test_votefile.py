"""Which numbers are votes of people, which are shares of them, and which are neither."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from feab.data.readers.record import Why
from feab.data.readers.sheet import as_sheet
from feab.data.readers.tree import Tree
from feab.data.readers.votefile import check_order, clip_key, clip_votes
from feab.errors import FeabError


class Told(list[tuple[str, int | str | None, str]]):
    def __call__(self, file: str, line: int | str | None, why: Why, detail: str) -> None:
        assert detail
        self.append((file, line, why))


def votes(tmp_path: Path, rows: Sequence[Sequence[float | str]]) -> tuple[dict[str, list[float]], Told]:
    (tmp_path / "v.xlsx").write_bytes(as_sheet([["clip", "joy", "fear"], *rows]))
    told = Told()
    return clip_votes(Tree(tmp_path), "v.xlsx", "clip", ("joy", "fear"), 10, told), told


def test_numbers_of_people(tmp_path: Path) -> None:
    found, told = votes(tmp_path, [["001.mp4", 7, 3], ["002", 10, 0], ["3", 1, 2], ["4", 9, 9], ["5", 4, 5]])
    assert found == {"1": [7, 3], "2": [10, 0], "3": [1, 2], "5": [4, 5]}
    assert told == [("v.xlsx", 5, "out of range")]


def test_shares_of_them(tmp_path: Path) -> None:
    found, told = votes(tmp_path, [["1", 0.7, 0.3], ["2", 1, 0], ["3", 0.66, 0.33], ["4", 0.7, 0.7]])
    assert found == {"1": [0.7, 0.3], "2": [1, 0], "3": [0.66, 0.33]}
    assert told == [("v.xlsx", 5, "out of range")]


@pytest.mark.parametrize("rows", [[["1", 1, 0], ["2", 0, 1], ["3", 1, 1]], [["1", 0.9, 0.8], ["2", 0.4, 0.1]]])
def test_marks_and_confidences_are_no_votes(rows: list[list[float | str]], tmp_path: Path) -> None:
    """Several labels of one clip, each marked 1, would otherwise pass for the votes of two people."""
    assert votes(tmp_path, rows) == ({}, [("v.xlsx", None, "bad row")])


def test_rows_that_are_none(tmp_path: Path) -> None:
    rows: list[list[float | str]] = [["1", 7, 3], ["2", 7, "x"], ["", 7, 3], ["01", 7, 3], ["3", "", ""], ["4", -1, 3]]
    found, told = votes(tmp_path, rows)
    assert found == {"1": [7, 3]}
    assert [(line, why) for _, line, why in told] == [(3, "bad row"), (4, "bad row"), (5, "same id"), (7, "bad row")]


def test_a_list_without_rows_has_no_votes(tmp_path: Path) -> None:
    assert votes(tmp_path, []) == ({}, [])


def test_votes_in_another_order_are_refused() -> None:
    cast = {"1": [7.0, 3.0], "2": [2.0, 8.0], "3": [5.0, 5.0]}
    check_order(cast, {"1": 0, "2": 0, "3": 1, "9": 1})
    with pytest.raises(FeabError, match="most of them contradict the labels"):
        check_order(cast, {"1": 1, "2": 0, "3": 1})


def test_names_of_clips() -> None:
    assert [clip_key(name) for name in ("00012.mp4", "12", "0012", "a.b.avi", "0", "", "000")] == [
        "12", "12", "12", "a.b", "0", "", "0",
    ]  # fmt: skip

"""Votes in CSV files of one's own: a column for each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_files import table

from feab.data import load_dataset
from feab.errors import FeabError


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_a_column_a_label(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        [
            ["image", "expression", "votes_angry", "Vote happy", "votes_unknown", "subject"],
            ["a.jpg", "happy", 1, 9, 0, "ann"],
            ["b.jpg", "fear", 3, 2, 5, "bob"],
            ["c.jpg", "", "", "", "", ""],
        ],
    )
    data = load_dataset(path)
    assert data.info.labels == ["happiness", "fear", "anger"]
    assert [sample.votes for sample in data] == [(9, 0, 1), (2, 0, 3), None]
    assert [sample.expression for sample in data] == ["happiness", "fear", None]
    np.testing.assert_array_equal(data.votes(["anger", "happiness"]), [[1, 9], [3, 2], [np.nan, np.nan]])
    assert "columns not used: votes_unknown" in data.notes
    assert "votes: for happiness, anger" in data.notes
    again = load_dataset(path, columns={"votes_anger": "votes_unknown", "votes_happiness": "Vote happy"})
    assert again[0].votes == (9, 0, 0)
    assert again.fingerprint != data.fingerprint


def test_without_expressions_the_commonest_vote_is_taken_and_said(tmp_path: Path) -> None:
    rows = [
        ["image", "votes_fear", "votes_anger"],
        ["a.jpg", 1, 9],
        ["b.jpg", 5, 5],
        ["c.jpg", "", ""],
        ["d.jpg", 0, 0],
    ]
    data = load_dataset(table(tmp_path, rows))
    assert [sample.expression for sample in data] == ["anger", None, None, None]
    assert "expression: the commonest vote of each face; 2 with a tie or no votes have none" in data.notes


def test_shares_are_read_as_they_are(tmp_path: Path) -> None:
    data = load_dataset(table(tmp_path, [["image", "votes_fear", "votes_anger"], ["a.jpg", "0.25", ".75"]]))
    assert data[0].votes == (0.25, 0.75)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["a.jpg", 1, ""], ["b.jpg", 1, 2]], "row 2: column 'votes_anger' is empty"),
        ([["a.jpg", 1, 2], ["b.jpg", -1, 2]], r"row 3 .*'votes'.* numbers from 0"),
        ([["a.jpg", 1, "many"]], "row 2: column 'votes_anger': 'many' is no number"),
        ([["a.jpg", 1, "nan"]], "is no number"),
    ],
)
def test_what_is_refused(tmp_path: Path, rows: list[list[object]], words: str) -> None:
    path = table(tmp_path, [["image", "votes_fear", "votes_anger"], *rows])
    with pytest.raises(FeabError, match=words):
        load_dataset(path)


def test_two_columns_for_one_label_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, [["image", "votes_fear", "vote_scared"], ["a.jpg", 1, 2]])
    with pytest.raises(FeabError, match="both mean votes_fear"):
        load_dataset(path)
    with pytest.raises(FeabError, match=r"it has image, .*, votes_happiness"):
        load_dataset(path, columns={"votes_boredom": "votes_fear"})

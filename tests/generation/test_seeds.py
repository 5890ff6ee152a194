"""A study's file: no seed twice, none by half, and what is done is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feab.errors import FeabError
from feab.generation.seeds import SeedFile

NAMES = ("seed", "given", "knowledge")
LINES = [{"arm": "one", "primary": 0.5}, {"arm": "two", "primary": None}]


def head(seed: int, knowledge: str = "matched") -> dict[str, Any]:
    return {"seed": seed, "given": ["action_units"], "knowledge": knowledge}


def test_seeds_are_written_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "study.jsonl"
    with SeedFile(path, NAMES) as file:
        assert not file.is_done(head(1))
        file.add(head(1), LINES)
        file.add(head(2), LINES)
        file.add(head(1, "shuffled"), LINES)
    with SeedFile(path, NAMES) as file:
        assert [file.is_done(head(*which)) for which in ((1,), (2,), (3,), (1, "shuffled"), (2, "shuffled"))] == [
            True, True, False, True, False,
        ]  # fmt: skip
        assert file.table().splitlines() == [
            "| given | knowledge | seeds done | minutes each |",
            "|---|---|---|---|",
            "| action_units | matched | 1 2 | 0.0 |",
            "| action_units | shuffled | 1 | 0.0 |",
        ]
    assert len(path.read_text().splitlines()) == 3 * (len(LINES) + 1)


@pytest.mark.parametrize("cut", [1, 30, 200, 10_000])
def test_a_seed_that_was_broken_off_is_done_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "study.jsonl"
    with SeedFile(path, NAMES) as file:
        file.add(head(1), LINES)
        whole = path.read_bytes()
        file.add(head(2), LINES)
    second = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + second[: min(cut, len(second) - 1)])  # as a kill or a full disk leaves it
    with SeedFile(path, NAMES) as file:
        assert path.read_bytes() == whole
        assert (file.is_done(head(1)), file.is_done(head(2))) == (True, False)
        file.add(head(2), LINES)
    assert path.read_bytes() == whole + second


def test_a_seed_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "study.jsonl"

    def failing() -> Any:
        yield LINES[0]
        raise KeyboardInterrupt

    with SeedFile(path, NAMES) as file:
        file.add(head(1), LINES)
        whole = path.read_bytes()
        with pytest.raises(KeyboardInterrupt):
            file.add(head(2), failing())
    assert path.read_bytes() == whole


@pytest.mark.parametrize("text", ['{"seed": 1, "arm": "x"}\n', "[1]\n", "no JSON\n", '{"seed": 1, "seed": 2}\n'])
def test_another_file_is_not_written_into(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.jsonl"
    path.write_text(text)
    with pytest.raises(FeabError, match=r"study\.jsonl:1"):
        SeedFile(path, NAMES)
    assert path.read_text() == text


def test_two_processes_do_not_share_it(tmp_path: Path) -> None:
    with SeedFile(tmp_path / "study.jsonl", NAMES), pytest.raises(FeabError, match=r"study\.jsonl: process"):
        SeedFile(tmp_path / "study.jsonl", NAMES)

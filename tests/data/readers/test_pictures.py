"""Large sets have processes look at their pictures: nothing but the time may change."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from planted_faults import spoil_pictures

from feab.data.readers import mimic, pictures, prepare

FILES = [f"Image/aligned/train_{number:05d}_aligned.jpg" for number in range(1, 7)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    above = tmp_path_factory.mktemp("pictures")
    root = above / "as-delivered"
    mimic("rafdb", root, 90)
    shutil.copy(root / FILES[-1], above / "secret.jpg")
    spoil_pictures(root, FILES, above / "secret.jpg")
    return root


def prepared(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **how: str) -> tuple[object, str]:
    monkeypatch.setenv("FEAB_DATA", str(folder / "home"))
    made = prepare("rafdb", root, folder / "made", workers=2, **how)  # type: ignore[arg-type]
    return made.splits, (made.folder / "train.skipped.jsonl").read_text()


def test_processes_find_what_threads_find(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    look = pictures._Team.look

    def counted(team: pictures._Team, files: list[str]) -> object:
        found = look(team, files)
        asked.append(len(found))
        return found

    monkeypatch.setattr(pictures._Team, "look", counted)
    alone = prepared(root, tmp_path / "alone", monkeypatch)
    assert not any(asked)
    monkeypatch.setattr(pictures, "_ALONE", 0)
    assert prepared(root, tmp_path / "together", monkeypatch) == alone
    assert sum(asked) >= 90
    asked.clear()
    monkeypatch.setattr(pictures, "_ALONE", 0)
    stored = prepared(root, tmp_path / "stored", monkeypatch, images="bytes")
    assert stored[1] == alone[1]
    assert not any(asked)


def test_processes_that_die_lose_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = prepared(root, tmp_path / "alone", monkeypatch)
    monkeypatch.setattr(pictures, "_ALONE", 0)
    monkeypatch.setattr(pictures.sys, "executable", shutil.which("false"))
    assert prepared(root, tmp_path / "dead", monkeypatch) == alone

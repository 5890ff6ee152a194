from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import INFO, tiny_row

from feab.data import list_datasets, load_dataset, read_info, resolve, validate_dataset, write_split
from feab.data.places import embedded_folder
from feab.errors import FeabError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty FEAB_DATA, and a working folder beside it."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("FEAB_DATA", str(home))
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(work)
    return home


def make(folder: Path, n: int = 3) -> None:
    write_split(folder, "test", (tiny_row(i) for i in range(n)), INFO)


def test_a_name_lies_under_feab_data(home: Path) -> None:
    make(home / "tiny")
    assert len(load_dataset("tiny")) == 3
    assert resolve("tiny") == home / "tiny"
    assert read_info(resolve("tiny")).splits["test"].n == 3


def test_a_folder_is_reached_by_path_and_a_name_comes_first(home: Path) -> None:
    make(home / "tiny", 3)
    make(Path("tiny"), 2)
    make(Path("only-here"), 1)
    assert len(load_dataset("tiny")) == 3
    assert len(load_dataset("./tiny")) == 2
    assert len(load_dataset(Path("tiny"))) == 2
    assert len(load_dataset("only-here")) == 1


def test_no_folder_of_the_user_passes_for_the_embedded_set(home: Path) -> None:
    make(home / "synth")
    if (embedded_folder() / "dataset.json").exists():
        assert resolve("synth") == embedded_folder()
    assert [entry.name for entry in list_datasets() if not entry.embedded] == ["synth"]
    assert len(load_dataset(home / "synth")) == 3


def test_unknown_names_list_the_known_ones(home: Path) -> None:
    make(home / "tiny")
    with pytest.raises(FeabError, match="tiny"):
        load_dataset("big")
    (home / "empty").mkdir()
    with pytest.raises(FeabError, match=r"no dataset\.json"):
        load_dataset(home / "empty")
    with pytest.raises(FeabError, match="no split 'training'"):
        load_dataset("synth", "training")


def test_a_broken_dataset_is_listed_with_its_error(home: Path) -> None:
    make(home / "a")
    make(home / "b")
    (home / "b" / "dataset.json").write_text("{")
    (home / "not-a-dataset").mkdir()
    found = {entry.name: entry for entry in list_datasets() if not entry.embedded}
    assert set(found) == {"a", "b"}
    assert found["a"].info is not None
    assert found["b"].info is None
    assert "dataset.json" in str(found["b"].error)


def test_validation_finds_a_changed_label(home: Path) -> None:
    make(home / "tiny")
    before = validate_dataset(home / "tiny")
    write_split(home / "other", "test", [tiny_row(i, valence=0.5) for i in range(3)], INFO)
    (home / "other" / "test.parquet").replace(home / "tiny" / "test.parquet")
    with pytest.raises(FeabError, match=before.splits["test"].fingerprint):
        validate_dataset(home / "tiny")


def test_a_split_name_is_no_path(tmp_path: Path) -> None:
    entry = {"n": 1, "fingerprint": "0" * 64}
    text = {"name": "x", "version": "1", "licence": "", "images_may_be_shared": True, "third_party": "allowed"}
    for split in ("../../../etc/x", "a/b", "", "1st", "x" * 65, "test\n"):
        (tmp_path / "dataset.json").write_text(json.dumps({**text, "splits": {split: entry}}))
        with pytest.raises(FeabError, match="splits"):
            read_info(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps({**text, "splits": {"Train_2": entry}}))
    assert set(read_info(tmp_path).splits) == {"Train_2"}

"""Every dataset: its miniature is made, prepared, and asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from feab.data import load_dataset, validate_dataset
from feab.data.readers import mimic, names, prepare, reader_of
from feab.errors import FeabError


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize("name", names())
def test_a_miniature_is_prepared_without_a_fault(name: str, tmp_path: Path) -> None:
    reader = reader_of(name)
    mimic(name, tmp_path / "as-delivered", 20)
    made = prepare(name, tmp_path / "as-delivered")
    assert not made.absent
    assert not made.kept
    for split, summary in made.splits.items():
        assert summary.samples >= 10, split
        assert summary.skipped == {}
        dataset = load_dataset(name, split)
        assert len(dataset) == summary.samples == len(set(dataset.ids))
        assert all(sample.media.read() for sample in dataset)
    assert set(made.splits) == set(reader.splits)
    info = validate_dataset(made.folder)
    assert info.licence
    assert info.source


@pytest.mark.parametrize("name", names())
def test_bytes_and_paths_have_one_fingerprint(name: str, tmp_path: Path) -> None:
    mimic(name, tmp_path / "as-delivered", 12)
    paths = prepare(name, tmp_path / "as-delivered", tmp_path / "paths")
    stored = prepare(name, tmp_path / "as-delivered", tmp_path / "bytes", images="bytes")
    for split, summary in paths.splits.items():
        assert stored.splits[split].fingerprint == summary.fingerprint


def test_every_reader_has_the_name_it_is_listed_by() -> None:
    assert [reader_of(name).name for name in names()] == names()


def test_names_are_known_as_people_write_them() -> None:
    assert reader_of("RAF-DB").name == "rafdb"
    with pytest.raises(FeabError, match=r"no reader for a dataset 'nonesuch'; there are .*rafdb"):
        reader_of("nonesuch")

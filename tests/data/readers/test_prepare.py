"""Preparing: what is there stays, what was killed is done again, and nothing is read or written elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from feab.data import load_dataset, read_info, validate_dataset
from feab.data.readers import mimic, prepare, reader_of
from feab.data.readers import prepare as prepare_function
from feab.data.readers.summary import read_prepared
from feab.errors import FeabError


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    mimic("rafdb", tmp_path / "as-delivered", 300)
    return tmp_path / "as-delivered"


def test_a_finished_split_is_not_written_again(delivered: Path) -> None:
    made = prepare("rafdb", delivered)
    stamps = {path.name: path.stat().st_mtime_ns for path in made.folder.glob("*.parquet")}
    again = prepare("rafdb", delivered)
    assert again.kept == ("train", "test")
    assert {path.name: path.stat().st_mtime_ns for path in made.folder.glob("*.parquet")} == stamps
    assert prepare("rafdb", delivered, again=True).kept == ()


class _Killed(BaseException):
    pass


def test_what_a_killed_call_left_is_done_again(delivered: Path, tmp_path: Path) -> None:
    def kill(split: str, done: int) -> None:
        if split == "test" and done >= 256:
            raise _Killed

    with pytest.raises(_Killed):
        prepare("rafdb", delivered, on_progress=kill)
    folder = tmp_path / "data" / "rafdb"
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.json", "prepared.json", "train.parquet"]
    (folder / ".test.parquet.12345").write_bytes(b"left by a kill -9")
    (folder / ".test.skipped.12345").write_bytes(b"left by a kill -9")
    made = prepare("rafdb", delivered)
    assert made.kept == ("train",)
    assert made.splits["test"].samples == 300
    assert sorted(path.name for path in folder.iterdir()) == [
        "dataset.json", "prepared.json", "test.parquet", "train.parquet",
    ]  # fmt: skip
    whole = prepare("rafdb", delivered, tmp_path / "whole")
    assert {name: split.fingerprint for name, split in whole.splits.items()} == {
        name: split.fingerprint for name, split in made.splits.items()
    }


@pytest.mark.parametrize("missing", ["dataset.json", "prepared.json", "test.parquet"])
def test_a_kill_between_two_files_loses_nothing(missing: str, delivered: Path) -> None:
    before = prepare("rafdb", delivered)
    (before.folder / missing).unlink()
    made = prepare("rafdb", delivered)
    assert {name: split.fingerprint for name, split in made.splits.items()} == {
        name: split.fingerprint for name, split in before.splits.items()
    }
    validate_dataset(made.folder)


def test_a_folder_prepared_otherwise_is_not_mixed(delivered: Path, tmp_path: Path) -> None:
    prepare("rafdb", delivered)
    with pytest.raises(FeabError, match=r"with other --images \('paths', now 'bytes'\); --again writes it anew"):
        prepare("rafdb", delivered, images="bytes")
    mimic("jaffe", tmp_path / "jaffe", 14)
    with pytest.raises(FeabError, match="holds the dataset rafdb; choose another folder"):
        prepare("jaffe", tmp_path / "jaffe", tmp_path / "data" / "rafdb")
    (tmp_path / "mine").mkdir()
    for name in ("thesis.tex", "test.parquet"):
        (tmp_path / "mine" / name).write_text("do not touch")
        with pytest.raises(FeabError, match="holds something else"):
            prepare("jaffe", tmp_path / "jaffe", tmp_path / "mine")
        assert (tmp_path / "mine" / name).read_text() == "do not touch"
        (tmp_path / "mine" / name).unlink()


def test_the_wrong_folder_is_told_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="no such folder"):
        prepare("rafdb", tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    with pytest.raises(FeabError, match=r"this is not RAF-DB .*\n  EmoLabel/list_patition_label.txt"):
        prepare("rafdb", tmp_path / "other")


def test_the_two_sets_of_raf_db_are_not_confused(tmp_path: Path) -> None:
    """Their lists have the same name and form, and their codes 1 to 7 mean different things."""
    mimic("rafdb_compound", tmp_path / "raf", 22)
    mimic("rafdb", tmp_path / "basic", 22)
    with pytest.raises(FeabError, match="this is RAF-DB's compound set: rafdb_compound"):
        prepare("rafdb", tmp_path / "raf" / "compound", tmp_path / "a")
    with pytest.raises(FeabError, match="this is RAF-DB's basic set: rafdb"):
        prepare("rafdb_compound", tmp_path / "basic", tmp_path / "b")


def test_a_split_that_is_not_there_is_said_to_be_absent(tmp_path: Path) -> None:
    mimic("affectnet", tmp_path / "as-delivered", 12)
    (tmp_path / "as-delivered/Manually_Annotated_file_lists/training.csv").unlink()
    made = prepare("affectnet", tmp_path / "as-delivered")
    assert set(made.splits) == {"validation"}
    assert "Manually_Annotated_file_lists/training.csv" in made.absent["train"]


def test_affectnet_without_its_header_is_the_same(tmp_path: Path) -> None:
    mimic("affectnet", tmp_path / "as-delivered", 12)
    made = prepare("affectnet", tmp_path / "as-delivered")
    file = tmp_path / "as-delivered/Manually_Annotated_file_lists/validation.csv"
    file.write_text("\n".join(file.read_text().splitlines()[1:]) + "\n")
    bare = prepare("affectnet", tmp_path / "as-delivered", tmp_path / "bare")
    assert bare.splits["validation"].fingerprint == made.splits["validation"].fingerprint
    assert made.splits["validation"].unlabelled == 1  # the Non-Face
    assert made.splits["validation"].skipped == {}


def test_pictures_are_found_through_this_machines_memory_only(
    delivered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare("rafdb", delivered)
    assert str(tmp_path) not in (made.folder / "dataset.json").read_text()
    sample = load_dataset("rafdb")[0]
    assert Path(str(sample.media.path)).is_relative_to(delivered.resolve())
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "elsewhere"))
    moved = load_dataset(made.folder)[0]
    assert Path(str(moved.media.path)).is_relative_to(made.folder)
    with pytest.raises(OSError, match="No such file"):
        moved.media.read()


def test_a_dataset_folder_put_in_the_place_of_another_does_not_inherit_its_pictures(
    delivered: Path, tmp_path: Path
) -> None:
    made = prepare("rafdb", delivered)
    info = json.loads((made.folder / "dataset.json").read_text())
    info["splits"]["test"]["fingerprint"] = "0" * 64
    (made.folder / "dataset.json").write_text(json.dumps(info))
    assert Path(str(load_dataset("rafdb")[0].media.path)).is_relative_to(made.folder)


def test_damaged_memory_is_told(delivered: Path, data_home: Path) -> None:
    prepare("rafdb", delivered)
    (record,) = (data_home / ".pictures").iterdir()
    record.write_text('{"splits": [1]}')
    with pytest.raises(FeabError, match="is damaged; remove it and prepare the dataset again"):
        load_dataset("rafdb")


def test_the_summary_is_kept_beside_the_dataset(delivered: Path) -> None:
    made = prepare("rafdb", delivered)
    assert read_prepared(made.folder) == dict(made.splits)
    summary = made.splits["test"]
    assert sum(summary.expressions.values()) == summary.samples == read_info(made.folder).splits["test"].n
    assert summary.attributes["perceived_gender"] == {"female": 100, "male": 100}  # the third hundred was unsure
    assert (made.folder / "prepared.json").read_text().count("\n") < 200


def test_nothing_is_written_into_the_given_folder(delivered: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in delivered.rglob("*"))
    prepare("rafdb", delivered, images="bytes")
    assert sorted((path, path.stat().st_mtime_ns) for path in delivered.rglob("*")) == before


def test_a_link_above_the_files_is_not_followed_out_of_the_folder(delivered: Path, tmp_path: Path) -> None:
    (tmp_path / "hostile").mkdir()
    for name in ("EmoLabel", "Image"):
        (tmp_path / "hostile" / name).symlink_to(delivered / name)
    with pytest.raises(FeabError, match="this is not RAF-DB"):
        prepare("rafdb", tmp_path / "hostile")


def test_the_whole_folder_may_be_a_link(delivered: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(delivered)
    assert prepare("rafdb", tmp_path / "link").splits["test"].samples == 300


def test_rows_come_in_an_order_that_does_not_depend_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    mimic("sfew", tmp_path / "as-delivered", 40)
    made = prepare("sfew", tmp_path / "as-delivered")
    scan = os.scandir

    class Backwards:
        def __init__(self, path: Any) -> None:
            self._scan = scan(path)

        def __enter__(self) -> Any:
            return iter(sorted(self._scan, key=lambda entry: entry.name, reverse=True))

        def __exit__(self, *_: object) -> None:
            self._scan.close()

    monkeypatch.setattr("feab.data.readers.tree.os.scandir", Backwards)
    other = prepare("sfew", tmp_path / "as-delivered", tmp_path / "other", workers=1)
    assert (other.folder / "train.parquet").read_bytes() == (made.folder / "train.parquet").read_bytes()


def test_a_part_of_a_known_dataset_does_not_stand_where_tasks_look(delivered: Path, tmp_path: Path) -> None:
    with pytest.raises(FeabError, match=r"a part of rafdb must not stand .* say --to DIR"):
        prepare("rafdb", delivered, limit=20)
    made = prepare("rafdb", delivered, tmp_path / "trial", limit=20)
    assert {split: summary.samples for split, summary in made.splits.items()} == {"train": 20, "test": 20}
    whole = set(load_dataset(prepare("rafdb", delivered).folder).ids)
    assert set(load_dataset(made.folder).ids) < whole


def test_memory_does_not_hold_the_rows(tmp_path: Path) -> None:
    """A reader that gives 4,000 rows is never more than a few hundred ahead of the file."""
    import sys

    mimic("rafau", tmp_path / "as-delivered", 14)
    reader = reader_of("rafau")
    given, written = 0, 0
    most = 0

    def read(tree: Any, split: str, skip: Any) -> Any:
        nonlocal given, most
        (row, *_) = reader.read(tree, split, skip)
        for number in range(4_000):
            given += 1
            most = max(most, given - written)
            yield replace(row, id=f"{number:06d}")

    def tell(split: str, done: int) -> None:
        nonlocal written
        written = done

    module = sys.modules[prepare_function.__module__]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "reader_of", lambda name: replace(reader, read=read))
        made = prepare("rafau", tmp_path / "as-delivered", workers=2, on_progress=tell)
    assert made.splits["test"].samples == 4_000
    assert most < 1000

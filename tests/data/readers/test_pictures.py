"""Large sets have processes look at their pictures: nothing but the time may change."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from planted_faults import spoil_pictures
from samples import jpeg

from feab.data.readers import mimic, pictures, prepare
from feab.data.readers.record import Row
from feab.data.readers.stored import open_stored, picture_batches, stored_pictures
from feab.data.readers.tree import Tree
from feab.data.rows import GROUP_BYTES

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


def large(shade: int = 0, megabytes: int = 1) -> bytes:
    """A picture of many bytes: a JPEG with comments in it."""
    small = jpeg(shade)
    comment = b"\xff\xfe" + (62_502).to_bytes(2, "big") + bytes(62_500)
    return small[:2] + comment * (16 * megabytes) + small[2:]


@pytest.mark.parametrize("held", ["in rows", "in files"])
def test_of_large_pictures_a_few_are_held_at_a_time(held: str, tmp_path: Path) -> None:
    """Eight megabytes of every thread, whatever the number of rows: else 64 pictures of each would be in memory."""
    (tmp_path / "large.jpg").write_bytes(large())
    image = large() if held == "in rows" else "large.jpg"
    given = taken = most = 0

    def rows() -> Iterator[Row]:
        nonlocal given, most
        for number in range(80):
            given += 1
            most = max(most, given - taken)
            yield Row(str(number), image, "table", number, {"expression": "fear"})

    for seen in pictures.Pictures(Tree(tmp_path), keep=True).see(rows(), workers=2):
        assert seen.wrong is None
        taken += 1
    assert taken == 80
    assert most <= 16  # four batches of four


@pytest.mark.parametrize("form", [".parquet", ".arrow"])
def test_a_table_that_holds_pictures_is_read_a_few_megabytes_at_a_time(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"test{form}"
    for picture, rows in ((large(), 40), (jpeg(0), 100)):
        table = pa.table({"image": [{"bytes": picture, "path": None}] * rows, "label": ["fear"] * rows})
        if form == ".parquet":
            pq.write_table(table, path, row_group_size=rows)
        else:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
        batches = list(picture_batches(path, "image"))
        assert sum(map(len, batches)) == rows
        assert max(map(len, batches)) == (3 if rows == 40 else 32)
        assert max(batch.nbytes for batch in batches) <= GROUP_BYTES + len(picture)
        assert set(stored_pictures(open_stored([path]), "image")) == {picture}


def test_processes_that_die_lose_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = prepared(root, tmp_path / "alone", monkeypatch)
    monkeypatch.setattr(pictures, "_ALONE", 0)
    monkeypatch.setattr(pictures.sys, "executable", shutil.which("false"))
    assert prepared(root, tmp_path / "dead", monkeypatch) == alone

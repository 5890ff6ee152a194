"""Dataset folders with planted faults: every one is told, with its row."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from samples import INFO, jpeg, tiny_row

from feab.data import validate_dataset, write_split
from feab.data.columns import image_type
from feab.data.validate import check_dataset
from feab.errors import FeabError
from feab.pictures import MAX_PIXELS
from feab.problems import Gather, Problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_split(tmp_path / "tiny", "test", (tiny_row(n, face=[0, 0, 4, 4]) for n in range(10)), INFO, row_group=4)
    return tmp_path / "tiny"


def check(folder: Path, progress: Any = None) -> tuple[Problem, ...]:
    notes = Gather(folder)
    check_dataset(folder, notes, progress)
    return notes.problems


def put(folder: Path, column: str, values: dict[int, Any], kind: Any = None) -> None:
    """Replace some values of a column, past all the checks of writing."""
    path = folder / "test.parquet"
    table = pq.read_table(path)
    held = table.column(column).to_pylist()
    for row, value in values.items():
        held[row] = value
    array = pa.array(held, type=kind or table.column(column).type)
    pq.write_table(table.set_column(table.column_names.index(column), column, array), path)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def postscript() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "EPS")
    return out.getvalue()


def test_a_good_folder_is_clean_and_progress_reaches_the_end(folder: Path) -> None:
    write_split(folder, "train", (tiny_row(n) for n in range(300)), INFO)
    told: list[tuple[int, int]] = []
    assert check(folder, lambda done, total: told.append((done, total))) == ()
    assert told[-1] == (310, 310)
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("valence", {3: 1.5}, ["row 3 (id 't-00003'): column 'valence': 1.5 is outside [-1, 1]"]),
        ("valence", {3: 1.5, 7: -2.0}, ["row 3 ", "row 7 "]),
        ("au01_presence", {0: 0.5}, ["column 'au01_presence': 0.5 is neither 0 nor 1"]),
        ("au01_intensity", {0: 9.0}, ["is outside [0, 5]"]),
        ("expression", {2: "boredom", 4: "hunger"}, ["'boredom' is not among the labels", "'hunger' is not among"]),
        ("age_group", {1: "old"}, ["'old' is not one of"]),
        ("face", {1: [1.0, 1.0, 0.0, 4.0]}, ["must be x, y, width, height"]),
        ("face", {1: [400.0, 1.0, 5.0, 4.0]}, ["lies outside the picture of 8 × 8 pixels"]),
        ("id", {5: "t-00004", 6: "t-00004"}, ["row 5: id 't-00004' occurs already in row 4", "row 6: id"]),
        ("id", {5: "<b>", 6: "", 7: None}, ["row 5: id '<b>'", "row 6: id ''", "row 7: id None"]),
        ("image", {2: None}, ["row 2 (id 't-00002'): column 'image' is null"]),
        ("image", {2: {"bytes": b"no picture", "path": None}}, ["image is none of JPEG, PNG"]),
        ("image", {2: {"bytes": jpeg(2, 64)[:600], "path": None}}, ["image cannot be decoded ("]),
        ("image", {2: {"bytes": bomb(30_000, 30_000), "path": None}}, ["row 2 (id 't-00002'): image"]),
        ("image", {2: {"bytes": bomb(9_000, 8_000), "path": None}}, [f"9000 × 8000 pixels, more than {MAX_PIXELS:,}"]),
        ("image", {2: {"bytes": postscript(), "path": None}}, ["image is none of JPEG, PNG"]),
        ("image", {2: {"bytes": None, "path": None}}, ["an image has neither bytes nor a path"]),
        ("image", {2: {"bytes": None, "path": "../x.jpg"}}, ["must be relative and stay inside"]),
        ("image", {2: {"bytes": None, "path": "/etc/passwd"}}, ["must be relative and stay inside"]),
        ("image", {2: {"bytes": None, "path": "gone.jpg"}}, ["image 'gone.jpg': cannot read it (No such file"]),
        ("image", {2: {"bytes": None, "path": "pipe.jpg"}}, ["image 'pipe.jpg': not a file"]),
        ("image", {2: {"bytes": jpeg(200), "path": None}}, ["fingerprint is "]),
        ("strength", {0: "strong"}, ["fingerprint is "]),
    ],
)
def test_each_planted_fault_is_named_with_its_row(
    folder: Path, column: str, values: dict[int, Any], says: list[str]
) -> None:
    os.mkfifo(folder / "pipe.jpg")
    put(folder, column, values, image_type() if column == "image" else None)
    found = check(folder)
    for words in says:
        said = [p for p in found if words in f"{p.where}: {p.message}"]
        assert said, [str(p) for p in found]
        assert said[0].file == folder / "test.parquet"
        assert said[0].advice


def test_faults_of_every_kind_are_told_together(folder: Path) -> None:
    put(folder, "valence", {1: 2.0})
    put(folder, "expression", {2: "boredom"})
    put(folder, "image", {3: {"bytes": b"x", "path": None}, 9: {"bytes": b"y", "path": None}}, image_type())
    said = " ".join(p.where for p in check(folder))
    for row in (1, 2, 3, 9):
        assert f"row {row} " in said


def test_columns_that_do_not_fit_dataset_json_are_all_named(folder: Path) -> None:
    path = folder / "test.parquet"
    table = pq.read_table(path).drop_columns(["au12_presence", "au12_intensity"])
    table = table.append_column("au99_presence", pa.array([1.0] * 10, pa.float32()))
    table = table.append_column("Shouted", pa.array(["x"] * 10))
    table = table.set_column(table.column_names.index("arousal"), "arousal", pa.array(["calm"] * 10))
    pq.write_table(table, path)
    said = "\n".join(map(str, check(folder)))
    for words in (
        "lists AU 12, but",
        "AU 99 has a column",
        "extra column 'Shouted'",
        "column 'arousal' has type string",
    ):
        assert words in said, said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 7}, "schema: schema 7 is not known"),
        ({"third_party": "maybe", "licence": 3}, "licence: input should be a valid string"),
        ({"splits": {}}, "splits: lists no split"),
        ({"splits": {"../x": {"n": 1, "fingerprint": "0" * 64}}}, "splits.../x"),
        ({"splits": {"gone": {"n": 1, "fingerprint": "0" * 64}}}, "gone.parquet: no such file"),
        ({"splits": {"test": {"n": 11, "fingerprint": "0" * 64}}}, "holds 10 rows, dataset.json says 11"),
        ({"subsets": {"mini": {"split": "evening"}}}, "subsets.mini: is of split 'evening'"),
        ({"labels": ["anger", "anger"]}, "labels: names something twice"),
        ({"colour": "red"}, "colour: extra inputs"),
    ],
)
def test_faults_of_dataset_json_are_named(folder: Path, change: dict[str, Any], says: str) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}, indent=1))
    found = check(folder)
    assert any(says in str(p) for p in found), [str(p) for p in found]


def test_what_is_no_parquet_is_named(folder: Path) -> None:
    (folder / "test.parquet").write_bytes(b"PAR1 nonsense PAR1")
    (found,) = check(folder)
    assert "cannot be read as Parquet" in found.message
    (folder / "test.parquet").unlink()
    os.mkfifo(folder / "test.parquet")
    (found,) = check(folder)
    assert "not a file" in found.message


def test_validate_dataset_raises_the_first(folder: Path) -> None:
    assert validate_dataset(folder).name == "tiny"
    put(folder, "image", {4: {"bytes": b"x", "path": None}}, image_type())
    with pytest.raises(FeabError, match=r"row 4 \(id 't-00004'\): image is none of"):
        validate_dataset(folder)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_give_problems_and_nothing_worse(folder: Path, data: Any) -> None:
    name = data.draw(st.sampled_from(["dataset.json", "test.parquet"]))
    whole = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    changed = whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + data.draw(st.integers(0, 4)) :]
    (folder / name).write_bytes(changed)
    try:
        found = check(folder)
    finally:
        (folder / name).write_bytes(whole)
    assert all(isinstance(problem, Problem) for problem in found)

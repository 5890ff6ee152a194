from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from samples import INFO, jpeg, tiny_row

from feab.data import load_dataset, open_split, write_split
from feab.data.fingerprint import fingerprint
from feab.errors import FeabError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_split(tmp_path / "tiny", "test", (tiny_row(n) for n in range(10)), INFO, row_group=4)
    return tmp_path / "tiny"


def rewrite(folder: Path, change: Any) -> None:
    """Replace the Parquet file by change(table)."""
    path = folder / "test.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def with_column(table: pa.Table, name: str, values: list[Any], kind: Any = None) -> pa.Table:
    array = pa.array(values, type=kind)
    if name not in table.column_names:
        return table.append_column(name, array)
    return table.set_column(table.column_names.index(name), name, array)


def test_samples_come_back_as_they_were_written(folder: Path) -> None:
    data = load_dataset(folder)
    assert len(data) == 10
    assert [s.id for s in data] == data.ids == [f"t-{n:05d}" for n in range(10)]
    sample = data[6]
    assert sample.media.read() == jpeg(6)
    assert (sample.expression, sample.subject, sample.source) == ("anger", "s1", "tiny")
    assert sample.valence == pytest.approx(-0.4)
    assert dict(sample.au_presence) == {1: 1.0, 12: 0.0}
    assert dict(sample.au_intensity) == {1: 2.0}
    assert dict(sample.extra) == {"mini": False, "identity": 1}
    assert data[1].extra["strength"] == "weak"
    assert data[-1].id == "t-00009"


def test_null_is_none_and_never_zero(folder: Path) -> None:
    sample = load_dataset(folder)[5]
    assert sample.expression is None
    assert sample.arousal is None
    assert not sample.au_presence
    assert not sample.au_intensity
    frame = load_dataset(folder).labels()
    assert math.isnan(frame["au12_presence"][5])
    assert math.isnan(frame["arousal"][5])
    assert frame["expression"].isna()[5]
    assert frame["au25_presence"].isna().all()


def test_nan_is_written_as_null(tmp_path: Path) -> None:
    rows = [tiny_row(0, valence=float("nan"), au01_presence=math.nan)]
    info = write_split(tmp_path, "test", rows, INFO)
    table = pq.read_table(tmp_path / "test.parquet")
    assert table.column("valence").null_count == 1
    assert table.column("au01_presence").null_count == 1
    assert info.splits["test"].fingerprint == fingerprint([tiny_row(0, valence=None, au01_presence=None)])


def test_nan_in_a_foreign_file_is_read_as_null(folder: Path) -> None:
    rewrite(folder, lambda t: with_column(t, "valence", [float("nan")] * 10, pa.float64()))
    assert load_dataset(folder)[3].valence is None


def test_labels_leave_the_images_out(folder: Path) -> None:
    frame = load_dataset(folder).labels()
    assert "image" not in frame.columns
    assert list(frame["id"]) == [f"t-{n:05d}" for n in range(10)]
    assert str(frame["valence"].dtype) == "float32"


def test_a_slice_is_a_dataset(folder: Path) -> None:
    part = load_dataset(folder)[2:8:2]
    assert [s.id for s in part] == part.ids == list(part.labels()["id"]) == ["t-00002", "t-00004", "t-00006"]
    with pytest.raises(IndexError):
        part[3]


def test_subset_by_name(folder: Path) -> None:
    mini = load_dataset(folder, subset="tiny_mini")
    assert (mini.name, mini.ids) == ("tiny_mini", ["t-00000", "t-00001", "t-00002"])
    assert mini.fingerprint == load_dataset(folder).fingerprint
    with pytest.raises(FeabError, match="tiny_mini"):
        load_dataset(folder, subset="nothing")


def test_few_row_groups_are_held(folder: Path) -> None:
    write_split(folder, "many", (tiny_row(n) for n in range(60)), INFO, row_group=3)
    data = open_split(folder, "many")
    assert [s.id for s in data] == data.ids
    assert len(data._source._kept) == 3


def test_any_order_gives_the_right_image(folder: Path) -> None:
    data = load_dataset(folder)
    for n in (9, 0, 5, 5, 2, 8, 1, 9):
        assert data[n].media.read() == jpeg(n)


def test_other_splits_stay_and_the_file_is_the_same_twice(folder: Path, tmp_path: Path) -> None:
    write_split(folder, "train", [tiny_row(99)], INFO, pinned=False)
    info = load_dataset(folder).info
    assert {name: (s.n, s.pinned) for name, s in info.splits.items()} == {"test": (10, True), "train": (1, False)}
    write_split(tmp_path / "again", "test", (tiny_row(n) for n in range(10)), INFO, row_group=4)
    assert (tmp_path / "again" / "test.parquet").read_bytes() == (folder / "test.parquet").read_bytes()


def test_images_as_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(jpeg(0))
    row = tiny_row(0, image={"bytes": None, "path": "pictures/a.jpg"})
    info = write_split(tmp_path, "test", [row], INFO)
    sample = load_dataset(tmp_path)[0]
    assert sample.media.data is None
    assert sample.media.read() == jpeg(0)
    assert info.splits["test"].fingerprint == fingerprint([tiny_row(0)]), "where the bytes lie does not matter"


def test_bytes_win_over_a_path(tmp_path: Path) -> None:
    write_split(tmp_path, "test", [tiny_row(0, image={"bytes": jpeg(0), "path": "gone.jpg"})], INFO)
    assert load_dataset(tmp_path)[0].media.read() == jpeg(0)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.jpg", "a/../../secret.jpg", "link.jpg", ""])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(jpeg(0))
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(FeabError, match="stay inside"):
        write_split(inner, "test", [tiny_row(0, image={"bytes": None, "path": path})], INFO)
    write_split(inner, "test", [tiny_row(0)], INFO)
    image = [{"bytes": None, "path": path}]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rewrite(inner, lambda t: with_column(t, "image", image, kind))
    with pytest.raises(FeabError, match="stay inside"):
        load_dataset(inner)[0]


def test_frames_of_a_clip(tmp_path: Path) -> None:
    row = tiny_row(0, image=None, frames=[jpeg(1), jpeg(2)])
    write_split(tmp_path, "test", [row], INFO)
    sample = load_dataset(tmp_path)[0]
    assert [m.read() for m in sample.frames] == [jpeg(1), jpeg(2)]
    assert sample.media.read() == jpeg(2), "where only one picture can be shown, it is the middle one"


def test_face_and_votes(tmp_path: Path) -> None:
    votes = [0, 1, 2, 3, 0, 0, 0, 4.0]
    write_split(tmp_path, "test", [tiny_row(0, face=[1, 2, 30, 40], votes=votes)], INFO)
    sample = load_dataset(tmp_path)[0]
    assert sample.face == (1.0, 2.0, 30.0, 40.0)
    assert sample.votes == tuple(votes)


BAD_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"valence": 1.5}, "outside"),
    ({"valence": float("inf")}, "outside"),
    ({"valence": "high"}, "is no float"),
    ({"au01_presence": 0.5}, "neither 0 nor 1"),
    ({"au01_intensity": 6}, "outside"),
    ({"au02_presence": 1}, "not expected"),
    ({"expression": "shock"}, "labels"),
    ({"age_group": "18-34"}, "20-39"),
    ({"perceived_gender": "Female"}, "lower case"),
    ({"votes": [1, 2]}, "one per label"),
    ({"face": [1, 2, 0, 4]}, "positive"),
    ({"image": None}, "image"),
    ({"image": {"bytes": None, "path": "gone.jpg"}}, "gone.jpg"),
    ({"subject": 7}, "subject"),
    ({"identity": "seven"}, "identity"),
    ({"id": "t-00000"}, "already"),
    ({"id": "a<b"}, "characters"),
    ({"id": None}, "missing"),
]


@pytest.mark.parametrize(("change", "told"), BAD_VALUES, ids=[next(iter(c)) + "-" + t for c, t in BAD_VALUES])
def test_a_bad_value_is_refused_with_file_and_row(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    rows = [tiny_row(0), tiny_row(1), tiny_row(2, **change)]
    for size in (64, 1):
        with pytest.raises(FeabError) as caught:
            write_split(tmp_path, "test", rows, INFO, row_group=size)
        assert told in str(caught.value)
        assert "test.parquet: row 2" in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nothing half-written stays"


BAD_FILES: list[tuple[str, Any, str]] = [
    ("range", lambda t: with_column(t, "valence", [0.0] * 7 + [-1.5, 0, 0], pa.float32()), "row 7 (id 't-00007')"),
    ("type", lambda t: with_column(t, "valence", ["x"] * 10), "column 'valence' has type string"),
    ("duplicate", lambda t: with_column(t, "id", ["a", "b", "a"] + [str(n) for n in range(7)]), "row 2: id 'a'"),
    ("null id", lambda t: with_column(t, "id", ["a", None, *map(str, range(8))]), "row 1"),
    ("no id", lambda t: t.drop_columns(["id"]), "'id' is missing"),
    ("no image", lambda t: t.drop_columns(["image"]), "'image' is missing"),
    ("image type", lambda t: with_column(t, "image", [b"x"] * 10), "'image' has type binary"),
    ("no expression", lambda t: t.drop_columns(["expression", "votes"]), "'expression' is missing"),
    ("no AU", lambda t: t.drop_columns(["au25_presence", "au25_intensity"]), "au25_presence"),
    ("an AU more", lambda t: with_column(t, "au02_presence", [1.0] * 10), "AU 2"),
    ("extra type", lambda t: with_column(t, "blob", [b"x"] * 10), "'blob'"),
    ("rows", lambda t: t.slice(0, 9), "says 10"),
]


@pytest.mark.parametrize(("change", "told"), [b[1:] for b in BAD_FILES], ids=[b[0] for b in BAD_FILES])
def test_a_wrong_file_is_refused_by_name(folder: Path, change: Any, told: str) -> None:
    rewrite(folder, change)
    with pytest.raises(FeabError) as caught:
        load_dataset(folder)
    assert told in str(caught.value)
    assert "test.parquet" in str(caught.value)


def test_a_missing_label_column_means_not_labelled(folder: Path) -> None:
    rewrite(folder, lambda t: t.drop_columns(["valence", "au01_intensity", "age_group"]))
    sample = load_dataset(folder)[0]
    assert (sample.valence, sample.age_group, dict(sample.au_intensity)) == (None, None, {})


def test_damaged_and_missing_files(folder: Path) -> None:
    (folder / "test.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(FeabError, match=r"test\.parquet"):
        load_dataset(folder)
    (folder / "test.parquet").unlink()
    with pytest.raises(FeabError, match=r"test\.parquet: no such file"):
        load_dataset(folder)
    with pytest.raises(FeabError, match="no split 'train'"):
        load_dataset(folder, "train")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 2}, "upgrade feab"),
        ({"third_party": "maybe"}, "third_party"),
        ({"licence": None}, "licence"),
        ({"surprise": 1}, "surprise"),
        ({"splits": {"test": {"n": -1, "fingerprint": "0" * 64}}}, "splits.test.n"),
    ],
)
def test_a_wrong_dataset_json_names_the_field(folder: Path, change: dict[str, Any], told: str) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FeabError) as caught:
        load_dataset(folder)
    assert told in str(caught.value)
    assert "dataset.json" in str(caught.value)

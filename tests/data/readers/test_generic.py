"""Data of one's own, prepared: every form gives the same rows, and what is wrong in one is named."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from test_video_frames import film

import feab
from feab.data import load_dataset, validate_dataset
from feab.data.readers import Prepared, is_generic, mimic_generic, prepare_generic
from feab.data.readers import hub as hub_module
from feab.data.readers.faces import Faces, as_picture
from feab.data.readers.generic import read_generic
from feab.data.readers.genericmimic import stored
from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS

FER2013_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
COPY_ORDER = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""The classes of FER2013, and those of a copy on the hub that orders them differently."""


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    mimic_generic(tmp_path / "mine", 24)
    return tmp_path / "mine"


def skipped(made: Prepared, split: str = "test") -> Counter[tuple[str, int | None, str]]:
    path = made.folder / f"{split}.skipped.jsonl"
    faults = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    assert all(fault["detail"] for fault in faults)
    return Counter((fault["file"], fault["line"], fault["why"]) for fault in faults)


def pictures(folder: Path, n: int) -> list[str]:
    """Some pictures of faces in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, face in enumerate(Faces().cycle(EXPRESSIONS, n)):
        (folder / f"{number}.jpg").write_bytes(as_picture(face))
    return [f"{number}.jpg" for number in range(n)]


def parquet(path: Path, columns: dict[str, list[Any]], features: dict[str, Any] | None = None) -> Path:
    """A Parquet file of some columns, with the description that `datasets` writes beside them."""
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def classes(names: Sequence[str]) -> dict[str, Any]:
    return {"label": {"_type": "ClassLabel", "names": list(names)}}


# ------------------------------------------------------------------------------------------------------------ all forms


def test_every_form_is_prepared_and_asked_about(forms: Path, tmp_path: Path) -> None:
    for form, columns in (("folders", {}), ("csv", {}), ("jsonl", {}), ("parquet", {"expression": "label"})):
        made = prepare_generic(forms / form, columns=columns)
        assert made.info.name == form
        assert made.splits["test"].samples == 24
        assert made.splits["test"].skipped == {}
        assert made.info.labels == list(EXPRESSIONS)
        assert (made.info.licence, made.info.third_party, made.info.images_may_be_shared) == (
            "not stated",
            "ask",
            False,
        )
        validate_dataset(made.folder)
        run = feab.run("baseline/uniform", data=form, out=tmp_path / "runs" / form)
        assert f"{form}_expression" in feab.score(run).tasks


def test_what_is_prepared_is_what_run_reads(forms: Path) -> None:
    """`feab run --data` and the prepared dataset hold the same rows, so runs on them can be compared."""
    for form in ("folders", "csv"):
        assert prepare_generic(forms / form).info.splits["test"].fingerprint == load_dataset(forms / form).fingerprint


def test_csv_and_json_lines_are_one(forms: Path) -> None:
    made = [prepare_generic(forms / form) for form in ("csv", "jsonl")]
    assert made[0].info.splits["test"].fingerprint == made[1].info.splits["test"].fingerprint
    sample = load_dataset("jsonl")[3]
    assert sample.valence is not None
    assert set(sample.au_intensity) == {1, 4, 12, 25}


def test_the_pictures_of_a_parquet_file_are_stored_and_others_stay_where_they_are(forms: Path) -> None:
    prepare_generic(forms / "parquet", columns={"expression": "label"})
    assert load_dataset("parquet")[0].media.data is not None
    assert load_dataset("parquet").ids[:2] == ["test-0000001", "test-0000002"]
    prepare_generic(forms / "csv")
    assert load_dataset("csv")[0].media.path == str((forms / "csv/0000.jpg").resolve())


def test_it_is_called_after_its_source_or_as_the_user_says(forms: Path, tmp_path: Path) -> None:
    assert prepare_generic(forms / "csv/faces.csv", name="pilot.2").folder == tmp_path / "data" / "pilot.2"
    assert prepare_generic(forms / "csv/faces.csv").info.name == "faces"
    for wrong in ("../x", "a b", "", ".hidden"):
        with pytest.raises(FeabError, match="use letters, digits"):
            prepare_generic(forms / "csv", name=wrong)
    for taken in ("rafdb", "SYNTH", "synth_mini", "generic"):
        with pytest.raises(FeabError, match="what tasks know another dataset by"):
            prepare_generic(forms / "csv", name=taken)
    assert is_generic("Generic")
    assert not is_generic("rafdb")


def test_the_same_call_resumes_and_another_source_or_column_is_refused(forms: Path, tmp_path: Path) -> None:
    prepare_generic(forms / "csv", name="one")
    assert prepare_generic(forms / "csv", name="one").kept == ("test",)
    with pytest.raises(FeabError, match="by another reader"):
        prepare_generic(forms / "csv", name="one", columns={"valence": "arousal"})
    (tmp_path / "other").mkdir()
    (forms / "csv").rename(tmp_path / "other" / "csv")
    with pytest.raises(FeabError, match=r"was prepared from .*/mine/csv, now it is .*/other/csv; --again"):
        prepare_generic(tmp_path / "other" / "csv", name="one")
    assert prepare_generic(tmp_path / "other" / "csv", name="one", again=True).kept == ()


def test_what_has_changed_since_is_not_taken_for_prepared(forms: Path) -> None:
    for form, columns in (("folders", {}), ("csv", {}), ("parquet", {"expression": "label"})):
        prepare_generic(forms / form, columns=columns)
    table = (forms / "csv/faces.csv").read_text()
    (forms / "csv/faces.csv").write_text(table.replace("happiness", "surprise"))
    (forms / "folders/test/fear/more.jpg").write_bytes((forms / "csv/0004.jpg").read_bytes())
    faces = list(Faces().cycle(EXPRESSIONS, 23))
    (forms / "parquet/data/test-00000-of-00001.parquet").write_bytes(stored(faces))
    for form, columns in (("folders", {}), ("csv", {}), ("parquet", {"expression": "label"})):
        with pytest.raises(FeabError, match=r"was prepared by another reader .*; --again writes it anew"):
            prepare_generic(forms / form, columns=columns)
    assert prepare_generic(forms / "csv", again=True).splits["test"].expressions["surprise"] == 6


def test_what_is_none_of_the_forms_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    (tmp_path / "made").mkdir()
    (tmp_path / "made/dataset.json").write_text("{}")
    for source, says in (
        ("empty", "holds nothing that feab reads, which is one of\n  happy/1.jpg"),
        ("made", "is a dataset folder already; ask about it with --data"),
        ("a.xlsx", r"its name does not end in \.csv"),
        ("nowhere", "no such file or folder, and no id of a Hugging Face dataset"),
    ):
        with pytest.raises(FeabError, match=says):
            prepare_generic(tmp_path / source)


# -------------------------------------------------------------------------------------------------------- class folders


def test_faults_of_class_folders(forms: Path) -> None:
    root = forms / "folders"
    whole = (root / "test/fear/0004.jpg").read_bytes()
    for path in ("test/bored/old/1.jpg", "test/3/1.jpg", "test/loose.jpg", "test/fear/deep/er/1.jpg"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(whole)
    (root / "test/docs").mkdir()
    (root / "test/docs/readme.txt").write_text("no picture, so nothing is lost")
    (root / "test/fear/cut.jpg").write_bytes(whole[:900])
    (root / "test/fear/link.jpg").symlink_to("/etc/hostname")
    (root / "test/anger").rename(root / "test/Angry")
    made = prepare_generic(root)
    assert skipped(made) == {
        ("test/bored", None, "unknown code"): 1,
        ("test/3", None, "unknown code"): 1,  # a number is no name of a class
        ("test/loose.jpg", None, "bad row"): 1,
        ("test/fear/cut.jpg", None, "bad picture"): 1,
        ("test/fear/link.jpg", None, "bad picture"): 1,
    }
    assert made.splits["test"].samples == 25
    assert made.splits["test"].expressions["anger"] == 3
    assert skipped(made, "train") == {}
    with pytest.raises(FeabError, match="--strict"):
        prepare_generic(root, name="strict", strict=True)
    with pytest.raises(FeabError, match="go with a table; here folders are the labels"):
        prepare_generic(root, columns={"expression": "x"})


def test_class_folders_of_videos_are_clips(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for place, face in enumerate(Faces().cycle(["happiness", "fear"], 4)):
        folder = tmp_path / "clips" / str(face.expression)
        folder.mkdir(parents=True, exist_ok=True)
        film(folder / f"{place}.avi", [face.media.read()] * 3)
    (tmp_path / "clips/fear/broken.avi").write_bytes(b"no video")
    (tmp_path / "clips/loose.mp4").write_bytes(b"x")
    made = prepare_generic(tmp_path / "clips")
    assert skipped(made) == {("fear/broken.avi", None, "bad clip"): 1, ("loose.mp4", None, "bad row"): 1}
    data = load_dataset("clips")
    assert data.has_clips
    assert data[0].clip is not None
    (tmp_path / "clips/loose.mp4").unlink()
    (tmp_path / "clips/fear/broken.avi").unlink()
    assert data.fingerprint == load_dataset(tmp_path / "clips").fingerprint


# --------------------------------------------------------------------------------------------------------------- tables

HEADER = ("file", "emotion", "valence", "AU1", "AU12", "votes_happy", "votes_sad")
GOOD = (
    ("0.jpg", "happy", "0.5", "0", "2", "7", "3"),
    ("1.jpg", "Sad", "", "", "", "", ""),
    ("2.jpg", "", "", "999", "1", "", ""),
)
BAD = (
    (("3.jpg", "smirk", "0", "0", "0", "1", "0"), "unknown code"),
    (("4.jpg", "3", "0", "0", "0", "1", "0"), "unknown code"),
    (("5.jpg", "happy", "1.5", "0", "0", "1", "0"), "out of range"),
    (("6.jpg", "happy", "high", "0", "0", "1", "0"), "bad row"),
    (("7.jpg", "happy", "nan", "0", "0", "1", "0"), "bad row"),
    (("8.jpg", "happy", "0", "7", "0", "1", "0"), "out of range"),
    (("9.jpg", "happy", "0", "0", "0", "1", ""), "bad row"),
    (("10.jpg", "happy", "0", "0", "0", "-1", "0"), "out of range"),
    (("", "happy", "0", "0", "0", "1", "0"), "missing picture"),
    (("99.jpg", "happy", "0", "0", "0", "1", "0"), "missing picture"),
    (("../out.jpg", "happy", "0", "0", "0", "1", "0"), "bad row"),
    (("/etc/hostname", "happy", "0", "0", "0", "1", "0"), "bad row"),
    (("https://x.org/1.jpg", "happy", "0", "0", "0", "1", "0"), "bad row"),
    (("words.jpg", "happy", "0", "0", "0", "1", "0"), "bad picture"),
    (("0.jpg", "happy", "0", "0", "0", "1", "0"), "same id"),
)
TOLD = {"image": "file", "expression": "emotion"}


def check_rows(made: Prepared) -> None:
    """What is left of the good rows."""
    rows = load_dataset(made.folder)
    assert [sample.id for sample in rows] == ["0.jpg", "1.jpg", "2.jpg"]
    first, second, third = rows
    assert (first.expression, first.valence, first.votes) == ("happiness", 0.5, (7.0, 3.0))
    assert dict(first.au_intensity) == {1: 0.0, 12: 2.0}
    assert (second.expression, second.votes, dict(second.au_intensity)) == ("sadness", None, {})
    assert (third.expression, dict(third.au_intensity)) == (None, {12: 1.0})  # 999 is "not coded", never absence
    assert made.info.labels == ["happiness", "sadness"]


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    pictures(tmp_path / "faces", 12)
    (tmp_path / "faces/words.jpg").write_text("no picture")
    return tmp_path / "faces"


def test_faults_of_a_csv_file(faces: Path) -> None:
    lines = [
        ",".join(HEADER),
        *map(",".join, GOOD),
        *(",".join(row) for row, _ in BAD),
        "5.jpg,happy",
        "5.jpg" + ",1" * 9,
    ]
    (faces / "mine.csv").write_text("\n".join(lines) + "\n")
    made = prepare_generic(faces / "mine.csv", columns=TOLD)
    planted = [*(why for _, why in BAD), "bad row", "bad row"]
    assert skipped(made) == Counter(("mine.csv", 5 + n, why) for n, why in enumerate(planted))
    check_rows(made)
    with pytest.raises(FeabError, match=r"mine\.csv, row 5: unknown code: .*\(--strict"):
        prepare_generic(faces / "mine.csv", name="strict", columns=TOLD, strict=True)


def test_faults_of_a_json_lines_file(faces: Path) -> None:
    rows = [*GOOD, *(row for row, _ in BAD)]
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in rows]
    more = ["{", '{"file": "5.jpg", "valence": NaN}', '["5.jpg"]', '{"file": "5.jpg", "file": "4.jpg"}', "[" * 5000]
    (faces / "mine.jsonl").write_text("\n".join([*lines, "", *more]) + "\n")
    made = prepare_generic(faces / "mine.jsonl", columns=TOLD)
    planted = [(4 + n, why) for n, (_, why) in enumerate(BAD)]
    planted += [(len(lines) + 2 + n, "bad row") for n in range(len(more))]
    assert skipped(made) == Counter(("mine.jsonl", line, why) for line, why in planted)
    check_rows(made)


def test_json_values_are_typed(faces: Path) -> None:
    rows = [
        {"image": "0.jpg", "expression": "happy", "valence": 0.25, "au1": True, "subject": 7},
        {"image": "1.jpg", "expression": None, "valence": -1, "au1": False},
        {"image": "2.jpg", "valence": [0.5], "au1": 1},
    ]
    (faces / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = prepare_generic(faces / "mine.jsonl")
    first, second = load_dataset(made.folder)
    assert (first.valence, dict(first.au_presence), first.subject) == (0.25, {1: 1.0}, "7")
    assert (second.expression, second.valence, dict(second.au_presence)) == (None, -1.0, {1: 0.0})
    assert skipped(made) == {("mine.jsonl", 3, "bad row"): 1}


def test_faults_of_parquet_files(faces: Path) -> None:
    data = (faces / "0.jpg").read_bytes()
    bad: list[tuple[Any, Any, str]] = [
        ({"bytes": data, "path": None}, 7, "unknown code"),  # beyond the names of the classes
        ({"bytes": data, "path": None}, 2, "unknown code"),  # "smirk"
        ({"bytes": b"no picture", "path": None}, 0, "bad picture"),
        ({"bytes": None, "path": "gone.jpg"}, 0, "missing picture"),
        ({"bytes": None, "path": "../secret.jpg"}, 0, "bad picture"),
        ({"bytes": None, "path": None}, 0, "missing picture"),
        (None, 0, "missing picture"),
    ]
    good = [
        ({"bytes": data, "path": None}, 0),
        ({"bytes": None, "path": "1.jpg"}, 1),
        ({"bytes": data, "path": "x"}, -1),
    ]
    names = ("happy", "sad", "smirk")
    for shard, rows in enumerate(([*good, *[row[:2] for row in bad[:3]]], [row[:2] for row in bad[3:]] + good[:1])):
        columns = {"image": [row[0] for row in rows], "label": [row[1] for row in rows]}
        parquet(faces / f"data/test-0000{shard}-of-00002.parquet", columns, classes(names))
    made = prepare_generic(faces, columns={"expression": "label"})
    assert skipped(made) == Counter(
        (f"data/test-0000{n // 3 if n < 3 else 1}-of-00002.parquet", 4 + n if n < 3 else n - 2, why)
        for n, (_, _, why) in enumerate(bad)
    )
    rows = load_dataset(made.folder)
    assert [sample.expression for sample in rows] == ["happiness", "sadness", "happiness"]
    assert made.splits["test"].unlabelled == 1  # -1: nobody said
    assert rows[0].media.read() == rows[2].media.read() == data
    assert rows[1].media.read() == (faces / "1.jpg").read_bytes()


def test_classes_are_read_by_name_whatever_their_order(tmp_path: Path) -> None:
    """A copy of FER2013 on the hub orders its classes differently: read by index, sad would become neutral."""
    faces = list(Faces().cycle(["anger", "sadness", "neutral", "surprise"], 8))
    for number, order in enumerate((FER2013_ORDER, COPY_ORDER)):
        canonical = [{"happy": "happiness", "angry": "anger", "sad": "sadness"}.get(name, name) for name in order]
        data = stored(faces, canonical)
        table = pq.read_table(io.BytesIO(data)).replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": classes(order)}})}
        )
        (tmp_path / f"copy{number}/data").mkdir(parents=True)
        pq.write_table(table, tmp_path / f"copy{number}/data/test-00000-of-00001.parquet")
        prepare_generic(tmp_path / f"copy{number}", columns={"expression": "label"})
    one, two = (load_dataset(f"copy{number}") for number in (0, 1))
    assert [sample.expression for sample in one] == [face.expression for face in faces]
    assert one.fingerprint == two.fingerprint


def test_numbers_without_names_are_refused(faces: Path) -> None:
    data = [{"bytes": (faces / "0.jpg").read_bytes(), "path": None}]
    parquet(faces / "test.parquet", {"image": data, "label": [3]})
    with pytest.raises(FeabError, match="holds numbers, and the file gives no names of their classes"):
        prepare_generic(faces / "test.parquet", columns={"expression": "label"})
    (faces / "mine.csv").write_text("image,expression\n0.jpg,3\n1.jpg,4\n")
    with pytest.raises(FeabError, match=r"unknown expression labels:\n  '3': 1 \(first in row 2\)"):
        prepare_generic(faces / "mine.csv")


def test_splits_are_told_by_the_names_of_files_and_read_alike(faces: Path) -> None:
    """One split's intensities show that the other's 0 and 1 are intensities too."""
    (faces / "words.jpg").unlink()
    (faces / "train.csv").write_text("image,au1\n0.jpg,3\n1.jpg,0\n")
    (faces / "val.csv").write_text("image,au1\n2.jpg,1\n3.jpg,0\n")
    made = prepare_generic(faces)
    assert list(made.splits) == ["train", "validation"]
    assert dict(load_dataset(made.folder, "validation")[0].au_intensity) == {1: 1.0}
    (faces / "labels.csv").write_text("image,au1\n0.jpg,3\n")
    with pytest.raises(FeabError, match=r"holds several tables, and of labels\.csv it is not clear which split"):
        prepare_generic(faces)


def test_ages_of_all_splits_are_read_alike(faces: Path) -> None:
    """A word in one split's column of ages shows that the other's numbers need not be years."""
    (faces / "train.csv").write_text("image,valence,age\n0.jpg,0,25\n1.jpg,0,8\n")
    (faces / "val.csv").write_text("image,valence,age\n2.jpg,0,70\n")
    made = prepare_generic(faces, name="years")
    assert made.splits["train"].attributes == {"age_group": {"20-39": 1, "4-19": 1}}
    assert made.splits["validation"].attributes == {"age_group": {"70+": 1}}
    (faces / "val.csv").write_text("image,valence,age\n2.jpg,0,old\n")
    made = prepare_generic(faces, name="words")
    assert made.splits["train"].attributes == {}
    assert "column age: not used, as old is no age in years." in made.info.notes


def test_a_limit_takes_a_seeded_part_of_each_split(forms: Path, tmp_path: Path) -> None:
    for form, columns in (("folders", {}), ("csv", {}), ("parquet", {"expression": "label"})):
        taken = {}
        for limit, seed in ((5, 0), (10, 0), (5, 1), (1000, 0)):
            made = prepare_generic(
                forms / form, tmp_path / f"{form}-{limit}-{seed}", columns=columns, limit=limit, seed=seed
            )
            assert made.splits["test"].samples == min(limit, 24)
            taken[limit, seed] = load_dataset(made.folder).ids
            assert made.info.version.endswith(f", at most {limit} samples, seed {seed}")
            validate_dataset(made.folder)
        assert set(taken[5, 0]) < set(taken[10, 0]) < set(taken[1000, 0])
        assert set(taken[5, 0]) != set(taken[5, 1])
        assert taken[10, 0] == [name for name in taken[1000, 0] if name in taken[10, 0]]  # in the source's order


def test_a_part_is_not_mistaken_for_the_whole(forms: Path, tmp_path: Path) -> None:
    made = prepare_generic(forms / "csv", limit=5)
    assert prepare_generic(forms / "csv", limit=5).kept == ("test",)
    for other in ({}, {"limit": 6}, {"limit": 5, "seed": 1}):
        with pytest.raises(FeabError, match="with another --limit or --seed"):
            prepare_generic(forms / "csv", **other)
    whole = prepare_generic(forms / "csv", again=True)
    assert whole.folder == made.folder
    assert "limit" not in json.loads((whole.folder / "prepared.json").read_text())["splits"]["test"]
    with pytest.raises(FeabError, match="limit 0: must be at least 1"):
        prepare_generic(forms / "csv", limit=0)


def test_a_limit_counts_rows_that_can_be_labels_and_tells_every_fault_once(faces: Path) -> None:
    lines = ["image,expression", "0.jpg,happy", "0.jpg,sad", "1.jpg,", "2.jpg,smirk", "3.jpg,sad", "4.jpg,fear"]
    (faces / "mine.csv").write_text("\n".join(lines) + "\n")
    made = prepare_generic(faces / "mine.csv", limit=3)
    assert load_dataset(made.folder).ids == ["0.jpg", "3.jpg", "4.jpg"]
    assert made.splits["test"].unlabelled == 1
    assert skipped(made) == {("mine.csv", 3, "same id"): 1, ("mine.csv", 5, "unknown code"): 1}


def test_splits_with_other_votes_or_other_classes_are_refused(faces: Path) -> None:
    (faces / "train.csv").write_text("image,votes_happy,votes_sad\n0.jpg,1,0\n")
    (faces / "test.csv").write_text("image,votes_happy,votes_fear\n1.jpg,1,0\n")
    with pytest.raises(FeabError, match="its splits have votes for different labels"):
        prepare_generic(faces)
    data = [{"bytes": (faces / "0.jpg").read_bytes(), "path": None}]
    for shard, names in enumerate((FER2013_ORDER, COPY_ORDER)):
        path = faces / f"hub/data/test-0000{shard}-of-00002.parquet"
        parquet(path, {"image": data, "label": [4]}, classes(names))
    with pytest.raises(FeabError, match=r"has other columns, or other names of classes, than test-00000"):
        prepare_generic(faces / "hub", columns={"expression": "label"})


def test_pictures_may_lie_elsewhere(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/l.csv").write_text("image,expression\n0.jpg,happy\n1.jpg,sad\n")
    made = prepare_generic(tmp_path / "labels/l.csv", pictures=faces)
    assert load_dataset(made.folder)[1].media.path == str((faces / "1.jpg").resolve())
    with pytest.raises(FeabError, match=r"--pictures .*: no such folder"):
        prepare_generic(tmp_path / "labels/l.csv", pictures=tmp_path / "gone")


def test_long_reading_of_labels_is_told(faces: Path) -> None:
    rows = "".join(f"0.jpg,{n},happy\n" for n in range(9_000))
    (faces / "long.csv").write_text(f"image,id,expression\n{rows}")
    told: list[tuple[str, int]] = []
    read_generic(faces / "long.csv", on_progress=lambda split, done: told.append((split, done)))
    assert told == [("labels of test", 4097), ("labels of test", 8193)]


def test_a_picture_in_a_table_is_bounded_too(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (faces / "0.jpg").read_bytes()
    monkeypatch.setattr("feab.pictures.MAX_PICTURE", len(data) - 1)
    columns = {"image": [{"bytes": data, "path": None}, {"bytes": None, "path": "0.jpg"}], "expression": ["happy"] * 2}
    made = prepare_generic(parquet(faces / "big.parquet", columns))
    assert skipped(made) == {("big.parquet", 1, "bad picture"): 1, ("big.parquet", 2, "bad picture"): 1}


def test_damaged_files_are_refused_by_name(tmp_path: Path, faces: Path) -> None:
    good = parquet(faces / "a.parquet", {"image": ["0.jpg"], "expression": ["happy"]}).read_bytes()
    assert prepare_generic(faces / "a.parquet").splits["test"].samples == 1  # a column of paths will do
    for name, data in (
        ("cut.parquet", good[:-20]),
        ("no.parquet", b"x" * 99),
        ("no.arrow", b"x" * 99),
        ("e.arrow", b""),
    ):
        (faces / name).write_bytes(data)
        with pytest.raises(FeabError, match=f"{name}: cannot be read as"):
            prepare_generic(faces / name, name="x")
    for said in ("[]", '{"info": 3}', '{"info": {"features": {"label": {"_type": "ClassLabel"}}}}', "{"):
        table = pa.table({"image": ["0.jpg"], "label": [0]}).replace_schema_metadata({"huggingface": said})
        pq.write_table(table, faces / "b.parquet")
        with pytest.raises(FeabError, match=r"b\.parquet: its description of columns"):
            prepare_generic(faces / "b.parquet", columns={"expression": "label"})
    (faces / "empty.csv").write_text("image,expression\n")
    with pytest.raises(FeabError, match="holds no row but its header"):
        prepare_generic(faces / "empty.csv")
    (faces / "bad.csv").write_text("image,valence\n0.jpg,x\n")
    with pytest.raises(FeabError, match=r"none of its rows can be used; the first: .*row 2: column 'valence'"):
        prepare_generic(faces / "bad.csv")


def test_a_link_out_of_the_folder_is_no_table(forms: Path, tmp_path: Path) -> None:
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile/faces.csv").symlink_to(forms / "csv/faces.csv")
    with pytest.raises(FeabError, match="holds nothing that feab reads"):
        prepare_generic(tmp_path / "hostile")


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cells_are_read_or_named(data: st.DataObject, faces: Path) -> None:
    """Each row is kept, has no label, or is named; nothing else is raised."""
    cell = st.one_of(st.sampled_from(["happy", "0.5", "999", "1", ""]), st.text(max_size=8))
    rows = data.draw(st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=5))
    lines = [
        {"image": f"{n}.jpg", **dict(zip(("expression", "valence", "au1"), row, strict=True))}
        for n, row in enumerate(rows)
    ]
    (faces / "any.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    try:
        made = prepare_generic(faces / "any.jsonl", again=True)
    except FeabError as error:
        assert "none of its rows can be used" in str(error) or "unknown expression labels" in str(error)  # noqa: PT017
        return
    split = made.splits["test"]
    assert split.samples + split.unlabelled + sum(split.skipped.values()) == len(rows)


# ----------------------------------------------------------------------------------------------- what `datasets` writes


def test_what_datasets_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of its forms, made by the library itself: to_parquet and save_to_disk."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    faces = list(Faces().cycle(EXPRESSIONS, 16))
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(EXPRESSIONS))})
    rows = {
        "image": [{"bytes": face.media.read(), "path": None} for face in faces],
        "label": [face.expression for face in faces],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    (tmp_path / "a/data").mkdir(parents=True)
    made.to_parquet(tmp_path / "a/data/test-00000-of-00001.parquet")
    datasets.DatasetDict({"test": made, "train": made}).save_to_disk(tmp_path / "b", num_shards={"test": 2, "train": 1})
    for folder, splits in (("a", ["test"]), ("b", ["train", "test"])):
        prepared = prepare_generic(tmp_path / folder, columns={"expression": "label"})
        assert list(prepared.splits) == splits
        assert [sample.expression for sample in load_dataset(folder)] == rows["label"]
    assert load_dataset("a").fingerprint == load_dataset("b").fingerprint


# ---------------------------------------------------------------------------------------------------------------- hub


class Hub:
    """Stands for `huggingface_hub.snapshot_download`, laid out as its cache is: snapshots of links to blobs."""

    def __init__(self, root: Path, revisions: dict[str | None, dict[str, bytes]]) -> None:
        self._root, self._revisions = root, revisions
        self.asked: list[str | None] = []

    def __call__(
        self, repository: str, *, repo_type: str, allow_patterns: list[str], revision: str | None = None
    ) -> str:
        assert (repo_type, allow_patterns) == ("dataset", ["*.parquet"])
        self.asked.append(revision)
        if revision not in self._revisions:
            raise OSError("404: no such revision")
        cache = self._root / f"datasets--{repository.replace('/', '--')}"
        folder = cache / "snapshots" / (revision or "main").replace("/", "-")
        for number, (path, data) in enumerate(self._revisions[revision].items()):
            (cache / "blobs").mkdir(parents=True, exist_ok=True)
            (cache / f"blobs/{revision and len(revision)}{number}").write_bytes(data)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if not (folder / path).exists():
                (folder / path).symlink_to(cache / f"blobs/{revision and len(revision)}{number}")
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(revisions: dict[str | None, dict[str, bytes]]) -> Hub:
        fake = Hub(tmp_path / "hub", revisions)
        monkeypatch.setattr("huggingface_hub.snapshot_download", fake)
        return fake

    return install


def test_a_dataset_of_the_hub(hub: Any) -> None:
    data = stored(list(Faces().cycle(EXPRESSIONS, 8)))
    fake = hub({None: {"data/train-00000-of-00001.parquet": data, "data/test-00000-of-00001.parquet": data}})
    made = prepare_generic("nobody/faces-7", columns={"expression": "label"})
    assert (made.info.name, list(made.splits), fake.asked) == ("faces-7", ["train", "test"], [None])
    assert [sample.expression for sample in load_dataset("faces-7")] == list(EXPRESSIONS)


def test_the_hubs_own_conversion_is_taken_where_there_is_no_parquet(hub: Any) -> None:
    data = stored(list(Faces().cycle(EXPRESSIONS, 8)))
    fake = hub({None: {}, "refs/convert/parquet": {"default/test/0000.parquet": data}})
    made = prepare_generic("nobody/faces", columns={"expression": "label"})
    assert made.splits["test"].samples == 8
    assert fake.asked == [None, "refs/convert/parquet"]


def test_several_configurations_are_not_mixed(hub: Any) -> None:
    data = stored(list(Faces().cycle(EXPRESSIONS, 8)))
    hub({"v1.0": {"one/test/0000.parquet": data, "two/test/0000.parquet": data}})
    with pytest.raises(
        FeabError, match=r"holds test more than once; give one of them as --from: .*/one, .*/two"
    ) as told:
        prepare_generic("nobody/faces@v1.0", columns={"expression": "label"})
    one = str(told.value).partition("--from: ")[2].partition(",")[0]
    assert prepare_generic(one, columns={"expression": "label"}).splits["test"].samples == 8


def test_what_cannot_be_had_from_the_hub_is_told(hub: Any) -> None:
    hub({None: {}, "refs/convert/parquet": {}})
    with pytest.raises(FeabError, match="nobody/faces: is on the hub, but not as Parquet files"):
        prepare_generic("nobody/faces")
    with pytest.raises(FeabError, match=r"nobody/faces at v2: cannot be had from the hub \(404: no such revision\)"):
        prepare_generic("nobody/faces@v2")
    assert hub_module.is_hub_id("laion/emonet-face-hq")
    for text in ("a", "a/b/c", "../b", "a/b@", "/a", "a/..b c", "a/b@../../c"):
        assert not hub_module.is_hub_id(text)

"""FEID folders: what is written is read back, and every planted fault is refused with its row."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feid_records import LABELS, make_feid, record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import jpeg

from feab.data.feid import FeidLabels, check_feid, open_feid, read_feid_info, validate_feid
from feab.data.feid.check import row_faults
from feab.data.feid.columns import feid_schema, record_of, row_of
from feab.data.feid.write import FeidWriter
from feab.errors import FeabError
from feab.problems import Gather
from feab.records import Media
from feab.vocabulary import EXPRESSIONS, FEAB_17


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_feid(tmp_path / "feid")


def parquet(folder: Path) -> Path:
    (path,) = sorted((folder / "data").glob("*.parquet"))
    return path


def put(folder: Path, row: int, column: str, value: Any) -> None:
    """Change one value past all the checks of writing, and make feid.json agree with the file."""
    path = parquet(folder)
    table = pq.read_table(path)
    held = table.to_pylist()
    held[row][column] = value
    pq.write_table(pa.Table.from_pylist(held, schema=table.schema), path)
    agree(folder)


def agree(folder: Path) -> None:
    import hashlib

    path = folder / "feid.json"
    info = json.loads(path.read_text())
    (file,) = info["splits"]["train"]["files"]
    file["sha256"] = hashlib.sha256(parquet(folder).read_bytes()).hexdigest()
    path.write_text(json.dumps(info))


def problems(folder: Path) -> list[str]:
    notes = Gather(folder)
    check_feid(folder, notes)
    return [str(problem) for problem in notes.problems]


def test_what_is_written_is_read_back(folder: Path) -> None:
    feid = open_feid(folder)
    assert len(feid) == 18
    assert [one.id for one in feid][:4] == ["f0#coarse-0", "f0#coarse-1", "f0#coarse-2", "f1#coarse-0"]
    again, made = feid[4], record(1, 1)
    assert again == made
    assert again.images[0].read() == made.images[0].read()
    assert again.confidence is None
    assert again.answers == ("The face displays an expression of fear.",)
    assert [one.id for one in feid[3:5]] == ["f1#coarse-0", "f1#coarse-1"]
    assert feid.table(["task", "subject"]).to_pylist()[17] == {"task": "coarse", "subject": "p1"}
    assert feid[16:].table(["id"]).to_pylist() == [{"id": "f5#coarse-1"}, {"id": "f5#coarse-2"}]
    assert validate_feid(folder).name == "tiny-feid"
    with pytest.raises(FeabError, match="no column 'messages'"):
        feid.table(["messages"])


@given(
    st.none() | st.sampled_from(EXPRESSIONS),
    st.none() | st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)),
    st.none() | st.frozensets(st.sampled_from(FEAB_17)),
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(str.strip),
)
def test_rows_give_back_their_record(expression: Any, affect: Any, units: Any, source: str) -> None:
    there = {"expression": expression, "valence_arousal": affect, "action_units": units}
    origins: Any = {kind: "generated" for kind, value in there.items() if value is not None}
    labels = FeidLabels(expression, affect, units, frozenset(FEAB_17) if units is not None else frozenset(), origins)
    made = record(1, labels=labels, source=source, levels=(), grounds=())
    table = pa.Table.from_pylist([row_of(made)], schema=feid_schema())
    (row,) = table.to_pylist()
    assert row_faults(row) == []
    again = record_of(row, made.images)
    assert again.labels.expression == expression
    assert again.labels.action_units == units
    assert again.labels.valence_arousal == (None if affect is None else pytest.approx(affect, abs=1e-6))
    assert again.source == source


def test_a_face_is_stored_once_however_many_records_it_has(tmp_path: Path) -> None:
    data = os.urandom(50_000)
    media = Media(data=jpeg(1) + data)
    with FeidWriter(tmp_path) as writer:
        writer.add([record(1, turn, images=(media,)) for turn in range(20)])
        split = writer.finish()
    assert (tmp_path / split.files[0].name).stat().st_size < 2 * len(data)


def test_large_folders_come_in_several_files(tmp_path: Path) -> None:
    folder = make_feid(tmp_path / "feid", faces=300, turns=2, shard_bytes=1)
    names = sorted(path.name for path in (folder / "data").iterdir())
    assert names == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    feid = open_feid(folder)
    assert [one.sample for one in feid][::2] == [f"f{n}" for n in range(300)]
    assert feid[599].id == "f299#coarse-1"
    told: list[tuple[int, int]] = []
    validate_feid(folder, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (600, 600)


def test_writing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="two records are called"), FeidWriter(tmp_path) as writer:
        writer.add([record(1), record(1)])
    with pytest.raises(FeabError, match="face 'f2': its picture cannot be read"), FeidWriter(tmp_path) as writer:
        writer.add([record(2, images=(Media(path=str(tmp_path / "no.jpg")),))])
    assert list((tmp_path / "data").iterdir()) == []
    with pytest.raises(FeabError, match="no complete FEID folder"):
        open_feid(tmp_path)


def talk(*turns: tuple[str, Any]) -> list[dict[str, Any]]:
    picture = {"type": "image", "text": None}
    return [
        {"role": role, "content": [*([picture] if n == 0 else []), {"type": "text", "text": text}]}
        for n, (role, text) in enumerate(turns)
    ]


FAULTS: list[tuple[str, Any, str]] = [
    ("images", [], "has no picture"),
    ("images", [{"bytes": None, "path": None}], "neither bytes nor a path"),
    ("images", [{"bytes": None, "path": "../../etc/passwd"}], "stay inside"),
    ("images", [{"bytes": None, "path": "images/gone.jpg"}], "a picture is missing"),
    ("images", [{"bytes": b"no picture", "path": None}], "a picture is none of"),
    ("images", [{"bytes": jpeg(3)[:200], "path": None}], "cannot be decoded"),
    ("images", [{"bytes": jpeg(1), "path": None}] * 2, "show 1 pictures, its column 'images' holds 2"),
    ("images", None, "column 'images' is null"),
    ("messages", talk(("user", "What?"), ("assistant", " \n")), "message 1: the answer is empty"),
    ("messages", talk(("user", "What?"), ("assistant", None)), "message 1: the answer is empty"),
    ("messages", talk(("user", ""), ("assistant", "fear")), "message 0: the question is empty"),
    ("messages", talk(("user", "What?")), "has 1 messages"),
    ("messages", talk(("user", "a"), ("assistant", "b"), ("user", "c")), "the last question has no answer"),
    ("messages", talk(("user", "a"), ("user", "b")), "must take turns"),
    ("messages", talk(("assistant", "a"), ("user", "b")), "must take turns"),
    ("messages", talk(("user", "a"), ("assistant", "b" * 9000)), "longer than 8,000"),
    ("messages", None, "column 'messages' is null"),
    ("expression", "joyish", "expression 'joyish' is none of"),
    ("expression", None, "goes with a label"),
    ("expression_source", "rejected", "'rejected' is none of human, generated"),
    ("expression_source", None, "goes with a label"),
    ("valence", 1.5, "valence 1.5 is outside"),
    ("valence", float("nan"), "valence nan is outside"),
    ("arousal", None, "go together"),
    ("action_units", [1, 99], "names one that is none of"),
    ("action_units", [1, 1], "names one twice"),
    ("action_units", [20], "must be among coded_units"),
    ("coded_units", None, "must be among coded_units"),
    ("valence_arousal_confidence", 2.0, "outside [0, 1]"),
    ("levels", ["speech"], "levels names 'speech'"),
    ("task", "chat", "task 'chat' is none of"),
    ("id", " ", "is empty"),
    ("id", "f0#coarse-0", "this id occurs already"),
    ("rewritten", None, "column 'rewritten' is null"),
]


@pytest.mark.parametrize(("column", "value", "says"), FAULTS, ids=[f"{c}: {s}" for c, _, s in FAULTS])
def test_every_planted_fault_is_refused_with_its_row(folder: Path, column: str, value: Any, says: str) -> None:
    put(folder, 7, column, value)
    with pytest.raises(FeabError) as refused:
        validate_feid(folder)
    assert says in str(refused.value)
    assert "row 7 (id" in str(refused.value)
    found = problems(folder)
    assert len(found) >= 1
    assert all("row 7" in one for one in found)


def test_all_faults_are_gathered(folder: Path) -> None:
    put(folder, 3, "expression", "joyish")
    put(folder, 9, "images", [])
    found = problems(folder)
    assert [("row 3" in one, "row 9" in one) for one in found] == [(True, False), (False, True), (False, True)]


@pytest.mark.parametrize("column", ["subject", "messages", "rewritten"])
def test_a_missing_column_is_refused(folder: Path, column: str) -> None:
    path = parquet(folder)
    pq.write_table(pq.read_table(path).drop_columns([column]), path)
    agree(folder)
    with pytest.raises(FeabError, match=f"column '{column}' is missing"):
        validate_feid(folder)
    with pytest.raises(FeabError, match=f"column '{column}' is missing"):
        open_feid(folder)


def test_an_unknown_column_and_a_wrong_type_are_refused(folder: Path) -> None:
    path = parquet(folder)
    table = pq.read_table(path)
    pq.write_table(table.append_column("answer_key", pa.array(["x"] * 18)), path)
    agree(folder)
    with pytest.raises(FeabError, match="column 'answer_key' is unknown"):
        validate_feid(folder)
    place = table.column_names.index("valence")
    pq.write_table(table.set_column(place, "valence", pa.array(["high"] * 18)), path)
    agree(folder)
    with pytest.raises(FeabError, match="column 'valence' has type string"):
        validate_feid(folder)


def test_a_changed_file_and_wrong_counts_are_told(folder: Path) -> None:
    path = parquet(folder)
    pq.write_table(pq.read_table(path).slice(0, 17), path)
    found = problems(folder)
    assert any("holds 17 rows, feid.json says 18" in one for one in found)
    assert any("sha256 differs" in one for one in found)
    with pytest.raises(FeabError, match="17 rows"):
        open_feid(folder)


def test_files_that_are_links_or_lie_elsewhere_are_not_read(folder: Path, tmp_path: Path) -> None:
    path = parquet(folder)
    path.rename(tmp_path / "elsewhere.parquet")
    path.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(FeabError, match=r"link|leads out|inside"):
        validate_feid(folder)
    info = json.loads((folder / "feid.json").read_text())
    info["splits"]["train"]["files"][0]["name"] = "../elsewhere.parquet"
    (folder / "feid.json").write_text(json.dumps(info))
    with pytest.raises(FeabError, match=r"files\.0\.name"):
        read_feid_info(folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(folder: Path, damage: list[tuple[float, int]]) -> None:
    path = parquet(folder)
    whole = path.read_bytes()
    broken = bytearray(whole)
    for place, byte in damage:
        broken[int(place * len(broken))] = byte
    path.write_bytes(bytes(broken))
    try:
        for read in (validate_feid, lambda folder: list(open_feid(folder))):
            with contextlib.suppress(FeabError):
                read(folder)
        check_feid(folder, Gather(folder))
    finally:
        path.write_bytes(whole)


def test_row_groups_that_nobody_can_hold_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.data.feid.check.MAX_GROUP_ROWS", 17)
    for read in (open_feid, validate_feid):
        with pytest.raises(FeabError, match="row group 0 has 18 rows"):
            read(folder)


def test_workers_of_a_training_can_be_handed_one(folder: Path) -> None:
    feid = open_feid(folder)
    assert feid[1].id == "f0#coarse-1"
    again = pickle.loads(pickle.dumps(feid))
    assert [one.id for one in again] == [one.id for one in feid]


def test_a_picture_may_lie_in_the_folder(folder: Path) -> None:
    (folder / "images").mkdir()
    (folder / "images" / "a.jpg").write_bytes(jpeg(7))
    put(folder, 2, "images", [{"bytes": None, "path": "images/a.jpg"}])
    validate_feid(folder)
    assert open_feid(folder)[2].images[0].read() == jpeg(7)


def test_records_tell_where_their_answers_come_from() -> None:
    assert record(1).origin == "human"
    assert record(1, grounds=("valence_arousal",)).origin == "generated"
    assert record(1, grounds=("valence_arousal",)).confidence == 0.9
    assert record(1, grounds=("expression", "valence_arousal")).origin == "mixed"
    assert LABELS.confidences == {"valence_arousal": 0.9}

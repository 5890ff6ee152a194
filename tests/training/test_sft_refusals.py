"""Data that are not as they should be are refused before anything is loaded, with the row."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.records import Media

pytest.importorskip("trl")
pytest.importorskip("peft")
sys.path.insert(0, str(Path(__file__).parent))

from feid_of_faces import record, said, some_faces, write_feid

from feab.training import train

RECIPE = shipped("training") / "feab-tiny-lora.yaml"


@pytest.fixture
def never_loaded(monkeypatch):
    """Training that gets as far as loading a model has started too early."""
    import feab.training.sft.run as run

    def load(*args, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(run, "load_base", load)


def rewritten(folder, change):
    """The folder's Parquet file with its table changed, and feid.json about the new file."""
    import hashlib
    import json

    path = next((folder / "data").glob("*.parquet"))
    pq.write_table(change(pq.read_table(path)), path)
    info = json.loads((folder / "feid.json").read_text())
    info["splits"]["train"]["files"][0]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "feid.json").write_text(json.dumps(info))


def planted(folder, fault):
    """A folder of three conversations, the second of which has a fault."""
    good = [record(face) for face in some_faces(3)]
    if fault == "unknown column":
        write_feid(folder, good)
        rewritten(folder, lambda table: table.append_column("mood", [["x"] * 3]))
        return
    one = good[1]
    if fault == "empty answer":
        bad = replace(one, messages=(one.messages[0], said("assistant", " ")))
    elif fault == "label outside":
        bad = replace(one, labels=replace(one.labels, expression="boredom"))
    else:
        data = b"" if fault == "missing picture" else b"\xff\xd8 no picture"
        bad = replace(one, images=(Media(data=data),))
    write_feid(folder, [good[0], bad, good[2]])


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing picture", "row 1 .*picture"),
        ("broken picture", "row 1 .*a picture"),
        ("empty answer", "row 1 .*the answer is empty"),
        ("label outside", "row 1 .*expression 'boredom' is none of"),
        ("unknown column", "column 'mood' is unknown"),
    ],
)
def test_broken_data_are_refused_with_the_row(tmp_path, never_loaded, fault, says):
    planted(tmp_path / "feid", fault)
    with pytest.raises(FeabError, match=says):
        train(RECIPE, out=tmp_path / "out", data=tmp_path / "feid", log=lambda event: None)
    assert not (tmp_path / "out").exists()


def test_what_is_missing_or_wrong_beside_the_data_is_told(tmp_path, never_loaded, monkeypatch):
    def trained(**other):
        options = {"out": tmp_path / "out", "data": tmp_path / "feid", "log": lambda event: None, **other}
        return train(RECIPE, **options)

    with pytest.raises(FeabError, match="which data"):
        trained(data=None)
    with pytest.raises(FeabError, match=r"feid\.json: no such file"):
        trained()
    write_feid(tmp_path / "feid", [record(face) for face in some_faces(12)])
    with pytest.raises(FeabError, match=r"no config\.json there"):
        trained(base=str(tmp_path))
    with pytest.raises(FeabError, match="known are wandb and trackio"):
        trained(report_to=["email"])
    with pytest.raises(FeabError, match="it is not installed: pip install trackio"):
        trained(report_to=["trackio"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(FeabError, match="holds other things"):
        trained()
    monkeypatch.setattr("feab.training.sft.run.cpu_computes_in_bfloat16", lambda: False)
    with pytest.raises(FeabError, match="does not compute in it"):
        trained(out=tmp_path / "half", precision="bfloat16")
    with pytest.raises(FeabError, match="go with `method: sft`"):
        train(shipped("training") / "tiny.yaml", out=tmp_path / "scratch", data=tmp_path / "feid")


def test_qlora_without_bitsandbytes_says_what_to_do(tmp_path):
    from feab.packages import version_of

    if version_of("bitsandbytes") is not None:
        pytest.skip("bitsandbytes is installed")
    folder = write_feid(tmp_path / "feid", [record(face) for face in some_faces(4)])
    options = {"tuning": {"kind": "qlora"}, "validation": None}
    with pytest.raises(FeabError, match="needs bitsandbytes, which is not installed: pip install bitsandbytes"):
        train(RECIPE, out=tmp_path / "out", data=folder, log=lambda event: None, **options)

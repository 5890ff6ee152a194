"""`feab data mimic` and `feab data prepare`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feab.cli.app import app
from feab.cli.preparing import Counting


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))


def feab(*words: object, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "feab.cli", *map(str, words)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_from_a_miniature_to_a_run(tmp_path: Path) -> None:
    root = tmp_path / "raf"
    said = feab("data", "mimic", "RAF-DB", "--out", root, "-n", "35")
    assert "EmoLabel/list_patition_label.txt" in said
    assert f"feab data prepare rafdb --from {root}" in said
    with (root / "EmoLabel/list_patition_label.txt").open("a") as file:
        file.write("test_0099.jpg 8\n")
    said = feab("data", "prepare", "RAF-DB", "--from", root)
    assert "passed over          unknown code 1" in said
    assert "every row passed over is named in" in said
    assert "licence: RAF-DB terms" in said
    assert "rafdb_expression" in feab(
        "run", "--model", "baseline/uniform", "--tasks", "rafdb_expression", "--out", tmp_path / "run"
    )
    assert "was there already" in feab("data", "prepare", "rafdb", "--from", root)
    assert "35" in feab("data", "info", "rafdb")
    (skipped,) = map(json.loads, (tmp_path / "data/rafdb/test.skipped.jsonl").read_text().splitlines())
    assert skipped["line"] == 71


def test_from_data_of_ones_own_to_a_run(tmp_path: Path) -> None:
    said = feab("data", "mimic", "generic", "--out", tmp_path / "mine", "-n", "48")
    assert f"feab data prepare generic --from {tmp_path / 'mine/parquet'} --column expression=label" in said
    said = feab(
        "data",
        "prepare",
        "generic",
        "--from",
        tmp_path / "mine/parquet",
        "--as",
        "pilot",
        "--column",
        "expression=label",
    )
    assert "passed over          none" in said
    assert "ask about it with: feab run --model NAME --data pilot" in said
    assert "pilot_expression" in feab(
        "run", "--model", "baseline/uniform", "--data", "pilot", "--out", tmp_path / "run"
    )
    run = CliRunner().invoke
    (tmp_path / "mine/csv/faces.csv").rename(tmp_path / "mine/csv/train.csv")
    done = run(app, ["data", "prepare", "generic", "--from", str(tmp_path / "mine/csv")])
    assert "there is no split test, which is asked about; one file by itself is taken for it" in done.output
    done = run(app, ["data", "prepare", "rafdb", "--from", str(tmp_path / "mine/csv"), "--as", "x"])
    assert done.exit_code == 2
    assert "--as, --column and --pictures go with generic; how rafdb is laid out is known" in done.output


def test_a_part_of_a_dataset_is_prepared_and_says_so(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(app, ["data", "mimic", "rafdb", "--out", str(tmp_path / "raf"), "-n", "14"]).exit_code == 0
    words = ["data", "prepare", "rafdb", "--from", str(tmp_path / "raf"), "--limit", "5", "--seed", "3"]
    done = run(app, words)
    assert done.exit_code == 2
    assert "a part of rafdb must not stand where tasks look for all of it; say --to DIR" in done.output
    done = run(app, [*words, "--to", str(tmp_path / "trial")])
    assert done.output.count("5, a part: at most 5 samples, seed 3") == 2
    assert "reader 1, at most 5 samples, seed 3" in run(app, ["data", "info", str(tmp_path / "trial")]).output


def test_mistakes_end_with_status_2(tmp_path: Path) -> None:
    assert "no reader for a dataset 'nonesuch'" in feab("data", "prepare", "nonesuch", "--from", tmp_path, status=2)
    assert "this is not JAFFE" in feab("data", "prepare", "jaffe", "--from", tmp_path, status=2)
    (tmp_path / "here").write_text("")
    assert "is not empty" in feab("data", "mimic", "jaffe", "--out", tmp_path, status=2)


def test_strict_stops_at_the_first_fault(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(app, ["data", "mimic", "rafdb", "--out", str(tmp_path / "raf"), "-n", "7"]).exit_code == 0
    with (tmp_path / "raf/EmoLabel/list_patition_label.txt").open("a") as file:
        file.write("test_0099.jpg 8\n")
    done = run(app, ["data", "prepare", "rafdb", "--from", str(tmp_path / "raf"), "--strict"])
    assert done.exit_code == 2
    assert "list_patition_label.txt, row 15: unknown code" in done.output


def test_long_preparing_says_where_it_stands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Counting() as progress:
        for done in range(0, 10_001, 1000):
            progress("train", done)
            now[0] += 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["train: 5,000 pictures, 1,000/s", "train: 10,000 pictures, 1,000/s"]


def test_an_interrupted_preparing_can_be_resumed() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, Counting():
        raise KeyboardInterrupt
    assert caught.value.resumes  # type: ignore[attr-defined]

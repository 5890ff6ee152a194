"""`feab validate`: what is printed, as text and as JSON, and how it exits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import hostile
import pytest
from typer.testing import CliRunner

from feab.cli import app


@pytest.fixture
def run(faces: Path, script: Path, tmp_path: Path) -> Path:
    done = CliRunner().invoke(
        app, ["run", "--model", f"mock/{script}", "--data", str(faces), "--out", str(tmp_path / "run")]
    )
    assert done.exit_code == 0
    return hostile.by_task(tmp_path / "run")


def feab_cli(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_clean_run_and_its_faces(run: Path, faces: Path) -> None:
    done = feab_cli("validate", run, "--data", faces)
    assert done.exit_code == 0
    assert done.stdout == f"{run}: run of {_model(run)}, 84 answers: ok\n"
    both = feab_cli("validate", run, faces, "--data", faces)
    assert both.exit_code == 0
    assert both.stdout.splitlines()[1] == f"{faces}: dataset made, 30 faces in test: ok"
    assert "1 run, 1 dataset: all ok" in both.stderr


def _model(run: Path) -> str:
    return json.loads((run / "manifest.json").read_text())["identity"]["model"]


def test_problems_are_printed_with_their_place_and_what_to_do(run: Path, faces: Path) -> None:
    hostile.change_line(run, 3, sample="nobody")
    hostile.change_line(run, 5, answer="boredom", outcome="ok")
    done = feab_cli("validate", run, "--data", faces)
    assert done.exit_code == 2
    assert f"{run}/predictions.jsonl:3: sample: 'nobody' is not in made/test\n    remove the line" in done.stdout
    assert f"{run}/predictions.jsonl:5: answer: boredom is not among the options" in done.stdout
    assert f"{run}/predictions.jsonl:5: answer: warning: is boredom, and its text" in done.stdout
    assert "problems, 1 warning" in done.stdout.splitlines()[-1]


def test_warnings_alone_are_no_failure(run: Path, faces: Path) -> None:
    (run / "notes.txt").touch()
    done = feab_cli("validate", run, "--data", faces)
    assert done.exit_code == 0
    assert "notes.txt: warning: is no file of a run folder" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(": 1 warning")


def test_as_json(run: Path, faces: Path) -> None:
    hostile.change_line(run, 3, task=7)
    done = feab_cli("validate", run, "--data", faces, "--json")
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    (checked,) = told["checked"]
    assert told["errors"] == checked["errors"] == len(checked["problems"])
    problem = next(problem for problem in checked["problems"] if problem["where"] == "task")
    assert problem == {
        "file": f"{run}/predictions.jsonl", "line": 3, "where": "task", "severity": "error",
        "message": "input should be a valid string", "advice": "correct it",
    }  # fmt: skip


def test_a_hostile_folder_steers_no_terminal(run: Path, faces: Path) -> None:
    hostile.change(run, "manifest.json", "feab_version", "\x1b[31mred\u202e")
    done = feab_cli("validate", hostile.make_hostile(run), "--data", faces)
    assert done.exit_code == 2
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert json.loads(feab_cli("validate", run, "--json").stdout)["errors"] > 10


def test_what_is_not_there_and_what_is_nothing(tmp_path: Path) -> None:
    done = feab_cli("validate", tmp_path / "gone")
    assert done.exit_code == 2
    assert "no such file or folder" in done.stderr
    assert feab_cli("validate", tmp_path).exit_code == 2
    assert feab_cli("validate").exit_code == 2


def test_many_problems_are_cut_and_counted(run: Path, faces: Path) -> None:
    with (run / "predictions.jsonl").open("ab") as file:
        file.write(b"garbage\n" * 2_000)
    done = feab_cli("validate", run, "--data", faces)
    assert done.exit_code == 2
    assert "more problems; mend these first" in done.stdout
    assert len(done.stdout.splitlines()) < 1_100
    shutil.rmtree(run)

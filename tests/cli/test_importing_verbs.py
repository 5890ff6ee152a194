"""`feab import` and `feab export`: what they print, and their exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from feab.cli import app

NAMES = [f"p{person:05d}_{number}" for person in range(3) for number in range(8)]


def feab_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Labels of 24 faces, as two columns."""
    path = tmp_path / "labels.csv"
    path.write_text("img,pred\n" + "".join(f"{name}.jpg,Happy\n" for name in NAMES))
    return path


def test_import_says_what_became_of_the_rows(labels: Path, faces: Path, tmp_path: Path) -> None:
    run = ("import", labels, "--tasks", "synth_expression", "--data", faces, "--model", "gpt-4v", "--out")
    done = feab_cli(*run, tmp_path / "a", "--column", "id=img", "--column", "expression=pred")
    assert done.exit_code == 0, done.stderr
    assert "24 rows; faces found: 24 by file name without its ending" in done.stderr
    assert "synth_expression" in done.stdout
    assert "imported: the answers were made elsewhere" in done.stdout
    scored = feab_cli("score", tmp_path / "a", "--data", faces)
    assert scored.exit_code == 0
    assert scored.stdout == done.stdout


def test_gaps_are_status_3_and_no_answers_status_0(labels: Path, faces: Path, tmp_path: Path) -> None:
    labels.write_text("id,label\n" + "".join(f"{name},sad\n" for name in NAMES[:20]) + "\x1b[31mx,sad\n")
    run = ("import", labels, "-t", "synth_expression", "--data", faces, "-m", "m", "--json", "--out")
    done = feab_cli(*run, tmp_path / "a")
    assert done.exit_code == 3
    assert f"4 answers are missing from the file: {', '.join(NAMES[20:])}" in done.stderr
    assert "1 rows about faces that the dataset does not have, left out: [31mx" in done.stderr
    assert "INCOMPLETE: 4 of 24 answers are missing; the imported file lacks them" in done.stderr
    assert json.loads(done.stdout)["complete"] is False
    done = feab_cli(*run, tmp_path / "b", "--missing", "no-answer")
    assert done.exit_code == 0
    assert "taken for answers that could not be read" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--column", "id"], "write OURS=THEIRS"),
        (["--column", "id=a", "--column", "id=b"], "each of ours once"),
        (["--column", "id=nothing"], "there is no column 'nothing'; there are 'img', 'pred'"),
        (["--format", "parquet"], "there are csv, jsonl, json, lm-eval"),
        (["--missing", "zero"], "must be one of incomplete, no-answer"),
        ([], "no column says which face"),
    ],
)
def test_wrong_use_is_status_2(labels: Path, faces: Path, tmp_path: Path, more: list[str], message: str) -> None:
    done = feab_cli(
        "import", labels, "-t", "synth_expression", "--data", faces, "-m", "m", "--out", tmp_path / "a", *more
    )
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "a").exists()


def test_export_says_what_it_wrote_and_whose_labels(faces: Path, script: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert (
        feab_cli("run", "--model", f"mock/{script}", "--tasks", "synth", "--data", faces, "--out", run).exit_code == 0
    )
    done = feab_cli("export", run, "--out", tmp_path / "t.csv")
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"wrote {tmp_path / 't.csv'}\n84 predictions" in done.stderr
    done = feab_cli("export", run, "--format", "lm-eval", "--data", faces, "--out", tmp_path / "lm")
    assert done.exit_code == 0
    assert "holds labels of made (a licence of ours)" in done.stderr
    done = feab_cli("import", tmp_path / "lm", "-t", "synth", "--data", faces, "-m", "m", "--out", tmp_path / "b")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == feab_cli("score", run, "--data", faces).stdout.splitlines()[0]
    assert feab_cli("export", run, "--format", "xml", "--out", tmp_path / "x").exit_code == 2
    assert feab_cli("export", run, "--out", run / "predictions.jsonl").exit_code == 2

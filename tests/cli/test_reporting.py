"""`feab report`, and the report that `feab run` ends with: paths, exit statuses, and that it never costs a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from faces_folder import make_script
from typer.testing import CliRunner

import feab.cli.reporting
from feab.cli import app
from feab.errors import FeabError


def feab_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_ends_with_its_report(faces: Path, script: Path, tmp_path: Path) -> None:
    done = feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    page = tmp_path / "run" / "report.html"
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == f"report: {page}"
    assert page.read_text().startswith("<!doctype html>")


def test_with_json_the_path_goes_to_stderr(faces: Path, script: Path, tmp_path: Path) -> None:
    done = feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run", "--json")
    json.loads(done.stdout)
    assert f"report: {tmp_path / 'run' / 'report.html'}" in done.stderr


def test_the_verb_writes_where_it_is_told(faces: Path, script: Path, tmp_path: Path) -> None:
    feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    (tmp_path / "run" / "report.html").unlink()
    done = feab_cli("report", tmp_path / "run", "--data", faces, "--out", tmp_path / "page.html")
    assert (done.exit_code, done.stdout) == (0, f"report: {tmp_path / 'page.html'}\n")
    assert not (tmp_path / "run" / "report.html").exists()
    lacking = feab_cli("report", tmp_path / "run")
    assert lacking.exit_code == 0
    assert "the report has no gallery" in lacking.stderr
    assert "give the same --data" in lacking.stderr
    assert lacking.stdout == f"report: {tmp_path / 'run' / 'report.html'}\n"


def test_an_incomplete_run_has_a_report_and_its_status(faces: Path, tmp_path: Path) -> None:
    script = make_script(tmp_path, 'answers: [{sample: "*_0", error: {kind: timeout}}, {text: anger}]')
    what = ("--model", f"mock/{script}", "--data", faces, "--tasks", "synth_expression", "--out", tmp_path / "run")
    done = feab_cli("run", *what)
    assert done.exit_code == 3
    assert "INCOMPLETE" in (tmp_path / "run" / "report.html").read_text()
    assert feab_cli("report", tmp_path / "run", "--data", faces).exit_code == 3


@pytest.mark.parametrize("failure", [FeabError("no room"), RuntimeError("a mistake of ours"), OSError(28, "disk full")])
def test_a_report_that_fails_costs_nothing(
    failure: Exception, faces: Path, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(feab.cli.reporting, "write_report", fail)
    done = feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    assert done.exit_code == 0
    assert "macro-F1" in done.stdout
    assert f"no report ({type(failure).__name__}: {failure})" in done.stderr
    assert f"Try again: feab report {tmp_path / 'run'}" in done.stderr


def test_ctrl_c_while_the_report_is_made_leaves_the_run(
    faces: Path, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(feab.cli.reporting, "write_report", interrupted)
    done = feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    assert done.exit_code == 130
    assert "84 of 84 answers are in" in done.stderr
    assert (tmp_path / "run" / "scores.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/nowhere"], "no such run folder"),
        (["RUN", "--out", "page.txt"], "ends in .html"),
        (["RUN", "--data", "/nowhere", "--colour"], "--colour"),
    ],
)
def test_bad_use_exits_2(arguments: list[str], says: str, faces: Path, script: Path, tmp_path: Path) -> None:
    feab_cli("run", "--model", f"mock/{script}", "--data", faces, "--out", tmp_path / "run")
    done = feab_cli("report", *[argument.replace("RUN", str(tmp_path / "run")) for argument in arguments])
    assert done.exit_code == 2
    assert says in done.stderr

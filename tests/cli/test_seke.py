"""`feab seke annotate`: what it prints, its exit statuses, and that kills lose and repeat nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from test_interruption import FEAB, KILLER
from typer.testing import CliRunner

from feab.cli import app
from feab.data.annotations import read_annotations
from feab.generation.annotate import annotate
from feab.generation.store import load_annotations
from feab.journal import read_predictions

RECIPE = """
method: seke
name: quick
version: "1"
calibration: {faces: 0, per_expression: 0}
# Without labelled faces nothing would be asked again: these have it go on.
stopping: {unlabelled: 1.0, provisional: 1.0, most_contexts: 5}
"""
SCRIPT = """
- prompt: "c*"
  texts:
    - '{"valence": 0.5, "arousal": 0.1, "action_units": [6, 12]}'
    - '{"valence": 0.2, "arousal": 0.3, "action_units": [12, 25]}'
    - '{"valence": -0.6, "arousal": 0.5, "action_units": [4, 7]}'
    - "I see a face."
  pick: sample
- {prompt: "v-*", texts: ['{"answer": "present"}', '{"answer": "absent"}', "hm"], pick: sample}
"""


@pytest.fixture
def asked(faces: Path, tmp_path: Path) -> dict[str, Any]:
    """The options of a quick call, by name."""
    (tmp_path / "quick.yaml").write_text(RECIPE)
    (tmp_path / "seke-script.yaml").write_text(SCRIPT)
    return {
        "--data": str(faces),
        "--model": f"mock/{tmp_path / 'seke-script.yaml'}",
        "--recipe": str(tmp_path / "quick.yaml"),
        "--given": "expression",
        "--out": str(tmp_path / "out"),
    }


def words(asked: dict[str, Any], **more: str) -> list[str]:
    options = {**asked, **{f"--{name.replace('_', '-')}": value for name, value in more.items()}}
    return ["seke", "annotate", *(word for option in options.items() for word in option)]


def test_it_says_what_came_of_it(asked: dict[str, Any], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, words(asked))
    assert done.exit_code == 0, done.output
    assert "30 of 30 faces decided" in done.stdout
    assert "expression: 24 human, 6 rejected" in done.stdout
    assert "no face with a human label of it calibrates" in done.stdout
    assert f"folder: {tmp_path / 'out'}" in done.stderr
    assert "decided: 30/30" in done.stderr
    again = CliRunner().invoke(app, [*words(asked), "--json"])
    assert again.exit_code == 0
    manifest = json.loads(again.stdout)
    assert manifest["counts"]["decided"] == 30
    assert "answers are there" in again.stderr


def test_folders_and_recipes_are_validated(asked: dict[str, Any], tmp_path: Path) -> None:
    assert CliRunner().invoke(app, words(asked)).exit_code == 0
    done = CliRunner().invoke(app, ["validate", asked["--out"], asked["--recipe"]])
    assert done.exit_code == 0, done.output
    assert "annotations, 30 faces" in done.stdout
    assert "recipe of SEKE quick" in done.stdout
    draws = tmp_path / "out" / "draws.jsonl"
    draws.write_bytes(draws.read_bytes().replace(b'"prompt":"c0"', b'"prompt":"x0"', 1) + b"{}\n")
    lines = (tmp_path / "out" / "annotations.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "out" / "annotations.jsonl").write_text("".join(lines[1:]))
    Path(asked["--recipe"]).write_text(RECIPE + "colour: red\n")
    done = CliRunner().invoke(app, ["validate", asked["--out"], asked["--recipe"]])
    assert done.exit_code == 2
    for message in ("'x0' is none of SEKE's", "holds 29 faces", "colour"):
        assert message in done.output


def test_a_dry_run_asks_nothing(asked: dict[str, Any], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*words(asked), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "30, and 0 that calibrate" in done.stdout
    assert "60 to 150" in done.stdout
    assert "nothing was sent" in done.stderr
    assert not (tmp_path / "out").exists()
    plain = json.loads(CliRunner().invoke(app, [*words(asked), "--dry-run", "--json"]).stdout)
    assert plain["at_least"]["answers"] == 120


def test_mistakes_are_told_in_a_line(asked: dict[str, Any], tmp_path: Path) -> None:
    for more, message in (
        ({"given": "mood"}, "given 'mood': known are"),
        ({"recipe": "nowhere"}, "no recipe 'nowhere'"),
        ({"max_cost": "5"}, "no price of"),
        ({"data": str(tmp_path / "none")}, "no dataset"),
        ({"split": "train"}, "train"),
    ):
        done = CliRunner().invoke(app, words(asked, **more))
        assert done.exit_code == 2, done.output
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    done = CliRunner().invoke(app, [*words(asked), "-M", "limit=3"])
    assert "-M limit: is an option of its own, --limit" in done.stderr
    assert not (tmp_path / "out").exists()


def test_failures_leave_it_incomplete(asked: dict[str, Any]) -> None:
    done = CliRunner().invoke(app, [*words(asked), "-M", "error_rate=0.1"])
    assert done.exit_code == 3
    assert "INCOMPLETE" in done.stderr
    done = CliRunner().invoke(app, words(asked))
    assert done.exit_code == 0
    assert "30 of 30 faces decided" in done.stdout
    assert "failed questions again" in done.stderr


def test_ctrl_c_exits_130_and_writes_what_is_decided(asked: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*FEAB, *words(asked), "-M", "delay_s=0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        draws = out / "draws.jsonl"
        for _ in range(1200):
            if draws.exists() and draws.read_bytes().count(b"\n") > 20:
                break
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert "The same command goes on from there." in stderr
    assert "Traceback" not in stderr
    manifest = load_annotations(out).manifest
    answered = draws.read_bytes().count(b"\n")
    assert sum(manifest.outcomes.model_dump().values()) == answered < manifest.expected
    assert f"{answered} of {manifest.expected} answers are in {out}" in stderr
    assert len(list(read_annotations(out / "annotations.jsonl"))) == manifest.counts.decided
    assert CliRunner().invoke(app, words(asked)).exit_code == 0


def test_kills_lose_and_repeat_nothing(asked: dict[str, Any], tmp_path: Path) -> None:
    how = {"data": asked["--data"], "recipe": asked["--recipe"], "given": ["expression"]}
    undisturbed = annotate(asked["--model"], out=tmp_path / "undisturbed", **how)
    killer = KILLER.replace("import feab.cli.run,", "import feab.cli.run, feab.cli.seke, scipy.sparse,")
    assert killer != KILLER
    out = tmp_path / "killed"
    slow = [*words({**asked, "--out": str(out)}), "-M", "delay_s=0.02"]
    done = subprocess.run(
        [sys.executable, "-c", killer.replace("range(20)", "range(8)"), str(out / "draws.jsonl"), *slow],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert int(done.stdout) >= 4, done.stderr
    whole = annotate(asked["--model"], out=out, **how)
    keys = Counter(prediction.key for prediction in read_predictions(out / "draws.jsonl"))
    assert set(keys.values()) == {1}
    assert sum(keys.values()) == whole.manifest.expected == undisturbed.manifest.expected
    assert whole.complete
    assert whole.manifest.counts == undisturbed.manifest.counts
    assert list(read_annotations(whole.file)) == list(read_annotations(undisturbed.file))
    texts = [{p.key: p.text for p in read_predictions(one.path / "draws.jsonl")} for one in (whole, undisturbed)]
    assert texts[0] == texts[1]

"""Runs beside each other: the numbers are those of `feab.metrics`, and what differs is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

import feab
from feab.errors import FeabError
from feab.runs import Run
from feab.runs.comparing import compare

MINI = "synth_expression"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    above = tmp_path_factory.mktemp("compared")
    asked = {
        "uniform": ("baseline/uniform", ["synth"], 300, 0),
        "always": ("baseline/always-active", ["synth"], 300, 0),
        "again": ("baseline/uniform", ["synth"], 300, 1),
        "expression": ("baseline/majority", [MINI], 300, 0),
        "fewer": ("baseline/uniform", ["synth"], 200, 0),
    }
    return {
        name: feab.run(model, tasks, out=above / name, limit=limit, seed=seed)
        for name, (model, tasks, limit, seed) in asked.items()
    }


def test_scores_and_differences_are_those_of_the_runs(runs: dict[str, Run]) -> None:
    told: list[tuple[int, int]] = []
    found = compare([runs["uniform"], runs["always"].path], on_progress=lambda *where: told.append(where))
    assert found.models == ("baseline/uniform", "baseline/always-active")
    assert [one.name for one in found.tasks] == ["synth_expression", "synth_valence_arousal", "synth_action_units"]
    assert found.overall is not None
    for one in [*found.tasks, found.overall]:
        for place, name in enumerate(("uniform", "always")):
            scores = runs[name].scores
            assert scores is not None
            task = scores.tasks.get(one.name)
            of_run = scores.overall if task is None else task.metrics[one.metric]
            assert of_run is not None
            assert asdict(one.standings[place].score) == of_run.model_dump()
        (pair,) = one.pairs
        first, second = (standing.score.value for standing in one.standings)
        assert first is not None
        assert second is not None
        assert pair.difference.value == pytest.approx(first - second)
    # Holm over the three tasks: the smallest p-value is worth three of it
    tested = [one.pairs[0] for one in found.tasks]
    smallest = min(tested, key=lambda pair: pair.difference.p or 0)
    assert smallest.p_corrected == pytest.approx(3 * (smallest.difference.p or 0))
    units = found.tasks[2]
    assert [(s.best, s.worst) for s in units.standings] == [(2, 2), (1, 1)]  # naming every AU beats guessing
    assert told[-1] == (6, 6)
    assert compare([runs["uniform"], runs["always"]]) == found


def test_tasks_that_only_some_were_asked_are_left_out(runs: dict[str, Run]) -> None:
    found = compare([runs["uniform"], runs["expression"]])
    assert [one.name for one in found.tasks] == [MINI]
    assert found.overall is None
    assert found.left_out == ("synth_valence_arousal", "synth_action_units")


def copied(run: Run, folder: Path, change: Callable[[dict[str, object]], None]) -> Path:
    shutil.copytree(run.path, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_one_model_twice_is_told_apart(runs: dict[str, Run], tmp_path: Path) -> None:
    def rename(manifest: dict[str, object]) -> None:
        manifest["identity"]["seed"] = 0  # type: ignore[index]
        manifest["identity"]["draws"] = 2  # type: ignore[index]

    other = copied(runs["uniform"], tmp_path / "other", rename)
    lines = [json.loads(line) for line in (other / "predictions.jsonl").read_text().splitlines()]
    lines += [line | {"draw": 1} for line in lines]
    (other / "predictions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["expected"] *= 2
    manifest["outcomes"]["ok"] *= 2
    (other / "manifest.json").write_text(json.dumps(manifest))
    names = compare([runs["uniform"], other]).models
    assert len(set(names)) == 2
    assert all(name.startswith("baseline/uniform #") for name in names)


def test_what_cannot_be_compared_is_refused(runs: dict[str, Run], tmp_path: Path) -> None:
    def fingerprint(manifest: dict[str, object]) -> None:
        manifest["identity"]["datasets"] = {"synth/test": "0" * 64}  # type: ignore[index]

    def version(manifest: dict[str, object]) -> None:
        manifest["identity"]["tasks"][MINI]["version"] = "0"  # type: ignore[index]

    def incomplete(manifest: dict[str, object]) -> None:
        manifest["outcomes"]["error"] = 1  # type: ignore[index]

    one = runs["uniform"]
    for other, why in (
        (runs["fewer"], "the limit differs: 300 in .*, 200 in"),
        (runs["again"], "the seed that chose faces differs: 0 in .*, 1 in"),
        (copied(one, tmp_path / "f", fingerprint), "the fingerprint of the data differs"),
        (copied(one, tmp_path / "v", version), f"{MINI}: its version differs"),
        (copied(one, tmp_path / "i", incomplete), "incomplete"),
        (one, "the same run twice"),
    ):
        with pytest.raises(FeabError, match=why):
            compare([one, other])
    with pytest.raises(FeabError, match="two runs or more"):
        compare([one])


def test_runs_that_lack_faces_are_refused(runs: dict[str, Run], tmp_path: Path) -> None:
    other = copied(runs["always"], tmp_path / "other", lambda manifest: None)
    lines = (other / "predictions.jsonl").read_text().splitlines()
    (other / "predictions.jsonl").write_text("\n".join(lines[:-200]) + "\n")
    with pytest.raises(FeabError, match="answer other faces"):
        compare([runs["uniform"], other])


def feab_cli(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "feab.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def test_the_verb(runs: dict[str, Run], tmp_path: Path) -> None:
    folders = [str(runs[name].path) for name in ("uniform", "always")]
    shown = feab_cli("compare", *folders)
    assert shown.returncode == 0
    assert "synth_action_units" in shown.stdout
    assert "corrected p" in shown.stdout
    assert "left out" not in shown.stdout
    told = json.loads(feab_cli("compare", *folders, "--json").stdout)
    assert told["models"] == ["baseline/uniform", "baseline/always-active"]
    assert told["tasks"][0]["pairs"][0]["difference"]["p"] > 0
    refused = feab_cli("compare", folders[0], str(tmp_path))
    assert refused.returncode == 2
    assert "not a run folder" in refused.stderr
    assert "Traceback" not in refused.stderr

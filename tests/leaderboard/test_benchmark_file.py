"""A dataset's `eval.yaml`: the fields that the Hub documents and no others, and tasks by the names that scores bear."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from boards import Place
from typer.testing import CliRunner

import feab
from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard.benchmark import benchmark_yaml
from feab.runs.outside.hub_eval import hub_eval

RUNNER = CliRunner()
FIELDS = {"name", "description", "evaluation_framework", "tasks"}
OF_A_TASK = {"id", "config", "split"}


def test_it_holds_what_the_hub_documents(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["leaderboard", "benchmark", "--out", str(tmp_path / "repo")])
    assert done.exit_code == 0, done.output
    path = Path(done.stdout.strip())
    assert path == tmp_path / "repo" / "eval.yaml"
    found = yaml.safe_load(path.read_bytes())
    assert set(found) == FIELDS
    assert found["name"] == "FEAB"
    assert all(set(task) == OF_A_TASK for task in found["tasks"])
    assert [task["id"] for task in found["tasks"]] == ["feab_expression", "feab_valence_arousal", "feab_action_units"]
    again = RUNNER.invoke(app, ["leaderboard", "benchmark", "--out", str(tmp_path / "repo")])
    assert again.exit_code == 0
    other = RUNNER.invoke(app, ["leaderboard", "benchmark", "--tasks", "synth", "--out", str(tmp_path / "repo")])
    assert other.exit_code == 2
    assert "is there already" in other.stderr


def test_its_tasks_are_those_of_models_scores(place: Place) -> None:
    run = feab.load_run(place.runs["uniform"])
    assert run.scores is not None
    scores = yaml.safe_load(hub_eval(run, run.scores, "owner/synth").file)
    tasks = yaml.safe_load(benchmark_yaml("synth", name="Faces: ünseen"))
    assert tasks["name"] == "Faces: ünseen"
    assert {one["dataset"]["task_id"] for one in scores} == {task["id"] for task in tasks["tasks"]}


def test_a_benchmark_is_of_one_dataset_and_has_a_name() -> None:
    with pytest.raises(FeabError, match="are about feab, synth"):
        benchmark_yaml(["feab", "synth"])
    for name in ("\n", " ", "x" * 201):
        with pytest.raises(FeabError, match="is no name"):
            benchmark_yaml("feab", name=name)

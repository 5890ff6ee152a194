"""Scores in the Hub's own form: read back by huggingface_hub, with everything that a number alone does not tell."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from faces_folder import make_faces
from huggingface_hub import CommitOperationAdd, parse_eval_result_entries
from typer.testing import CliRunner

import feab
from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard.modelrepo import propose_results
from feab.runs import Run, export_run

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hub")
    return feab.run("baseline/uniform", "synth", data=make_faces(folder / "made", people=12), out=folder / "run")


def test_scores_are_written_in_the_hubs_form(run: Run, tmp_path: Path) -> None:
    words = ["export", str(run.path), "--format", "hub-eval", "--hub-dataset", "owner/feab", "--out", str(tmp_path)]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == 0, done.output
    entries = parse_eval_result_entries(yaml.safe_load((tmp_path / ".eval_results" / "feab.yaml").read_text()))
    scores = run.scores
    assert scores is not None
    assert {entry.task_id for entry in entries} == set(scores.tasks)
    for entry in entries:
        task = scores.tasks[entry.task_id]
        estimate = task.metrics[task.primary]
        assert (entry.dataset_id, entry.date) == ("owner/feab", run.manifest.updated)
        assert entry.value == round(estimate.value or 0, 4)
        assert f"95 % interval {estimate.low:.3f} to {estimate.high:.3f}" in (entry.notes or "")
        assert f"{task.primary} on made/test, {task.n:,} faces" in (entry.notes or "")
        assert "prompt direct" in (entry.notes or "")


@pytest.mark.parametrize("dataset", [None, "feab", "../x/y", "a/b/c", "a/..", "<b>/c"])
def test_the_faces_must_be_named(run: Run, tmp_path: Path, dataset: str | None) -> None:
    with pytest.raises(FeabError, match="--hub-dataset OWNER/NAME"):
        export_run(run, tmp_path, format="hub-eval", hub_dataset=dataset)
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_run_is_not_published(run: Run, tmp_path: Path) -> None:
    manifest = run.manifest.model_copy(update={"expected": run.manifest.expected + 1})
    with pytest.raises(FeabError, match="incomplete run are not published"):
        export_run(Run(run.path, manifest), tmp_path, format="hub-eval", hub_dataset="owner/feab")


class _Hub:
    def __init__(self) -> None:
        self.calls: list[tuple[str, list[CommitOperationAdd], dict[str, object]]] = []

    def create_commit(self, repository: str, operations: list[CommitOperationAdd], **how: object) -> object:
        self.calls.append((repository, operations, how))
        return type("Done", (), {"pr_url": "https://huggingface.co/owner/model/discussions/1"})()


def test_they_are_proposed_and_not_pushed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = _Hub()
    assert propose_results("owner/model", b"x", hub).endswith("/discussions/1")
    ((repository, (operation,), how),) = hub.calls
    assert (repository, operation.path_in_repo) == ("owner/model", ".eval_results/feab.yaml")
    assert how["create_pr"] is True
    assert how["repo_type"] == "model"
    with pytest.raises(FeabError, match="is no repository on the Hub"):
        propose_results("owner/../x", b"x", hub)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    words = ["submit", str(run.path), "--model-repo", "owner/model"]
    assert "--hub-dataset" in RUNNER.invoke(app, words).stderr
    declined = RUNNER.invoke(app, [*words, "--hub-dataset", "owner/feab"], input="n\n")
    assert declined.exit_code == 2
    assert len(hub.calls) == 1
    sent = RUNNER.invoke(app, [*words, "--hub-dataset", "owner/feab", "--yes"])
    assert sent.exit_code == 0, sent.output
    assert "sent: https://huggingface.co/owner/model/discussions/1" in sent.stdout
    assert "task_id: synth_expression" in sent.stderr
    assert len(hub.calls) == 2

"""Scores in the Hub's own form: read back by huggingface_hub, with everything that a number alone does not tell."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml
from faces_folder import make_faces
from huggingface_hub import EvalResult, parse_eval_result_entries
from typer.testing import CliRunner

import feab
from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard.modelrepo import prepare
from feab.runs import Run, export_run
from feab.runs.outside.hub_eval import hub_eval

RUNNER = CliRunner()
COMMIT = "a" * 40


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


@dataclass
class _Hub:
    """A hub with one model, as far as a proposal asks: its address, and what was proposed to it."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[list[dict[str, Any]]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def proposed(self) -> dict[str, bytes]:
        """The files of the last commit."""
        return {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in self.commits[-1]
            if line["key"] == "file"
        }

    def header(self) -> dict[str, Any]:
        return dict(self.commits[-1][0]["value"])

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        api = "/api/models/owner/model"
        if path in (api, f"{api}/revision/main"):
            return 200, json.dumps({"id": "owner/model", "sha": COMMIT}).encode()
        if path == f"{api}/paths-info/{COMMIT}":
            rows = [{"type": "file", "path": n, "size": len(d), "oid": "0" * 40} for n, d in self.files.items()]
            return 200, json.dumps(rows).encode()
        if path == f"/owner/model/resolve/{COMMIT}/README.md":
            self.fetched.append(method)
            return 200, self.files["README.md"]
        if path == "/api/validate-yaml":
            return 200, b"{}"
        if path == f"{api}/preupload/main":
            asked = json.loads(body)["files"]
            told = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked]
            return 200, json.dumps({"files": told}).encode()
        if path == f"{api}/commit/main":
            self.commits.append([json.loads(line) for line in body.splitlines()])
            pull, hub_commit = f"{self.url}/owner/model/discussions/1", f"{self.url}/owner/model/commit/{'b' * 40}"
            told = {"success": True, "commitUrl": hub_commit, "commitOid": "b" * 40, "pullRequestUrl": pull}
            return 200, json.dumps(told).encode()
        return 404, b"{}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Hub]:
    """A hub on this machine, which huggingface_hub's own client takes for the Hub."""
    hub = _Hub()

    class Handler(BaseHTTPRequestHandler):
        def _do(self, *, body: bool = True) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, data = hub.answer(self.command, self.path.partition("?")[0], sent)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", '"e"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def do_HEAD(self) -> None:
            self._do(body=False)

        do_GET = do_POST = _do

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # nothing leaves this machine
    monkeypatch.setattr("huggingface_hub.HfApi", partial(huggingface_hub.HfApi, endpoint=hub.url, token="x"))
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_they_are_proposed_and_not_pushed(run: Run, hub: _Hub) -> None:
    hub.files["README.md"] = b"---\nlicense: mit   # theirs\n---\n# A model\n"
    words = ["submit", str(run.path), "--model-repo", "owner/model"]
    assert "--hub-dataset" in RUNNER.invoke(app, words).stderr
    words += ["--hub-dataset", "owner/feab"]
    declined = RUNNER.invoke(app, words, input="n\n")
    assert declined.exit_code == 2
    assert hub.commits == []
    sent = RUNNER.invoke(app, [*words, "--yes"])
    assert sent.exit_code == 0, sent.output
    assert f"sent: {hub.url}/owner/model/discussions/1" in sent.stdout
    assert "task_id: synth_expression" in sent.stderr
    assert "name: synth_expression, macro_f1 (95 % interval" in sent.stderr
    assert len(hub.commits) == 1  # both files in one
    assert hub.header()["parentCommit"] == COMMIT
    files = hub.proposed()
    assert set(files) == {".eval_results/feab.yaml", "README.md"}
    card = files["README.md"].decode()
    assert card.startswith("---\nlicense: mit   # theirs\nmodel-index:\n")
    assert card.endswith("\n---\n# A model\n")
    same_numbers(files[".eval_results/feab.yaml"], huggingface_hub.ModelCard(card).data.eval_results)


def same_numbers(file: bytes, results: list[EvalResult] | None) -> None:
    entries = parse_eval_result_entries(yaml.safe_load(file))
    assert results is not None
    assert [(f"{one.task_id}, ", one.value) for one in entries] == [
        (str(one.metric_name)[: len(entry.task_id) + 2], one.metric_value)
        for one, entry in zip(results, entries, strict=True)
    ]
    assert {(one.dataset_type, one.dataset_split, one.verified) for one in results} == {("owner/feab", "test", None)}


@pytest.mark.parametrize(
    ("card", "says"),
    [
        (None, "has no README.md"),
        (b"---\na: [\n---\n", "not valid YAML"),
        (b"# A model\n" + b"a" * 10_000_000, "more than 1,048,576 bytes"),
        (b"---\nmodel-index: <script>\n---\n", "no list of models"),
    ],
)
def test_a_card_that_cannot_be_changed_is_left(run: Run, hub: _Hub, card: bytes | None, says: str) -> None:
    if card is not None:
        hub.files["README.md"] = card
    words = ["submit", str(run.path), "--model-repo", "owner/model", "--hub-dataset", "owner/feab", "--yes"]
    sent = RUNNER.invoke(app, words)
    assert sent.exit_code == 0, sent.output
    assert "--- the model card is left as it is: " in sent.stderr
    assert says in sent.stderr
    assert set(hub.proposed()) == {".eval_results/feab.yaml"}
    assert card is None or len(card) < 2**20 or hub.fetched == []  # a large one is not even fetched


def test_what_is_no_repository_is_not_asked_for(run: Run, hub: _Hub) -> None:
    assert run.scores is not None
    results = hub_eval(run, run.scores, "owner/feab")
    with pytest.raises(FeabError, match="is no repository on the Hub"):
        prepare("owner/../x", results)
    with pytest.raises(FeabError, match=r"hf://owner/other: .*404"):
        prepare("owner/other", results)


def test_the_cards_piece_lies_beside_the_file(run: Run, tmp_path: Path) -> None:
    done = export_run(run, tmp_path, format="hub-eval", hub_dataset="owner/feab")
    assert [path.name for path in done.files] == ["feab.yaml", "model-index.yaml"]
    piece = (tmp_path / "model-index.yaml").read_text()
    card = huggingface_hub.ModelCard(f"---\n{piece}---\n")
    assert card.data.model_name == "baseline/uniform"
    same_numbers((tmp_path / ".eval_results" / "feab.yaml").read_bytes(), card.data.eval_results)

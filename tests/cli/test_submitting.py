"""`feab submit` and `feab verify`, as a user types them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import feab
from feab.cli.app import app
from feab.errors import FeabError

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run about the embedded faces."""
    return feab.run("baseline/uniform", "synth_expression", out=tmp_path_factory.mktemp("run") / "run").path


def test_submit_and_verify(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    store = tmp_path / "store"
    listed = RUNNER.invoke(app, ["submit", str(run), "--to", str(store), "--user", "ada"])
    assert listed.exit_code == 0, listed.output
    assert "listed: baseline/uniform as" in listed.stdout
    assert "synth_expression, 0." in listed.stdout
    assert "place 1" in listed.stdout
    assert "--- manifest.json" in listed.stderr
    assert '"licence": "Apache-2.0"' in listed.stderr
    again = RUNNER.invoke(app, ["submit", str(run), "--to", str(store), "--user", "ada", "--json"])
    assert again.exit_code == 2
    assert "listed already" in json.loads(again.stdout)["problems"][0]
    right = RUNNER.invoke(app, ["verify", str(store)])
    assert right.exit_code == 0, right.output
    assert "log.jsonl: right" in right.stdout
    (submission,) = (store / "submissions").iterdir()
    (submission / "card.json").write_text("{}")
    wrong = RUNNER.invoke(app, ["verify", str(store), "--json"])
    assert wrong.exit_code == 2
    assert "was changed since line 2" in json.loads(wrong.stdout)["problems"]["log.jsonl"][0]


def test_pack_sends_nothing(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "sent.zip"
    packed = RUNNER.invoke(app, ["submit", str(run), "--pack", str(out)])
    assert packed.exit_code == 0
    assert "nothing was sent" in packed.stderr
    assert zipfile.ZipFile(out).namelist() == ["manifest.json", "predictions.jsonl", "card.json"]
    assert RUNNER.invoke(app, ["submit", str(run), "--pack", str(out)]).exit_code == 2  # nothing is overwritten
    found = RUNNER.invoke(app, ["verify", str(out), "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["scores"]["tasks"]["synth_expression"]["n"] == 1152


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say where it goes"),
        (["--to", "a", "--pack", "b"], "say where it goes"),
        (["--to", "ftp://x"], "give a leaderboard's folder"),
        (["--to", "hf://datasets/evil"], "no repository on the Hub"),
    ],
)
def test_wrong_use_is_told(run: Path, words: list[str], says: str) -> None:
    result = RUNNER.invoke(app, ["submit", str(run), *words])
    assert result.exit_code == 2
    assert says in result.stderr


def test_nothing_there(tmp_path: Path) -> None:
    from feab.leaderboard import verify

    with pytest.raises(FeabError, match="no such file"):
        verify(tmp_path / "none")

"""`feab data build`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from feab.cli.app import app

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "benchmark"))

from made_sources import EIGHT, save, web


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    save(tmp_path / "data", "rafdb", "test", web("test", EIGHT[:7], 74), labels=EIGHT[:7])
    return tmp_path / "data"


def feab(*words: object, status: int = 0) -> Result:
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == status, done.output
    return done


def test_a_part_is_built_said_to_be_one_and_asked_about(data_home: Path, tmp_path: Path) -> None:
    done = feab("data", "build", "feab")
    folder = data_home / "feab-partial-rafdb"
    assert done.stdout.splitlines()[0] == f"feab-partial-rafdb: {folder}"
    assert "rafdb\t511/511" in done.stdout
    assert "test, 511 of 3,035 faces" in done.stdout
    assert "neutral 73, happiness 73" in done.stdout
    assert "PARTIAL: this is not feab, and is called feab-partial-rafdb." in done.stderr
    assert "ckplus: not there (split test)" in done.stderr
    assert "feab-partial-rafdb\ttest 511" in feab("data", "list").stdout
    asked = ["--data", "feab-partial-rafdb", "--limit", 20, "--out", tmp_path / "run"]
    told = feab("run", "-m", "baseline/uniform", "-t", "feab_expression", *asked)
    assert "feab_expression" in told.stdout
    assert "--again makes it anew" in feab("data", "build", "feab", status=2).output
    feab("data", "build", "feab", "--again")


def test_what_differs_from_a_manifest_is_listed_whole(data_home: Path, tmp_path: Path) -> None:
    feab("data", "build", "feab", "--to", tmp_path / "mine")
    manifest = tmp_path / "mine" / "feab-partial-rafdb.manifest.json"
    done = feab("data", "build", "feab", "--to", tmp_path / "same", "--manifest", manifest)
    assert f"feab-partial-rafdb: {tmp_path / 'same'}" in done.stdout
    shutil.rmtree(data_home / "rafdb")
    save(data_home, "rafdb", "test", web("test", EIGHT[:7], 74)[100:], labels=EIGHT[:7])
    done = feab("data", "build", "feab", "--to", tmp_path / "other", "--manifest", manifest, status=2)
    lines = done.stdout.splitlines()
    assert lines
    assert all(line.startswith("rafdb: test_00") and line.endswith(": is not in the dataset") for line in lines)
    assert f"{len(lines)} of 511 faces are not the same here" in done.stderr
    assert not (tmp_path / "other").exists()


def test_mistakes_end_with_status_2(tmp_path: Path) -> None:
    assert "there are feab, feid-pool" in feab("data", "build", "nonesuch", status=2).output
    assert "no such folder" in feab("data", "build", "feab", "--root", tmp_path / "nowhere", status=2).output
    assert "cannot read it" in feab("data", "build", "feab", "--manifest", tmp_path / "no.json", status=2).output


def test_an_interrupted_build_says_so_and_leaves_nothing(data_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: Path, manifest: object) -> None:
        assert (path.parent / "test.parquet").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr("feab.data.benchmark.building.write_manifest", interrupt)
    done = feab("data", "build", "feab", status=130)
    assert "Interrupted." in done.stderr
    assert "goes on" not in done.stderr
    assert sorted(path.name for path in data_home.iterdir()) == ["rafdb"]

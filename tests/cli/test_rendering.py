"""A dataset that has to be rendered first is rendered before the eyes of the user, whichever verb needs it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

import feab.data.rendered
import feab.faces.synth
from feab.cli import app
from feab.cli.rendering import Rendering
from feab.faces.synth import SplitSpec


def feab_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`synth` with one identity of 64 px, not shipped, and an empty cache."""
    monkeypatch.setattr(feab.faces.synth, "SPLITS", {"test": SplitSpec("test", 3, 1)})
    monkeypatch.setattr(feab.data.rendered, "SIZE", 64)
    monkeypatch.setattr("feab.data.places.embedded_folder", lambda: tmp_path / "not-shipped")
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_every_verb_that_renders_says_so_and_only_then(cache: Path, tmp_path: Path) -> None:
    verbs = [
        ("run", "--model", "baseline/uniform", "--out", tmp_path / "run"),
        ("score", tmp_path / "run"),
        ("data", "info", "synth"),
        ("data", "show", "synth", "--out", tmp_path / "sheet.png"),
    ]
    for verb in verbs:
        for folder in cache.glob("synth/test-*"):
            shutil.rmtree(folder)  # the shards stay: the pictures are put together, not drawn, again
        first, again = feab_cli(*verb), feab_cli(*verb)
        assert (first.exit_code, again.exit_code) == (0, 0), first.stderr + again.stderr
        assert first.stderr.startswith(f"rendering 24 faces, once: they are kept in {cache}\n")
        assert "rendering: 24/24\n" in first.stderr
        assert "rendering" not in first.stdout + again.stdout + again.stderr


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr("feab.cli.rendering.console", lambda *, stderr: screen)
    with Rendering() as bar:
        bar(3, 24)
        bar(24, 24)
    assert isinstance(screen.file, io.StringIO)
    assert "100%" in screen.file.getvalue()
    with Rendering():
        pass
    assert screen.file.getvalue().count("100%") == 1

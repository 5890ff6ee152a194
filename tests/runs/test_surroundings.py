"""What a run ran on is written down and is no part of its identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faces_folder import make_faces, make_script

import feab
from feab.errors import FeabError
from feab.models import load_model


def test_another_device_is_noted_and_does_not_make_another_run(tmp_path: Path) -> None:
    faces, script = make_faces(tmp_path / "made"), f"mock/{make_script(tmp_path)}"
    found = []
    for device in ("cpu", "cuda:1"):
        model: Any = load_model(script)
        model.info = replace(model.info, parameters=7, details={"device": device, "dtype": "float16", "batch_size": 4})
        run = feab.run(model, "synth_expression", data=faces, out=tmp_path / "run")
        found.append(run.manifest)
        noted = {"parameters": 7, "device": device, "dtype": "float16", "batch_size": 4}
        assert feab.load_run(run.path).manifest.machine["model"] == noted
    assert found[0].identity_sha256 == found[1].identity_sha256


def test_what_a_model_says_of_itself_must_fit_a_manifest(tmp_path: Path) -> None:
    model: Any = load_model(f"mock/{make_script(tmp_path)}")
    model.info = replace(model.info, name="x" * 201)
    with pytest.raises(FeabError, match="model: String should have at most 200"):
        feab.run(model, "synth_expression", data=make_faces(tmp_path / "made"), out=tmp_path / "run")

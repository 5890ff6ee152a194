"""Runs with replicas: the folder is the same as without, and what was lost is asked by the next call."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec

import psutil
import pytest
from faces_folder import make_faces, make_script

import feab
from feab.errors import FeabError
from feab.models.wrappers import replicas_pool, replicas_ray
from feab.runs import OutOfReplicas

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return make_faces(tmp_path_factory.mktemp("replicas") / "made", people=8)


@pytest.fixture
def script(tmp_path):
    return f"mock/{make_script(tmp_path)}"


def kept(run):
    return {one.key: (one.text, one.outcome, one.answer) for one in run.predictions()}


class Killer:
    """Kills all replicas of this program as soon as an answer is there."""

    def rendering(self, done, total):
        pass

    def start(self, path, parts, journal):
        pass

    def update(self, progress):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it is gone already
                if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::Replica"):
                    process.kill()


def test_a_run_without_replicas_left_is_incomplete_and_goes_on(ray, faces, script, tmp_path, monkeypatch):
    alone = feab.run(script, data=faces, out=tmp_path / "alone")
    monkeypatch.setattr(replicas_pool, "OPENINGS", 0)
    with pytest.raises(OutOfReplicas, match=r"all replicas are lost: .* the same command goes on from there") as ended:
        feab.run(script, data=faces, out=tmp_path / "run", replicas=2, progress=Killer(), delay_s=0.01)
    some = kept(ended.value.run)
    assert 0 < len(some) < len(kept(alone))
    assert not ended.value.run.complete
    monkeypatch.undo()
    run = feab.run(script, data=faces, out=tmp_path / "run", replicas=2)
    assert run.complete
    assert kept(run) == kept(alone)
    assert len(list(run.predictions())) == len(kept(run)) == 224
    assert run.scores == alone.scores
    assert run.manifest.identity == alone.manifest.identity
    assert run.manifest.machine["model"]["replicas"] == {"number": 2, "restarted": 0, "lost": 0}


def test_a_cluster_that_is_joined_goes_on_without_us(ray, ray_home, faces, script, tmp_path):
    address = ray.get_runtime_context().gcs_address
    command = ["run", "--model", script, "--data", str(faces), "--replicas", "2", "--ray-address", address]
    done = subprocess.run(
        [sys.executable, "-m", "feab.cli", *command, "--out", str(tmp_path / "run"), "--json"],
        env={**os.environ, "RAY_AUTH_TOKEN_PATH": str(ray_home / "ray" / "token"), "FEAB_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert feab.load_run(tmp_path / "run").complete
    assert not (tmp_path / "ray").exists(), "it started none of its own"
    assert [node["Alive"] for node in ray.nodes()] == [True]


@pytest.mark.full
@pytest.mark.parametrize("token", ["none", "another"])
def test_a_cluster_with_another_token_is_told(ray, faces, script, tmp_path, token):
    other = tmp_path / "token"
    other.write_text("x" * 64)
    given = {"RAY_AUTH_TOKEN_PATH": str(other)} if token == "another" else {}
    address = ray.get_runtime_context().gcs_address
    command = ["run", "--model", script, "--data", str(faces), "--replicas", "2", "--ray-address", address]
    done = subprocess.run(
        [sys.executable, "-m", "feab.cli", *command, "--out", str(tmp_path / "run")],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "a token that is not ours: set RAY_AUTH_TOKEN_PATH" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@needs_ray
def test_what_cannot_be_is_told_before_anything_is_read(faces, script, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(FeabError, match="ray_address goes with replicas"):
        feab.run(script, data=faces, out=out, ray_address="127.0.0.1:6379")
    with pytest.raises(FeabError, match="gpus_per_replica goes with replicas"):
        feab.run(script, data=faces, out=out, gpus_per_replica=1)
    with pytest.raises(FeabError, match="must be from 1 to"):
        feab.run(script, data=faces, out=out, replicas=0)
    with pytest.raises(FeabError, match="cannot be copied"):
        feab.run(feab.load_model(script), data=faces, out=out, replicas=2)
    with pytest.raises(FeabError, match="write HOST:PORT"):
        feab.run(script, data=faces, out=out, replicas=2, ray_address="somewhere")
    assert not out.exists()


def test_without_ray_it_is_told_how_to_get_it(faces, script, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(replicas_ray, "find_spec", lambda name: None)
    with pytest.raises(FeabError, match=r"pip install 'feab\[ray\]'"):
        feab.run(script, data=faces, out=tmp_path / "run", replicas=2)

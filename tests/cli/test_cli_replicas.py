"""`feab run --replicas`: a Ray of its own, on this machine alone, of which nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

import feab

FEAB = [sys.executable, "-m", "feab.cli"]


@pytest.fixture
def home(monkeypatch):
    """A cache with a short path, since sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="feab-"))
    monkeypatch.setenv("FEAB_CACHE", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # Ray may write its last words


def family(home):
    """Processes of the Ray whose files lie there, and their replicas."""
    of_ray = [one for one in psutil.process_iter() if str(home) in " ".join(_words(one))]
    return {process for one in of_ray for process in (one, *_children(one))}


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _children(process):
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def lines(out):
    path = out / "predictions.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def until(true, process):
    for _ in range(6000):
        if true():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("that took more than five minutes")


def kept(run):
    return {one.key: (one.text, one.outcome, one.answer) for one in run.predictions()}


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_what_is_killed_and_interrupted_goes_on_and_leaves_nothing_behind(home, faces, script, tmp_path):
    out = tmp_path / "run"
    command = [*FEAB, "run", "--model", f"mock/{script.name}", "--data", str(faces), "--out", str(out), "--json"]
    replicated = [*command, "--replicas", "2"]
    process = subprocess.Popen(
        [*replicated, "-M", "delay_s=0.15"],
        cwd=script.parent,
        env={**os.environ, "OPENAI_API_KEY": "sk-not-to-be-written-down"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: lines(out) > 4, process)
        there = family(home)
        listening = [one.laddr.ip for member in (*there, psutil.Process(process.pid)) for one in _listening(member)]
        assert listening
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
        assert stat.S_IMODE((home / "ray").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "ray" / "token").stat().st_mode) == 0o600
        killed = next(one for one in there if _words(one) and _words(one)[0].startswith("ray::Replica"))
        killed.send_signal(signal.SIGKILL)
        before = lines(out)
        until(lambda: lines(out) > before + 12, process)
        files = [path for path in (home / "ray").rglob("*") if path.is_file()]
        assert len(files) > 10
        assert not any(b"sk-not-to-be" in path.read_bytes() for path in files)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to Ray's processes, too
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, stdout) == (130, "")
    assert "The same command goes on from there." in stderr
    assert "ray" not in stderr.lower().replace("arrays", ""), stderr
    _, alive = psutil.wait_procs(there, timeout=30)
    assert not alive
    assert not family(home)
    assert [path.name for path in (home / "ray").rglob("session_2*")] == []
    assert 0 < lines(out) < 84
    done = subprocess.run(replicated, cwd=script.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"]
    assert not family(home)
    run = feab.load_run(out)
    assert run.complete
    assert lines(out) == len(kept(run)) == 84
    assert kept(run) == kept(feab.run(f"mock/{script}", data=faces, out=tmp_path / "alone"))


def _listening(process):
    try:
        return [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


SLOW_ONCE = """
import os
from pathlib import Path
from feab.models.wrappers import replicas_local
plain = replicas_local.connected
def slow_once(ray, **how):
    replicas_local.connected = plain
    Path(how["_temp_dir"], f"session_2026-01-01_{os.getpid()}").mkdir(parents=True)
    raise RuntimeError("not ready after 30 s")
replicas_local.connected = slow_once
replicas_local.start_ray(1).leave()
"""


def test_a_start_that_failed_leaves_nothing_behind_either(home):
    subprocess.run([sys.executable, "-c", SLOW_ONCE], check=True, timeout=300)
    assert (home / "ray" / "s").is_dir()
    assert [path.name for path in (home / "ray").rglob("session_2*")] == []


def test_help_names_the_options():
    done = subprocess.run(
        [*FEAB, "run", "--help"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert all(option in done.stdout for option in ("--replicas", "--ray-address", "--gpus-per-replica"))

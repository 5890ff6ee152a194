"""Killed, interrupted, started twice: a run loses nothing that came back, and asks nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faces_folder import make_faces, make_script

import feab

FEAB = [sys.executable, "-m", "feab.cli"]

KILLER = """
# Runs one command again and again, each in a process of its own, and kills it (SIGKILL) at a random moment: of its
# start and repair, or of its work. The processes are forked from this one, which has imported what they need, so that
# they start within milliseconds.
import os, random, signal, sys, time
import feab.cli.run, feab.models.mock, feab.tasks.scoring, feab.answers, feab.data, pandas, pyarrow.parquet
from feab.cli import app

file, command = sys.argv[1], sys.argv[2:]
size = lambda: os.path.getsize(file) if os.path.exists(file) else 0
draw = random.Random(7)
killed = 0
for number in range(20):
    before = size()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        app(command)  # leaves by SystemExit
    waits_for_work = number % 2
    while waits_for_work and size() <= before:
        time.sleep(0.001)
    time.sleep(draw.uniform(0, 0.1 if waits_for_work else 0.3))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(killed)
"""


def test_twenty_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    faces = make_faces(tmp_path / "made", people=30)
    command = ["run", "--model", f"mock/{make_script(tmp_path)}", "--data", str(faces)]
    undisturbed = feab.run(command[2], data=faces, out=tmp_path / "undisturbed")
    slow = [*command, "--out", str(tmp_path / "killed"), "-M", "delay_s=0.005"]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path / "killed" / "predictions.jsonl"), *slow],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(done.stdout) == 20, done.stderr  # every one was killed while it worked
    answered = (tmp_path / "killed" / "predictions.jsonl").read_bytes().count(b"\n")
    assert 10 <= answered < 840
    run = feab.run(command[2], data=faces, out=tmp_path / "killed", delay_s=0.0)
    keys = [prediction.key for prediction in run.predictions()]
    assert len(keys) == len(set(keys)) == 840
    assert run.complete
    assert run.scores == undisturbed.scores
    assert {p.key: p.text for p in run.predictions()} == {p.key: p.text for p in undisturbed.predictions()}


@pytest.mark.full
def test_twenty_kills_of_the_console_command(tmp_path: Path) -> None:
    faces = make_faces(tmp_path / "made", people=60)
    model = f"mock/{make_script(tmp_path)}"
    out = tmp_path / "killed"
    draw = random.Random(3)
    for _ in range(20):
        process = subprocess.Popen(
            [*FEAB, "run", "--model", model, "--data", str(faces), "--out", str(out), "-M", "delay_s=0.02"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(draw.uniform(0.3, 4))
        process.kill()
        process.wait()
    run = feab.run(model, data=faces, out=out)
    keys = [prediction.key for prediction in run.predictions()]
    assert len(keys) == len(set(keys)) == run.manifest.expected
    assert run.scores == feab.run(model, data=faces, out=tmp_path / "undisturbed").scores


@pytest.mark.full
def test_twenty_kills_of_a_real_model(tmp_path: Path) -> None:
    """Batches end elsewhere after a kill, so a few answers may differ in a rounding: at most 0.5 %."""
    out, draw = tmp_path / "killed", random.Random(5)
    predictions = out / "predictions.jsonl"
    command = [*FEAB, "run", "--model", "feab-tiny", "--out", str(out), "-M", "batch_size=16"]
    for number in range(20):
        before = predictions.stat().st_size if predictions.exists() else 0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while (
            number % 2 and process.poll() is None and (not predictions.exists() or predictions.stat().st_size <= before)
        ):
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 2 if number % 2 else 8))
        process.kill()
        process.wait()
    some = predictions.read_bytes().count(b"\n")
    run = feab.run("feab-tiny", out=out, batch_size=16)
    keys = [prediction.key for prediction in run.predictions()]
    assert 0 < some < len(keys) == len(set(keys)) == run.manifest.expected
    undisturbed = {p.key: p.text for p in feab.run("feab-tiny", out=tmp_path / "whole").predictions()}
    same = sum(undisturbed[p.key] == p.text for p in run.predictions())
    print(f"{some} of {len(keys)} answers before the last start; {same} the same as undisturbed")
    assert same >= 0.995 * len(keys)


@contextmanager
def running(out: Path, faces: Path, script: Path) -> Iterator[subprocess.Popen[str]]:
    """A slow `feab run` that has written its first answers."""
    command = [*FEAB, "run", "--model", f"mock/{script}", "--data", str(faces), "--out", str(out), "-M", "delay_s=0.2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        predictions = out / "predictions.jsonl"
        for _ in range(1200):
            if predictions.exists() and predictions.stat().st_size:
                break
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_exits_130_and_says_how_to_go_on(faces: Path, script: Path, tmp_path: Path) -> None:
    with running(tmp_path / "run", faces, script) as process:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The same command goes on from there." in stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    lines = (tmp_path / "run" / "predictions.jsonl").read_bytes().count(b"\n")
    assert sum(manifest["outcomes"].values()) == lines > 0
    assert f"{lines} of 84 answers are in {tmp_path / 'run'}" in stderr
    run = feab.run(f"mock/{script}", data=faces, out=tmp_path / "run")
    assert run.complete


def test_a_second_process_on_the_folder_is_refused(faces: Path, script: Path, tmp_path: Path) -> None:
    from feab.errors import FeabError

    with running(tmp_path / "run", faces, script) as process:
        with pytest.raises(FeabError, match=f"process {process.pid} is working on this run"):
            feab.run(f"mock/{script}", data=faces, out=tmp_path / "run")
        assert process.poll() is None


PEAK = """
# Runs one command and prints its peak of memory in KiB: before scoring begins, and at the end.
import sys
import feab.runs.execute as execute
from feab.cli import app

def peak():
    return [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]

score, peaks = execute.score_parts, []
execute.score_parts = lambda *arguments: (peaks.append(peak()), score(*arguments))[1]
try:
    app(sys.argv[1:])
except SystemExit as end:
    assert end.code == 0, end.code
print(*peaks, peak(), file=sys.stderr)
"""


@pytest.mark.full
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads the peak from /proc")  # noqa: PTH110
def test_ten_times_the_samples_take_about_the_same_memory(tmp_path: Path) -> None:
    """With a model of no size: 1,700 and 17,000 faces, three tasks each.

    Asking is flat but for the labels' columns, read once. Scoring holds every answer of a task in arrays, and sums and
    resamples over 170 and 1,700 people; its bound is what is reached, not what is wished for.
    """
    asking, whole = [], []
    for people in (170, 1700):
        faces = make_faces(tmp_path / f"made{people}", people=people)
        command = ["run", "--model", f"mock/{make_script(tmp_path)}", "--data", str(faces)]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *command, "--out", str(tmp_path / f"run{people}")],
            capture_output=True,
            text=True,
            check=True,
        )
        before, at_the_end = map(int, done.stderr.splitlines()[-1].split())
        asking.append(before)
        whole.append(at_the_end)
    assert asking[1] <= 1.2 * asking[0], asking
    assert whole[1] <= 1.6 * whole[0], whole

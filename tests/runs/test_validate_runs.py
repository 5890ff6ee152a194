"""Run folders of strangers: every planted fault is named with its place, and nothing crashes, hangs or grows."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
from faces_folder import make_faces, make_script
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import feab
from feab.errors import FeabError
from feab.problems import Gather, Problem
from feab.runs.validate import check_run


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_faces(tmp_path_factory.mktemp("faces") / "made")


@pytest.fixture(scope="module")
def good(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    return hostile.by_task(feab.run(f"mock/{make_script(folder)}", "synth", data=faces, out=folder / "run").path)


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "run"))


def check(run: Path, faces: Path | None) -> tuple[Problem, ...]:
    notes = Gather(run, most=10_000)
    check_run(run, notes, data=faces)
    return notes.problems


def test_a_run_of_feab_is_clean(good: Path, faces: Path) -> None:
    assert check(good, faces) == ()


def test_without_the_faces_the_rest_is_checked_and_that_is_said(run: Path) -> None:
    found = check(run, None)
    assert [p.severity for p in found] == ["warning"] * 3
    assert all("is not here, so samples and scores are not checked" in p.message for p in found)
    hostile.change_line(run, 2, answer="boredom", outcome="ok")
    assert any("is not among the options" in p.message and p.line == 2 for p in check(run, None))


@pytest.mark.parametrize("fault", hostile.FAULTS, ids=lambda fault: fault.name)
def test_each_planted_fault_is_named_with_its_place(fault: hostile.Planted, run: Path, faces: Path) -> None:
    fault.plant(run)
    found = check(run, faces)
    said = [p for p in found if p.file == run / fault.file and re.search(fault.says, f"{p.where}: {p.message}")]
    assert said, [str(p) for p in found]
    assert said[0].severity == fault.severity
    if fault.line is not None:
        assert said[0].line == fault.line
    if fault.file.endswith(".json") and (run / fault.file).is_file() and said[0].where:
        assert said[0].line is not None
    assert said[0].advice or "must be" in said[0].message


def test_all_faults_of_a_folder_are_told_at_once(run: Path, faces: Path) -> None:
    found = check(hostile.make_hostile(run), faces)
    told = {(p.file.name, p.line) for p in found if p.severity == "error"}
    assert {("predictions.jsonl", number) for number in (6, 8, 9, 10, 11, 12, 85, 86, 87)} <= told
    assert ("passwd", None) in told
    places = {p.where.partition(".")[0] for p in found if p.file.name == "manifest.json"}
    assert {"identity", "identity_sha256", "feab_version", "versions", "machine", "permission"} <= places
    assert any("U+202E" in p.message for p in found)


def test_several_faults_of_one_line_are_all_told(run: Path, faces: Path) -> None:
    hostile.change_line(run, 3, task=7, draw="x", outcome="so-so")
    assert {p.where for p in check(run, faces) if p.line == 3} >= {"task", "draw", "outcome"}


def test_nothing_that_a_line_names_is_opened(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    (secret / "deep").mkdir(parents=True)
    os.mkfifo(secret / "dataset.json")  # whoever opens it waits for ever
    for name in (str(secret), "../secret", "secret"):
        hostile.change(run, "manifest.json", "identity/tasks/synth_expression/dataset", name)
        with contextlib.chdir(tmp_path) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
            assert check(run, None)


def test_a_line_of_100_mb_is_refused_in_bounded_memory(run: Path, faces: Path) -> None:
    hostile.long_line(run)
    code = """
import os, resource, sys
from pathlib import Path
from feab.problems import Gather
from feab.runs.validate import check_run

def peak():
    notes = Gather(Path("."))
    check_run(Path(sys.argv[1]), notes, data=sys.argv[2])
    assert any("longer than" in problem.message and problem.line == 85 for problem in notes.problems)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = peak()
os.truncate(sys.argv[1] + "/predictions.jsonl", 400 * 2**20)
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(run), str(faces)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 40 * 1024, "kilobytes more for a line of 400 MB than for one of 100 MB"


def test_what_reads_runs_refuses_what_is_hostile(run: Path, faces: Path) -> None:
    hostile.link(run, "predictions.jsonl")
    with pytest.raises(FeabError, match="is a link"):
        list(feab.load_run(run).predictions())
    hostile.link(run, "manifest.json")
    with pytest.raises(FeabError, match="is a link"):
        feab.load_run(run)


@pytest.mark.parametrize("name", ["manifest.json", "predictions.jsonl", "scores.json"])
def test_any_bytes_give_problems_and_nothing_worse(name: str, good: Path, faces: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(good, tmp_path / "fuzz"))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.one_of(st.binary(max_size=300), _json().map(lambda value: json.dumps(value).encode())))
    def fuzz(data: bytes) -> None:
        (folder / name).write_bytes(data)
        assert all(isinstance(problem, Problem) for problem in check(folder, faces))

    fuzz()


@pytest.mark.parametrize("name", ["manifest.json", "predictions.jsonl", "scores.json"])
def test_a_damaged_file_gives_problems_and_nothing_worse(name: str, good: Path, faces: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(good, tmp_path / "fuzz"))
    whole = (good / name).read_bytes()

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def fuzz(draw: st.DataObject) -> None:
        at = draw.draw(st.integers(0, len(whole)))
        put = draw.draw(st.sampled_from([b"", b"0", b"-", b'"', b"}", b"NaN", b"1e999", b"\xff", b"null,", b"[" * 300]))
        cut = draw.draw(st.integers(0, 12))
        (folder / name).write_bytes(whole[:at] + put + whole[at + cut :])
        assert all(isinstance(problem, Problem) for problem in check(folder, faces))

    fuzz()


def _json() -> st.SearchStrategy[object]:
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    fields = st.sampled_from(["schema", "identity", "tasks", "task", "sample", "prompt", "outcome", "answer", "text"])
    return st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=5))

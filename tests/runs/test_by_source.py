"""Runs of a task whose sources code different action units: weighed, scored, validated, imported, reported."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from faces_folder import picture
from test_weighing import Weigher

import feab
from feab.data import write_split
from feab.problems import Gather
from feab.runs.validate import check_run
from feab.schemas import DatasetInfo
from feab.tasks import load_tasks

(UNITS,) = load_tasks("feab_action_units")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty people of each of two sources."""
    draw = random.Random(1)
    rows = [
        {"id": f"{source}/{n}", "image": picture(n), "subject": f"p{n}", "source": source}
        | {f"au{au:02d}_presence": float(draw.random() < 0.5) for au in UNITS.coded_by[source]}
        for source in ("bp4d", "disfa")
        for n in range(30)
    ]
    info = DatasetInfo(
        name="two", version="1", splits={}, licence="CC0", images_may_be_shared=True, third_party="allowed",
        aus=list(UNITS.aus),
    )  # fmt: skip
    target = tmp_path_factory.mktemp("data") / "two"
    write_split(target, "test", rows, info)
    return target


def test_probabilities_are_those_of_the_units_asked_about(faces: Path, tmp_path: Path) -> None:
    run = feab.run(Weigher(), "feab_action_units", data=faces, out=tmp_path / "run", scoring="yes-no")
    for line in run.predictions():
        assert sorted(map(int, line.probabilities or {})) == list(UNITS.coded_by[line.sample.partition("/")[0]])
    scores = feab.score(run, faces).tasks["feab_action_units"]
    assert scores.detail["calibration"]["n"] == 60
    assert scores.metrics["brier"].value is not None
    assert scores.metrics["auroc_au05"].value is not None
    assert set(scores.detail["sources"]) == {"bp4d", "disfa"}
    notes = Gather(run.path)
    check_run(run.path, notes, data=faces)
    assert notes.problems == ()


def test_a_unit_that_was_not_asked_about_is_no_answer(faces: Path, tmp_path: Path) -> None:
    """It is read as named beside the question, in the run as in its validation."""
    script = tmp_path / "script.yaml"
    script.write_text("answers:\n  - texts: ['5, 12']\n")
    run = feab.run(f"mock/{script}", "feab_action_units", data=faces, out=tmp_path / "run")
    answers = {line.sample.partition("/")[0]: line.answer for line in run.predictions()}
    assert answers == {"bp4d": [12], "disfa": [5, 12]}
    notes = Gather(run.path)
    check_run(run.path, notes, data=faces)
    assert notes.problems == ()


def test_a_report_shows_the_question_as_its_first_face_was_asked(faces: Path, tmp_path: Path) -> None:
    run = feab.run("baseline/uniform", "feab_action_units", data=faces, out=tmp_path / "run")
    page = feab.report(run, faces).read_text()
    assert "1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24." in page
    assert "nose wrinkler, from disfa" in page
    assert "lip corner puller, from bp4d, disfa" in page


def test_logged_questions_tell_the_prompt_whatever_the_source(faces: Path, tmp_path: Path) -> None:
    file = tmp_path / "samples_feab_action_units_2026-01-01.jsonl"
    lines = []
    for sample in feab.load_dataset(faces):
        question = UNITS.of_source(sample.source).prompt_text("json", sample.id)
        lines.append(json.dumps({"doc": {"id": sample.id, "question": question}, "resps": [["1, 2"]]}))
    file.write_text("\n".join(lines) + "\n")
    made = feab.import_run(
        file, tasks="feab_action_units", model="x", out=tmp_path / "run", data=faces, format="lm-eval"
    )
    assert {line.prompt for line in made.run.predictions()} == {"json"}

"""The score shown while a run goes on equals the final one once all answers are in."""

from __future__ import annotations

from pathlib import Path

import pytest
from faces_folder import make_faces, make_script

import feab
from feab.data import load_dataset
from feab.runs.running import Rows, RunningScore
from feab.tasks import load_tasks


def test_the_running_score_ends_at_the_final_one(tmp_path: Path) -> None:
    faces = str(make_faces(tmp_path / "made", people=12))
    run = feab.run(f"mock/{make_script(tmp_path)}", "synth", data=faces, out=tmp_path / "run")
    assert run.scores is not None
    assert run.scores.overall is not None
    assert run.scores.overall.low is not None
    dataset = load_dataset(faces)
    rows = Rows(dataset.ids)
    for task in load_tasks("synth"):
        running = RunningScore(task, dataset.labels(), "direct", rows)
        assert running.value is None
        for prediction in run.predictions():
            if prediction.task == task.name:
                running.add(prediction)
        final = run.scores.tasks[task.name]
        assert running.value == pytest.approx(final.metrics[final.primary].value, abs=1e-9)

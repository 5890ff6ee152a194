"""End to end on the real parts: `feab run --model feab-tiny` on the shipped faces, as the README says it."""

import json
import subprocess
import sys

import pytest

import feab
from feab.tasks.scoring import ORACLE

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run over synth_mini (432 faces, 18 identities) by the command line, with its output."""
    folder = tmp_path_factory.mktemp("run")
    words = [sys.executable, "-m", "feab.cli", "run", "--model", "feab-tiny", "--data", "synth_mini", "--out", "out"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout + done.stderr


def test_it_answers_every_question_of_the_three_tasks(run_folder):
    folder, said = run_folder
    scores = json.loads((folder / "scores.json").read_text())["tasks"]
    assert set(scores) == {"synth_expression", "synth_valence_arousal", "synth_action_units"}
    assert all(task["coverage"] == 1.0 for task in scores.values())
    assert [task["n"] for task in scores.values()].count(432) == 2
    assert str(folder.name) in said


def test_it_reads_faces_better_than_a_player_who_knows_the_expression_and_cannot_see(run_folder):
    scores = feab.load_run(run_folder[0]).scores.tasks
    for name in ("synth_valence_arousal", "synth_action_units"):
        task = scores[name]
        assert task.metrics[task.primary].low > task.chance[ORACLE], name
    expression = scores["synth_expression"].metrics["macro_f1"]
    assert expression.low > 0.7


def test_every_prompt_is_answered_in_a_form_that_is_read(tmp_path):
    run = feab.run("feab-tiny", data="synth_mini", prompts="all", limit=12, out=tmp_path / "all")
    for name, task in run.scores.tasks.items():
        assert set(task.prompts) == {"direct", "json", "definitions", "reason", "shuffled"}
        for prompt, scores in task.prompts.items():
            assert scores.coverage >= 0.9, (name, prompt, scores.outcomes)


def test_one_picture_gets_three_answers(tmp_path):
    sample = feab.load_dataset("synth_mini")[0]
    (tmp_path / "face.jpg").write_bytes(sample.media.read())
    words = [sys.executable, "-m", "feab.cli", "ask", "--model", "feab-tiny", "face.jpg"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for question in ("expression: ", "valence, arousal: ", "action units: "):
        assert f"  {question}" in done.stdout
    assert "unparsable" not in done.stdout

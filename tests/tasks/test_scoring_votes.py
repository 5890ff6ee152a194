"""Votes through scoring: joined by id and label, combined over draws, and nowhere to be seen without votes."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))

from samples import INFO, jpeg

from feab.data import load_dataset, write_split
from feab.schemas import Prediction, Scores
from feab.tasks import load_tasks
from feab.tasks.scoring import score_all, score_task
from feab.tasks.truth import truth_of

TASK = dataclasses.replace(load_tasks("synth_expression")[0], labels=("fear", "anger", "other"))
KNOWN = ("anger", "contempt", "fear")
"""The order of the votes in the dataset: another than the task's, with a label the task lacks, without one it has."""


def dataset(folder, rows, labels=KNOWN):
    """`rows`: (expression, votes or None)."""
    info = INFO.model_copy(update={"labels": list(labels), "aus": []})
    made = (
        {"id": f"f{i}", "image": jpeg(i % 256), "expression": word, "votes": votes}
        for i, (word, votes) in enumerate(rows)
    )
    write_split(folder, "test", made, info)
    return load_dataset(folder)


def line(sample, answer=None, *, outcome="ok", draw=0, probabilities=None) -> Prediction:
    error = {"kind": "timeout", "message": "no reply"} if outcome == "error" else None
    return Prediction(
        task=TASK.name, sample=sample, prompt="direct", draw=draw, answer=answer, outcome=outcome, error=error,
        probabilities=probabilities,
    )  # fmt: skip


ROWS = [
    ("anger", [6, 2, 2]),
    ("fear", [1, 0, 9]),
    (None, [5, 0, 5]),  # no label: the task asks nothing about it
    ("fear", None),
    ("anger", [0, 10, 0]),  # nobody voted for a label of the task
]


def test_votes_are_joined_by_id_and_label(tmp_path):
    data = dataset(tmp_path, ROWS)
    assert data.votes().shape == (5, 3)
    truth = truth_of(TASK, data)
    assert truth.ids == ("f0", "f1", "f3", "f4")
    expected = np.array([[2, 6, 0], [9, 1, 0], [np.nan] * 3, [0, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(truth.votes, expected)
    np.testing.assert_array_equal(truth.take([1, 2]).votes, expected[[1, 2]])
    np.testing.assert_array_equal(data[1:].votes(["fear"]).ravel(), [9, 5, np.nan, 0])


def test_scores_hold_what_people_say_and_what_one_reaches(tmp_path):
    data = dataset(tmp_path, ROWS)
    lines = [line("f1", "fear"), line("f0", "fear"), line("f3", "fear"), line("f4", "anger")]
    scores = score_task(TASK, lines, data)
    assert scores.n == 4
    assert scores.metrics["votes_accuracy"].value == pytest.approx((2 / 8 + 9 / 10) / 2)
    assert scores.metrics["votes_one_out"].value == pytest.approx(1 / 2)
    assert scores.metrics["votes_one_out_human"].value == pytest.approx((6 / 8 + 9 / 10) / 2)
    assert scores.metrics["votes_one_out"].clusters == 2
    assert scores.detail["votes"]["faces"] == 2
    assert scores.detail["consensus"]["0.7-0.9"]["n"] == 2
    assert "votes_cross_entropy" not in scores.metrics
    again = Scores.model_validate_json(Scores(tasks={TASK.name: scores}).model_dump_json())
    assert again.tasks[TASK.name] == scores


def test_a_refusal_agrees_with_nobody_and_an_error_is_not_scored(tmp_path):
    data = dataset(tmp_path, ROWS[:2])
    refused = score_task(TASK, [line("f0", outcome="refused"), line("f1", "fear")], data)
    assert refused.metrics["votes_accuracy"].value == pytest.approx(0.9 / 2)
    failed = score_task(TASK, [line("f0", outcome="error"), line("f1", "fear")], data)
    assert failed.metrics["votes_accuracy"].value == pytest.approx(0.9)
    assert failed.metrics["votes_one_out_human"].value == pytest.approx(0.9)  # of the same faces


def test_probabilities_make_distances(tmp_path):
    data = dataset(tmp_path, [("anger", [6, 0, 4]), ("anger", [8, 0, 2])])
    exact = [
        line("f0", "anger", probabilities={"anger": 0.6, "fear": 0.4}),
        line("f1", "anger", probabilities={"anger": 0.8, "fear": 0.2, "contempt": 0.0}),
    ]
    scores = score_task(TASK, exact, data).metrics
    assert scores["votes_js_distance"].value == pytest.approx(0, abs=1e-4)
    assert scores["votes_cross_entropy"].value == pytest.approx(scores["votes_cross_entropy_best"].value, abs=1e-6)
    # Several draws: the mean of those that carry probabilities.
    drawn = [
        line("f0", "anger", probabilities={"anger": 0.9, "fear": 0.1}),
        line("f0", "anger", draw=1, probabilities={"anger": 0.3, "fear": 0.7}),
        line("f0", "anger", draw=2),
        line("f0", draw=3, outcome="unparsable", probabilities={"fear": 1.0}),
        *(line("f1", "anger", draw=draw, probabilities={"anger": 0.8, "fear": 0.2}) for draw in range(4)),
    ]
    again = score_task(TASK, drawn, data, draws=4).metrics
    assert again["votes_js_distance"].value == pytest.approx(0, abs=1e-4)
    bare = score_task(TASK, [line("f0", "anger"), line("f1", "anger")], data).metrics
    assert "votes_cross_entropy" not in bare
    assert bare["votes_js_distance"].value > 0.2


def test_without_votes_nothing_is_said_of_them(tmp_path):
    bare = dataset(tmp_path / "bare", [("anger", None), ("fear", None)])
    zero = dataset(tmp_path / "zero", [("anger", [0, 0, 0]), ("fear", [0, 3, 0])])
    assert bare.votes() is None
    for data in (bare, zero, bare.labels()):
        scores = score_task(TASK, [line("f0", "anger"), line("f1", "fear")], data)
        assert not [name for name in scores.metrics if name.startswith("votes_")]
        assert not {"votes", "consensus"} & set(scores.detail)
    units = load_tasks("synth_action_units")[0]
    assert truth_of(units, zero).votes is None


def test_overall_and_completeness_are_as_without(tmp_path):
    data = dataset(tmp_path, ROWS[:2])
    found = score_all([TASK], [line("f0", "fear"), line("f1", "fear")], {TASK.name: data})
    assert found.complete
    assert found.tasks[TASK.name].primary == "macro_f1"

"""Scoring on tables small enough to work out by hand."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.schemas import Prediction, Scores
from feab.tasks import load_tasks
from feab.tasks.draws import Answers
from feab.tasks.scoring import ORACLE, score_all, score_task
from feab.tasks.truth import truth_of

EXPRESSION, VA, UNITS = load_tasks("synth")
TWO = dataclasses.replace(EXPRESSION, labels=("anger", "fear"))


def line(task, sample, answer=None, *, outcome="ok", prompt="direct", draw=0) -> Prediction:
    error = {"kind": "timeout", "message": "no reply"} if outcome == "error" else None
    return Prediction(
        task=task.name, sample=sample, prompt=prompt, draw=draw, answer=answer, outcome=outcome, error=error
    )


def faces(n: int, **columns) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"f{i}" for i in range(n)], **columns})


def metric(scores, name):
    return scores.metrics[name].value


def test_expression_by_hand():
    labels = faces(12, expression=["anger"] * 6 + ["fear"] * 6, subject=[f"p{i}" for i in range(12)])
    said = ["anger"] * 4 + ["fear"] + ["joy"] + ["fear"] * 5
    lines = [line(TWO, f"f{i}", answer) for i, answer in enumerate(said)]
    lines.append(line(TWO, "f11", outcome="refused"))
    scores = score_task(TWO, lines, labels)
    assert (scores.n, scores.primary, scores.coverage) == (12, "macro_f1", 11 / 12)
    assert scores.outcomes.model_dump() == {"ok": 11, "unparsable": 0, "refused": 1, "truncated": 0, "error": 0}
    assert scores.detail["confusion"] == [[4, 1, 1], [0, 5, 1]]
    assert metric(scores, "accuracy") == pytest.approx(9 / 12)
    assert metric(scores, "macro_f1") == pytest.approx((8 / 10 + 10 / 12) / 2)
    assert scores.detail["per_class"]["anger"]["recall"] == pytest.approx(4 / 6)
    assert scores.metrics["accuracy"].clusters == 12
    assert scores.metrics["accuracy"].low < 0.75 < scores.metrics["accuracy"].high
    assert scores.chance["majority"] == pytest.approx(1 / 3)  # always "anger": F1 2/3 and 0
    assert scores.prompts["direct"].metrics == scores.metrics


def test_errors_and_gaps_are_neither_wrong_answers_nor_a_complete_run():
    labels = faces(12, expression=["anger"] * 6 + ["fear"] * 6)
    right = [line(TWO, f"f{i}", "anger" if i < 6 else "fear") for i in range(12)]
    assert score_all([TWO], right, {TWO.name: labels}).complete
    gap = score_all([TWO], right[:11], {TWO.name: labels})
    broken = score_all([TWO], [*right[:11], line(TWO, "f11", outcome="error")], {TWO.name: labels})
    for scores in (gap, broken):
        task = scores.tasks[TWO.name]
        assert not scores.complete
        assert (task.n, task.coverage, metric(task, "accuracy")) == (11, 1.0, 1.0)
    assert broken.tasks[TWO.name].outcomes.error == 1
    asked = {TWO.name: [f"f{i}" for i in range(11)]}
    assert score_all([TWO], right[:11], {TWO.name: labels}, asked=asked).complete
    assert not score_all([TWO], right, {TWO.name: labels}, draws=2).complete
    wanted = {TWO.name: ["direct", "json"]}
    assert not score_all([TWO], right, {TWO.name: labels}, prompts=wanted).complete
    assert not score_all([TWO], [], {TWO.name: labels}).complete


def test_faces_without_the_tasks_label_are_not_scored():
    labels = faces(14, expression=["anger"] * 6 + ["fear"] * 6 + ["other", None])
    lines = [line(TWO, f"f{i}", "anger") for i in range(14)]
    assert score_task(TWO, lines, labels).n == 12


def test_valence_and_arousal_by_hand():
    truth = np.linspace(-0.9, 0.9, 12)
    labels = faces(12, valence=truth, arousal=-truth, subject=[f"p{i}" for i in range(12)])

    def lines(answers):
        return [line(VA, f"f{i}", {"valence": v, "arousal": a}) for i, (v, a) in enumerate(answers)]

    perfect = score_task(VA, lines(zip(truth, -truth, strict=True)), labels)
    assert metric(perfect, "ccc") == pytest.approx(1.0)
    half = score_task(VA, lines(zip(truth / 2, -truth, strict=True)), labels)
    assert metric(half, "ccc_valence") == pytest.approx(2 * 0.5 / (1 + 0.25))
    assert half.chance == {"uniform": 0.0, "constant": 0.0}
    # A missing answer is the truth mirrored through the mean: with nothing answered, perfect disagreement.
    silent = score_task(VA, [line(VA, f"f{i}", outcome="unparsable") for i in range(12)], labels)
    assert metric(silent, "ccc") == pytest.approx(-1.0)
    assert silent.coverage == 0.0
    assert silent.metrics["ccc_answered"].value is None


def test_action_units_by_hand_with_traces_left_out():
    units = dataclasses.replace(UNITS, aus=(1, 12, 15))
    n = 24
    presence = [1.0] * 10 + [np.nan] * 4 + [0.0] * 10
    labels = faces(
        n, au01_presence=presence, au12_presence=[1.0] + [0.0] * 23, au15_presence=[np.nan] * n,
        subject=[f"p{i % 12}" for i in range(n)],
    )  # fmt: skip
    named = [[1] if i < 8 or i in (10, 11, 20) else [43] for i in range(n)]
    scores = score_task(units, [line(units, f"f{i}", a) for i, a in enumerate(named)], labels)
    assert metric(scores, "f1_au01") == pytest.approx(2 * 8 / (2 * 8 + 1 + 2))
    assert metric(scores, "f1") == metric(scores, "f1_au01")  # AU12 has one positive, AU15 none at all
    assert scores.detail["per_au"]["1"]["n"] == 20
    assert set(scores.detail["absent"]) == {"12", "15"}
    assert scores.detail["absent"]["15"] == "not coded"
    assert scores.chance["always-active"] == pytest.approx(20 / 30)


def test_a_threshold_reads_intensity_and_only_where_the_task_says_so():
    labels = faces(3, au12_presence=[0.0, 1.0, 1.0], au12_intensity=[5.0, 1.0, np.nan])
    units = dataclasses.replace(UNITS, aus=(12,))
    assert truth_of(units, labels).values.ravel().tolist() == [0.0, 1.0, 1.0]
    cut = truth_of(dataclasses.replace(units, threshold=2.0), labels)
    assert cut.values.ravel().tolist() == [1.0, 0.0]
    assert cut.unscored == {"f2"}


def test_clusters_are_subjects_else_videos_else_faces():
    labels = faces(3, expression=["fear"] * 3, subject=["a", None, None], video=["v", "w", None])
    assert truth_of(EXPRESSION, labels).clusters == ("a", "w", None)


def test_prompts_stand_side_by_side_and_direct_is_on_top():
    labels = faces(12, expression=["anger"] * 6 + ["fear"] * 6)
    right = [line(TWO, f"f{i}", "anger" if i < 6 else "fear", prompt="json") for i in range(12)]
    wrong = [line(TWO, f"f{i}", "fear" if i < 6 else "anger", prompt="direct") for i in range(12)]
    both = score_task(TWO, [*right, *wrong], labels)
    assert metric(both, "accuracy") == 0.0
    assert {p: metric(s, "accuracy") for p, s in both.prompts.items()} == {"direct": 0.0, "json": 1.0}
    assert metric(score_task(TWO, right, labels), "accuracy") == 1.0


def test_several_draws_become_one_answer():
    labels = faces(6, expression=["anger"] * 6)
    draws = {0: ["fear", "anger", "anger"], 1: ["anger", "fear"], 2: ["fear", "anger"], 3: [None, "anger"], 4: ["fear"]}
    lines = [
        line(TWO, f"f{s}", a, draw=d, outcome="ok" if a else "unparsable")
        for s, answers in draws.items()
        for d, a in reversed(list(enumerate(answers)))
    ]
    scores = score_task(TWO, lines, labels)
    assert scores.n == 5
    assert scores.coverage == 1.0
    assert scores.detail["confusion"][0] == [3, 2, 0]  # 0 by plurality, 1 and 2 by the first draw, 3 and 4 by the only

    va = faces(12, valence=np.linspace(-0.5, 0.5, 12), arousal=np.linspace(-0.5, 0.5, 12))
    pairs = [
        line(VA, f"f{i}", {"valence": v + d, "arousal": v - d}, draw=k)
        for i, v in enumerate(np.linspace(-0.5, 0.5, 12))
        for k, d in enumerate((-0.25, 0.25))
    ]
    assert metric(score_task(VA, pairs, va), "ccc") == pytest.approx(1.0)


def drawn(task, answers: list) -> list[Prediction]:
    """The draws of one face, out of order, behind a face that says nothing."""
    lines = [line(task, "f1", a, draw=d, outcome="ok" if a is not None else "refused") for d, a in enumerate(answers)]
    return [line(task, "f0", outcome="unparsable"), *reversed(lines)]


def combined(task, answers: list):
    told = Answers(task, {})
    for prediction in drawn(task, answers):
        told.add(prediction)
    said = told.said(["f0", "f1"], (), len(answers))
    assert (said.rows.tolist(), said.answered, said.complete) == ([0, 1], 1, len(answers) == 1)
    return said.values[1]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9))
def test_plurality_is_the_commonest_and_of_a_tie_the_first(labels):
    chosen = combined(TWO, labels)
    most = max(labels.count(x) for x in labels)
    assert labels.count(chosen) == most
    assert all(labels.count(x) < most for x in labels[: labels.index(chosen)])


@given(st.lists(st.frozensets(st.sampled_from([*UNITS.aus, 43])), min_size=1, max_size=7))
def test_majority_names_an_au_when_more_than_half_do(sets):
    named = combined(UNITS, [sorted(s) for s in sets])
    for said, au in zip(named, UNITS.aus, strict=True):
        assert said == (sum(au in s for s in sets) > len(sets) / 2)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=7))
def test_the_mean_point_is_of_the_draws_that_gave_one(points):
    value = combined(VA, [{"valence": v, "arousal": a} for v, a in points])
    assert value.tolist() == pytest.approx(np.mean(points, axis=0).tolist())


def test_groups_of_ten_people_are_shown_and_smaller_ones_are_not():
    n = 40
    labels = faces(
        n,
        expression=["anger", "fear"] * 20,
        subject=[f"p{i // 2}" for i in range(n)],
        age_group=["20-39"] * 22 + ["70+"] * 18,
        perceived_gender=[None] * n,
        strength=np.array([0.35] * 20 + [1.0] * 20, dtype=np.float32),
    )
    scores = score_task(TWO, [line(TWO, f"f{i}", "anger") for i in range(n)], labels)
    groups = scores.detail["groups"]
    assert list(groups) == ["age_group"]
    assert list(groups["age_group"]) == ["20-39"]  # 11 people; the 9 of 70 and over are not shown
    shown = groups["age_group"]["20-39"]
    assert (shown["n"], shown["clusters"]) == (22, 11)
    assert shown["metrics"]["accuracy"]["value"] == pytest.approx(0.5)
    assert set(scores.detail["slices"]["strength"]) == {"0.35", "1"}


def test_several_sources_are_averaged_never_pooled():
    ends = np.linspace(-0.1, 0.1, 12)
    labels = faces(
        24, valence=np.concatenate([ends + 0.6, ends - 0.6]), arousal=np.tile(ends, 2), source=["a"] * 12 + ["b"] * 12
    )
    lines = [line(VA, f"f{i}", {"valence": 0.6 if i < 12 else -0.6, "arousal": 0.0}) for i in range(24)]
    scores = score_task(VA, lines, labels)
    assert metric(scores, "ccc_valence") == pytest.approx(0.0, abs=1e-9)  # it only knows the source
    assert set(scores.detail["sources"]) == {"a", "b"}


def run_of_three():
    n = 96
    rng = np.random.default_rng(3)
    kinds = rng.permutation(np.arange(n) % 8)
    labels = faces(
        n,
        expression=[EXPRESSION.labels[k] if i % 3 else None for i, k in enumerate(kinds)],
        valence=rng.uniform(-1, 1, n),
        arousal=rng.uniform(-1, 1, n),
        subject=[f"p{i // 4}" for i in range(n)],
        **{f"au{au:02d}_presence": (rng.random(n) < 0.4) * 1.0 for au in UNITS.aus},
    )
    lines = []
    for i in range(n):
        row = labels.iloc[i]
        if isinstance(row.expression, str):
            lines.append(line(EXPRESSION, row.id, row.expression))
        lines.append(line(VA, row.id, {"valence": row.valence, "arousal": row.arousal}))
        lines.append(line(UNITS, row.id, [au for au in UNITS.aus if row[f"au{au:02d}_presence"] == 1]))
    return labels, lines


def test_a_perfect_run_scores_one_everywhere_and_round_trips():
    labels, lines = run_of_three()
    tasks = [EXPRESSION, VA, UNITS]
    scores = score_all(tasks, lines, {t.name: labels for t in tasks})
    assert scores.complete
    assert scores.overall.value == pytest.approx(1.0)
    assert [metric(s, s.primary) for s in scores.tasks.values()] == pytest.approx([1.0, 1.0, 1.0])
    assert {ORACLE in s.chance for t, s in scores.tasks.items() if t != EXPRESSION.name} == {True}
    assert Scores.model_validate(json.loads(scores.model_dump_json())) == scores
    assert score_all(tasks, reversed(lines), {t.name: labels for t in tasks}) == scores
    assert score_all([VA], [x for x in lines if x.task == VA.name], {VA.name: labels}).overall is None


def test_labels_may_come_from_a_dataset_or_as_a_frame():
    labels, lines = run_of_three()

    class Dataset:
        def labels(self, columns=None):
            return labels if columns is None else labels[[name for name in labels if name in columns]]

    assert score_task(VA, lines, Dataset()) == score_task(VA, lines, labels)


def test_mistakes_in_predictions_are_named():
    labels = faces(2, expression=["anger", "fear"], valence=[0.0, 0.1], arousal=[0.0, 0.1])
    with pytest.raises(FeabError, match="sample 'f9', which the dataset lacks"):
        score_task(TWO, [line(TWO, "f9", "anger")], labels)
    with pytest.raises(FeabError, match="occurs twice"):
        score_task(TWO, [line(TWO, "f1", "anger"), line(TWO, "f1", "anger")], labels)
    with pytest.raises(FeabError, match="occurs twice"):
        score_task(TWO, [line(TWO, "f1", outcome="error"), line(TWO, "f1", "anger")], labels)
    with pytest.raises(FeabError, match=r"the answer \[1\] is not a label"):
        score_task(TWO, [line(TWO, "f1", [1])], labels)
    with pytest.raises(FeabError, match="which the run does not name"):
        score_all([VA], [line(TWO, "f1", "anger")], {VA.name: labels})
    with pytest.raises(FeabError, match="no 'id' column"):
        score_task(TWO, [], labels.drop(columns="id"))
    with pytest.raises(FeabError, match="ids must be unique"):
        score_task(TWO, [], pd.concat([labels, labels]))


def test_nothing_answered_yet_gives_empty_scores_not_a_crash():
    labels, _ = run_of_three()
    for task in (EXPRESSION, VA, UNITS):
        scores = score_task(task, [], labels)
        assert (scores.n, scores.coverage) == (0, 0.0)
        assert scores.metrics[scores.primary].value is None
        json.loads(scores.model_dump_json())

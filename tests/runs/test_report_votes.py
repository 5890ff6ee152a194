"""Votes in the table and in the report, from a run of a scripted model on faces that people rated."""

from __future__ import annotations

import io
import json
import random
import sys
from pathlib import Path

import pytest
from faces_folder import made_info, make_script, picture
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))

from dom import parsed, words

import feab
from feab.data import write_split
from feab.runs import Run
from feab.runs.table import explanations, scores_table
from feab.runs.votes import vote_blocks
from feab.schemas import Scores
from feab.vocabulary import EXPRESSIONS

TASK = "rated_expression"


def rated(folder: Path, *, shares: bool = False, faces: int = 96) -> str:
    """Faces each rated by ten people, who mostly agree with the label."""
    draw = random.Random(4)

    def rows():
        for i in range(faces):
            label = EXPRESSIONS[i % 8]
            people = [label if draw.random() < 0.3 + 0.6 * (i % 3) / 2 else draw.choice(EXPRESSIONS) for _ in range(10)]
            votes = [people.count(word) / (10 if shares else 1) for word in EXPRESSIONS]
            yield {"id": f"f{i}", "image": picture(i), "expression": label, "votes": votes}

    write_split(folder, "test", rows(), made_info("allowed").model_copy(update={"name": "rated", "aus": []}))
    return str(folder)


def a_run(folder: Path, data: str, script: str = "answers: [{texts: [anger, fear, happiness], pick: sample}]") -> Run:
    return feab.run(f"mock/{make_script(folder, script)}", data=data, out=folder / "run")


def table_of(scores: Scores) -> str:
    screen = Console(file=io.StringIO(), width=80, markup=False)
    screen.print(scores_table(scores))
    return screen.file.getvalue()


def test_the_table_and_the_report_set_the_model_beside_one_person(tmp_path: Path) -> None:
    data = rated(tmp_path / "rated")
    run = a_run(tmp_path, data)
    task = run.scores.tasks[TASK]
    model, person = task.metrics["votes_one_out"], task.metrics["votes_one_out_human"]
    assert 0.1 < model.value < 0.35
    assert 0.4 < person.low < person.value < person.high < 0.95
    shown = table_of(run.scores)
    as_seen, one = (next(x for x in shown.splitlines() if word in x) for word in ("as people see it", "one person"))
    assert f"agreement {model.value:.3f} {model.low:.3f} to {model.high:.3f}" in as_seen
    assert f"agreement {person.value:.3f} {person.low:.3f} to {person.high:.3f}" in one
    assert any("one person: the one left out" in text for text in explanations(run.scores))
    html = feab.report(run, data).read_text(encoding="utf-8")
    parsed(html)
    text = words(html)
    gap = task.metrics["votes_one_out_gap"].value
    bins = task.detail["consensus"]
    for piece in (
        "Beside people",
        f"{person.value:.3f}",
        f"{person.low:.3f} to {person.high:.3f}",
        f"{gap:+.3f} (",
        "By consensus",
        f"{bins['0.5-0.7']['n']} faces",
        f"{bins['0.5-0.7']['metrics']['votes_one_out_human']['value']:.3f}",
        "Jensen–Shannon distance",
        f"{task.detail['votes']['prior_js_distance']:.3f}",
        "there is no cross-entropy",
        "Which expressions people take for which",
    ):
        assert piece in text, piece
    assert "votes one out" not in text  # not a second time among the other scores


def test_probabilities_bring_the_cross_entropy(tmp_path: Path) -> None:
    data = rated(tmp_path / "rated")
    script = "answers: [{texts: [anger], probabilities: {anger: 0.5, fear: 0.2, neutral: 0.1}}]"
    run = a_run(tmp_path, data, script)
    found = run.scores.tasks[TASK].metrics["votes_cross_entropy"]
    assert found.value > run.scores.tasks[TASK].metrics["votes_cross_entropy_best"].value > 0
    text = words(feab.report(run, data).read_text(encoding="utf-8"))
    assert "cross-entropy, nats" in text
    assert f"{found.value:.3f} ({found.low:.3f}" in text


def test_of_shares_nobody_is_left_out(tmp_path: Path) -> None:
    data = rated(tmp_path / "rated", shares=True)
    run = a_run(tmp_path, data)
    metrics = run.scores.tasks[TASK].metrics
    assert "votes_one_out" not in metrics
    shown = table_of(run.scores)
    assert "best answers" in shown
    assert "one person" not in shown
    text = words(feab.report(run, data).read_text(encoding="utf-8"))
    assert "a random rater" in text
    assert "one person" not in text.casefold()
    assert "people − model" not in text
    assert "Which expressions people take for which" not in text


def test_without_votes_there_is_no_word_of_people(tmp_path: Path) -> None:
    info = made_info("allowed").model_copy(update={"name": "rated", "aus": []})
    rows = [{"id": f"f{i}", "image": picture(i), "expression": EXPRESSIONS[i % 8]} for i in range(16)]
    write_split(tmp_path / "rated", "test", rows, info)
    run = a_run(tmp_path, str(tmp_path / "rated"))
    assert "people" not in table_of(run.scores)
    assert list(vote_blocks(run.scores.tasks[TASK])) == []


@pytest.mark.parametrize(
    "evil",
    [
        {"votes": "<script>"},
        {"votes": {"faces": -1, "raters": True}},
        {"votes": {"faces": 3, "raters": True, "human_confusion": [[1]] * 8}},
        {"votes": {"faces": 3, "raters": True, "human_confusion": [[-1] * 8] * 8}},
        {"consensus": {"<script>": {"n": 1, "metrics": {}}}},
        {"consensus": {"<=0.5": {"n": 1, "metrics": {"votes_one_out_human": {"value": 1}}}}},
        {"consensus": {"<=0.5": 7}},
        {"consensus": [[1]] * 300},
    ],
)
def test_a_strangers_scores_break_nothing(tmp_path: Path, evil: dict[str, object]) -> None:
    """Without the data the page is made from scores.json alone, which may hold anything that its schema lets pass."""
    run = a_run(tmp_path, rated(tmp_path / "rated"))
    path = run.path / "scores.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["tasks"][TASK]["detail"].update(evil)
    path.write_text(json.dumps(told), encoding="utf-8")
    scores = Scores.model_validate(told)
    assert list(vote_blocks(scores.tasks[TASK])) or "votes" in evil
    html = feab.report(run.path).read_text(encoding="utf-8")
    assert "<script>" not in html.split("<main", 1)[1].split("</main>")[0]

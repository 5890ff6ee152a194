"""lm-evaluation-harness beside feab: our task files unchanged, one checkpoint, the same faces, answers and scores.

Needs an environment of its own, whose python `FEAB_LM_EVAL_PYTHON` names; `.ci/run --full` makes it, and the head of
`lm-eval-constraints.txt` beside this file says how. The model is asked in two ways: loaded by lm-eval itself
(`hf-multimodal`), and behind `transformers serve`, a server of OpenAI's chat protocol (`local-chat-completions`).
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from serving import served

import feab
from feab.data import load_dataset
from feab.records import Question
from feab.runs.execute import parse_answer
from feab.runs.parts import plan
from feab.schemas import Prediction, answer_json
from feab.tasks import load_tasks
from feab.tasks.scoring import score_task

PYTHON = os.environ.get("FEAB_LM_EVAL_PYTHON", "")
ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "models" / "feab-tiny"
FACES = 200
"""A task."""

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not PYTHON, reason="FEAB_LM_EVAL_PYTHON names no python that has lm-eval"),
]
TASKS = load_tasks("synth")


@dataclass(frozen=True)
class Logged:
    """What one lm_eval command left: its answers (task -> face -> text), its questions likewise, and its scores."""

    answers: dict[str, dict[str, str]]
    questions: dict[str, dict[str, str]]
    scores: dict[str, dict[str, float]]


def lm_eval(out: Path, *words: str) -> Logged:
    """Run the three tasks on the faces that `feab run --limit` asks about."""
    asked = {
        some.task.name: np.searchsorted(whole.rows, some.rows).tolist()
        for some, whole in zip(plan("synth", limit=FACES), plan("synth"), strict=True)
    }
    command = [
        *(PYTHON, "-m", "lm_eval", "--include_path", str(ROOT / "tasks"), "--tasks", "synth", "--apply_chat_template"),
        *("--samples", json.dumps(asked), "--log_samples", "--output_path", str(out), *words),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, env=environment(), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return read_log(out)


def environment() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1"}


def read_log(out: Path) -> Logged:
    answers: dict[str, dict[str, str]] = {}
    questions: dict[str, dict[str, str]] = {}
    for task in TASKS:
        (file,) = out.rglob(f"samples_{task.name}_*.jsonl")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        answers[task.name] = {line["doc"]["id"]: line["filtered_resps"][0] for line in lines}
        questions[task.name] = {line["doc"]["id"]: line["arguments"]["gen_args_0"]["arg_0"] for line in lines}
    (file,) = out.rglob("results_*.json")
    found = json.loads(file.read_text())["results"]
    scores = {
        task.name: {
            key.removesuffix(",none"): value for key, value in found[task.name].items() if key.endswith(",none")
        }
        for task in TASKS
    }
    return Logged(answers, questions, scores)


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> feab.Run:
    return feab.run("feab-tiny", limit=FACES, out=tmp_path_factory.mktemp("feab") / "run")


@pytest.fixture(scope="module", params=["hf-multimodal", "local-chat-completions"])
def theirs(request, tmp_path_factory) -> Logged:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "hf-multimodal":
        arguments = ["--model_args", f"pretrained={CHECKPOINT},dtype=float32", "--batch_size", "16", "--device", "cpu"]
        return lm_eval(folder / "out", "--model", request.param, *arguments)
    server = [PYTHON, "-m", "transformers.cli.transformers", "serve", str(CHECKPOINT)]
    with served([*server, "--device", "cpu", "--dtype", "float32"], folder / "server.log", environment()) as address:
        arguments = ["--model_args", f"model={CHECKPOINT},base_url={address}/v1/chat/completions"]
        # lm-eval sends a list of stop strings, here an empty one; `transformers serve` fails on any where a model takes
        # images ('LlavaProcessor' object has no attribute 'get_vocab').
        arguments += ["--gen_kwargs", '{"stop": null}']
        return lm_eval(folder / "out", "--model", request.param, *arguments)


@pytest.fixture(scope="module")
def questions() -> dict[str, dict[str, Question]]:
    """Task -> face -> what a feab run asks about it."""
    return {
        part.task.name: {asked.sample: asked for asked in part.task.questions(part.samples, part.prompts)}
        for part in plan("synth", limit=FACES)
    }


def test_the_questions_are_those_of_a_feab_run(questions, theirs):
    for task in TASKS:
        asked = theirs.questions[task.name]
        assert asked.keys() == questions[task.name].keys()
        for face, question in questions[task.name].items():
            words = question.messages[0].parts[1].text
            if isinstance(asked[face], list):  # to an API; the picture goes beside it
                assert json.loads(asked[face][0]) == [{"role": "user", "content": words}]
            else:
                assert asked[face] == f"<|user|>{words}<image><|assistant|>"


def test_the_answers_are_those_of_a_feab_run(ours, theirs):
    mine = [(line.task, line.sample, line.text) for line in ours.predictions()]
    assert len(mine) == FACES * len(TASKS)
    differ = [(*line, theirs.answers[line[0]][line[1]]) for line in mine if theirs.answers[line[0]][line[1]] != line[2]]
    assert len(differ) <= 0.01 * len(mine), differ[:10]


def test_the_same_answers_get_the_same_scores(questions, theirs):
    for task in TASKS:
        said = theirs.answers[task.name]
        lines = [prediction(questions[task.name][face], text) for face, text in said.items()]
        scores = score_task(task, lines, load_dataset(task.dataset, task.split), asked=said.keys())
        assert scores.n == FACES
        mine: dict[str, float | None] = {"coverage": scores.coverage}
        for name, estimate in scores.metrics.items():
            mine.update({name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high})
        printed = {name: value for name, value in theirs.scores[task.name].items() if not name.endswith("_stderr")}
        assert scores.primary in printed
        assert printed == pytest.approx({name: mine[name] for name in printed}, abs=1e-9), task.name


def prediction(question: Question, text: str) -> Prediction:
    answer = parse_answer(question, text, "stop")
    return Prediction(
        task=question.task,
        sample=question.sample,
        prompt=question.prompt,
        text=text,
        answer=answer_json(answer),
        outcome=answer.outcome,
    )

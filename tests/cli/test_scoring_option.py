"""`feab run --scoring`: what it would take, what it may cost, and what it refuses."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from test_openai import card, feab_cli

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from chat_server import chat, chat_server


def first_tokens(body: dict[str, Any], number: int) -> dict[str, Any]:
    """A server that is in two minds, about units and labels alike."""
    reply = chat("x", finish="length", usage=(100, 1))
    top = [{"token": token, "logprob": math.log(p)} for token, p in {"Yes": 0.3, "no": 0.2, "fear": 0.5}.items()]
    reply["choices"][0]["logprobs"] = {"content": [{"token": "x", "logprob": -1.0, "top_logprobs": top}]}
    return reply


def test_a_dry_run_counts_every_question_that_would_be_sent(tmp_path: Path, faces: Path) -> None:
    include = card(tmp_path / "mine", "http://127.0.0.1:9/v1", image_tokens=100)
    what = ["run", "--model", "costly", "--include", include, "--data", faces, "--dry-run", "--json"]
    done = feab_cli(*what, "--tasks", "synth_action_units", "--limit", 7, "--scoring", "yes-no")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["questions"], found["answers"], found["images"]) == (7 * 17, 7, 7 * 17)
    assert found["image_tokens"] == 100 * 7 * 17
    assert found["output_tokens"] == 7 * 17
    for words in (["--scoring", "best"], ["--scoring", "yes-no", "--draws", "2"], ["-M", "scoring=yes-no"]):
        assert feab_cli(*what, *words).exit_code == 2


def test_a_limit_of_cost_counts_every_request_of_a_question(tmp_path: Path, faces: Path) -> None:
    with chat_server(first_tokens) as server:
        include = card(tmp_path / "mine", server.url, image_tokens=50)
        what = ["run", "--model", "costly", "--include", include, "--data", faces, "--tasks", "synth_action_units"]
        what += ["--scoring", "yes-no", "--limit", 10, "--out", tmp_path / "out"]
        # A face takes 17 requests of 100 tokens in at $0.01 and one out at $0.1: $18.7.
        done = feab_cli(*what, "--max-cost", 100)
        assert done.exit_code == 3, done.stderr
        assert "before $100" in done.stderr
        assert 0 < len(server.bodies) <= 5 * 17
        assert len(server.bodies) % 17 == 0
        more = feab_cli(*what, "--max-cost", 100_000)
        assert more.exit_code == 0, more.stderr
        assert len(server.bodies) == 10 * 17
    lines = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    assert {line["usage"]["input_tokens"] for line in lines} == {1700}
    assert all(p == pytest.approx(0.6) for line in lines for p in line["probabilities"].values())
    assert feab_cli("validate", tmp_path / "out", "--data", faces).exit_code == 0


def test_scores_of_probabilities_are_in_the_table(tmp_path: Path, faces: Path) -> None:
    with chat_server(first_tokens) as server:
        done = feab_cli(
            *("run", "--model", "openai/m", "-M", f"base_url={server.url}", "--data", faces, "--out", tmp_path / "out"),
            *("--tasks", "synth_expression", "--scoring", "choices"),
        )
    assert done.exit_code == 0, done.stderr
    assert "calibration" in done.stdout
    assert "ECE 0." in done.stdout


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("baseline/uniform", "does not show how likely"),
        ("openai/m", "ask for each unit by itself with --scoring yes-no"),
    ],
)
def test_who_cannot_is_told_and_nothing_is_left(model: str, says: str, tmp_path: Path, faces: Path) -> None:
    arguments = ["-M", "base_url=http://127.0.0.1:9/v1"] if model == "openai/m" else []
    done = feab_cli(
        "run", "--model", model, *arguments, "--data", faces, "--scoring", "choices", "--out", tmp_path / "out"
    )
    assert done.exit_code == 2
    assert says in done.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()

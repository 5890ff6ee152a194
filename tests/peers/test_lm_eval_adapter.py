"""`lm-eval/…`: classes of lm-evaluation-harness as models of feab, with lm-eval's own code at work.

Needs the environment that test_lm_eval_parity.py needs, named by `FEAB_LM_EVAL_PYTHON`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import feab
from feab.runs import Run, load_run

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from chat_server import Reply, chat, chat_server

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("FEAB_LM_EVAL_PYTHON", "")
FACES = 100
"""A task."""
KEY = "sk-loopback-0123456789"

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not PYTHON, reason="FEAB_LM_EVAL_PYTHON names no python that has lm-eval"),
]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": KEY}


def run_in_peer(out: Path, *words: str, limit: int = FACES) -> Run:
    command = [PYTHON, "-m", "feab.cli", "run", "--limit", str(limit), "--out", str(out), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=environment(), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "it/s" not in done.stderr  # no progress bars of others between ours
    return load_run(out)


def test_hf_multimodal_answers_as_hf_does(tmp_path):
    words = ["--model", "lm-eval/hf-multimodal", "-M", f"pretrained={ROOT / 'models' / 'feab-tiny'}"]
    theirs = run_in_peer(tmp_path / "lm-eval", *words, "-M", "dtype=float32", "-M", "batch_size=16")
    ours = feab.run("feab-tiny", limit=FACES, out=tmp_path / "hf")
    said = {line.key: line.text for line in theirs.predictions()}
    mine = {line.key: line.text for line in ours.predictions()}
    assert len(mine) == 3 * FACES
    assert said == mine
    assert theirs.scores == ours.scores
    identity = theirs.manifest.identity
    assert identity.revision == ours.manifest.identity.revision
    assert identity.adapter_args["dtype"] == "float32"
    assert "batch_size" not in identity.adapter_args


def test_draws_of_hf_multimodal_follow_the_seed(tmp_path):
    words = ["--model", f"lm-eval/hf-multimodal/{ROOT / 'models' / 'feab-tiny'}", "-M", "dtype=float32"]
    words += ["-M", "batch_size=4", "--tasks", "synth_valence_arousal", "--draws", "3"]
    one, again = (
        {line.key: line.text for line in run_in_peer(tmp_path / name, *words, limit=4).predictions()}
        for name in ("one", "again")
    )
    assert len(one) == 12
    assert one == again
    assert any(one[key] != one[(*key[:3], 0)] for key in one)


def test_ctrl_c_keeps_what_came_back_and_the_same_command_goes_on(tmp_path):
    def answer(body: dict, number: int) -> dict:
        time.sleep(0.05)
        return chat("happiness")

    with chat_server(answer) as heard:
        command = [PYTHON, "-m", "feab.cli", "run", "--model", "lm-eval/local-chat-completions/tiny"]
        command += ["-M", f"base_url={heard.url}/chat/completions", "-M", "num_concurrent=4"]
        command += ["--tasks", "synth_expression", "--limit", "200", "--out", str(tmp_path / "run")]
        lines = tmp_path / "run" / "predictions.jsonl"
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as first:
            while not (lines.exists() and lines.stat().st_size):
                assert first.poll() is None, first.stderr.read()[-3000:]
                time.sleep(0.01)
            first.send_signal(signal.SIGINT)
            _, said = first.communicate(timeout=300)
        assert first.returncode == 130, said
        kept = len(lines.read_text().splitlines())
        assert 0 < kept < 200
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment(), check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        assert len(lines.read_text().splitlines()) == 200
        assert 200 <= len(heard.bodies) <= 216  # no more than the batch under way was asked again


def ask(url: str, questions: list[tuple[str, str, int]], **arguments: Any) -> tuple[list[dict], dict]:
    """What the adapter gave for the questions, and how it ended."""
    script = str(Path(__file__).with_name("ask_lm_eval.py"))
    command = [PYTHON, script, f"{url}/chat/completions", json.dumps(arguments), json.dumps(questions)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert KEY not in done.stdout + done.stderr
    return lines[:-1], lines[-1]


def words_of(body: dict) -> str:
    return body["messages"][-1]["content"][-1]["text"]


GOOD = chat("happiness")
REPLIES: dict[str, Any] = {
    "bad request": Reply({"error": {"message": f"no such field, {KEY}"}}, 400),
    "always down": Reply({"error": {"message": "down"}}, 503),
    "half": json.dumps(GOOD).encode()[:40],
    "page": Reply(b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
    "empty": chat("  "),
    "null": chat(None),
    "no choices": {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
    "nothing": {},
    "a list": ["happiness"],
    "error with 200": {"error": {"message": "the provider is busy"}},
    "not a number": b'{"choices": [{"index": 0, "message": {"content": "happiness"}, "x": NaN}]}',
    "two choices": chat("sadness", "happiness"),
    "wrong index": {"choices": [{"index": 7, "message": {"content": "sadness"}, "finish_reason": "stop"}]},
    "refusal": chat(None, refusal="I cannot judge faces."),
    "filtered": chat("", finish="content_filter"),
    "cut": chat("Let me look at", finish="length"),
    "parts": chat([{"type": "text", "text": "happi"}, {"type": "text", "text": "ness"}]),
    "number": chat(7),
    "echo": chat(f"the key is {KEY}"),
}
ERRORS = {
    "bad request": "http_400", "always down": "http_503", "half": "malformed", "page": "malformed", "empty": "empty",
    "null": "empty", "no choices": "shape", "nothing": "shape", "a list": "shape", "error with 200": "error_reply",
    "not a number": "malformed", "number": "shape", "hangs up": "connection", "broken image": "image",
}  # fmt: skip
TEXTS = {
    "refusal": ("I cannot judge faces.", "refusal"), "filtered": ("", "content_filter"),
    "cut": ("Let me look at", "length"), "parts": ("happiness", "stop"), "two choices": ("sadness", "stop"),
    "wrong index": ("sadness", "stop"), "echo": ("the key is [key]", "stop"),
}  # fmt: skip


@pytest.mark.parametrize("concurrent", [1, 8])
def test_every_failure_is_its_own_questions_and_no_answer_goes_astray(concurrent):
    asked: dict[str, int] = {}

    def answer(body: dict, number: int) -> Any:
        words = words_of(body)
        asked[words] = asked.get(words, 0) + 1
        if words == "hangs up":
            raise ConnectionResetError
        if words == "busy once" and asked[words] == 1:
            return Reply({"error": {"message": "slow down"}}, 429)
        return REPLIES.get(words, chat(f"answer to {words}"))

    names = ["first", *REPLIES, "hangs up", "busy once", "broken image", "last"]
    questions = [
        (name, name, 1) for pair in zip(names, [f"{name} too" for name in names], strict=True) for name in pair
    ]
    with chat_server(answer) as heard:
        lines, end = ask(heard.url, questions, num_concurrent=concurrent, max_retries=2)
    found = {line["name"]: line for line in lines}
    assert len(found) == len(lines) == len(questions)
    for name, line in found.items():
        if name in ERRORS:
            assert line["error"][0] == ERRORS[name], line
            assert line["texts"] == []
        else:
            text, finish = TEXTS.get(name, (f"answer to {name}", "stop"))
            assert (line["texts"], line["finish"], line["error"]) == ([text], [finish], None)
    assert found["no choices"]["tokens"] == [10, 2]  # it was billed
    assert found["last"]["tokens"] == [10, 2]
    assert asked.pop("always down") == asked.pop("hangs up") == asked.pop("busy once") == 2
    assert "broken image" not in asked
    assert set(asked.values()) == {1}
    assert "[key]" in found["bad request"]["error"][1]
    local, endpoint, args = end["info"]
    assert (local, endpoint) == (True, f"{heard.url}/chat/completions")
    assert args == {"class": "local-chat-completions/tiny", "base_url": endpoint}
    assert all(headers["authorization"] == f"Bearer {KEY}" for headers in heard.headers)


def test_what_is_sent(tmp_path):
    with chat_server(lambda body, number: chat(f"{body['seed']} {body['temperature']}")) as heard:
        lines, _ = ask(heard.url, [("one", "Which?", 1), ("three", "Which then?", 3)], num_concurrent=4, max_gen_toks=3)
    greedy, *drawn = sorted(heard.bodies, key=lambda body: (words_of(body) != "Which?", body["seed"]))
    content = greedy["messages"][-1]["content"]
    assert greedy["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [part["type"] for part in content] == ["image_url", "text"]
    assert content[0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert (greedy["max_tokens"], greedy["temperature"], greedy["stop"]) == (3, 0.0, None)
    assert "top_p" not in greedy
    assert [body["seed"] for body in drawn] == [5, 6, 7]
    assert {(body["temperature"], body["top_p"]) for body in drawn} == {(0.7, 0.9)}
    said = {(line["name"], line["draw"]): line["texts"] for line in lines}
    assert said == {
        ("one", 0): ["5 0.0"], ("three", 0): ["5 0.7"], ("three", 1): ["6 0.7"], ("three", 2): ["7 0.7"],
    }  # fmt: skip


def test_thinking_is_cut_off_where_the_class_is_told_its_end():
    said = {"Which?": "sadness? no</think>\nhappiness", "And now?": "sadness?</think>", "Then?": "sadness"}
    with chat_server(lambda body, number: chat(said[words_of(body)])) as heard:
        lines, end = ask(heard.url, [(words, words, 1) for words in said], think_end_token="</think>")
    assert [line["texts"] for line in lines] == [["happiness"], [], ["sadness"]]
    assert lines[1]["error"][0] == "empty"
    assert end["info"][2]["think_end_token"] == "</think>"


@pytest.mark.parametrize(
    ("status", "says"), [(401, "refused the key"), (404, "ends in /v1/chat/completions"), (307, "leads elsewhere")]
)
def test_what_no_question_survives_ends_the_run_with_advice(status, says):
    with chat_server(lambda body, number: GOOD) as elsewhere:

        def answer(body: dict, number: int) -> Any:
            return Reply({"error": {"message": "no"}}, status, {"Location": f"{elsewhere.url}/chat/completions"})

        with chat_server(answer) as heard:
            lines, end = ask(heard.url, [(str(i), "Which?", 1) for i in range(40)], num_concurrent=2)
        assert elsewhere.bodies == []  # no face followed
    assert says in end["raised"]
    assert lines == []
    assert len(heard.bodies) == 8  # one batch


def test_a_server_that_stalls():
    def answer(body: dict, number: int) -> dict:
        if words_of(body) == "stall":
            time.sleep(30)
        return GOOD

    with chat_server(answer) as heard:
        lines, _ = ask(
            heard.url, [("0", "go", 1), ("1", "stall", 1)], timeout=5, max_retries=2, num_concurrent=2, revision="v1"
        )
    assert lines[0]["texts"] == ["happiness"]
    assert lines[1]["error"][0] == "timeout"
    assert [words_of(body) for body in heard.bodies].count("stall") == 2


def test_a_server_that_is_not_there():
    lines, end = ask("http://127.0.0.1:9/v1", [("one", "Which?", 1)], max_retries=1)
    assert lines == []
    assert "cannot be reached" in end["raised"]

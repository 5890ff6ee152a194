"""`feab run` and `feab ask` of a chat API: permission, secrets, cost, dry run, cache, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result
from faces_folder import make_faces
from typer.testing import CliRunner

from feab.cli import app

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from chat_server import Reply, chat, chat_server

KEY = "sk-planted-0123456789abcdef"
FEAB = [sys.executable, "-m", "feab.cli"]


def feab_cli(*arguments: object, key: str = "") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"OPENAI_API_KEY": key})


def card(folder: Path, url: str, **fields: object) -> Path:
    """A folder with the card of a model that costs."""
    (folder / "models").mkdir(parents=True)
    lines = {
        "name": "costly", "adapter": "openai/m", "args": {"base_url": url}, "access": "closed", "licence": "none",
        "price": {"input": 10_000.0, "output": 100_000.0}, "intended_use": "tests", **fields,
    }  # fmt: skip
    text = "\n".join(f"{name}: {json.dumps(value)}" for name, value in lines.items())
    (folder / "models" / "costly.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(("third_party", "says"), [("forbidden", "forbids sending"), ("ask", "asks for permission")])
def test_licensed_faces_go_to_no_third_party(tmp_path: Path, third_party: str, says: str) -> None:
    faces = make_faces(tmp_path / "made", third_party=third_party)
    third = ["run", "--model", "openai/m", "-M", "base_url=https://192.0.2.1/v1", "--data", faces]
    done = feab_cli(*third, "--out", tmp_path / "out", key=KEY)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "192.0.2.1" in done.stderr
    assert not (tmp_path / "out").exists()
    with chat_server(lambda body, number: chat("happiness")) as server:
        own = ["run", "--model", "openai/m", "-M", f"base_url={server.url}", "--data", faces]
        done = feab_cli(*own, "--tasks", "synth_expression", "--limit", 3, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr


def test_the_key_is_in_no_output(tmp_path: Path, faces: Path) -> None:
    def answer(body: dict, number: int) -> Reply | dict:
        fault = Reply({"error": {"message": f"key {KEY} is unwell"}}, 400)
        return {0: chat(f"happiness {KEY}"), 1: fault}.get(number) or Reply({"error": {"message": KEY}}, 401)

    with chat_server(answer) as server:
        run = ["run", "--model", "openai/m", "-M", f"base_url={server.url}", "-M", "concurrency=1", "--data", faces]
        run += ["--out", tmp_path / "out", "--cache", tmp_path / "cache"]
        environment = {**os.environ, "OPENAI_API_KEY": KEY, "OPENAI_LOG": "debug"}
        done = subprocess.run([*FEAB, *map(str, run)], capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 2
        assert "refused the key in the environment variable OPENAI_API_KEY" in done.stderr
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"manifest.json", "predictions.jsonl", "answers.sqlite"} <= {path.name for path in files}
    assert "unwell" in (tmp_path / "out" / "predictions.jsonl").read_text()
    told = done.stdout.encode() + done.stderr.encode() + b"".join(path.read_bytes() for path in files)
    assert KEY.encode() not in told


def test_a_dry_run_sends_nothing_and_says_what_it_would_cost(tmp_path: Path, faces: Path) -> None:
    with chat_server(lambda body, number: chat("happiness")) as server:
        include = card(tmp_path / "mine", server.url, image_tokens=100)
        what = ["run", "--model", "costly", "--include", include, "--data", faces, "--dry-run"]
        done = feab_cli(*what, "--tasks", "synth_expression", "--limit", 7, "--draws", 2, "--json")
        assert done.exit_code == 0, done.stderr
        found = json.loads(done.stdout)
        assert (found["questions"], found["answers"], found["images"]) == (7, 14, 14)
        assert found["image_tokens"] == 1400
        assert found["output_tokens"] == 14 * 32
        assert found["cost_usd"] == pytest.approx((found["text_tokens"] + 1400) * 0.01 + 14 * 32 * 0.1)
        shown = feab_cli(*what, "--prompts", "all")
        assert "cost           at most $" in shown.stdout
        assert "four bytes a token" in shown.stdout
        few = [*what, "--tasks", "synth_expression", "--limit", 7]
        shorter = json.loads(feab_cli(*few, "-M", "max_tokens=3", "--json").stdout)
        assert shorter["output_tokens"] == 7 * 3
        assert shorter["cost_usd"] == pytest.approx((shorter["text_tokens"] + 700) * 0.01 + 7 * 3 * 0.1)
        assert "image tokens   at most 700" in feab_cli(*few, "-M", "max_pixels=100").stdout
        sharper = feab_cli(*few, "-M", "detail=high")  # it may take more than the card says
        assert "image tokens   unknown" in sharper.stdout
        assert "and what the images cost" in sharper.stdout
        for wrong in ("max_tokens=many", "maxtokens=3"):
            refused = feab_cli(*few, "-M", wrong)
            assert refused.exit_code == 2
            assert "valid arguments" in refused.stderr
        unknown = feab_cli("run", "--model", "openai/m", "--data", faces, "--dry-run")
        assert unknown.exit_code == 0
        assert "unknown" in unknown.stdout
        assert feab_cli("run", "--model", "nobody/m", "--data", faces, "--dry-run").exit_code == 2
        assert server.bodies == []


def test_a_limit_of_cost_stops_the_run_and_a_higher_one_goes_on(tmp_path: Path, faces: Path) -> None:
    with chat_server(lambda body, number: chat("happiness", usage=(100, 10))) as server:
        include = card(tmp_path / "mine", server.url, image_tokens=50)
        what = ["run", "--model", "costly", "--include", include, "--data", faces, "--tasks", "synth_expression"]
        what += ["--out", tmp_path / "out"]
        done = feab_cli(*what, "--max-cost", 20)
        assert done.exit_code == 3, done.stderr
        assert "stopped before $20.0000 would be exceeded" in done.stderr
        assert "goes on from there" in done.stderr
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert 10 < manifest["cost_usd"] <= 20
        assert manifest["cost_usd"] == 2 * len(server.bodies)
        again = feab_cli(*what, "--max-cost", 20)
        assert again.exit_code == 3
        assert manifest["cost_usd"] == 2 * len(server.bodies), "not a question more"
        rest = feab_cli(*what, "--max-cost", 1000)
        assert rest.exit_code == 0, rest.stderr
        assert "$48.0000" in rest.stderr
        assert len(server.bodies) == 24
        assert json.loads((tmp_path / "out" / "manifest.json").read_text())["cost_usd"] == 48
    for wrong, says in (("nan", "above 0"), ("-1", "above 0"), ("0", "above 0")):
        done = feab_cli(*what, f"--max-cost={wrong}")
        assert (done.exit_code, says in done.stderr) == (2, True)
    done = feab_cli("run", "--model", "openai/m", "--data", faces, "--max-cost", 1)
    assert done.exit_code == 2
    assert "no price of openai/m is known" in done.stderr


def test_failures_that_were_billed_stay_billed_when_they_are_asked_again(tmp_path: Path, faces: Path) -> None:
    bad_time = True

    def answer(body: dict, number: int) -> dict:
        return {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}} if bad_time else chat("fear")

    with chat_server(answer) as server:
        include = card(tmp_path / "mine", server.url, image_tokens=50)
        what = ["run", "--model", "costly", "--include", include, "--data", faces, "--tasks", "synth_expression"]
        what += ["--limit", 7, "--out", tmp_path / "out", "--max-cost", 1000]

        def manifest() -> dict:
            return json.loads((tmp_path / "out" / "manifest.json").read_text())

        assert feab_cli(*what).exit_code == 3
        assert manifest()["cost_usd"] == 7 * 2
        assert feab_cli(*what).exit_code == 3
        assert manifest()["cost_usd"] == 14 * 2
        assert (manifest()["failed_input_tokens"], manifest()["failed_output_tokens"]) == (700, 70)
        stopped = feab_cli(*what[:-1], 30)
        assert stopped.exit_code == 3
        assert "$28.0000 are spent" in stopped.stderr
        bad_time = False
        assert feab_cli(*what).exit_code == 0
        # 14 failures of 2 dollars each, and 7 answers of 10 and 2 tokens
        assert manifest()["cost_usd"] == pytest.approx(14 * 2 + 7 * (10 * 0.01 + 2 * 0.1))
        assert manifest()["input_tokens"] == 70
        assert feab_cli("validate", tmp_path / "out").exit_code == 0


def test_one_run_answers_another_from_the_cache(tmp_path: Path, faces: Path) -> None:
    with chat_server(lambda body, number: chat("happiness")) as server:
        what = ["run", "--model", "openai/m", "-M", f"base_url={server.url}", "--data", faces]
        what += ["--tasks", "synth_expression", "--cache", tmp_path / "cache"]
        first = feab_cli(*what, "--limit", 8, "--out", tmp_path / "one")
        assert (first.exit_code, "0 hits, 8 misses" in first.stderr) == (0, True)
        second = feab_cli(*what, "--limit", 20, "--out", tmp_path / "two")
        assert (second.exit_code, "8 hits, 12 misses" in second.stderr) == (0, True)
        assert len(server.bodies) == 20
    manifest = json.loads((tmp_path / "two" / "manifest.json").read_text())
    assert manifest["machine"]["model"]["cache"] == {"hits": 8, "misses": 12}
    assert manifest["input_tokens"] == 12 * 10
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "answers.sqlite").write_bytes(b"something else entirely" * 50)
    done = feab_cli(*what[:-1], tmp_path / "bad", "--out", tmp_path / "three")
    assert (done.exit_code, "cannot be used as a cache" in done.stderr) == (2, True)
    assert not (tmp_path / "three").exists()


def test_ctrl_c_ends_at_once_and_loses_nothing(tmp_path: Path, faces: Path) -> None:
    def answer(body: dict, number: int) -> dict:
        if number >= 10:
            time.sleep(20)
        return chat("happiness")

    with chat_server(answer) as server:
        run = ["run", "--model", "openai/m", "-M", f"base_url={server.url}", "--data", faces, "--out", tmp_path / "out"]
        process = subprocess.Popen([*FEAB, *map(str, run)], stderr=subprocess.PIPE, text=True)
        path = tmp_path / "out" / "predictions.jsonl"
        while not path.exists() or path.read_bytes().count(b"\n") < 10:
            time.sleep(0.02)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=15)
        assert time.monotonic() - start < 10
        assert process.returncode == 130
        assert "10 of" in told
        assert "goes on from there" in told
        assert path.read_bytes().count(b"\n") == 10


def test_a_picture_of_ones_own(tmp_path: Path, faces: Path) -> None:
    from feab.data import load_dataset

    picture = tmp_path / "face.jpg"
    picture.write_bytes(load_dataset(faces)[0].media.read())
    with chat_server(lambda body, number: chat("happiness")) as server:
        done = feab_cli("ask", "-m", "openai/m", "-M", f"base_url={server.url}", picture, "-t", "synth_expression")
    assert done.exit_code == 0, done.stderr
    assert "expression: happiness" in done.stdout

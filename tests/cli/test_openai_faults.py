"""`feab run` against a server that fails in every way: nothing lost, nothing invented, nothing asked twice."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faces_folder import make_noisy_faces

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from faulty_server import OUTCOMES, answer_of, fate_of

import feab
from feab.data import load_dataset
from feab.models.wrappers import AnswerStore

SERVER = Path(__file__).parent.parent / "models" / "faulty_server.py"


@contextmanager
def faulty(die_after: int, die_for: float) -> Iterator[str]:
    """The server in a process of its own; gives its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(SERVER), str(port), "--die-after", str(die_after), "--die-for", str(die_for)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def tell(url: str, what: str) -> dict:
    with urllib.request.urlopen(f"{url}/{what}") as reply:
        return json.load(reply)


def feab_run(url: str, faces: Path, out: Path, cache: str, attempts: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "feab.cli", "run", "--model", "openai/faulty", "-M", f"base_url={url}/v1"]
    command += ["--tasks", "synth_valence_arousal", "--data", str(faces), "--out", str(out)]
    command += ["--cache", cache, "-M", "timeout=2", "-M", f"max_attempts={attempts}", "-M", "concurrency=32"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("people", "die_for", "attempts"),
    [
        (100, 1.5, 3),
        pytest.param(100, 5.0, 5, marks=pytest.mark.full),
        pytest.param(1000, 5.0, 5, marks=pytest.mark.full),
    ],
    ids=["1,000 faces", "1,000 faces, 5 s", "10,000 faces"],
)
def test_every_question_gets_its_right_outcome(tmp_path: Path, people: int, die_for: float, attempts: int) -> None:
    faces = make_noisy_faces(tmp_path / "made", people)
    total = 10 * people
    images = {sample.id: sample.media.read() for sample in load_dataset(faces)}
    out, cache = tmp_path / "run", str(tmp_path / "cache")
    with faulty(die_after=total // 2, die_for=die_for) as url:
        first = feab_run(url, faces, out, cache, attempts)
        assert first.returncode == 3, first.stderr
        assert "INCOMPLETE" in first.stdout
        half = feab.load_run(out)
        failed = {p.sample for p in half.predictions() if p.outcome == "error"}
        assert {"half_json", "empty", "null", "no_choices", "html", "400", "500_always"} <= {
            fate_of(images[sample]) for sample in failed
        }
        answered = total - len(failed)
        assert half.manifest.outcomes.error == len(failed) < total / 2
        assert half.scores is not None
        assert half.scores.tasks["synth_valence_arousal"].n == answered  # no error was scored

        tell(url, "better")
        second = feab_run(url, faces, out, cache, attempts)
        assert second.returncode == 0, second.stderr
        run = feab.load_run(out)
        assert run.complete
        seen = 0
        for prediction in run.predictions():
            image = images[prediction.sample]
            fate = fate_of(image)
            assert prediction.outcome == OUTCOMES.get(fate, "ok"), fate
            if prediction.outcome == "ok":
                assert prediction.text is not None
                assert prediction.text.startswith(answer_of(image))
            seen += 1
        assert seen == total
        told = tell(url, "stats")
        assert told["again_after_success"] == 0
        assert told["most_busy"] <= 32

        store = AnswerStore(cache)  # every answer was kept, and no error
        assert store._db.execute("SELECT count(*) FROM answers").fetchone() == (total,)
        store.close()
        other = feab.run(
            "openai/faulty",
            "synth_valence_arousal",
            data=faces,
            out=tmp_path / "other",
            cache=cache,
            base_url=f"{url}/v1",
        )
        assert other.manifest.machine["model"]["cache"] == {"hits": total, "misses": 0}
        assert tell(url, "stats")["requests"] == told["requests"]
    assert {p.key: p.text for p in other.predictions()} == {p.key: p.text for p in run.predictions()}
    assert other.scores == run.scores
    assert other.manifest.input_tokens is None  # answers out of the cache cost nothing

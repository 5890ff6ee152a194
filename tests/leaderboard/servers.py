"""Leaderboards that run in processes of their own, and callers of their API that are no gradio_client."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from boards import Place

from feab.data import read_info
from feab.leaderboard.people import LocalPeople

HERE = Path(__file__).parent
TIMEOUT_S = 300.0


@dataclass
class Server:
    """A running leaderboard; its store is `folder / "store"`."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(place: Place, folder: Path, *, per_day: int = 1000) -> Iterator[Server]:
    """A leaderboard in a process of its own, which has ended when the context does."""
    folder.mkdir(exist_ok=True)
    faces = place.sets.named["made/test"].labels
    fingerprint = read_info(Path(str(faces))).splits["test"].fingerprint
    spec = folder / "spec.json"
    told = {"folder": str(folder), "faces": str(faces), "fingerprint": fingerprint, "per_day": per_day}
    told["port"] = free_port()
    spec.write_text(json.dumps(told))
    process = subprocess.Popen(
        [sys.executable, str(HERE / "serving_board.py"), str(spec)],
        stdout=subprocess.PIPE,
        stderr=(folder / "stderr.txt").open("a"),
        text=True,
        env={**os.environ, "GRADIO_TEMP_DIR": str(folder / "uploads")},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, (folder / "stderr.txt").read_text()
        yield Server(folder, address, process)
    finally:
        process.kill()
        process.wait()


def token_of(folder: Path, name: str) -> str:
    """A new token for a leaderboard's submitter."""
    return LocalPeople(folder / "people.json").add(name)


@dataclass(frozen=True)
class Answer:
    """What came of a call: its result, or the error that it ended in."""

    status: int
    result: Any = None
    error: str | None = None


def upload(client: httpx2.Client, url: str, data: bytes) -> dict[str, Any]:
    """Upload a file as Gradio's documentation says; what its API then takes."""
    sent = client.post(f"{url}gradio_api/upload", files={"files": ("submission.zip", data)})
    sent.raise_for_status()
    return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}


def call(client: httpx2.Client, url: str, name: str, *arguments: Any) -> Answer:
    """Call an endpoint and wait."""
    body = json.dumps({"data": list(arguments)}).encode("utf-8", "surrogatepass")  # NaN and all: strangers send it
    headers = {"content-type": "application/json"}
    begun = client.post(f"{url}gradio_api/call/{name}", content=body, headers=headers)
    if begun.status_code != 200:
        return Answer(begun.status_code, error=begun.text)
    done = client.get(f"{url}gradio_api/call/{name}/{begun.json()['event_id']}")
    event, _, data = done.text.strip().rpartition("event: ")[2].partition("\ndata: ")
    if event == "complete":
        return Answer(done.status_code, json.loads(data)[0])
    return Answer(done.status_code, error=str(json.loads(data)))


def submit(url: str, data: bytes, name: str, token: str) -> Answer:
    """Upload and submit."""
    with httpx2.Client(timeout=TIMEOUT_S) as client:
        return call(client, url, "submit", upload(client, url, data), name, token)

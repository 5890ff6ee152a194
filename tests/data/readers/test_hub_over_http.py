"""A dataset of the hub by its id, as the hub's own client fetches it: from a small hub on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from feab.data import load_dataset
from feab.data.readers.faces import Faces
from feab.data.readers.genericmimic import stored
from feab.vocabulary import EXPRESSIONS

COMMIT = "a" * 40


@contextmanager
def hub(repository: str, files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A hub with one dataset; gives its address and the paths that are asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def do_GET(self, *, body: bool = True) -> None:
            asked.append(f"{self.command} {self.path}")
            above = f"/datasets/{repository}/resolve/{COMMIT}/"
            if self.path.startswith(f"/api/datasets/{repository}/revision/main"):
                names = [{"rfilename": name} for name in files]
                self.answer(json.dumps({"id": repository, "sha": COMMIT, "siblings": names}).encode(), body=body)
            elif self.path.startswith(f"/api/datasets/{repository}/tree/{COMMIT}"):
                rows = [{"type": "file", "path": n, "size": len(d), "oid": "0" * 40} for n, d in files.items()]
                self.answer(json.dumps(rows).encode(), body=body)
            elif self.path.startswith(above) and (data := files.get(self.path.removeprefix(above))) is not None:
                self.answer(data, body=body)
            else:
                self.answer(b"{}", status=404, body=body)

        def answer(self, data: bytes, *, status: int = 200, body: bool) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_dataset_is_fetched_by_its_id_read_by_its_columns_and_kept(tmp_path: Path) -> None:
    faces = list(Faces().cycle(EXPRESSIONS, 16))
    files = {
        "README.md": b"a card, which is not fetched",
        "data/train-00000-of-00001.parquet": stored(faces[8:]),
        "data/test-00000-of-00001.parquet": stored(faces[:8]),
    }
    env = {
        **os.environ,
        "FEAB_DATA": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "",
        "HF_HUB_OFFLINE": "0",
    }
    env |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    words = [sys.executable, "-m", "feab.cli", "data", "prepare", "generic", "--from"]

    def prepare(name: str, *more: str) -> subprocess.CompletedProcess[str]:
        command = [*words, name, "--column", "expression=label", *more]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)

    with hub("somebody/faces-7", files) as (address, asked):
        env["HF_ENDPOINT"] = address
        done = prepare("somebody/faces-7")
        assert done.returncode == 0, done.stderr
        assert any(line.startswith("GET") and "test-00000" in line for line in asked)
        assert not any("README" in line for line in asked)
        gone = prepare("somebody/else")
        assert gone.returncode == 2
        assert "somebody/else: cannot be had from the hub (" in gone.stderr
        assert "404" in gone.stderr
    made = tmp_path / "data/faces-7"
    for split, shown in (("test", faces[:8]), ("train", faces[8:])):
        rows = list(load_dataset(made, split))
        assert [row.expression for row in rows] == [face.expression for face in shown]
        assert [row.media.read() for row in rows] == [face.media.read() for face in shown]

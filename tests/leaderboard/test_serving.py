"""A leaderboard that runs: submissions from other processes, many at a time, and a server that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import httpx2
import pytest
from boards import Place, with_line, zip_of
from hostile_submissions import ARCHIVES, REFUSED
from typer.testing import CliRunner

from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard import Board, audit, verify
from feab.leaderboard.app.uploads import MAX_UPLOADS
from feab.leaderboard.remote import TOKEN, Address, address_of, submit_to
from feab.leaderboard.service import Service

pytest.importorskip("gradio", reason="gradio is not installed (the leaderboard extra has it)")

from servers import Answer, Server, call, free_port, running, submit, token_of, upload

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(place, tmp_path_factory.mktemp("served")) as one:
        yield one


def board_of(place: Place, server: Server) -> Board:
    return place.board(server.folder)


def different(place: Place, count: int) -> list[bytes]:
    """Good submissions, no two alike."""
    files = place.files("expression")
    return [zip_of(with_line(files, 0, latency_s=0.5 + number)) for number in range(count)]


def listed(board: Board) -> set[str]:
    service = Service(board)
    service.close()
    return set(service.table()["submission"].dropna())


def test_feab_submit_from_another_process(place: Place, server: Server) -> None:
    token = token_of(server.folder, "ada")
    words = ("submit", str(place.runs["always"]), "--to", server.url.rstrip("/"), "--user", "ada")
    done = subprocess.run(
        [sys.executable, "-m", "feab.cli", *words],
        capture_output=True, text=True, env={**os.environ, TOKEN: token}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "listed: baseline/always-active as" in done.stdout
    assert f"at {server.url}?" in done.stdout
    assert "synth_expression, 0." in done.stdout
    assert "place 1" in done.stdout
    assert "attempt 1 of 1000 in 24 hours, of ada" in done.stdout
    assert "checked there" in done.stderr
    assert "sending …" in done.stderr
    again = RUNNER.invoke(app, [*words, "--json"], env={TOKEN: token})
    assert again.exit_code == 2
    assert "listed already" in json.loads(again.stdout)["problems"][0]
    wrong = RUNNER.invoke(app, words, env={TOKEN: "guessed"})
    assert wrong.exit_code == 2
    assert "name and token do not belong together" in wrong.stderr
    nobody = RUNNER.invoke(app, words, env={TOKEN: ""})
    assert nobody.exit_code == 2
    assert f"put your token of it into the variable {TOKEN}" in nobody.stderr
    assert token not in done.stdout + done.stderr + (server.folder / "stderr.txt").read_text()
    assert token not in (server.folder / "people.json").read_text()


def test_the_api_by_itself(place: Place, server: Server) -> None:
    token = token_of(server.folder, "bob")
    with httpx2.Client(timeout=300) as client:
        about = call(client, server.url, "about").result
        assert about["identity"] == "token"
        file = upload(client, server.url, place.zipped("majority"))
        assert call(client, server.url, "check", file).result == {"right": True, "problems": []}
        bad = upload(client, server.url, zip_of(with_line(place.files("expression"), 0, answer="bored")))
        told = call(client, server.url, "check", bad).result
        assert not told["right"]
        assert any("bored" in line for line in told["problems"])
        done = call(client, server.url, "submit", file, "bob", token).result
        assert done["accepted"]
        rows = call(client, server.url, "table", done["link"]).result["rows"]
        (row,) = (row for row in rows if row["submission"] == done["submission"])
        assert row["value"] == pytest.approx(done["scores"]["overall"]["value"])
        for secret in ("/etc/passwd", str(server.folder / "people.json"), "http://127.0.0.1:1/", "a\0b", "", 5, None):
            stolen = {"path": secret, "meta": {"_type": "gradio.FileData"}}
            refused = call(client, server.url, "submit", stolen, "bob", token)
            assert refused.error is not None, refused
        near = {"path": str(server.folder / "people.json")}  # without what Gradio knows its files by
        assert "no such uploaded file" in str(call(client, server.url, "submit", near, "bob", token).error)
        far = {"path": "http://127.0.0.1:1/x.zip", "meta": {"_type": "gradio.FileData"}}
        assert call(client, server.url, "submit", far, "bob", token).status == 400
        for name, given in (("bob", "x"), ("eve", token), ("bob", ""), (5, token), (None, None), ("../bob", token)):
            refused = call(client, server.url, "submit", file, name, given)
            assert refused.error is not None
            assert "do not belong together" in refused.error


def test_what_is_too_large_is_refused_before_it_is_kept(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 2**13

    before = {path for path in (server.folder / "uploads").rglob("*") if path.is_file()}
    headers = {"content-type": "application/json"}
    calls = f"{server.url}gradio_api/call/submit"
    assert httpx2.post(calls, content=b"x" * 2**19, headers=headers).status_code == 413
    assert httpx2.post(calls, content=chunks(), headers=headers).status_code == 413
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as line:
        line.sendall(b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    after = {path for path in (server.folder / "uploads").rglob("*") if path.is_file()}
    assert after == before


def test_wrong_calls_are_no_errors_of_the_server(server: Server) -> None:
    headers = {"content-type": "application/json"}
    for path, body in (
        ("call/nothing", b'{"data":[]}'),
        ("call/submit", b"{"),
        ("call/submit", b"[]"),
        ("call/v2/submit", b"{}"),
        ("call/v2/nothing", b"{}"),
        ("queue/join", b'{"data":[],"fn_index":99,"session_hash":"a"}'),
        ("queue/join", b"null"),
        ("run/submit", b'{"data":[1,2,3]}'),
        ("run/nothing", b'{"data":[1,2,3]}'),
        ("component_server", b'{"data":1,"component_id":99999,"session_hash":"a","fn_name":"x"}'),
        ("upload", b"nothing"),
        ("reset", b"{}"),
        ("cancel", b"{}"),
    ):
        answer = httpx2.post(f"{server.url}gradio_api/{path}", content=body, headers=headers, timeout=60)
        assert answer.status_code < 500, (path, body, answer.text)


@pytest.mark.parametrize("query", ["page=x", "%70age=x&tab=about", "deep_link=..%2F..%2Fx", "page=&search=a"])
def test_gradios_own_queries_are_passed_over(server: Server, query: str) -> None:
    for path in ("", "config"):
        answer = httpx2.get(f"{server.url}{path}?{query}", timeout=60)
        assert (answer.status_code, answer.text) == (200, httpx2.get(f"{server.url}{path}", timeout=60).text)


def test_uploads_have_a_room_of_their_own(server: Server) -> None:
    """A file that fills it (and holds nothing) is new, so it stays, and no other comes in."""
    filling = server.folder / "uploads" / "filling"
    with filling.open("wb") as file:
        file.truncate(MAX_UPLOADS)
    try:
        sent = httpx2.post(f"{server.url}gradio_api/upload", files={"files": ("a.zip", b"x")}, timeout=60)
        assert (sent.status_code, sent.text) == (503, "too many files are waiting here; try again in a few minutes")
    finally:
        filling.unlink()
    sent = httpx2.post(f"{server.url}gradio_api/upload", files={"files": ("a.zip", b"x")}, timeout=60)
    assert sent.status_code == 200


def test_fifty_at_once(place: Place, tmp_path: Path) -> None:
    good = different(place, 25)
    files = place.files("expression")
    bad = [make(files) for make, _ in ARCHIVES.values()]
    bad += [zip_of(change(place.files())) for change, _ in list(REFUSED.values())[: 25 - len(bad)]]
    assert len(bad) == 25
    with running(place, tmp_path / "served") as server:
        tokens = {name: token_of(server.folder, name) for name in ("ada", "bob", "eve")}
        names = list(tokens)

        def send(number: int) -> Answer:
            data = good[number // 2] if number % 2 == 0 else bad[number // 2]
            name = names[number % 3]
            return submit(server.url, data, name, tokens[name])

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(send, range(50)))
    assert [answer.error for answer in answers] == [None] * 50
    accepted = [answer.result for answer in answers[::2]]
    assert [one["problems"] for one in accepted if not one["accepted"]] == []
    refused = [answer.result for answer in answers[1::2]]
    assert not any(one["accepted"] for one in refused)
    assert all(one["problems"] for one in refused)
    board = place.board(tmp_path / "served")
    assert audit(board.store.snapshot()) == []
    assert listed(board) == {one["submission"] for one in accepted}
    folder = Path(board.store.name) / "submissions"
    assert {path.name for path in folder.iterdir()} == listed(board)
    for path in folder.iterdir():
        assert verify(path, sets=place.sets).problems == ()


def test_a_killed_server_loses_nothing_that_it_accepted(place: Place, tmp_path: Path) -> None:
    good = different(place, 9)
    folder = tmp_path / "served"
    told: set[str] = set()
    for round_, least in enumerate((1, 3)):
        first = threading.Event()
        done: list[Answer] = []
        with running(place, folder) as server:
            token = token_of(folder, f"ada{round_}")

            def send(data: bytes, server: Server = server, token: str = token, name: str = f"ada{round_}") -> None:
                try:
                    done.append(submit(server.url, data, name, token))  # noqa: B023
                except (httpx2.HTTPError, ValueError, KeyError):
                    return  # its server was killed
                if len(done) >= least:  # noqa: B023
                    first.set()  # noqa: B023

            with ThreadPoolExecutor(len(good)) as pool:
                for data in good:
                    pool.submit(send, data)
                assert first.wait(300)
                server.kill()
        told |= {one.result["submission"] for one in done if one.result and one.result["accepted"]}
        board = place.board(folder)
        assert told <= listed(board)
        assert audit(board.store.snapshot()) == []
    assert told
    with running(place, folder) as server:  # what was under way can be sent again
        token = token_of(folder, "bob")
        answers = [submit(server.url, data, "bob", token).result for data in good]
    assert all(one["accepted"] or "listed already" in one["problems"][0] for one in answers)
    assert len(listed(place.board(folder))) == len(good)
    assert audit(place.board(folder).store.snapshot()) == []


class _Anyone(BaseHTTPRequestHandler):
    """A web server that is no leaderboard, and keeps what it is told."""

    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.heard.append(f"{self.path}\n{self.headers}")
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"version": "6.31.0", "protocol": "sse_v3", "dependencies": [], "named_endpoints": {}}')

    do_POST = do_GET

    def log_message(self, *words: object) -> None:
        pass


def test_a_strangers_server_is_told_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 34)
    with HTTPServer(("127.0.0.1", 0), _Anyone) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = Address(f"http://127.0.0.1:{server.server_port}", local=True)
        with pytest.raises(FeabError, match="is no leaderboard of feab"):
            submit_to(address, b"archive", user="ada", token="a-secret")
        server.shutdown()
    assert _Anyone.heard
    assert "hf_aaaa" not in "".join(_Anyone.heard)
    assert "a-secret" not in "".join(_Anyone.heard)


def test_nobody_answers() -> None:
    with pytest.raises(FeabError, match="nobody answers there"):
        submit_to(Address("http://127.0.0.1:9", local=True), b"", user="ada", token="x")


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("http://example.org", "would travel unencrypted"),
        ("https://ada:secret@example.org", "give the address alone"),
        ("https://example.org/?x=1", "give the address alone"),
        ("https://[", "is no address"),
        ("hf://spaces/evil", "is no Space"),
        ("hf://spaces/a/../b", "is no Space"),
    ],
)
def test_odd_addresses_are_refused(to: str, says: str) -> None:
    with pytest.raises(FeabError, match=says):
        address_of(to)


def test_addresses() -> None:
    assert address_of("leaderboard/results") is None
    assert address_of("hf://datasets/a/b") is None
    assert address_of("hf://spaces/a/b") == Address("a/b", local=False)
    assert address_of("http://127.0.0.1:7860") == Address("http://127.0.0.1:7860", local=True)
    assert address_of("https://example.org/board") == Address("https://example.org/board", local=False)


def test_feab_leaderboard_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    port = free_port()
    store = Path(__file__).resolve().parents[2] / "leaderboard" / "results"
    process = subprocess.Popen(
        [sys.executable, "-m", "feab.cli", "leaderboard", "--store", str(store), "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "FEAB_DATA": str(tmp_path), "GRADIO_TEMP_DIR": str(tmp_path / "uploads")},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "the leaderboard of" in line)
        assert f"http://127.0.0.1:{port}" in told
        url = f"http://127.0.0.1:{port}/"
        with httpx2.Client(timeout=120) as client:
            assert client.get(url).status_code == 200
            rows = call(client, url, "table", "task=synth_expression").result["rows"]
        assert "feab-tiny" in {row["model"] for row in rows}
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode in (0, 130)
    finally:
        process.kill()
        process.wait()

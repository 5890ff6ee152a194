"""Anything at all sent to a running leaderboard: it does not fail, and lists nothing that `feab verify` rejects."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from boards import Place, zip_of
from hostile_submissions import JUNK, SCRIPT, Files, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.leaderboard import audit, verify

pytest.importorskip("gradio", reason="gradio is not installed (the leaderboard extra has it)")

from servers import Server, call, running, token_of, upload

EVERYTHING = list(HealthCheck)


@dataclass(frozen=True)
class Open:
    server: Server
    client: httpx2.Client
    token: str


@pytest.fixture(scope="module")
def opened(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with running(place, folder, per_day=1_000_000) as server, httpx2.Client(timeout=300) as client:
        yield Open(server, client, token_of(folder, "fuzz"))


@pytest.fixture(scope="module")
def small(place: Place) -> Files:
    return place.files("expression")


def marked(files: Files) -> list[bytes]:
    """Submissions with a script in the place of every text there is in the manifest and the card, one at a time."""
    found = []
    for name in ("manifest.json", "card.json"):
        document = json.loads(files[name])

        def texts(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
            items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            for key, inner in items:
                yield from texts(inner, (*above, key))
            if isinstance(value, str):
                yield above

        for path in texts(document):
            copy = json.loads(files[name])
            part = copy
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = SCRIPT
            found.append(zip_of({**files, name: json.dumps(copy).encode()}))
    return found


def submit_one(opened: Open, place: Place, archive: bytes, folder: Path) -> None:
    """Submit; whatever it is, there is a verdict, and it is the one of `feab verify`."""
    file = upload(opened.client, opened.server.url, archive)
    answer = call(opened.client, opened.server.url, "submit", file, "fuzz", opened.token)
    assert answer.status == 200
    assert answer.error is None, answer.error
    told = answer.result
    assert told["accepted"] != bool(told["problems"])
    text = json.dumps(told)
    assert "Traceback" not in text
    assert str(opened.server.folder) not in text
    if told["accepted"]:
        found = verify(opened.server.folder / "store" / "submissions" / told["submission"], sets=place.sets)
        assert found.problems == ()
        assert found.compared
        return
    path = folder / "sent.zip"
    path.write_bytes(archive)
    with contextlib.suppress(FeabError):
        assert verify(path, sets=place.sets).problems or "listed already" in told["problems"][0]


def test_a_script_in_any_text_is_refused_or_left_out(opened: Open, place: Place, small: Files, tmp_path: Path) -> None:
    sent = marked(small)
    assert len(sent) > 20
    for archive in sent[::4]:
        submit_one(opened, place, archive, tmp_path)
    rows = call(opened.client, opened.server.url, "table", "task=synth_expression").result["rows"]
    assert "<" not in json.dumps(rows)


@pytest.mark.full
def test_a_script_in_every_text(opened: Open, place: Place, small: Files, tmp_path: Path) -> None:
    for archive in marked(small):
        submit_one(opened, place, archive, tmp_path)
    rows = call(opened.client, opened.server.url, "table", "task=synth_expression").result["rows"]
    assert "<" not in json.dumps(rows)


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=EVERYTHING)
def test_submissions_with_anything_changed(
    opened: Open, place: Place, small: Files, tmp_path: Path, data: st.DataObject
) -> None:
    submit_one(opened, place, data.draw(mutated(small)), tmp_path)


@pytest.mark.full
@given(data=st.data())
@settings(max_examples=1000, suppress_health_check=EVERYTHING)
def test_a_thousand_submissions_with_anything_changed(
    opened: Open, place: Place, small: Files, tmp_path: Path, data: st.DataObject
) -> None:
    submit_one(opened, place, data.draw(mutated(small)), tmp_path)
    assert opened.server.process.poll() is None


def test_calls_of_sessions_without_a_name_stop_nothing(opened: Open) -> None:
    headers = {"content-type": "application/json"}
    body = json.dumps({"data": [""], "session_hash": ""}).encode()

    def send(_: int) -> int:
        return opened.client.post(
            f"{opened.server.url}gradio_api/call/table", content=body, headers=headers
        ).status_code

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(send, range(60))) == {400}
    assert call(opened.client, opened.server.url, "table", "").status == 200


CALLS = st.sampled_from(
    ["call/about", "call/table", "call/check", "call/submit", "call/v2/submit", "call/x", "queue/join", "run/table",
     "run/predict", "component_server", "reset", "cancel", "upload", "process_recording", "login"]
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=200),
    JUNK.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.builds(lambda value: json.dumps({"data": value}).encode("utf-8", "surrogatepass"), st.lists(JUNK, max_size=4)),
    st.builds(
        lambda data, number, session: json.dumps(
            {"data": data, "fn_index": number, "session_hash": session, "event_id": session, "fn_name": session}
        ).encode("utf-8", "surrogatepass"),
        st.lists(JUNK, max_size=4),
        st.integers(-2, 12),
        st.text(max_size=5),
    ),
    st.just(b"[" * 100_000),
    st.just(b'{"data":' + b"[" * 5000 + b"]" * 5000 + b"}"),
)  # fmt: skip


def send_anything(opened: Open, name: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = opened.client.post(f"{opened.server.url}gradio_api/{name}", content=body, headers=headers)
    assert answer.status_code < 500, (name, body[:200], answer.text[:500])
    assert "Traceback" not in answer.text


@given(name=CALLS, body=BODIES)
@settings(max_examples=60, suppress_health_check=EVERYTHING)
def test_calls_of_any_kind(opened: Open, name: str, body: bytes) -> None:
    send_anything(opened, name, body)


@pytest.mark.full
@given(name=CALLS, body=BODIES)
@settings(max_examples=1000, suppress_health_check=EVERYTHING)
def test_a_thousand_calls_of_any_kind(opened: Open, name: str, body: bytes) -> None:
    send_anything(opened, name, body)


@given(query=st.text(max_size=300) | JUNK)
@settings(max_examples=30, suppress_health_check=EVERYTHING)
def test_views_of_any_kind(opened: Open, query: object) -> None:
    answer = call(opened.client, opened.server.url, "table", query)
    assert answer.status == 200
    if isinstance(query, str):
        assert set(answer.result) == {"view", "rows", "old"}


def test_the_store_is_as_its_log_says(opened: Open, place: Place) -> None:
    assert audit(place.board(opened.server.folder).store.snapshot()) == []
    assert opened.server.process.poll() is None

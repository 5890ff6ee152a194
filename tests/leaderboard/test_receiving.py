"""Submissions of strangers: the good are listed, each kind of bad one is refused with its reason, none crashes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from boards import Place, zip_of
from hostile_submissions import ARCHIVES, REFUSED, Files, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.leaderboard import Board, audit, events_of, receive, verify, withdraw
from feab.leaderboard import unpacking as limits


def stored(board: Board, submission: str) -> Path:
    return Path(board.store.name) / "submissions" / submission


def test_a_good_run_is_listed_scored_and_verified(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    told: list[tuple[int, int]] = []
    verdict = receive(board, place.zipped(), user="ada", on_progress=lambda done, total: told.append((done, total)))
    entry = verdict.entry
    assert entry is not None
    assert verdict.problems == ()
    assert entry.tier == "rescored"
    assert verdict.places == dict.fromkeys((*entry.tasks, "overall"), (1, 1))
    scores = json.loads((place.runs["uniform"] / "scores.json").read_text())
    for name, task in entry.tasks.items():
        assert task.metrics[task.primary].model_dump() == scores["tasks"][name]["metrics"][task.primary]
    assert entry.overall is not None
    assert entry.overall.model_dump() == scores["overall"]
    found = verify(stored(board, entry.id), sets=place.sets)
    assert found.problems == ()
    assert found.compared
    assert [event.event for event in events_of(board.store.snapshot())] == ["attempt", "accepted"]
    assert audit(board.store.snapshot()) == []


def test_what_is_said_of_a_submission_is_compared(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    entry = receive(board, place.zipped(), user="ada").entry
    assert entry is not None
    folder = stored(board, entry.id)
    document = json.loads((folder / "entry.json").read_text())
    document["tasks"]["synth_expression"]["metrics"]["macro_f1"]["value"] = 0.99
    document["overall"]["value"] = 0.9
    (folder / "entry.json").write_text(json.dumps(document))
    problems = verify(folder, sets=place.sets).problems
    assert any("macro_f1.value: says 0.99, and its files say" in line for line in problems)
    assert any("overall.value: says 0.9" in line for line in problems)
    assert audit(board.store.snapshot()) == [f"submissions/{entry.id}/entry.json: was changed since line 2 of the log"]
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "parameters": 7}))
    assert any("files.card.json: is not the sha256" in line for line in verify(folder, sets=place.sets).problems)


@pytest.mark.parametrize(
    ("name", "says"),
    [("tier", "verified"), ("draws", 5), ("provenance", "imported"), ("revision", "new"), ("cost_usd", 0.01),
     ("unlike_text", 9), ("card", {"parameters": 7}), ("identity_sha256", "0" * 64)],
)  # fmt: skip
def test_all_that_an_entry_says_is_compared(place: Place, tmp_path: Path, name: str, says: object) -> None:
    board = place.board(tmp_path)
    entry = receive(board, place.zipped("expression"), user="ada").entry
    assert entry is not None
    path = stored(board, entry.id) / "entry.json"
    document = json.loads(path.read_text())
    document[name] = {**document[name], **says} if isinstance(says, dict) else says
    path.write_text(json.dumps(document))
    (problem,) = verify(path.parent, sets=place.sets).problems
    assert problem.startswith(f"entry.json: {name}")


def test_hidden_labels_tell_two_decimals(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path, hidden=True)
    entry = receive(board, place.zipped(), user="ada").entry
    assert entry is not None
    assert entry.tier == "verified"
    assert {task.season for task in entry.tasks.values()} == {"2027-1"}
    for path in stored(board, entry.id).rglob("entry.json"):

        def numbers(value: object) -> list[float]:
            if isinstance(value, dict):
                return [x for inner in value.values() for x in numbers(inner)]
            return [value] if isinstance(value, float) else []

        document = json.loads(path.read_text())
        scores = numbers(document["tasks"]) + numbers(document["overall"])
        assert scores
        assert all(round(x, 2) == x for x in scores)
    assert verify(stored(board, entry.id), sets=place.hidden).problems == ()


@pytest.fixture(scope="module")
def shared(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Board:
    return place.board(tmp_path_factory.mktemp("refusing"), per_day=100_000)


@pytest.mark.parametrize("name", REFUSED)
def test_each_fault_is_named(place: Place, shared: Board, name: str) -> None:
    change, says = REFUSED[name]
    verdict = receive(shared, zip_of(change(place.files())), user="eve")
    assert verdict.entry is None
    text = "\n".join(verdict.problems)
    assert re.search(says, text), text
    assert "/tmp" not in text
    assert str(place.folder) not in text
    event = events_of(shared.store.snapshot())[-1]
    assert event.event == "refused"
    assert event.reasons


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_each_hostile_archive_is_refused(place: Place, shared: Board, name: str, tmp_path: Path) -> None:
    make, says = ARCHIVES[name]
    data = make(place.files())
    verdict = receive(shared, data, user="eve")
    assert verdict.entry is None
    (line,) = verdict.problems
    assert says in line, line
    path = tmp_path / "sent.zip"
    path.write_bytes(data)
    with pytest.raises(FeabError):
        verify(path, sets=place.sets)


def test_a_packed_file_cannot_grow_without_end(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setitem(limits.MAX_BYTES, "predictions.jsonl", 1000)
    for name, data in place.files().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "predictions.jsonl").unlink()
    (tmp_path / "predictions.jsonl.gz").write_bytes(gzip.compress(b"0" * 10**6))
    with pytest.raises(FeabError, match="larger than the 1,000 bytes"):
        verify(tmp_path, sets=place.sets)


def test_links_in_a_folder_are_not_followed(place: Place, tmp_path: Path) -> None:
    for name, data in place.files().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "card.json").unlink()
    (tmp_path / "card.json").symlink_to("/etc/passwd")
    with pytest.raises(FeabError, match="is a link"):
        verify(tmp_path, sets=place.sets)


def test_the_same_answers_are_listed_once(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    first = receive(board, place.zipped(), user="ada").entry
    assert first is not None
    again = receive(board, place.zipped(), user="bob")
    assert again.problems == (f"these answers are listed already, as {first.id}",)


def test_attempts_are_counted_and_end(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path, per_day=2)
    assert receive(board, b"", user="eve").attempts_today == 1
    assert receive(board, b"", user="eve").attempts_today == 2
    with pytest.raises(FeabError, match="eve has had 2 attempts in 24 hours"):
        receive(board, place.zipped(), user="eve")
    assert receive(board, place.zipped(), user="ada").entry is not None
    for name in ("", " a", "a" * 101, "<b>", "a\nb", "../x", "a\u202eb"):
        with pytest.raises(FeabError, match="user's name"):
            receive(board, b"", user=name)


def test_only_its_user_withdraws_a_submission(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    entry = receive(board, place.zipped(), user="ada").entry
    assert entry is not None
    with pytest.raises(FeabError, match="was submitted by ada"):
        withdraw(board, entry.id, user="eve", reason="mine")
    withdraw(board, entry.id, user="ada", reason="a wrong revision")
    with pytest.raises(FeabError, match="is not listed"):
        withdraw(board, entry.id, user="ada", reason="again")
    event = events_of(board.store.snapshot())[-1]
    assert (event.event, event.reasons) == ("withdrawn", ["a wrong revision"])
    assert audit(board.store.snapshot()) == []


# ----------------------------------------------------------------------------------------------------------------- fuzz


@pytest.fixture(scope="module")
def small(place: Place) -> Files:
    """A submission about one task."""
    return place.files("expression")


@given(data=st.data())
@settings(max_examples=int(os.environ.get("FEAB_FUZZ", "50")), suppress_health_check=list(HealthCheck))
def test_nothing_is_accepted_that_verify_rejects(
    place: Place, shared: Board, small: Files, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    archive = data.draw(mutated(small))
    verdict = receive(shared, archive, user="fuzz")
    assert (verdict.entry is None) == bool(verdict.problems)
    if verdict.entry is not None:
        found = verify(stored(shared, verdict.entry.id), sets=place.sets)
        assert found.problems == ()
        assert found.compared
    else:
        path = tmp_path_factory.mktemp("fuzz") / "sent.zip"
        path.write_bytes(archive)
        with contextlib.suppress(FeabError):
            assert verify(path, sets=place.sets).problems or "listed already" in verdict.problems[0]
    text = "\n".join(verdict.problems)
    assert "Traceback" not in text


def test_the_archive_that_is_packed_is_plain(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(place.zipped())
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["manifest.json", "predictions.jsonl", "card.json"]
    assert place.zipped() == place.zipped()

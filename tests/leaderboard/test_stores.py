"""Both stores: changes are whole, nobody's is lost, and what was changed behind the log's back is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from boards import Place
from fake_hub import FakeHub, response
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.leaderboard import HubStore, LocalStore, Store, audit, entries_of, events_of, load_table, receive
from feab.leaderboard.local import LocalSnapshot
from feab.leaderboard.store import LOG, Change, Note, check_path, log_of
from feab.leaderboard.table import rebuild


def hub(folder: Path) -> tuple[HubStore, FakeHub]:
    folder.mkdir(parents=True, exist_ok=True)
    api = FakeHub(folder)
    return HubStore(api.repository, api, pause_s=0.001), api


@pytest.fixture(params=["local", "hub"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "store") if request.param == "local" else hub(tmp_path / "hub")[0]


def note(number: int, user: str = "ada") -> Note:
    return Note("attempt", user, f"{number:016x}")


def test_a_change_writes_its_files_and_its_line(store: Store) -> None:
    assert store.snapshot().read("a/b.txt") is None
    assert store.snapshot().submissions() == []
    store.change(lambda now: Change({"submissions/x/b.txt": b"one"}, note(1)))
    store.change(lambda now: Change({"submissions/x/b.txt": b"two", "c": b""}))
    store.change(lambda now: None)
    before = store.snapshot()
    store.change(lambda now: Change(note=note(2)))
    now = store.snapshot()
    assert now.read("submissions/x/b.txt") == b"two"
    assert now.read("c") == b""
    assert now.submissions() == ["x"]
    assert [event.attempt for event in events_of(now)] == [f"{1:016x}", f"{2:016x}"]
    if isinstance(store, HubStore):
        assert len(events_of(before)) == 1  # a revision stays as it was
    assert "x: is in no line" in " ".join(audit(now))


def test_what_decide_raises_passes_through_and_changes_nothing(store: Store) -> None:
    def refuse(now: object) -> Change:
        raise FeabError("no more today")

    with pytest.raises(FeabError, match="no more today"):
        store.change(refuse)
    store.change(lambda now: Change(note=note(1)))
    assert len(events_of(store.snapshot())) == 1


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "a//b", "", ".", "a\\b", "a/./b"])
def test_no_path_leads_out_of_a_store(store: Store, path: str) -> None:
    with pytest.raises(FeabError, match="no path of a store"):
        store.change(lambda now: Change({path: b"x"}, note(1)))
    with pytest.raises(FeabError, match="no path of a store"):
        store.snapshot().read(path)
    assert log_of(store.snapshot().read(LOG)) == []


@given(st.text())
def test_paths_that_pass_stay_inside(path: str) -> None:
    try:
        check_path(path)
    except FeabError:
        return
    assert not Path(path).is_absolute()
    assert os.path.normpath(path) == path


def test_changes_at_once_all_land_in_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.change(lambda now: Change({f"submissions/{i}/f": b"x"}, note(i))), range(24)))
    now = store.snapshot()
    assert {event.attempt for event in events_of(now)} == {f"{i:016x}" for i in range(24)}
    assert len(now.submissions()) == 24
    assert [line for line in audit(now) if "in no line" not in line] == []


def test_the_hub_is_asked_again_when_somebody_else_was_faster(tmp_path: Path) -> None:
    store, api = hub(tmp_path)
    other = HubStore(api.repository, api, pause_s=0.001)
    faster = iter([True, True, False])

    def meanwhile() -> None:
        if next(faster, False):
            before, api.before_commit = api.before_commit, lambda: None
            other.change(lambda now: Change(note=note(9, "bob")))
            api.before_commit = before

    api.before_commit = meanwhile
    seen: list[int] = []

    def decide(now: object) -> Change:
        seen.append(len(events_of(now)))  # type: ignore[arg-type]
        return Change(note=note(1))

    store.change(decide)
    assert seen == [0, 1, 2]
    assert [event.user for event in events_of(store.snapshot())] == ["bob", "bob", "ada"]
    assert audit(store.snapshot()) == []


def test_the_hub_gives_up_and_says_so(tmp_path: Path) -> None:
    store, api = hub(tmp_path)
    store._pause_s = 0.0

    def always() -> None:
        api.head = f"{int(api.head, 16) + 1:040x}"
        api.commits[api.head] = {}

    api.before_commit = always
    with pytest.raises(FeabError, match="others changed it 12 times"):
        store.change(lambda now: Change(note=note(1)))


def test_what_the_hub_refuses_is_a_users_error(tmp_path: Path) -> None:
    store, api = hub(tmp_path)

    def forbidden() -> None:
        raise HfHubHTTPError("403 Forbidden: no token", response=response(403))

    api.before_commit = forbidden
    with pytest.raises(FeabError, match="403 Forbidden"):
        store.change(lambda now: Change(note=note(1)))
    with pytest.raises(FeabError, match="no repository owner/other"):
        HubStore("owner/other", api).snapshot()
    for name in ("owner", "a/b/c", "../x", "a/..", ""):
        with pytest.raises(FeabError, match="no repository on the Hub"):
            HubStore(name, api)


def test_a_hub_that_does_not_answer_is_no_empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, api = hub(tmp_path)
    store.change(lambda now: Change({"submissions/a/f": b"x"}, note(1)))

    def away(*args: object, **options: object) -> str:
        raise LocalEntryNotFoundError("An error happened while trying to locate the file on the Hub")

    with monkeypatch.context() as patch:
        patch.setattr(api, "hf_hub_download", away, raising=False)
        with pytest.raises(FeabError, match="An error happened"):
            store.snapshot().read("submissions/a/f")
        with pytest.raises(FeabError, match="An error happened"):
            store.change(lambda now: Change(note=note(2)))
    assert [event.attempt for event in events_of(store.snapshot())] == [f"{1:016x}"]


def test_a_proposal_is_a_pull_request(tmp_path: Path) -> None:
    store, api = hub(tmp_path)
    assert store.propose({"incoming/x.zip": b"zip"}, "A submission").endswith("/discussions/1")
    assert api.proposals == [{"incoming/x.zip": b"zip"}]
    assert store.snapshot().read("incoming/x.zip") is None


def test_a_board_on_the_hub(place: Place, tmp_path: Path) -> None:
    store, api = hub(tmp_path / "hub")
    board = replace(place.board(tmp_path), store=store)
    entry = receive(board, place.zipped(), user="ada").entry
    assert entry is not None
    assert [one.id for one in entries_of(store.snapshot(), events_of(store.snapshot()))] == [entry.id]
    frame = load_table(store, board.sets, board.draws)
    assert set(frame["task"]) == {*entry.tasks, "overall"}
    assert api.messages[-2:] == [f"accepted: {entry.id} (ada)", "Made anew: table.parquet"]
    assert audit(store.snapshot()) == []


# --------------------------------------------------------------------------------------------------- killed and changed


@pytest.mark.parametrize("step", ["staged", "half a line", "logged", "moved one"])
def test_a_change_that_was_killed_is_finished_or_dropped(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.change(lambda now: Change({"submissions/a/f": b"1", "submissions/a/g": b"2"}, note(1)))

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    if step == "staged":
        monkeypatch.setattr(LocalStore, "_append", die)
    elif step == "half a line":

        def half(self: LocalStore, line: bytes) -> None:
            with (self.folder / LOG).open("ab") as file:
                file.write(line[:40])
            raise Killed

        monkeypatch.setattr(LocalStore, "_append", half)
    elif step == "logged":
        monkeypatch.setattr(LocalStore, "_into_place", die)
    else:
        whole = Path.replace
        moved = iter([True])

        def one(self: Path, target: Path) -> Path:
            if not next(moved, False):
                raise Killed
            return whole(self, target)

        monkeypatch.setattr(Path, "replace", one)
    with pytest.raises(Killed):
        store.change(lambda now: Change({"submissions/b/f": b"3", "submissions/b/g": b"4"}, note(2)))
    monkeypatch.undo()
    now = LocalStore(tmp_path).snapshot()
    there = step in ("logged", "moved one")
    assert len(events_of(now)) == (2 if there else 1)
    assert now.read("submissions/b/f") == (b"3" if there else None)
    assert now.read("submissions/b/g") == (b"4" if there else None)
    assert audit(now)[:1] == ["submissions/a: is in no line of the log"]  # these are no acceptances
    LocalStore(tmp_path).change(lambda now: Change({"submissions/c/f": b"5"}, note(3)))
    assert events_of(LocalStore(tmp_path).snapshot())[-1].seq == (3 if there else 2)


def test_no_table_tells_of_a_submission_that_it_lacks(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = place.board(tmp_path)
    assert isinstance(board.store, LocalStore)
    assert receive(board, place.zipped("always"), user="ada").entry is not None

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    change = _accepted(place, tmp_path / "other")
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "_into_place", die)  # its line is in the log, its files are not there
        with pytest.raises(Killed):
            board.store.change(lambda now: change)
    with monkeypatch.context() as patch:  # a snapshot as of the moment before that change was begun
        patch.setattr(LocalStore, "snapshot", lambda self: LocalSnapshot(self.folder))
        rebuild(board.store, board.sets, board.draws)
    listed = {one.id for one in entries_of(board.store.snapshot(), events_of(board.store.snapshot()))}
    assert len(listed) == 2
    assert set(load_table(board.store, board.sets, board.draws)["submission"]) == listed


def _accepted(place: Place, elsewhere: Path) -> Change:
    """The change that lists a submission, as another leaderboard made it."""
    entry = receive(place.board(elsewhere), place.zipped("uniform"), user="bob").entry
    assert entry is not None
    folder = elsewhere / "store" / "submissions" / entry.id
    files = {f"submissions/{entry.id}/{path.name}": path.read_bytes() for path in folder.iterdir()}
    return Change(files, Note("accepted", "bob", "0" * 16, entry.card.name, entry.id))


WRITER = """
import sys
from pathlib import Path
from feab.leaderboard.local import LocalStore
from feab.leaderboard.store import Change, Note

store = LocalStore(Path(sys.argv[1]))
for number in range(10_000):
    name = f"{sys.argv[2]}-{number}"
    files = {f"submissions/{name}/{part}": name.encode() * 500 for part in "abc"}
    store.change(lambda now: Change(files, Note("accepted", sys.argv[2], "0" * 16)))
    print(name, flush=True)
"""


def test_a_kill_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """Three writers at once, killed in the middle of what they do, three times over."""
    said: list[str] = []
    for turn in range(3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), f"w{turn}{i}"], stdout=subprocess.PIPE, text=True
            )
            for i in range(3)
        ]
        readers = []
        for writer in writers:

            def read(out: object = writer.stdout) -> None:
                said.extend(line.strip() for line in out)  # type: ignore[attr-defined]

            readers.append(threading.Thread(target=read))
            readers[-1].start()
        aim = len(said) + 9
        while len(said) < aim and all(writer.poll() is None for writer in writers):
            time.sleep(0.01)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer, reader in zip(writers, readers, strict=True):
            writer.wait()
            reader.join()
    store = LocalStore(tmp_path)
    store.change(lambda now: Change(note=note(1)))
    now = store.snapshot()
    names = now.submissions()
    assert set(said) <= set(names)
    assert len(said) >= 27
    for name in names:  # also those whose writer was killed before it could say so
        assert [now.read(f"submissions/{name}/{part}") for part in "abc"] == [name.encode() * 500] * 3
    assert [line for line in audit(now) if "in no line" not in line] == []
    assert not (tmp_path / ".staged").exists()


def test_what_is_done_behind_the_logs_back_is_told(store: Store, tmp_path: Path) -> None:
    if not isinstance(store, LocalStore):
        pytest.skip("the files of the other store are commits")
    for number in range(4):
        store.change(lambda now, n=number: Change({f"submissions/{n}/f": b"x"}, note(n)))  # type: ignore[misc]
    log = store.folder / LOG
    lines = log.read_bytes().splitlines(keepends=True)

    def told() -> str:
        return "\n".join(line for line in audit(store.snapshot()) if "in no line" not in line)

    assert told() == ""
    (store.folder / "submissions/2/f").write_bytes(b"y")
    assert told() == "submissions/2/f: was changed since line 3 of the log"
    (store.folder / "submissions/2/f").unlink()
    assert told() == "submissions/2/f: was deleted since line 3 of the log"
    (store.folder / "submissions/2/f").write_bytes(b"x")
    log.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert "line 2: says that it is line 3; a line was taken out or put in" in told()
    edited = json.loads(lines[1])
    log.write_bytes(b"".join([lines[0], json.dumps({**edited, "user": "eve"}).encode() + b"\n", *lines[2:]]))
    assert "line 3: the line before it was changed" in told()
    log.write_bytes(b"".join([lines[0], b"{}\n", *lines[2:]]))
    assert "log.jsonl:2" in told()
    log.write_bytes(b"".join(lines))
    assert told() == ""


def test_no_link_is_followed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "table.parquet").symlink_to("/etc/passwd")
    with pytest.raises(FeabError, match="is a link"):
        store.snapshot().read("table.parquet")
    (tmp_path / LOG).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FeabError, match=r"link|cannot"):
        store.change(lambda now: Change(note=note(1)))
    assert not (tmp_path / "elsewhere").exists()


def test_submissions_at_once_all_land(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    sent = [place.zipped(name) for name in ("uniform", "always", "majority")] + [b"no zip"] * 3
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(lambda data: receive(board, data, user="ada"), sent))
    assert [verdict.entry is not None for verdict in verdicts] == [True] * 3 + [False] * 3
    assert sorted(verdict.attempts_today for verdict in verdicts) == [1, 2, 3, 4, 5, 6]
    now = board.store.snapshot()
    assert len(now.submissions()) == 3
    assert audit(now) == []
    frame = load_table(board.store, board.sets, board.draws)
    assert frame["submission"].nunique() == 3

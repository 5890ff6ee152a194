"""What pages and the API rest on: one table for many readers, answers a few at a time, and a door for submissions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from boards import Place, with_line, with_manifest, zip_of

from feab.errors import FeabError
from feab.leaderboard import Board, LocalStore, Sets, events_of, withdraw
from feab.leaderboard.bounded import Bounded
from feab.leaderboard.service import Service
from feab.runs.comparing import Comparison, compare


@pytest.fixture
def board(place: Place, tmp_path: Path) -> Board:
    return place.board(tmp_path)


@pytest.fixture
def service(board: Board) -> Iterator[Service]:
    opened = Service(board)
    yield opened
    opened.close()


def test_an_empty_leaderboard_is_no_error(service: Service) -> None:
    assert len(service.table()) == 0
    with pytest.raises(FeabError, match="no submission of this leaderboard"):
        service.entry("20260101-000000000000")


def test_a_table_is_read_again_only_when_the_store_has_moved(place: Place, board: Board, service: Service) -> None:
    first = service.table()
    assert service.table() is first
    verdict = service.submit(place.zipped(), "ada")
    assert verdict.entry is not None
    second = service.table()
    assert second is not first
    assert set(second["submission"]) == {verdict.entry.id}
    assert service.table() is second
    assert service.entry(verdict.entry.id) == verdict.entry
    other = Service(board)  # as another process that shares the store
    other.submit(place.zipped("again"), "bob")
    assert len(service.table()) == 2 * len(second)
    withdraw(board, verdict.entry.id, user="ada", reason="a mistake")
    assert verdict.entry.id not in set(service.table()["submission"])
    with pytest.raises(FeabError, match="may have been withdrawn"), service.run(verdict.entry.id):
        pass
    other.close()


def test_a_check_counts_nothing_and_tells_no_score(place: Place, board: Board, service: Service) -> None:
    assert service.check(place.zipped()) == ()
    bad = zip_of(with_line(place.files(), 0, answer="bored"))
    assert any("bored" in line for line in service.check(bad))
    assert service.check(b"no zip") != ()
    assert events_of(board.store.snapshot()) == []


def test_scores_with_confusion_matrices_and_a_comparison(place: Place, service: Service) -> None:
    ids = [service.submit(place.zipped(name), "ada").entry.id for name in ("uniform", "always", "majority")]
    scores = service.scores(ids[0])
    assert scores is service.scores(ids[0])
    kept = list((service.board.draws.folder / "scores").iterdir())
    assert len(kept) == 3
    for path in kept:
        path.unlink()
    assert Service(service.board).scores(ids[0]) == scores  # of the answers, where none were kept
    assert len(list((service.board.draws.folder / "scores").iterdir())) == 1
    assert scores.tasks["synth_expression"].detail["confusion"]
    found = service.comparison(ids)
    assert found is service.comparison(ids)
    assert found.models == ("baseline/uniform", "baseline/always-active", "baseline/majority")
    assert {pair.p_corrected is not None for task in found.tasks for pair in task.pairs} == {True}
    with service.parts(ids[0]) as (run, parts):
        assert sum(1 for _ in run.predictions()) == sum(part.expected for part in parts)
    for wrong, says in ((ids[:1], "two to 6"), ([ids[0], ids[0]], "twice"), ([ids[0], "../x"], "no submission")):
        with pytest.raises(FeabError, match=says):
            service.comparison(wrong)


def test_sums_that_were_kept_compare_as_the_answers_do(place: Place, board: Board, service: Service) -> None:
    """Of a submission no answer is read again; where nothing was kept, or not all of it, its answers are."""
    names = ("uniform", "always", "majority")
    entries = [service.submit(place.zipped(name), "ada").entry for name in names]
    plain = compare([place.runs[name] for name in names], place.sets.named["made/test"].labels)
    kept = sorted((board.draws.folder / "sums").iterdir())
    assert len(kept) == 3
    for path in (board.store.folder / "submissions").rglob("predictions.jsonl.gz"):
        path.rename(path.with_suffix(".away"))
    found = service.comparison([one.id for one in entries])
    assert (found.tasks, found.overall) == (plain.tasks, plain.overall)
    for path in (board.store.folder / "submissions").rglob("predictions.jsonl.away"):
        path.rename(path.with_suffix(".gz"))
    kept[0].unlink()
    kept[1].write_bytes(kept[1].read_bytes()[:-50])
    with np.load(kept[2]) as file:
        part = {name: file[name] for name in file.files if not name.endswith("/table")}
    np.savez(kept[2], **part)
    assert all(board.draws.sums(one) is None for one in entries)
    again = Service(board).comparison([one.id for one in entries])
    assert (again.tasks, again.overall) == (plain.tasks, plain.overall)
    assert all(board.draws.sums(one) is not None for one in entries)


def test_runs_that_cannot_be_compared_are_told_without_a_path(place: Place, service: Service) -> None:
    one = service.submit(place.zipped("expression"), "ada").entry
    files = place.files("always")
    lines = [line for line in files["predictions.jsonl"].splitlines() if json.loads(line)["task"] != "synth_expression"]
    manifest = json.loads(files["manifest.json"])
    del manifest["identity"]["tasks"]["synth_expression"]
    files["predictions.jsonl"] = b"\n".join(lines) + b"\n"
    files = with_manifest(files, "identity/tasks", manifest["identity"]["tasks"])
    files = with_manifest(files, "outcomes/ok", len(lines))
    files = with_manifest(files, "expected", len(lines))
    other = service.submit(zip_of(files), "ada")
    assert other.entry is not None, other.problems
    with pytest.raises(FeabError) as error:
        service.comparison([one.id, other.entry.id])
    assert "/" not in str(error.value).replace("valence/arousal", "")


def _p_values(found: Comparison) -> list[float]:
    pairs = [pair for task in found.tasks for pair in task.pairs]
    return [p for pair in pairs for p in (pair.difference.p, pair.p_corrected) if p is not None]


def test_hidden_labels_stay_hidden(place: Place, tmp_path: Path) -> None:
    service = Service(place.board(tmp_path, hidden=True))
    ids = [service.submit(place.zipped(name), "ada").entry.id for name in ("uniform", "always")]
    assert service.hidden(ids[0])
    with pytest.raises(FeabError, match="hidden"):
        service.scores(ids[0])
    with pytest.raises(FeabError, match="hidden"), service.parts(ids[0]):
        pass
    found = service.comparison(ids)
    open_ = compare([place.runs[name] for name in ("uniform", "always")], place.sets.named["made/test"].labels)
    values = [pair.difference.value for task in found.tasks for pair in task.pairs]
    assert values
    assert all(round(value, 2) == value for value in values if value is not None)
    assert values != [pair.difference.value for task in open_.tasks for pair in task.pairs]
    for told, full in zip(_p_values(found), _p_values(open_), strict=True):
        assert full <= told < full + 0.01  # a p-value of .0005 is told as .01, and never as 0
        assert round(told, 2) == told
    service.close()
    assert not (service.board.draws.folder / "scores").exists()
    gone = Service(replace(service.board, sets=Sets()))  # the set is no more, and with it the word that it is hidden
    with pytest.raises(FeabError, match="labels are not here"):
        gone.comparison(ids)


def test_many_readers_and_few_runs_kept(place: Place, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.leaderboard.service._RUNS", 1)
    service = Service(board)
    ids = [service.submit(place.zipped(name), "ada").entry.id for name in ("uniform", "always", "again")]

    def read(number: int) -> int:
        with service.run(ids[number % 3]) as run:
            return sum(1 for _ in run.predictions())

    with ThreadPoolExecutor(8) as pool:
        counts = set(pool.map(read, range(24)))
    assert len(counts) == 1
    folder = service._runs.folder
    assert len(list(folder.iterdir())) == 1
    service.close()
    assert not folder.exists()


def test_a_store_that_cannot_be_read_again_is_shown_as_it_was(
    place: Place, board: Board, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.submit(place.zipped(), "ada")
    before = service.table()

    def broken(store: LocalStore) -> str:
        raise FeabError("the network is down")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "version", broken)
        assert service.table() is before
        assert service.state().trouble == "the network is down"
        with pytest.raises(FeabError, match="network"):
            Service(board).table()
    assert service.state().trouble is None


def test_a_bounded_cache_holds_what_it_may_weigh() -> None:
    cache: Bounded[str, str] = Bounded(5, len)
    for word in ("aa", "bbb", "cc"):
        cache.get(word, lambda word=word: word)
    assert cache.get("bbb", lambda: "made anew") == "bbb"
    assert cache.get("aa", lambda: "made") == "made"  # the oldest went
    assert cache.get("long", lambda: "more than all may weigh") == cache.get("long", lambda: "")


def test_a_bounded_cache_makes_each_value_once_and_forgets_the_oldest() -> None:
    cache: Bounded[int, int] = Bounded(2)
    made: list[int] = []
    gate = threading.Barrier(4)

    def get(key: int) -> int:
        def make() -> int:
            made.append(key)
            return key * 10

        return cache.get(key, make)

    def at_once(_: int) -> int:
        gate.wait()
        return get(1)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(at_once, range(4))) == [10] * 4
    assert made == [1]
    get(2), get(1), get(3), get(1)
    assert made == [1, 2, 3]
    get(2)
    assert made == [1, 2, 3, 2]

    def failing() -> int:
        raise FeabError("no")

    with pytest.raises(FeabError):
        cache.get(9, failing)
    assert cache.get(9, lambda: 5) == 5

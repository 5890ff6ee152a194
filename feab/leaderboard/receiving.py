"""What a leaderboard does with a submission: count it, examine it, and list it or say why not."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.leaderboard.checking import Examined, Progress, examine, told
from feab.leaderboard.draws import Draws
from feab.leaderboard.entries import make_entry
from feab.leaderboard.records import CARD, ENTRY, MANIFEST, PACKED, PREDICTIONS, Entry, Event
from feab.leaderboard.sets import Sets
from feab.leaderboard.store import SUBMISSIONS, Change, Note, Snapshot, Store, entries_of, events_of
from feab.leaderboard.table import rebuild
from feab.leaderboard.unpacking import packed_answers, unpacked
from feab.runs.names import odd_name

if TYPE_CHECKING:
    import pandas as pd

PER_DAY = 10
"""Attempts of one user in 24 hours (our choice)."""
_REASONS, _REASON = 20, 300
"""Reasons that the log keeps, and characters of each."""


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard: where it keeps submissions, what it scores, and how often one may try."""

    store: Store
    sets: Sets = field(default_factory=Sets)
    per_day: int = PER_DAY
    draws: Draws = field(default_factory=Draws)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a submission."""

    attempt: str
    user: str
    entry: Entry | None
    """As it is listed; None where it was refused."""
    problems: tuple[str, ...]
    """Why it was refused, and what to do; a line each."""
    attempts_today: int
    """Of this user, this one among them."""
    places: Mapping[str, tuple[int, int]]
    """For each score that is ranked, by its task or "overall": the best and the worst place it may hold."""
    why_not: Mapping[str, str]
    """For each score that is listed and not ranked: why."""


def receive(board: Board, submission: Path | bytes, *, user: str, on_progress: Progress | None = None) -> Verdict:
    """Take a submission: count the attempt, check and score it, and list it if nothing is wrong.

    Every attempt is in the log before anything of it is looked at. When this returns an entry, the submission is in the
    store, whatever happens next.

    Args:
        board: the leaderboard.
        submission: a zip, its bytes, or a folder.
        user: who submits, as whoever calls this has made sure.
        on_progress: called with lines checked and lines expected.

    Raises:
        FeabError: when the user has no attempts left, has an odd name, or the store cannot be written.
    """
    check_user(user)
    attempt = secrets.token_hex(8)
    today = _open(board, attempt, user)
    try:
        with unpacked(submission) as found:
            examined = examine(found, board.sets, on_progress)
            if examined.problems:
                return _refuse(board, attempt, user, told(examined), today, model=_model(examined))
            entry = make_entry(examined, user)
            sent = {MANIFEST: found.run / MANIFEST, CARD: found.card}
            files = {name: path.read_bytes() for name, path in sent.items()}
            files[PACKED] = packed_answers(found.run / PREDICTIONS)
    except FeabError as error:
        return _refuse(board, attempt, user, (str(error),), today)
    files[ENTRY] = entry.model_dump_json(indent=1, by_alias=True).encode() + b"\n"
    twin = _accept(board, attempt, entry, files)
    if twin is not None:
        return _refuse(board, attempt, user, (f"these answers are listed already, as {twin}",), today, entry.card.name)
    if examined.sums is not None:
        board.draws.keep(entry, examined.sums)
    if examined.scores is not None and not any(one.hidden for one in (examined.sets or {}).values()):
        board.draws.keep_scores(entry, examined.scores)
    places, why_not = _standing(rebuild(board.store, board.sets, board.draws), entry)
    return Verdict(attempt, user, entry, (), today, places, why_not)


def check_user(user: str) -> None:
    """Whether a name can be shown and logged.

    Raises:
        FeabError: when it is empty, long, or holds markup, control characters or a path.
    """
    odd = odd_name(user)
    if odd is None and (not 1 <= len(user) <= 100 or user != user.strip() or set(user) & set("<>")):
        odd = "is empty, longer than 100 characters, or holds spaces at its ends or markup"
    if odd is not None:
        raise FeabError(f"the user's name {user[:40]!r} {odd}; give another")


def attempts_since(events: list[Event], user: str, since: datetime) -> int:
    """How many submissions a user has tried since a time."""
    return sum(
        event.event == "attempt" and event.user == user and datetime.fromisoformat(event.time) >= since
        for event in events
    )


def _model(examined: Examined) -> str | None:
    return None if examined.card is None else examined.card.name


def _open(board: Board, attempt: str, user: str) -> int:
    """Log an attempt; how many of today's it is."""
    today = 0

    def decide(snapshot: Snapshot) -> Change:
        nonlocal today
        since = datetime.now(timezone.utc) - timedelta(days=1)
        today = 1 + attempts_since(events_of(snapshot), user, since)
        if today > board.per_day:
            raise FeabError(f"{user} has had {board.per_day} attempts in 24 hours, which is all; try again tomorrow")
        return Change(note=Note("attempt", user, attempt))

    board.store.change(decide)
    return today


def _refuse(
    board: Board, attempt: str, user: str, problems: tuple[str, ...], today: int, model: str | None = None
) -> Verdict:
    kept = tuple(line[:_REASON] for line in problems[:_REASONS])
    board.store.change(lambda _: Change(note=Note("refused", user, attempt, model, reasons=kept)))
    return Verdict(attempt, user, None, problems, today, {}, {})


def _accept(board: Board, attempt: str, entry: Entry, files: Mapping[str, bytes]) -> str | None:
    """Write it, unless the same answers are there: then the id they are listed under."""
    twin: str | None = None

    def decide(snapshot: Snapshot) -> Change | None:
        nonlocal twin
        events = events_of(snapshot)
        there = {event.submission for event in events if event.event == "accepted"}
        same = [one.id for one in entries_of(snapshot, events) if one.files[PREDICTIONS] == entry.files[PREDICTIONS]]
        twin = next(iter(same), entry.id if entry.id in there else None)
        if twin is not None:
            return None
        placed = {f"{SUBMISSIONS}/{entry.id}/{name}": data for name, data in files.items()}
        return Change(placed, Note("accepted", entry.user, attempt, entry.card.name, entry.id))

    board.store.change(decide)
    return twin


def withdraw(board: Board, submission: str, *, user: str, reason: str) -> None:
    """Take a submission off the board. It stays in the store and in the log, with the reason.

    Raises:
        FeabError: when it is not listed, or is another user's.
    """

    def decide(snapshot: Snapshot) -> Change:
        events = events_of(snapshot)
        entry = next((one for one in entries_of(snapshot, events) if one.id == submission), None)
        if entry is None:
            raise FeabError(f"{submission} is not listed")
        if entry.user != user:
            raise FeabError(f"{submission} was submitted by {entry.user}, not by {user}")
        attempt = next(event.attempt for event in events if event.submission == submission)
        return Change(note=Note("withdrawn", user, attempt, entry.card.name, submission, reasons=(reason[:_REASON],)))

    board.store.change(decide)
    rebuild(board.store, board.sets, board.draws)


def _standing(frame: pd.DataFrame, entry: Entry) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Of an entry's scores, the places of those that are ranked and why the others are not."""
    mine = frame[(frame["submission"] == entry.id).fillna(value=False)].astype(object)
    placed, others = {}, {}
    for row in mine.where(mine.notna(), None).to_dict("records"):
        if row["why_not"] is None:
            placed[str(row["task"])] = (int(row["best"]), int(row["worst"]))
        else:
            others[str(row["task"])] = str(row["why_not"])
    return placed, others

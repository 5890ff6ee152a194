"""Where submissions are kept: one small interface, and the log that both implementations write alike.

A store holds `submissions/<id>/` (the three files that were sent, and entry.json), `log.jsonl` and `table.parquet`. The
log is only ever appended to, and each line holds the sha256 of the line before it: a line that is changed or taken out,
and a file that is, can be told (`feab.leaderboard.audit`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from feab.errors import FeabError
from feab.jsonfile import validated
from feab.leaderboard.records import ENTRY, Entry, Event, What

LOG, TABLE, SUBMISSIONS = "log.jsonl", "table.parquet", "submissions"
MAX_FILE = 128 * 2**20
"""Bytes of a store's file that is read at once."""

_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be written in the log, before it has its place there. Fields as in `Event`."""

    event: What
    user: str
    attempt: str
    model: str | None = None
    submission: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Files to write and what the log says of them: both are there afterwards, or neither."""

    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """By their paths in the store."""
    note: Note | None = None
    """None for files that follow from the others, such as the table."""


class Snapshot(Protocol):
    """A store as it was at one moment."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        ...

    def submissions(self) -> list[str]:
        """The ids of all submissions that are there, sorted."""
        ...


class Store(Protocol):
    """A place for submissions that several processes may write to at once."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def version(self) -> str:
        """Another word whenever a reader may find another store: cheap beside reading it.

        Raises:
            FeabError: when it cannot be told.
        """
        ...

    def snapshot(self) -> Snapshot:
        """The store as it is now.

        Raises:
            FeabError: when it cannot be read.
        """
        ...

    def change(self, decide: Callable[[Snapshot], Change | None]) -> None:
        """Change it, seeing it as nobody else changes it meanwhile; once this returns, the change outlives any crash.

        Args:
            decide: what to change, by what is there; None changes nothing. What it raises passes through. It may be
                called again when somebody else was faster, so it must have no other effect.

        Raises:
            FeabError: when the change cannot be made.
        """
        ...


def log_of(data: bytes | None) -> list[bytes]:
    """The lines of a log. A last line without its end was never written whole, and counts for nothing."""
    return [] if not data else data.split(b"\n")[:-1]


def line_after(lines: Sequence[bytes], note: Note, files: Mapping[str, bytes]) -> bytes:
    """The line of the log that follows, with its end."""
    event = Event(
        seq=len(lines) + 1,
        time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        event=note.event,
        user=note.user,
        attempt=note.attempt,
        model=note.model,
        submission=note.submission,
        reasons=list(note.reasons),
        files={path: hashlib.sha256(data).hexdigest() for path, data in files.items()},
        previous=chained(lines),
    )
    return event.model_dump_json(by_alias=True).encode() + b"\n"


def chained(lines: Sequence[bytes]) -> str:
    """What the line that follows these says of the one before it."""
    return hashlib.sha256(lines[-1]).hexdigest() if lines else _NOTHING


def events_of(snapshot: Snapshot) -> list[Event]:
    """Everything that happened, in order.

    Raises:
        FeabError: when a line is no event.
    """
    lines = log_of(snapshot.read(LOG))
    return [validated(Event, line, Path(LOG), number) for number, line in enumerate(lines, start=1)]


def entries_of(snapshot: Snapshot, events: Sequence[Event]) -> list[Entry]:
    """The submissions that were accepted and not withdrawn since, in the order of acceptance, by their tiers of today.

    One whose files are gone is left out: `feab.leaderboard.audit` tells of it.

    Raises:
        FeabError: when an entry does not validate.
    """
    withdrawn = {event.submission for event in events if event.event == "withdrawn"}
    verified = verified_in(events)
    found = []
    for event in events:
        if event.event != "accepted" or event.submission is None or event.submission in withdrawn:
            continue
        path = f"{SUBMISSIONS}/{event.submission}/{ENTRY}"
        data = snapshot.read(path)
        if data is not None:
            found.append(as_of_today(validated(Entry, data, Path(path)), verified))
    return found


def verified_in(events: Sequence[Event]) -> frozenset[str]:
    """The ids of the submissions whose model was run again with a result that agrees."""
    return frozenset(event.submission for event in events if event.event == "verified" and event.submission is not None)


def as_of_today(entry: Entry, verified: Collection[str]) -> Entry:
    """An entry in its tier of today; `verified`: as `verified_in` finds them."""
    return entry.model_copy(update={"tier": "verified"}) if entry.id in verified else entry


def check_path(path: str) -> str:
    """The path of a file in a store, which leads nowhere else.

    Raises:
        FeabError: when it does.
    """
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise FeabError(f"{path!r} is no path of a store's file")
    return path

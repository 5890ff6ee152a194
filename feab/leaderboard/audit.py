"""Does a store still hold what its log says it was given?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from feab.errors import FeabError
from feab.jsonfile import validated
from feab.leaderboard.records import Event
from feab.leaderboard.store import LOG, SUBMISSIONS, Snapshot, chained, log_of


def audit(snapshot: Snapshot) -> list[str]:
    """What was changed, deleted or put there without the log knowing of it, a line each; empty when all is right.

    The log cannot tell that its last lines were cut off: compare its last line with a copy for that.

    Raises:
        FeabError: when the store cannot be read.
    """
    lines = log_of(snapshot.read(LOG))
    found, events = [], []
    for number, line in enumerate(lines, start=1):
        try:
            event = validated(Event, line, Path(LOG), number)
        except FeabError as error:
            found.append(str(error))
            continue
        events.append(event)
        if event.seq != number:
            found.append(f"{LOG}, line {number}: says that it is line {event.seq}; a line was taken out or put in")
        if event.previous != chained(lines[: number - 1]):
            found.append(f"{LOG}, line {number}: the line before it was changed, taken out or put in")
    found += _files(snapshot, events)
    listed = {event.submission for event in events if event.event == "accepted"}
    found += [
        f"{SUBMISSIONS}/{name}: is in no line of the log" for name in snapshot.submissions() if name not in listed
    ]
    return found


def _files(snapshot: Snapshot, events: list[Event]) -> Iterator[str]:
    """Files that are not as the log says they were written."""
    written = {path: (digest, event.seq) for event in events for path, digest in event.files.items()}
    for path, (digest, seq) in written.items():
        data = snapshot.read(path)
        if data is None:
            yield f"{path}: was deleted since line {seq} of the log"
        elif hashlib.sha256(data).hexdigest() != digest:
            yield f"{path}: was changed since line {seq} of the log"

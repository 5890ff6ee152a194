"""What every page and the API of a leaderboard rest on, for many at once: its table, its answers, and its door.

Nothing here knows of a web page. What is returned is shared between readers: copy a frame before changing it.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any

from feab.errors import FeabError
from feab.jsonfile import validated
from feab.leaderboard.bounded import Bounded
from feab.leaderboard.checking import Progress, examine, told
from feab.leaderboard.entries import HIDDEN_DIGITS
from feab.leaderboard.opened import OpenedRuns
from feab.leaderboard.people import Identity
from feab.leaderboard.receiving import Board, Verdict, receive
from feab.leaderboard.records import ENTRY, Entry, Event
from feab.leaderboard.seasons import Season
from feab.leaderboard.store import SUBMISSIONS, Snapshot, as_of_today, events_of, verified_in
from feab.leaderboard.summed import SummedRuns
from feab.leaderboard.table import table_of
from feab.leaderboard.unpacking import unpacked
from feab.runs.comparing import Comparison
from feab.runs.folder import Run
from feab.runs.parts import Part
from feab.runs.scoring import score_parts
from feab.schemas import Scores

if TYPE_CHECKING:
    import pandas as pd

_RUNS, _SCORES, _COMPARISONS = 8, 64, 64
"""Unpacked runs, scores and comparisons that are kept: our choice. Those of 1,728 faces take some 5 MB in all."""
_AT_ONCE = 2
"""Submissions that are examined at a time; the others wait."""
MOST_COMPARED = 6
"""Models of one comparison."""
_P_VALUES = ("p", "p_corrected")
"""Fields of a comparison's records."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A leaderboard as it was read."""

    version: str
    frame: pd.DataFrame
    """The table, see `feab.leaderboard.table.COLUMNS`."""
    events: tuple[Event, ...]
    """The log: every attempt, and what became of it."""
    listed: frozenset[str]
    """Ids of the submissions that the table holds."""
    verified: frozenset[str]
    """Ids of those that were run again."""
    snapshot: Snapshot
    trouble: str | None = None
    """Why this may be old: the store could not be read again. None when it is as it should be."""


class Service:
    """A leaderboard that many read and submit to at once."""

    def __init__(
        self,
        board: Board,
        people: Identity | None = None,
        *,
        seasons: Sequence[Season] = (),
        look_s: float = 0.0,
        at_once: int = _AT_ONCE,
        private: bool = False,
    ) -> None:
        """Open a leaderboard; nothing is read yet.

        Args:
            board: store, label sets and quota.
            people: how its pages and its API know who submits; with None nobody can submit there.
            seasons: those whose faces it gives out; that it scores them is a matter of the board's label sets.
            look_s: seconds for which the store is taken to be as it was; for one that is asked over a network. What
                this service itself takes in is seen at once.
            at_once: submissions that are examined at a time.
            private: whether whoever looks may see faces that their licence does not let be passed on: the person who
                has them here, and nobody else.
        """
        self.board, self.people, self.seasons = board, people, tuple(seasons)
        self._look_s = look_s
        self._looked = float("-inf")
        self._held: State | None = None
        self._reading = Lock()
        self._turns = Semaphore(at_once)
        self.at_once = at_once
        self.private = private
        self._runs = OpenedRuns(board.store, _RUNS)
        self._entries: Bounded[str, Entry] = Bounded(10_000)
        self._scores: Bounded[str, Scores] = Bounded(_SCORES)
        self._summed = SummedRuns(board, self._runs)
        self._comparisons: Bounded[tuple[str, ...], Comparison] = Bounded(_COMPARISONS)

    def close(self) -> None:
        """Remove the files it unpacked."""
        self._runs.close()

    # ---------------------------------------------------------------------------------------------------- what is there

    def state(self) -> State:
        """The leaderboard as it is now: read again only when its store has moved.

        Raises:
            FeabError: when the store cannot be read and never could; later, what was read before is given, and
                `State.trouble` says so.
        """
        held = self._held
        if held is not None and time.monotonic() - self._looked < self._look_s:
            return held
        with self._reading:
            held = self._held
            if held is not None and time.monotonic() - self._looked < self._look_s:
                return held
            try:
                self._held = self._read(held)
            except FeabError as error:
                if held is None:
                    raise
                self._held = dataclasses.replace(held, trouble=str(error))
            self._looked = time.monotonic()
            return self._held

    def table(self) -> pd.DataFrame:
        """The table as it is now, see `state`."""
        return self.state().frame

    def entry(self, submission: str) -> Entry:
        """What is listed of a submission: model, user, scores, attempts.

        Raises:
            FeabError: when it is not listed.
        """
        state = self._listing(submission)

        def read() -> Entry:
            path = f"{SUBMISSIONS}/{submission}/{ENTRY}"
            data = state.snapshot.read(path)
            if data is None:
                raise FeabError(f"{submission}: its {ENTRY} is gone")
            return validated(Entry, data, Path(path))

        return as_of_today(self._entries.get(submission, read), state.verified)

    def hidden(self, submission: str) -> bool:
        """Whether some of a submission's labels are the leaderboard's alone: then no face's truth may be shown.

        Raises:
            FeabError: when it is not listed.
        """
        return any(one.hidden for one in self._sets(self.entry(submission)).values())

    @contextmanager
    def run(self, submission: str) -> Iterator[Run]:
        """A submission's answers as a run, which is there until the context ends.

        Raises:
            FeabError: when it is not listed, or its files are gone.
        """
        self._listing(submission)
        with self._runs.run(submission) as run:
            yield run

    @contextmanager
    def parts(self, submission: str) -> Iterator[tuple[Run, list[Part]]]:
        """A submission's answers, and what was asked with the labels, to show face by face.

        Raises:
            FeabError: when it is not listed, its labels are not here, or they are hidden.
        """
        if self.hidden(submission):
            raise FeabError(f"{submission}: its labels are hidden, so nothing is shown face by face")
        with self.run(submission) as run:
            yield run, self.board.sets.parts(run)

    def scores(self, submission: str) -> Scores:
        """All scores of a submission, computed from its answers: with confusion matrices, classes, AUs and groups.

        Raises:
            FeabError: when it is not listed, its labels are not here, or they are hidden.
        """
        self._listing(submission)

        def make() -> Scores:
            entry, draws = self.entry(submission), self.board.draws
            kept = None if self.hidden(submission) else draws.scores(entry)
            if kept is not None:
                return kept
            with self.parts(submission) as (run, parts):
                found = score_parts(run, parts, write=False)
            with suppress(FeabError):  # where nothing can be kept, it takes longer
                draws.keep_scores(entry, found)
            return found

        return self._scores.get(submission, make)

    def comparison(self, submissions: Sequence[str]) -> Comparison:
        """Two to six submissions beside each other, on the tasks they share; models in the order given.

        Raises:
            FeabError: when one is not listed or is there twice, or they are not about the same faces and tasks.
        """
        ids = tuple(submissions)
        if not 2 <= len(ids) <= MOST_COMPARED:
            raise FeabError(f"choose two to {MOST_COMPARED} submissions to compare")
        if len(set(ids)) < len(ids):
            raise FeabError("the same submission twice: choose different ones")
        for submission in ids:
            self._listing(submission)
        return self._comparisons.get(ids, lambda: self._compare(ids))

    # --------------------------------------------------------------------------------------------------------- the door

    def check(self, file: Path | bytes, on_progress: Progress | None = None) -> tuple[str, ...]:
        """What is wrong with a submission, a line each: counts no attempt and tells no score. Empty when it is right.

        Args:
            file: a zip or its bytes.
            on_progress: called with lines checked and lines expected.
        """
        with self._turns:
            try:
                with unpacked(file) as found:
                    return told(examine(found, self.board.sets, on_progress))
            except FeabError as error:
                return (str(error),)

    def submit(self, file: Path | bytes, user: str, on_progress: Progress | None = None) -> Verdict:
        """Take a submission: count it, check and score it, and list it if nothing is wrong; see `receive`.

        Args:
            file: a zip or its bytes.
            user: who submits, as the caller has made sure.
            on_progress: called with lines checked and lines expected.

        Raises:
            FeabError: when the user has no attempts left or an odd name, or the store cannot be written.
        """
        with self._turns:
            try:
                return receive(self.board, file, user=user, on_progress=on_progress)
            finally:
                self._looked = float("-inf")

    def who(self, name: str, token: str, account: str | None = None) -> str:
        """Who submits, see `Identity.who`.

        Raises:
            FeabError: when it is nobody who is known here.
        """
        if self.people is None:
            raise FeabError("nobody can submit here: this leaderboard has no way to know who submits")
        return self.people.who(name, token, account)

    # ----------------------------------------------------------------------------------------------------------- within

    def _read(self, held: State | None) -> State:
        version = self.board.store.version()  # before reading: what changes meanwhile has another
        if held is not None and held.version == version:
            return held if held.trouble is None else dataclasses.replace(held, trouble=None)
        snapshot = self.board.store.snapshot()
        events = events_of(snapshot)
        frame = table_of(snapshot, events, self.board.sets, self.board.draws)
        listed = frozenset(frame["submission"].dropna())
        return State(version, frame, tuple(events), listed, verified_in(events), snapshot)

    def _listing(self, submission: str) -> State:
        state = self.state()
        if submission not in state.listed:
            raise FeabError(f"{submission[:60]!r} is no submission of this leaderboard; it may have been withdrawn")
        return state

    def _sets(self, entry: Entry) -> Mapping[str, Any]:
        named = self.board.sets.named
        places = (f"{task.dataset}/{task.split}" for task in entry.tasks.values())
        return {place: named[place] for place in places if place in named}

    def _compare(self, ids: tuple[str, ...]) -> Comparison:
        entries = [self.entry(one) for one in ids]
        found = self._summed.compare(entries, self.state().snapshot)
        return _rounded(found, HIDDEN_DIGITS) if any(self.hidden(one) for one in ids) else found


def _rounded(value: Any, digits: int, *, up: bool = False) -> Any:
    """A record with every number in it rounded, however deep it stands; a p-value up, since none is 0."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        inner = {name: _rounded(one, digits, up=name in _P_VALUES) for name, one in told.items()}
        return dataclasses.replace(value, **inner)
    if isinstance(value, tuple):
        return tuple(_rounded(one, digits) for one in value)
    if not isinstance(value, float):
        return value
    return math.ceil(value * 10**digits - 1e-9) / 10**digits if up else round(value, digits)

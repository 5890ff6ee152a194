"""Submissions as comparisons need them: their sums, at hand since they were accepted, and a few of them in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.jsonfile import validated
from feab.leaderboard.bounded import Bounded
from feab.leaderboard.records import MANIFEST, Entry
from feab.leaderboard.store import SUBMISSIONS, Snapshot
from feab.metrics import ClusterSums
from feab.runs.comparing import Comparison, compare_sums
from feab.runs.folder import Run
from feab.runs.scoring import sums_parts
from feab.schemas import RunManifest

if TYPE_CHECKING:
    from feab.leaderboard.opened import OpenedRuns
    from feab.leaderboard.receiving import Board

_KEPT = 64 * 2**20
"""Bytes of sums in memory: our choice. Those of a submission about 3,000 faces of 300 people take .6 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class _Summed:
    run: Run
    """Its manifest; of its folder only the name is looked at."""
    sums: Mapping[str, ClusterSums]

    @property
    def weight(self) -> int:
        return sum(one.table.nbytes + one.support.nbytes for one in self.sums.values())


class SummedRuns:
    """The submissions of a leaderboard, to be compared."""

    def __init__(self, board: Board, opened: OpenedRuns) -> None:
        """`opened`: where answers are read of which no sums were kept."""
        self._board, self._opened = board, opened
        self._kept: Bounded[str, _Summed] = Bounded(_KEPT, lambda one: one.weight)

    def compare(self, entries: Sequence[Entry], snapshot: Snapshot) -> Comparison:
        """Submissions of a store beside each other.

        Raises:
            FeabError: when they are not about the same faces and tasks, or one's files or labels are gone.
        """
        found = [self._kept.get(entry.id, partial(self._summed, entry, snapshot)) for entry in entries]
        try:
            return compare_sums([one.run for one in found], [one.sums for one in found])
        except FeabError as error:
            raise FeabError(str(error).replace(f"{self._opened.folder}/", "")) from None

    def _summed(self, entry: Entry, snapshot: Snapshot) -> _Summed:
        kept = self._board.draws.sums(entry)
        if kept is not None:
            path = f"{SUBMISSIONS}/{entry.id}/{MANIFEST}"
            data = snapshot.read(path)
            if data is None:
                raise FeabError(f"{entry.id}: its {MANIFEST} is gone")
            manifest = validated(RunManifest, data, Path(path))
            if any(self._board.sets.find(told) is None for told in manifest.identity.tasks.values()):
                raise FeabError(f"{entry.id}: its labels are not here")  # were they hidden, nothing would say so now
            return _Summed(Run(self._opened.folder / entry.id, manifest), kept)
        with self._opened.run(entry.id) as run:
            sums = sums_parts(run, self._board.sets.parts(run))
        with suppress(FeabError):  # where nothing can be kept, it takes longer
            self._board.draws.keep_sums(entry, sums)
        return _Summed(run, sums)

"""Submissions of a store as run folders, for whoever wants to read their answers: a few lie unpacked at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from feab.errors import FeabError
from feab.leaderboard.records import CARD, MANIFEST, PACKED
from feab.leaderboard.store import SUBMISSIONS, Snapshot, Store
from feab.leaderboard.unpacking import Unpacked, unpacked
from feab.runs.files import read_model
from feab.runs.folder import Run
from feab.schemas import RunManifest


class OpenedRuns:
    """Unpacked submissions in a temporary folder; of those that nobody reads, a few are kept."""

    def __init__(self, store: Store, most: int) -> None:
        """`most`: runs that are kept while nobody reads them."""
        self._store, self._most = store, most
        self._made = tempfile.TemporaryDirectory(prefix="feab-board-", ignore_cleanup_errors=True)
        self._folder = Path(self._made.name)
        self._changed = Condition()
        self._readers: OrderedDict[str, int] = OrderedDict()
        self._opening: set[str] = set()

    @property
    def folder(self) -> Path:
        """Where they lie, each in a folder named after its id."""
        return self._folder

    @contextmanager
    def run(self, submission: str) -> Iterator[Run]:
        """A submission's run, which is there until the context ends. Its id must be one of the store's.

        Raises:
            FeabError: when its files are gone or cannot be read.
        """
        folder = self._folder / submission
        self._enter(submission, folder)
        try:
            yield Run(folder, read_model(folder / MANIFEST, RunManifest))
        finally:
            self._leave(submission)

    def close(self) -> None:
        """Remove all of them."""
        self._made.cleanup()

    def _enter(self, submission: str, folder: Path) -> None:
        with self._changed:
            self._changed.wait_for(lambda: submission not in self._opening)
            if submission in self._readers:
                self._readers[submission] += 1
                self._readers.move_to_end(submission)
                return
            self._opening.add(submission)
        try:
            self._unpack(submission, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        else:
            with self._changed:
                self._readers[submission] = 1
        finally:
            with self._changed:
                self._opening.discard(submission)
                self._changed.notify_all()

    def _leave(self, submission: str) -> None:
        with self._changed:
            self._readers[submission] -= 1
            idle = [name for name, readers in self._readers.items() if readers == 0]
            for name in idle[: max(0, len(idle) - self._most)]:
                del self._readers[name]
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def _unpack(self, submission: str, folder: Path) -> None:
        with taken_out(self._store.snapshot(), submission) as found:
            shutil.move(found.run, folder)


@contextmanager
def taken_out(snapshot: Snapshot, submission: str, rerun: str = "") -> Iterator[Unpacked]:
    """The files of a store's submission, unpacked until the context ends.

    Args:
        snapshot: of the store.
        submission: its id.
        rerun: the folder of a second run of its model, in that of the submission, to take manifest and answers from.

    Raises:
        FeabError: when one is gone or cannot be read.
    """
    files = {}
    for name in (MANIFEST, PACKED, CARD):
        place = f"{rerun}/{name}" if rerun and name != CARD else name
        data = snapshot.read(f"{SUBMISSIONS}/{submission}/{place}")
        if data is None:
            raise FeabError(f"{submission}: its {place} is gone")
        files[name] = data
    with laid_out(files) as found:
        yield found


@contextmanager
def laid_out(files: Mapping[str, bytes]) -> Iterator[Unpacked]:
    """The files of a submission that are in memory, unpacked until the context ends.

    Raises:
        FeabError: when one cannot be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="feab-taken-out-") as made:
        for name, data in files.items():
            (Path(made) / name).write_bytes(data)
        with unpacked(Path(made)) as found:
            yield found

"""A store in a folder of this machine.

A change is first laid out beside the store, then its line is appended to the log, then its files are moved into place.
The line decides: whoever next takes the lock finishes a change whose line is in the log, and drops one whose line is
not. A kill at any moment therefore loses nothing that was accepted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from feab.errors import FeabError
from feab.journal import FileLock
from feab.journal.files import create_anew, sync_folder
from feab.leaderboard.reported import REPORTED
from feab.leaderboard.store import LOG, MAX_FILE, SUBMISSIONS, TABLE, Change, Snapshot, check_path, line_after, log_of
from feab.yamlfile import NO_FOLLOW, open_plain

_STAGED = ".staged"


@dataclass(frozen=True, slots=True)
class LocalSnapshot:
    """A folder as it is. Under the lock nothing in it changes; without, it may hold more than its log tells of."""

    folder: Path

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none. No link is followed."""
        try:
            with open_plain(self.folder / check_path(path), links=False) as file:
                data = file.read(MAX_FILE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise FeabError(f"{self.folder / path}: cannot read it ({error.strerror})") from None
        if len(data) > MAX_FILE:
            raise FeabError(f"{self.folder / path}: larger than {MAX_FILE:,} bytes")
        return data

    def submissions(self) -> list[str]:
        """The ids of all submissions that are there, sorted."""
        folder = self.folder / SUBMISSIONS
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


class LocalStore:
    """Submissions in a folder, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of this store alone."""
        self.folder = folder

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def version(self) -> str:
        """Size and time of the files that tell of the others, and whether a change is being made."""
        stamps = [_stamp(self.folder / name) for name in (LOG, TABLE, REPORTED)]
        return " ".join([*stamps, "changing" if (self.folder / _STAGED).is_dir() else "still"])

    def snapshot(self) -> LocalSnapshot:
        """The folder as it is; what a killed process left half done is finished first.

        Raises:
            FeabError: when it cannot be read.
        """
        if (self.folder / _STAGED).is_dir() and os.access(self.folder, os.W_OK):
            with self._held():
                pass
        return LocalSnapshot(self.folder)

    def change(self, decide: Callable[[Snapshot], Change | None]) -> None:
        """Change it under its lock, waiting for whoever has it; see `Store.change`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._held():
                wanted = decide(LocalSnapshot(self.folder))
                if wanted is not None:
                    self._make(wanted)
        except OSError as error:
            raise FeabError(f"{self.folder}: cannot write to it ({error.strerror})") from None

    @contextmanager
    def _held(self) -> Iterator[None]:
        with FileLock(self.folder / ".lock", str(self.folder)).held(wait=True):
            self._recover()
            yield

    def _make(self, change: Change) -> None:
        lines = log_of(LocalSnapshot(self.folder).read(LOG))
        staged = self.folder / _STAGED / str(len(lines) + 1)
        for path, data in change.files.items():
            _write(staged / check_path(path), data)
        if staged.is_dir():
            sync_folder(staged)
        if change.note is not None:
            self._append(line_after(lines, change.note, change.files))
        self._into_place(staged)

    def _append(self, line: bytes) -> None:
        descriptor = os.open(
            self.folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW | os.O_CLOEXEC, 0o644
        )
        with os.fdopen(descriptor, "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)

    def _into_place(self, staged: Path) -> None:
        """Move the files of a change to where they belong; the rest of one that was interrupted, too."""
        for path in sorted(path for path in staged.rglob("*") if path.is_file()):
            place = self.folder / path.relative_to(staged)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            sync_folder(place.parent)
        shutil.rmtree(staged.parent, ignore_errors=True)

    def _recover(self) -> None:
        """Cut off half a line of the log, and finish or drop a change that was being made."""
        path = self.folder / LOG
        whole = LocalSnapshot(self.folder).read(LOG)
        lines = log_of(whole)
        kept = sum(len(line) + 1 for line in lines)
        if whole is not None and kept < len(whole):
            os.truncate(path, kept)
        folder = self.folder / _STAGED
        for staged in sorted(folder.iterdir()) if folder.is_dir() else []:
            if staged.name.isdigit() and int(staged.name) <= len(lines):
                self._into_place(staged)
        shutil.rmtree(folder, ignore_errors=True)


def _stamp(path: Path) -> str:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return "none"
    return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(create_anew(path), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

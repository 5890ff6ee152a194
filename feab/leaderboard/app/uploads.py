"""Room for uploaded files: so many bytes in all, whoever sends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from feab.leaderboard.unpacking import MAX_ARCHIVE

MAX_UPLOADS = 16 * MAX_ARCHIVE
"""Bytes of all uploaded files that lie here at a time, 1 GiB (our choice)."""
IN_USE_S = 120.0
"""Seconds for which an uploaded file is never removed to make room: whoever sent it may be about to submit it."""


class Uploads:
    """A folder of uploaded files. Where another one would be too much, the oldest go."""

    def __init__(self, folder: Path, most: int = MAX_UPLOADS) -> None:
        """`folder`: where they lie, each at any depth. `most`: bytes of all of them."""
        self._folder, self._most = folder, most
        self._coming = 0
        self._lock = Lock()

    @contextmanager
    def room_for(self, size: int) -> Iterator[bool]:
        """Whether a file may come in, which takes its room until the context ends and the file is counted itself.

        Args:
            size: the most bytes that it may have.
        """
        with self._lock:
            there = self._coming + size <= self._most and self._freed(self._most - self._coming - size)
            if there:
                self._coming += size
        try:
            yield there
        finally:
            if there:
                with self._lock:
                    self._coming -= size

    def _freed(self, most: int) -> bool:
        """Remove the oldest until no more than `most` bytes lie here; whether that could be reached."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for made, size, path in files:
            if total <= most or time.time() - made < IN_USE_S:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total <= most

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each file came, its size and path."""
        for path in self._folder.rglob("*"):
            try:
                found = path.stat(follow_symlinks=False)
            except OSError:  # removed meanwhile
                continue
            if not path.is_dir():
                yield found.st_ctime, found.st_size, path

"""One process at a time on a run folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feab.errors import FeabError
from feab.yamlfile import NO_FOLLOW


class FileLock:
    """An exclusive lock on a file, released when the process ends however it ends.

    The kernel holds it (`flock`), so a killed process leaves none behind; the file only names the holder.
    """

    def __init__(self, path: Path, what: str | None = None) -> None:
        """`what` is worked on, in words for whoever is refused; by default the folder of the file."""
        self.path = path
        self._what = what or str(path.parent)
        self._fd: int | None = None

    def acquire(self, *, wait: bool = False) -> None:
        """Take the lock, at once or when whoever holds it gives it back.

        Args:
            wait: whether to wait for it.

        Raises:
            FeabError: when another process holds it and is not waited for (the message names its process id), or it is
                a link.
        """
        try:
            import fcntl
        except ImportError:  # pragma: no cover - Windows
            raise FeabError("feab locks run folders with POSIX file locks; on Windows run it inside WSL") from None
        while True:
            if self.path.is_symlink():  # a stranger's folder must not lead us to a file elsewhere
                raise FeabError(f"{self.path}: is a link; remove it")
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | NO_FOLLOW | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
                os.close(fd)
                who = f"process {holder}" if holder.isdigit() else "another process"
                raise FeabError(
                    f"{self._what}: {who} is working on this run; wait for it, or give another --out"
                ) from None
            if self._is_current(fd):
                break
            os.close(fd)  # the former holder removed the file between our open and our lock: take the new one
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
        self._fd = fd

    @contextmanager
    def held(self, *, wait: bool = False) -> Iterator[None]:
        """Hold the lock for a `with` block; see `acquire`."""
        self.acquire(wait=wait)
        try:
            yield
        finally:
            self.release()

    def _is_current(self, fd: int) -> bool:
        """Whether the path still names the file behind `fd`."""
        try:
            named, held = self.path.stat(), os.fstat(fd)
        except FileNotFoundError:
            return False
        return (named.st_ino, named.st_dev) == (held.st_ino, held.st_dev)

    def release(self) -> None:
        """Give the lock back and remove its file. Does nothing when it is not held."""
        if self._fd is None:
            return
        self.path.unlink(missing_ok=True)  # while still holding it, so nobody else's file is removed
        os.close(self._fd)
        self._fd = None

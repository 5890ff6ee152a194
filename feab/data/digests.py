"""sha256 of many picture files, computed once and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from feab.clips.video import MAX_VIDEO, probe, require_av
from feab.content import cache_home
from feab.data.write import inside
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, check_picture
from feab.records import Media
from feab.yamlfile import read_bytes

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = 32
"""Bytes of a digest."""

SHOWN = 10
"""Pictures that cannot be read, of which the message tells."""

QUIET_S = 2.0
"""Seconds before progress is shown; also the age below which a file may still be changing without its time of
modification saying so, so that nothing is kept of it."""


def picture_digests(
    root: Path,
    paths: pa.ChunkedArray,
    *,
    name: Callable[[int], str],
    where: str,
    videos: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> bytes:
    """The sha256 of every file, one after the other; each is opened as a picture (or a video) once.

    They are kept in FEAB_CACHE for as long as no file's path, size or time of modification changes. What was done
    before an interruption is kept too.

    Args:
        root: the folder that holds the pictures; none outside it is opened.
        paths: their paths from it.
        name: what to call a picture in messages, given its place.
        where: what messages begin with.
        videos: the files are videos, not pictures.
        on_progress: called with (done, total) from two seconds on.

    Raises:
        FeabError: when pictures are missing, outside the folder or no pictures; counts them all, and names the first.
    """
    problems = _Problems(where, name, len(paths))
    limit = MAX_VIDEO if videos else MAX_PICTURE
    if videos:
        require_av()
    key, newest = _standing(root, paths, limit, problems)
    problems.refuse()
    kept = cache_home() / "pictures" / key
    done = bytearray()
    with suppress(OSError):
        done += kept.read_bytes()[: SIZE * len(paths)]
    del done[len(done) // SIZE * SIZE :]
    before, started = len(done), time.monotonic()
    try:
        for place in range(len(done) // SIZE, len(paths)):
            data = _read(root / paths[place].as_py(), place, limit, _check_video if videos else check_picture, problems)
            if not problems.count:
                done += hashlib.sha256(data).digest()
            if on_progress is not None and time.monotonic() - started > QUIET_S:
                on_progress(place + 1, len(paths))
    finally:
        if len(done) > before and time.time() - newest > QUIET_S:
            _keep(kept, bytes(done))
    problems.refuse()
    return bytes(done)


class _Problems:
    """Pictures that cannot be had: all are counted, the first are told."""

    def __init__(self, where: str, name: Callable[[int], str], total: int) -> None:
        self._where, self._name, self._total = where, name, total
        self._told: list[str] = []
        self.count = 0

    def add(self, place: int, what: str) -> None:
        self.count += 1
        if len(self._told) < SHOWN:
            self._told.append(f"  {self._name(place)}: {what}")

    def refuse(self) -> None:
        if self.count:
            more = [f"  and {self.count - SHOWN:,} more"] if self.count > SHOWN else []
            lines = "\n".join([*self._told, *more])
            raise FeabError(f"{self._where}: {self.count:,} of {self._total:,} pictures cannot be used:\n{lines}")


def _standing(root: Path, paths: pa.ChunkedArray, limit: int, problems: _Problems) -> tuple[str, float]:
    """A hash of every file's path, size and time of modification; and the latest of those times."""
    digest = hashlib.sha256(os.fsencode(root.resolve()))
    folders: dict[str, str | None] = {}  # a folder that was looked at -> what is wrong with it
    newest = 0.0
    for place in range(len(paths)):
        path = paths[place].as_py()
        above = path.rpartition("/")[0] or "."
        if above not in folders:
            folders[above] = _outside(root, above)
        try:
            found = os.lstat(root / path)
            wrong = folders[above]
            if stat.S_ISLNK(found.st_mode):
                wrong = wrong or _outside(root, path)
                found = os.stat(root / path)  # noqa: PTH116
        except (OSError, ValueError) as error:
            problems.add(place, f"{path}: {getattr(error, 'strerror', None) or error}")
            continue
        if wrong is None and not stat.S_ISREG(found.st_mode):
            wrong = "not a file"
        if wrong is None and found.st_size > limit:
            wrong = f"larger than {limit // 2**20} MiB"
        if wrong is not None:
            problems.add(place, f"{path}: {wrong}")
        newest = max(newest, found.st_mtime)
        digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest(), newest


def _outside(root: Path, path: str) -> str | None:
    try:
        inside(root, path, "")
    except (FeabError, OSError, RuntimeError):  # a loop of links is an OSError, before Python 3.13 a RuntimeError
        return f"a link that leads out of {root}"
    return None


def _check_video(path: Path, data: bytes) -> None:
    try:
        probe(Media(data=data))
    except FeabError as error:
        raise FeabError(f"{path}: {error}") from None


def _read(path: Path, place: int, limit: int, check: Callable[[Path, bytes], None], problems: _Problems) -> bytes:
    try:
        data = read_bytes(path, limit)
        check(path, data)
    except FeabError as error:
        problems.add(place, str(error))
        return b""
    return data


def _keep(path: Path, data: bytes) -> None:
    with suppress(OSError):  # a cache that cannot be written costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(data)
        temporary.replace(path)

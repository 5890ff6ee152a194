"""Opening the pictures and videos of rows on all cores: each is looked at once, and its sha256 taken."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType, TracebackType

import feab
from feab.data.readers.looking import PictureError, look, read, read_video
from feab.data.readers.record import Row, Why
from feab.data.readers.tree import Tree
from feab.data.rows import GROUP_BYTES

_BATCH = 64
"""Rows that are looked at together; fewer where their pictures are held and large."""
_ALONE = 1_000
"""Pictures after which processes are started: fewer are done before those would be there."""
_Looked = tuple[str, str | None]
"""sha256 and None; or the kind of fault and what it is."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture or video as the dataset folder will hold it, and the sha256 of its bytes."""

    data: bytes | None
    path: str | None
    sha256: str

    @property
    def column(self) -> dict[str, bytes | str | None]:
        """The value of the column `image` or `clip`."""
        return {"bytes": self.data, "path": self.path}


@dataclass(frozen=True, slots=True)
class Seen:
    """A row whose pictures were opened."""

    row: Row
    image: Stored | None
    frames: tuple[Stored, ...]
    clip: Stored | None
    wrong: tuple[Why, str] | None
    """Why its pictures cannot be used."""


class Pictures:
    """Opens the pictures of a folder and none outside it."""

    def __init__(self, tree: Tree, *, keep: bool) -> None:
        """`keep`: hold on to the bytes of files, which are to be stored; else only to their paths."""
        self._tree, self._keep = tree, keep

    def see(self, rows: Iterable[Row], workers: int) -> Iterator[Seen]:
        """Every row in order, its pictures opened; a few batches are opened ahead, one a thread.

        Threads share one interpreter and are no faster than one of them, so that after some rows each has a process
        that looks at files for it. What is to be stored is read here: it would have to come back through a pipe.
        """
        stream = iter(rows)
        waiting: deque[Future[list[Seen]]] = deque()
        with _Team(self._tree.root) as team, ThreadPoolExecutor(workers, thread_name_prefix="feab-pictures") as pool:
            try:
                begun = 0
                while batch := self._batch(stream):
                    more = sum(1 + len(row.frames) for row in batch)
                    if begun <= _ALONE < begun + more and not self._keep:
                        team.start(workers)
                    begun += more
                    waiting.append(pool.submit(self._see_all, batch, team))
                    if len(waiting) > workers:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _batch(self, stream: Iterator[Row]) -> list[Row]:
        """The next rows, as many as are looked at together: it ends with the row that brings what is held to 4 MB."""
        batch: list[Row] = []
        size = 0
        for row in islice(stream, _BATCH):
            batch.append(row)
            size += sum(map(self._held, (row.image, *row.frames, row.clip)))
            if size >= GROUP_BYTES:
                break
        return batch

    def _held(self, given: str | bytes | None) -> int:
        """Bytes of a picture or video that are in memory until its row is stored."""
        if isinstance(given, bytes):
            return len(given)
        return self._tree.size(given) if self._keep and given is not None else 0

    def _see_all(self, rows: Sequence[Row], team: _Team) -> list[Seen]:
        files = [one for row in rows for one in (row.image, *row.frames) if isinstance(one, str)]
        looked = team.look(files) if files else {}
        return [self._see(row, looked) for row in rows]

    def _see(self, row: Row, looked: Mapping[str, _Looked]) -> Seen:
        try:
            image = None if row.image is None else self._stored(row.image, looked)
            frames = tuple(self._stored(frame, looked) for frame in row.frames)
            clip = None if row.clip is None else self._video(row.clip)
        except PictureError as error:
            return Seen(row, None, (), None, (error.why, str(error)))
        if image is None and not frames and clip is None:
            return Seen(row, None, (), None, ("missing picture", "the row names none"))
        return Seen(row, image, frames, clip, None)

    def _video(self, relative: str) -> Stored:
        data, sha256 = read_video(self._tree, relative, keep=self._keep)
        return Stored(data, None if self._keep else relative, sha256)

    def _stored(self, given: str | bytes, looked: Mapping[str, _Looked]) -> Stored:
        if isinstance(given, bytes):
            look(given, "the picture")
            return Stored(given, None, hashlib.sha256(given).hexdigest())
        if given in looked:
            found, detail = looked[given]
            if detail is not None:
                raise PictureError("missing picture" if found == "missing picture" else "bad picture", detail)
            return Stored(None, given, found)
        data = read(self._tree, given)
        look(data, given)
        return Stored(data if self._keep else None, None if self._keep else given, hashlib.sha256(data).hexdigest())


class _Team:
    """Processes that look at files; leaving the context ends them. Used by several threads, a process each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._all: list[subprocess.Popen[bytes]] = []
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def start(self, workers: int) -> None:
        package = str(Path(feab.__file__).resolve().parent.parent)
        paths = os.pathsep.join(path for path in (package, os.environ.get("PYTHONPATH")) if path)
        command = [sys.executable, "-m", "feab.data.readers.picture_worker", str(self._root)]
        for _ in range(workers):
            worker = subprocess.Popen(  # noqa: S603
                command,
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._all.append(worker)
            self._idle.put(worker)

    def look(self, files: Sequence[str]) -> Mapping[str, _Looked]:
        """What a process says of each file; nothing where there is none, or it has died: then the caller looks."""
        try:
            worker = self._idle.get_nowait()
        except Empty:
            return MappingProxyType({})
        try:
            assert worker.stdin is not None and worker.stdout is not None  # noqa: PT018 - both are pipes
            worker.stdin.write(json.dumps(files).encode() + b"\n")
            worker.stdin.flush()
            found = json.loads(worker.stdout.readline())
        except (OSError, ValueError):  # killed: it is not asked again
            return MappingProxyType({})
        self._idle.put(worker)
        return dict(zip(files, map(tuple, found), strict=True))

    def __enter__(self) -> _Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._all:
            worker.kill()
        for worker in self._all:
            worker.communicate()

"""Render a split on all cores, resumably: finished identities are kept, whatever ends the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import feab
from feab.errors import FeabError
from feab.faces.labels import coded_aus, row
from feab.faces.shards import read_shard, shard_folder, shard_path, write_shard
from feab.faces.synth import IMAGES_PER_IDENTITY, SplitSpec

Progress = Callable[[int, int], None]
"""Called with (images ready, images in all), first with what an earlier run left."""

_POLL_SECONDS = 0.1
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def render_rows(
    spec: SplitSpec,
    partial: str | os.PathLike[str],
    *,
    size: int = 224,
    workers: int | None = None,
    on_progress: Progress | None = None,
    coded: Collection[int] | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of a split in id order, rendered as needed. The same spec and size give the same rows and bytes.

    Args:
        spec: which split.
        partial: folder for finished identities (one file each, in a sub-folder named after spec, size and renderer).
            Calling again with the same folder goes on where the last call stopped; remove it when the split is written.
        size: width and height in pixels, 64 to 1024.
        workers: rendering processes; None = one for each core this process may use, 1 = render in this process.
        on_progress: called as identities are finished.
        coded: AUs with labels; the others are None. None = those that passed the gate (`labels.coded_aus`).

    Raises:
        FeabError: a bad size or number of workers, or a worker that failed (with what it said).
    """
    count = checked_workers(size, workers)
    return _rows(spec, Path(partial), size, count, on_progress, coded_aus() if coded is None else coded)


def checked_workers(size: int, workers: int | None) -> int:
    """How many processes are to render pictures of a size; None stands for one a core.

    Raises:
        FeabError: when either is out of range.
    """
    if not 64 <= size <= 1024:
        raise FeabError(f"--size is 64 to 1024 pixels, got {size}")
    count = available_cores() if workers is None else workers
    if count < 1:
        raise FeabError(f"rendering needs at least one worker, got {count}")
    return count


def _rows(
    spec: SplitSpec, partial: Path, size: int, workers: int, on_progress: Progress | None, coded: Collection[int]
) -> Iterator[dict[str, Any]]:
    folder = shard_folder(partial, spec, size)
    work = Work(
        count=spec.identities,
        pictures=IMAGES_PER_IDENTITY,
        path=lambda index: shard_path(folder, index),
        make=lambda index: write_shard(folder, spec, index, size=size),
        worker="feab.faces.render_worker",
        job={"spec": asdict(spec), "size": size, "folder": str(folder.resolve())},
    )
    folder.mkdir(parents=True, exist_ok=True)
    for index in finished(work, workers, on_progress):
        for planned, shot in read_shard(folder, spec, index):
            yield row(spec, planned, shot, coded)


@dataclass(frozen=True, slots=True)
class Work:
    """Identities to be rendered into one file each, here or by workers."""

    count: int
    pictures: int
    """Of each identity: what progress is counted in."""
    path: Callable[[int], Path]
    """The file of one identity, there when it is finished; its folder must be."""
    make: Callable[[int], object]
    """Renders one identity in this process."""
    worker: str
    """The module that a worker runs: `python -m MODULE JOB`."""
    job: Mapping[str, Any]
    """What workers are told, as JSON, beside which `identities` are theirs and who is their `parent`."""


def finished(work: Work, workers: int, on_progress: Progress | None = None) -> Iterator[int]:
    """The identities in order, each when its file is there; rendered as needed by so many processes.

    Raises:
        FeabError: when a worker failed (with what it said).
    """
    missing = [i for i in range(work.count) if not work.path(i).exists()]
    workers = min(workers, max(1, len(missing)))
    with ExitStack() as stack:
        team = stack.enter_context(_Team(work, missing, workers)) if workers > 1 else None
        ready = -1
        for index in range(work.count):
            path = work.path(index)
            while not path.exists():
                if team is None:
                    work.make(index)
                elif not team.at_work() and not path.exists():
                    raise FeabError(f"the rendering processes ended without identity {index}; finished faces are kept")
                else:
                    time.sleep(_POLL_SECONDS)
                    ready = _report(on_progress, work, missing, ready)
            ready = _report(on_progress, work, missing, ready)
            yield index


def _report(on_progress: Progress | None, work: Work, missing: list[int], before: int) -> int:
    """Tell how many images are ready if that number has changed; returns it."""
    if on_progress is None:
        return before
    open_ = sum(not work.path(i).exists() for i in missing)
    ready = (work.count - open_) * work.pictures
    if ready != before:
        on_progress(ready, work.count * work.pictures)
    return ready


def available_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Team:
    """Worker processes that render identities into a folder; leaving the context ends them."""

    def __init__(self, work: Work, identities: Sequence[int], workers: int) -> None:
        self._module = work.worker
        self._jobs = [{**work.job, "identities": identities[k::workers], "parent": os.getpid()} for k in range(workers)]
        self._running: list[subprocess.Popen[bytes]] = []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> _Team:
        root = str(Path(feab.__file__).resolve().parent.parent)
        paths = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        env = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": paths}
        for job in self._jobs:
            command = [sys.executable, "-m", self._module, json.dumps(job)]
            self._running.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=self._said))  # noqa: S603
        return self

    def at_work(self) -> bool:
        """Whether any worker is still running. Raises `FeabError` when one has failed."""
        codes = [worker.poll() for worker in self._running]
        if any(code not in (None, 0) for code in codes):
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").strip()[-2000:]
            raise FeabError(
                f"a rendering process failed (exit status {codes}); finished faces are kept. It said:\n{said}"
            )
        return None in codes

    def __exit__(self, *_: object) -> None:
        for worker in self._running:
            if worker.poll() is None:
                worker.terminate()
        for worker in self._running:
            worker.wait()
        self._said.close()

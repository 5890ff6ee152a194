"""Finished identities on disk, and the rows of a split of clips, rendered on all cores, resumably."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from feab.faces.moving.film import clips_of
from feab.faces.moving.plans import CLIPS_PER_IDENTITY, FPS, FRAMES, PlannedClip, clip_plans
from feab.faces.render_split import Progress, Work, checked_workers, finished
from feab.faces.shards import renderer_fingerprint, shard_path
from feab.faces.synth import SplitSpec, identity_cell

_DECIDE_PIXELS = ("film.py", "plans.py")


@cache
def clip_fingerprint() -> str:
    """Twelve hex digits that change whenever the renderer of still faces does, or how its faces move."""
    digest = hashlib.sha256(renderer_fingerprint().encode())
    for name in _DECIDE_PIXELS:
        digest.update(name.encode() + b"\0" + (Path(__file__).resolve().parent / name).read_bytes())
    return digest.hexdigest()[:12]


def clip_rows(
    spec: SplitSpec,
    partial: str | os.PathLike[str],
    *,
    size: int,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of a split of clips in id order, rendered as needed. The same spec and size give the same rows and bytes.

    Args:
        spec: which split: 8 clips an identity.
        partial: folder for finished identities, as `feab.faces.render_rows` takes it.
        size: width and height in pixels, 64 to 1024.
        workers: rendering processes; None = one for each core this process may use, 1 = render in this process.
        on_progress: called with (done, total) frames as identities are finished.

    Raises:
        FeabError: a bad size or number of workers, or a worker that failed (with what it said).
    """
    return _rows(spec, Path(partial), size, checked_workers(size, workers), on_progress)


def _rows(
    spec: SplitSpec, partial: Path, size: int, workers: int, on_progress: Progress | None
) -> Iterator[dict[str, Any]]:
    folder = partial / f"{spec.name}-{spec.seed}-{size}px-{clip_fingerprint()}"
    folder.mkdir(parents=True, exist_ok=True)
    work = Work(
        count=spec.identities,
        pictures=CLIPS_PER_IDENTITY * FRAMES,
        path=lambda index: shard_path(folder, index),
        make=lambda index: write_clips(folder, spec, index, size=size),
        worker="feab.faces.moving.worker",
        job={"spec": asdict(spec), "size": size, "folder": str(folder.resolve())},
    )
    for index in finished(work, workers, on_progress):
        for planned, frames in _read(folder, spec, index):
            yield _row(spec, planned, frames)


def write_clips(folder: Path, spec: SplitSpec, index: int, *, size: int) -> None:
    """Render one identity and write its file; it appears whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = [(planned.id, list(frames)) for planned, frames in clips_of(spec, index, size=size)]
    frames_type = pa.list_(pa.binary())
    table = pa.table({"id": [name for name, _ in made], "frames": pa.array([f for _, f in made], frames_type)})
    path = shard_path(folder, index)
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        pq.write_table(table, half, compression="none")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _read(folder: Path, spec: SplitSpec, index: int) -> Iterator[tuple[PlannedClip, list[bytes]]]:
    import pyarrow.parquet as pq

    table = pq.read_table(shard_path(folder, index)).to_pydict()
    yield from zip(clip_plans(spec, index), table["frames"], strict=True)


def _row(spec: SplitSpec, planned: PlannedClip, frames: list[bytes]) -> dict[str, Any]:
    """One dataset row: the design's columns, then those of a clip, then those of `synth_dynamic` alone."""
    age, gender, preset = identity_cell(planned.identity)
    course = planned.course
    assert len(frames) == FRAMES
    return {
        "id": planned.id,
        "frames": [{"bytes": frame, "path": None} for frame in frames],
        "subject": f"{spec.name}-{planned.identity:04d}",
        "source": "synth_dynamic",
        "expression": planned.plan.expression,
        "age_group": age,
        "perceived_gender": gender,
        "ancestry_preset": preset,
        "attributes_source": "rendered",
        "fps": FPS,
        "onset": None if course is None else course.onset,
        "apex": None if course is None else course.apex,
        "offset": None if course is None else course.offset,
        "strength": planned.plan.strength,
        "form": planned.plan.form,
        "eyes_closed": planned.eyes_closed,
    }

"""Finished identities on disk: one small Parquet file each, so that a broken-off rendering goes on where it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from feab.faces.shots import RenderedFace, identity_shots
from feab.faces.synth import Planned, SplitSpec, split_plans

# Modules that decide how labels are written, not what is rendered: they may change without a new rendering.
_NOT_PIXELS = frozenset({"labels.py", "va_rule.py", "sheets.py", "render_split.py", "render_worker.py", "__init__.py"})


@cache
def renderer_fingerprint() -> str:
    """Twelve hex digits that change whenever the head, its code or the libraries that make the bytes change."""
    import numpy
    import PIL

    digest = hashlib.sha256(f"numpy {numpy.__version__} pillow {PIL.__version__}".encode())
    here = Path(__file__).resolve().parent
    for path in sorted([*here.glob("*.py"), here / "head.npz"]):
        if path.name not in _NOT_PIXELS:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def shard_folder(partial: Path, spec: SplitSpec, size: int) -> Path:
    """Where the finished identities of one split lie: another seed, size or renderer never mixes with them.

    The number of identities is no part of the name: a larger set of one seed begins with the smaller one.
    """
    return partial / f"{spec.name}-{spec.seed}-{size}px-{renderer_fingerprint()}"


def shard_path(folder: Path, index: int) -> Path:
    """The file of one identity."""
    return folder / f"{index:05d}.parquet"


def write_shard(folder: Path, spec: SplitSpec, index: int, *, size: int) -> Path:
    """Render one identity and write its file; it appears whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = list(identity_shots(spec, index, size=size))
    table = pa.table(
        {
            "id": [planned.id for planned, _ in made],
            "jpeg": pa.array([shot.jpeg for _, shot in made], pa.binary()),
            "facts": [shot.facts() for _, shot in made],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = shard_path(folder, index)
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        pq.write_table(table, half, compression="none")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return path


def read_shard(folder: Path, spec: SplitSpec, index: int) -> Iterator[tuple[Planned, RenderedFace]]:
    """The pictures of one finished identity in id order.

    Raises:
        FileNotFoundError: when the identity is not finished.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(shard_path(folder, index)).to_pydict()
    for planned, jpeg, facts in zip(split_plans(spec, index), table["jpeg"], table["facts"], strict=True):
        yield planned, RenderedFace.from_facts(jpeg, facts)

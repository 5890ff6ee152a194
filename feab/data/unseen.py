"""Rendered faces that nobody can render again: `synth`'s, from a seed that is kept."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.faces.synth import SplitSpec

SEED_BITS = 256
MOST_IDENTITIES = 360
"""24 pictures each, which are sorted in memory: some 100 MB."""


@dataclass(frozen=True, slots=True)
class _Unseen(SplitSpec):
    """A split whose seed is too large to be found by trying."""

    def __post_init__(self) -> None:
        if not 1 <= self.identities <= MOST_IDENTITIES:
            raise FeabError(f"such a set has 1 to {MOST_IDENTITIES} identities, got {self.identities}")
        if not 0 <= self.seed < 2**SEED_BITS:
            raise FeabError(f"its seed has at most {SEED_BITS} bits")


def unseen_rows(
    identities: int, seed: int, partial: Path, *, size: int, on_progress: Callable[[int, int], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Rows of a set as `feab.data.rendered.render_dataset` makes them, under ids that tell nothing, in their order.

    Who, in which order and which of a person's pictures: all of that is in the ids of `synth`. They are rendered in
    this process, since what other processes are told stands on their command line.

    Args:
        identities: how many people, 1 to 360.
        seed: from `secrets.randbits(256)`.
        partial: a folder for finished identities, named after the seed: nobody else may read it.
        size: width and height in pixels, 64 to 1024.
        on_progress: called with (done, total) pictures.
    """
    from feab.faces.render_split import render_rows

    spec = _Unseen("test", seed, identities)
    key = seed.to_bytes(SEED_BITS // 8, "big")

    def hidden(name: str) -> str:
        return hmac.new(key, name.encode(), "sha256").hexdigest()[:16]

    found = [
        row | {"id": hidden(row["id"])}
        for row in render_rows(spec, partial, size=size, workers=1, on_progress=on_progress)
    ]
    yield from sorted(found, key=lambda row: str(row["id"]))

"""The manifest of a run while it is being made."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import feab
from feab.errors import FeabError
from feab.journal import FileLock, Journal
from feab.runs.files import read_model, write_model
from feab.runs.folder import MANIFEST
from feab.runs.identity import differences, identity_sha256
from feab.runs.surroundings import git_state, machine, versions
from feab.schemas import Identity, RunManifest

if TYPE_CHECKING:
    from feab.models import Price

CHECKPOINT_S = 15.0
"""Seconds between rewrites of the manifest. Only the counts age in between, and they can be recounted."""


@dataclass(slots=True)
class Book:
    """Keeps manifest.json true to the journal."""

    path: Path
    manifest: RunManifest
    journal: Journal
    price: Price | None = None
    started: float = field(default_factory=time.monotonic)
    written: float = 0.0

    def write(self) -> RunManifest:
        """Rewrite manifest.json from what the journal holds, after the journal itself is safe on disk."""
        self.journal.sync()
        input_tokens, output_tokens = self.journal.tokens
        cost = None
        if self.price is not None and input_tokens:
            cost = round((input_tokens * self.price.input + output_tokens * self.price.output) / 1e6, 6)
        current = self.manifest.model_copy(
            update={
                "updated": now(),
                "versions": versions(),
                "machine": machine(),
                "outcomes": self.journal.outcomes(),
                "input_tokens": input_tokens or None,
                "output_tokens": output_tokens or None,
                "cost_usd": cost,
                "wall_s": round(self.manifest.wall_s + time.monotonic() - self.started, 3),
            }
        )
        write_model(self.path / MANIFEST, current)
        self.written = time.monotonic()
        return current

    def write_if_old(self) -> None:
        """Rewrite it unless that was done a moment ago."""
        if time.monotonic() - self.written >= CHECKPOINT_S:
            self.write()


def open_folder(path: Path) -> FileLock:
    """Make a run folder and take its lock.

    Raises:
        FeabError: when it cannot be made, is in use, or holds other things than a run.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        strangers = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise FeabError(f"{path}: cannot be used as a run folder ({error.strerror})") from None
    if strangers and MANIFEST not in strangers:
        raise FeabError(f"{path}: holds other files ({strangers[0]}, ...) and no run; give an empty --out")
    lock = FileLock(path / ".lock")
    lock.acquire()
    return lock


def manifest_for(path: Path, identity: Identity, expected: int, permission: str | None) -> RunManifest:
    """The manifest to go on from: a new one, or one that continues the folder's own.

    Raises:
        FeabError: when the folder holds a run of another identity; the message lists what differs.
    """
    commit, dirty = git_state()
    earlier = read_model(path / MANIFEST, RunManifest) if (path / MANIFEST).exists() else None
    if earlier is not None:
        if differs := differences(earlier.identity, identity):
            shown = "\n  ".join(differs[:8])
            raise FeabError(f"{path}: holds another run; what differs:\n  {shown}\nGive another --out")
        permission = permission or earlier.permission
    return RunManifest(
        identity=identity,
        identity_sha256=identity_sha256(identity),
        feab_version=feab.__version__,
        git_commit=commit,
        git_dirty=dirty,
        created=earlier.created if earlier is not None else now(),
        updated=now(),
        expected=expected,
        wall_s=earlier.wall_s if earlier is not None else 0.0,
        permission=permission,
        provenance=earlier.provenance if earlier is not None else "feab",
    )


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

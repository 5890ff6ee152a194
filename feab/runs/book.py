"""The manifest of a run while it is being made."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

import feab
from feab.errors import FeabError
from feab.journal import FileLock, Journal, Repair
from feab.runs.files import read_model, write_model
from feab.runs.folder import MANIFEST, PREDICTIONS
from feab.runs.identity import FOLDER_DIGITS, differences, identity_sha256
from feab.runs.surroundings import git_state, machine, versions
from feab.schemas import Identity, Manifest, RunManifest

if TYPE_CHECKING:
    from feab.models import Price

M = TypeVar("M", bound=Manifest)

CHECKPOINT_S = 15.0
"""Seconds between rewrites of the manifest. Only the counts age in between, and they can be recounted."""


@dataclass(slots=True)
class Book(Generic[M]):
    """Keeps manifest.json true to the journal."""

    path: Path
    manifest: M
    journal: Journal
    price: Price | None = None
    details: Callable[[], Mapping[str, Any]] = dict
    """What the model says, at that moment, of how it is run: device, dtype, batch size, number of parameters."""
    more: Callable[[], Mapping[str, Any]] = dict
    """Further fields of the manifest that change while questions are asked."""
    started: float = field(default_factory=time.monotonic)
    written: float = 0.0

    @property
    def cost_usd(self) -> float | None:
        """What the tokens cost, in dollars; None without a price or tokens."""
        input_tokens, output_tokens = self.billed
        if self.price is None or not input_tokens:
            return None
        return round(self.price.of(input_tokens, output_tokens), 6)

    @property
    def billed(self) -> tuple[int, int]:
        """Input and output tokens in the journal, and of failed answers that were there before."""
        input_tokens, output_tokens = self.journal.tokens
        return input_tokens + self.manifest.failed_input_tokens, output_tokens + self.manifest.failed_output_tokens

    def write(self) -> M:
        """Rewrite manifest.json from what the journal holds, after the journal itself is safe on disk."""
        self.journal.sync()
        input_tokens, output_tokens = self.journal.tokens
        details = dict(self.details())
        current = self.manifest.model_copy(
            update={
                "updated": now(),
                "versions": versions(),
                "machine": {**machine(), "model": details} if details else machine(),
                "outcomes": self.journal.outcomes(),
                "input_tokens": input_tokens or None,
                "output_tokens": output_tokens or None,
                "cost_usd": self.cost_usd,
                "wall_s": round(self.manifest.wall_s + time.monotonic() - self.started, 3),
                **self.more(),
            }
        )
        write_model(self.path / MANIFEST, current)
        self.written = time.monotonic()
        return current

    def write_if_old(self) -> None:
        """Rewrite it unless that was done a moment ago."""
        if time.monotonic() - self.written >= CHECKPOINT_S:
            self.write()


@contextmanager
def claimed(path: Path, journal: str = PREDICTIONS) -> Iterator[None]:
    """Make a run folder and hold its lock; a folder that was made here and stayed empty is taken away again.

    `journal` is the name of the file in it that answers are written to.

    Raises:
        FeabError: when it cannot be made, is in use, or holds other things than a run.
    """
    with _swept(path):
        lock = _open_folder(path, journal)
        try:
            yield
        finally:
            lock.release()


@contextmanager
def requested(model: str, request: Mapping[str, Any], root: Path) -> Iterator[None]:
    """Hold a lock in `root` on asking `model` for all this: the run's own folder has no name before it is loaded.

    Raises:
        FeabError: when another process was asked for the same.
    """
    text = json.dumps([model, request], sort_keys=True, default=str)
    lock = FileLock(root / f".{hashlib.sha256(text.encode()).hexdigest()[:FOLDER_DIGITS]}.lock", model)
    with _swept(root):
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise FeabError(f"{root}: cannot hold run folders ({error.strerror}); give another --out") from None
        try:
            yield
        finally:
            lock.release()


def _is_ours(entry: Path, journal: str) -> bool:
    """Whether a run that was killed before its manifest was there may have left this."""
    unfinished = entry.name in (f"{MANIFEST}.new", f"{journal}.repair")
    empty = entry.name == journal and entry.stat().st_size == 0
    return unfinished or empty or entry.name.startswith(".")


@contextmanager
def _swept(path: Path) -> Iterator[None]:
    """Remove, in the end, those of the folder and its parents that were not there and are empty."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    finally:
        with suppress(OSError):  # one that is not empty stays, and so do those above it
            for folder in made:
                folder.rmdir()


def _open_folder(path: Path, journal: str) -> FileLock:
    lock = FileLock(path / ".lock")
    try:
        path.mkdir(parents=True, exist_ok=True)
        strangers = sorted(entry.name for entry in path.iterdir() if not _is_ours(entry, journal))
        if strangers and not (path / MANIFEST).exists():
            raise FeabError(f"{path}: holds other files ({strangers[0]}, ...) and no run; give an empty --out")
        lock.acquire()
    except OSError as error:
        raise FeabError(f"{path}: cannot be used as a run folder ({error.strerror})") from None
    return lock


def manifest_for(
    path: Path,
    identity: Identity,
    expected: int,
    permission: str | None,
    *,
    columns: Mapping[str, str],
    au_threshold: float | None,
) -> RunManifest:
    """The manifest to go on from: a new one, or one that continues the folder's own.

    `columns` and `au_threshold` say how data of the user's own was read, so that a re-score reads it the same way.

    Raises:
        FeabError: when the folder holds a run of another identity; the message lists what differs.
    """
    earlier = earlier_of(path, RunManifest, identity)
    return RunManifest(
        **first_fields(identity, earlier, permission),
        expected=expected,
        provenance=earlier.provenance if earlier is not None else "feab",
        columns=dict(columns),
        au_threshold=au_threshold,
    )


def first_fields(identity: BaseModel, earlier: Manifest | None, permission: str | None) -> dict[str, Any]:
    """What every manifest begins with; times, failures and permission go on from the earlier one."""
    commit, dirty = git_state()
    kept = {
        "created": now(),
        "failed_input_tokens": 0,
        "failed_output_tokens": 0,
        "wall_s": 0.0,
        "permission": permission,
    }
    if earlier is not None:
        kept = {name: getattr(earlier, name) for name in kept} | ({"permission": permission} if permission else {})
    return {
        "identity": identity,
        "identity_sha256": identity_sha256(identity),
        "feab_version": feab.__version__,
        "git_commit": commit,
        "git_dirty": dirty,
        "updated": now(),
        **kept,
    }


def earlier_of(path: Path, kind: type[M], identity: BaseModel) -> M | None:
    """The manifest that lies in a folder, of an earlier session of the same; None where there is none.

    Raises:
        FeabError: when it is one of another identity; the message lists what differs.
    """
    earlier = _earlier(path, kind)
    if earlier is not None:
        _refuse_another(path, earlier.identity, identity)
    return earlier


def with_failed(manifest: M, repair: Repair) -> M:
    """The manifest, with the tokens of failed answers that opening the journal took out of it."""
    return manifest.model_copy(
        update={
            "failed_input_tokens": manifest.failed_input_tokens + repair.input_tokens,
            "failed_output_tokens": manifest.failed_output_tokens + repair.output_tokens,
        }
    )


def check_asked(path: Path, asked: Mapping[str, Any], kind: type[Manifest] = RunManifest) -> None:
    """What can be told before a model is loaded: whether a run in the folder asked the same of whichever model.

    `kind` is what its manifest must be.

    Raises:
        FeabError: when it did not; the message lists what differs.
    """
    if earlier := _earlier(path, kind):
        _refuse_another(path, earlier.identity, earlier.identity.model_copy(update=asked))


def _earlier(path: Path, kind: type[M]) -> M | None:
    return read_model(path / MANIFEST, kind) if (path / MANIFEST).is_file() else None


def _refuse_another(path: Path, there: BaseModel, here: BaseModel) -> None:
    if differs := differences(there, here):
        shown = "\n  ".join(differs[:8])
        raise FeabError(f"{path}: holds another run; what differs:\n  {shown}\nGive another --out")


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

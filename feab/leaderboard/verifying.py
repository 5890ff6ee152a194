"""`feab verify`: compute everything that is said of a submission again, offline, and compare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from feab.errors import FeabError
from feab.leaderboard.checking import Progress, examine, told
from feab.leaderboard.entries import make_entry
from feab.leaderboard.records import PREDICTIONS, Entry
from feab.leaderboard.sets import Sets
from feab.leaderboard.unpacking import unpacked
from feab.runs.files import read_model
from feab.runs.validate_scores import differences
from feab.schemas import Scores

_TOLD = frozenset({"id", "submitted", "user", "feab_version", "files"})
"""Of an entry: what does not follow from the files, or is compared by itself."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What computing a submission again came to."""

    model: str | None
    problems: tuple[str, ...]
    """Why it is refused, or where its entry says something else; a line each. Empty when all is right."""
    warnings: tuple[str, ...]
    scores: Scores | None
    """None where it is refused."""
    compared: bool
    """Whether there was an entry to compare with."""


def verify(
    submission: str | PathLike[str], *, sets: Sets | None = None, on_progress: Progress | None = None
) -> Verified:
    """Examine a submission as the leaderboard does; where its entry lies beside it, compare every number and hash.

    Args:
        submission: a zip, or a folder as `feab submit` and a store write it.
        sets: what is scored; by default every dataset that is known here by its name.
        on_progress: called with lines checked and lines expected.

    Raises:
        FeabError: when there is no submission at that place, or it cannot be unpacked.
    """
    path = Path(submission).expanduser()
    if not path.exists():
        raise FeabError(f"{path}: no such file or folder")
    with unpacked(path) as found:
        examined = examine(found, sets or Sets(), on_progress)
        entry = None if found.entry is None else read_model(found.entry, Entry)
    problems = list(told(examined))
    if examined.scores is not None and entry is not None:
        problems += _beside(entry, make_entry(examined, entry.user))
    return Verified(
        model=None if examined.card is None else examined.card.name,
        problems=tuple(problems),
        warnings=tuple(str(problem) for problem in examined.warnings),
        scores=examined.scores,
        compared=entry is not None,
    )


def _beside(entry: Entry, again: Entry) -> Iterator[str]:
    """Where an entry says something else than follows from its files."""
    for name, digest in again.files.items():
        if entry.files.get(name) != digest:
            yield f"entry.json: files.{name}: is not the sha256 of the file here; one of them was changed"
    if not entry.id.endswith(again.files[PREDICTIONS][:12]):
        yield "entry.json: id: is not that of these answers"
    before, now = (json.loads(one.model_dump_json(by_alias=True, exclude=set(_TOLD))) for one in (entry, again))
    for place, was, is_now in differences(before, now, ()):
        yield f"entry.json: {'.'.join(place)}: says {was}, and its files say {is_now}"

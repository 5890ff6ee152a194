"""Seasons: faces that nobody has seen, given out without their labels, which the leaderboard keeps.

The renderer is public, so such faces are unseen, and not unlike those that a model may have been trained on. Of the
seed its sha256 is told with the faces; once a season is over the seed can be told, and everybody can render it again.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from feab.content import data_home
from feab.data import read_info, write_split
from feab.data.rendered import EXTRA, VERSION, rendered_info
from feab.data.unseen import SEED_BITS, unseen_rows
from feab.errors import FeabError
from feab.journal.files import create_anew
from feab.jsonfile import validated
from feab.leaderboard.sets import LabelSet, Sets
from feab.schemas import DatasetInfo, Name, Sha256, Versioned
from feab.tasks import load_tasks
from feab.tasks.task import DEFAULT_PROMPT, asked_column
from feab.vocabulary import EXPRESSIONS, Kind
from feab.yamlfile import read_bytes

_NAME = re.compile(r"[0-9]{4}-[a-z0-9]{1,20}")
IDENTITIES, SIZE = 72, 224
"""Of a season unless told, as in `synth`'s test split."""
SPLIT: Literal["test"] = "test"
TASKS = "synth"
"""What is asked about a season's faces: the tasks of the embedded set."""
UNSEEN = "Unseen, not untrainable: nobody was shown these faces before, but the renderer is public, and a model can be \
trained on faces like them."
"""What a season's score says, and what it does not."""
GIVEN = "given.zip"
_FILE, _LABELS, _GIVEN, _PARTIAL = "season.json", "labels", "given", ".partial"
_MAX_FILE = 64 * 2**10
_SHOWN = ("id", "image", "face")
_KINDS: tuple[Kind, ...] = get_args(Kind)


class _Season(Versioned):
    """season.json, which nobody but the leaderboard reads."""

    name: Name
    data: Name
    identities: int
    size: int
    made: str
    seed: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    seed_sha256: Sha256


@dataclass(frozen=True, slots=True)
class Season:
    """A season whose faces are there."""

    name: str
    data: str
    """The name of its set of faces."""
    made: str
    """When, in UTC."""
    faces: int
    fingerprint: str
    """Of the set as it is given out."""
    seed_sha256: str
    labels: Path
    """The set with its labels: for the leaderboard alone."""
    given: Path
    """The zip that is given out: a dataset folder without labels."""

    def told(self) -> dict[str, Any]:
        """What everybody may know of it."""
        names = ("name", "data", "made", "faces", "fingerprint", "seed_sha256")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class SeasonQuestion:
    """What is asked about those faces of a season that a task is about."""

    task: str
    version: str
    prompt: str
    """The wording that is ranked."""
    text: str
    about: str
    """The flag in the season's table that says which faces these are."""


def questions(include: Sequence[str | PathLike[str]] = ()) -> tuple[SeasonQuestion, ...]:
    """What is asked about every season, in the words that are ranked.

    Args:
        include: further folders of task files.

    Raises:
        FeabError: when a task file is broken.
    """
    return tuple(
        SeasonQuestion(
            task.name, task.version, DEFAULT_PROMPT, task.prompt_text(DEFAULT_PROMPT), asked_column(task.kind)
        )
        for task in load_tasks(TASKS, include)
    )


def seasons_home() -> Path:
    """Where seasons lie unless told: in the folder of feab's data."""
    return data_home() / "leaderboard" / "seasons"


def make_season(
    name: str,
    *,
    identities: int = IDENTITIES,
    size: int = SIZE,
    home: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Season:
    """Render a season. Can be broken off: the same call goes on, and does nothing once it is complete.

    Args:
        name: a year, a hyphen and letters or digits, such as "2027-1".
        identities: how many people, 1 to 360; 24 pictures each.
        size: width and height of a picture in pixels, 64 to 1024.
        home: the folder of all seasons, which nobody else may read.
        on_progress: called with (done, total) pictures.

    Raises:
        FeabError: for an odd name, values out of range or other than those it was begun with, or a full disk.
    """
    folder = (home or seasons_home()) / _checked(name)
    try:
        told = _begun(folder, name, identities, size)
        if not (folder / GIVEN).is_file():
            _make(folder, told, on_progress)
    except OSError as error:
        raise FeabError(f"{folder}: cannot write to it ({error.strerror})") from None
    return _read(folder)


def seasons(home: Path | None = None) -> tuple[Season, ...]:
    """The seasons whose faces are there, the newest first.

    Raises:
        FeabError: when one cannot be read.
    """
    found = home or seasons_home()
    folders = sorted(found.iterdir(), reverse=True) if found.is_dir() else []
    return tuple(_read(folder) for folder in folders if (folder / GIVEN).is_file())


def with_seasons(found: Sequence[Season], include: Sequence[str | PathLike[str]] = ()) -> Sets:
    """What a leaderboard scores that has these seasons: their faces, and all that it knows by name."""
    named: Mapping[str, LabelSet] = {
        f"{one.data}/{SPLIT}": LabelSet(one.fingerprint, one.labels, hidden=True, season=one.name) for one in found
    }
    return Sets(named, include)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FeabError(f"a season is called by a year and what tells it apart, such as 2027-1; got {name[:60]!r}")
    return name


def _begun(folder: Path, name: str, identities: int, size: int) -> _Season:
    """season.json as it is there, or a new one with a new seed."""
    path = folder / _FILE
    if path.is_file():
        there = validated(_Season, read_bytes(path, _MAX_FILE, links=False), path)
        if (there.identities, there.size) != (identities, size):
            raise FeabError(f"{name} was begun with {there.identities} identities of {there.size} px; give the same")
        return there
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    seed = f"{secrets.randbits(SEED_BITS):064x}"
    season = _Season(
        name=name,
        data=f"synth-{name}",
        identities=identities,
        size=size,
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seed=seed,
        seed_sha256=hashlib.sha256(seed.encode()).hexdigest(),
    )
    new = folder / f".{_FILE}.new"
    with os.fdopen(create_anew(new), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(season.model_dump_json(indent=1, by_alias=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return season


def _make(folder: Path, told: _Season, on_progress: Callable[[int, int], None] | None) -> None:
    from feab.faces.labels import coded_aus

    rows = list(
        unseen_rows(told.identities, int(told.seed, 16), folder / _PARTIAL, size=told.size, on_progress=on_progress)
    )
    made = f"{told.identities} identities nobody has seen, {told.size} px, seed of sha256 {told.seed_sha256}"
    info = rendered_info(told.data, made, coded_aus())
    flags = {asked_column(kind): "flag" for kind in _KINDS}
    write_split(
        folder / _LABELS, SPLIT, (row | _asked(row) for row in rows), info, pinned=False, extra={**EXTRA, **flags}
    )
    write_split(folder / _GIVEN, SPLIT, _without_labels(rows), _plain(info), pinned=False, extra=flags)
    with zipfile.ZipFile(folder / f".{GIVEN}", "w") as archive:
        for file in ("dataset.json", f"{SPLIT}.parquet"):
            archive.write(folder / _GIVEN / file, f"{told.data}/{file}")
    (folder / f".{GIVEN}").replace(folder / GIVEN)
    shutil.rmtree(folder / _PARTIAL, ignore_errors=True)


def _asked(row: Mapping[str, Any]) -> dict[str, bool]:
    """Which kinds of task a face is about: a free combination of AUs has no expression."""
    return {asked_column(kind): kind != "expression" or row["expression"] in EXPRESSIONS for kind in _KINDS}


def _without_labels(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {name: row[name] for name in _SHOWN} | _asked(row)


def _plain(info: DatasetInfo) -> DatasetInfo:
    notes = "The labels are kept by the leaderboard of its season; asked_... says which faces a task is about."
    return info.model_copy(update={"labels": [], "aus": [], "notes": notes, "version": VERSION})


def _read(folder: Path) -> Season:
    path = folder / _FILE
    told = validated(_Season, read_bytes(path, _MAX_FILE, links=False), path)
    split = read_info(folder / _GIVEN).splits[SPLIT]
    return Season(
        told.name, told.data, told.made, split.n, split.fingerprint, told.seed_sha256, folder / _LABELS, folder / GIVEN
    )

"""A dataset, runs about it, leaderboards that score them, and submissions made by hand."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faces_folder import make_faces

import feab
from feab.data import read_info
from feab.leaderboard import Board, LabelSet, LocalStore, Sets, pack
from feab.leaderboard.draws import Draws

FILES = ("manifest.json", "predictions.jsonl", "card.json")


@dataclass(frozen=True)
class Place:
    folder: Path
    sets: Sets
    hidden: Sets
    runs: dict[str, Path]

    def board(self, folder: Path, *, per_day: int = 1000, hidden: bool = False) -> Board:
        """A new leaderboard in a folder."""
        sets = self.hidden if hidden else self.sets
        return Board(LocalStore(folder / "store"), sets, per_day, Draws(folder / "draws"))

    def files(self, run: str = "uniform") -> dict[str, bytes]:
        """The files of a submission of one of the runs."""
        return dict(pack(self.runs[run]).files)

    def zipped(self, run: str = "uniform") -> bytes:
        return pack(self.runs[run]).zipped()


def make_place(folder: Path) -> Place:
    faces = make_faces(folder / "made", people=12)
    fingerprint = read_info(faces).splits["test"].fingerprint
    runs = {}
    for name, model, asked in (
        ("uniform", "uniform", {}),
        ("always", "always-active", {}),
        ("majority", "majority", {}),
        ("again", "uniform", {"seed": 1}),
        ("reasons", "uniform", {"prompts": "reason", "seed": 2}),
        ("expression", "uniform", {"tasks": "synth_expression", "seed": 3}),
    ):
        tasks = asked.pop("tasks", "synth")
        runs[name] = feab.run(f"baseline/{model}", tasks, data=faces, out=folder / "runs" / name, **asked).path
    return Place(
        folder,
        Sets({"made/test": LabelSet(fingerprint, faces)}),
        Sets({"made/test": LabelSet(fingerprint, faces, hidden=True, season="2027-1")}),
        runs,
    )


def zip_of(files: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    """An archive of any files, a name twice if it is given twice."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return into.getvalue()


def with_manifest(files: dict[str, bytes], place: str, value: Any) -> dict[str, bytes]:
    """The files with one field of the manifest set (at a path with slashes), and its identity's hash made anew."""
    from feab.runs.identity import identity_sha256
    from feab.schemas import Identity

    document = json.loads(files["manifest.json"])
    *above, last = place.split("/")
    part = document
    for key in above:
        part = part[key]
    part[last] = value
    with suppress(ValueError):  # then that is what is wrong with it
        document["identity_sha256"] = identity_sha256(Identity.model_validate(document["identity"]))
    return {**files, "manifest.json": json.dumps(document).encode()}


def with_line(files: dict[str, bytes], number: int, **changes: Any) -> dict[str, bytes]:
    """The files with fields of one answer set, counted from 0."""
    lines = files["predictions.jsonl"].splitlines()
    lines[number] = json.dumps({**json.loads(lines[number]), **changes}).encode()
    return {**files, "predictions.jsonl": b"\n".join(lines) + b"\n"}

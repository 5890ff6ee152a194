"""One training as its folder knows it: what it is of, whether it was begun, what was noted and found on the way."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.data.feid import Feid
from feab.errors import FeabError
from feab.jsonfile import load_json
from feab.schemas import Scores
from feab.training.sft.base import Base
from feab.training.sft.checkpoints import write_json
from feab.training.sft.recipe import SftRecipe

Log = Callable[[dict[str, Any]], None]
LOG_NAME = "training.jsonl"
IDENTITY = "training.json"
EXAMINATIONS = "examinations"
LOCK = ".lock"
_OURS = (LOCK, f".{IDENTITY}.new")
"""What a training that was killed at once leaves behind."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training, all of it known before the first step."""

    recipe: SftRecipe
    base: Base
    feid: Feid
    out: Path
    processes: int
    rank: int
    note: Log

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a training to be gone on with."""
        files = [file for split in self.feid.info.splits.values() for file in split.files]
        return {
            "schema": 1,
            "recipe": self.recipe.model_dump(mode="json", exclude={"data"}),
            "base": {"name": self.base.name, "digest": self.base.digest},
            "data": {"name": self.feid.info.name, "files": {file.name: file.sha256 for file in files}},
            "processes": self.processes,
        }


def begun(job: Job) -> bool:
    """Claim the folder; whether it holds this very training, finished."""
    path = job.out / IDENTITY
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        found = known.get("identity", {}) if isinstance(known, dict) else {}
        wanted = json.loads(json.dumps(job.identity))
        other = [key for key in wanted if found.get(key) != wanted[key]]
        if other:
            raise FeabError(
                f"{job.out}: holds a training with another {', '.join(other)}; name another --out, or remove it"
            )
        return bool(known.get("finished"))
    if any(path.name not in _OURS for path in (job.out.iterdir() if job.out.exists() else ())):
        raise FeabError(f"{job.out}: holds other things; name an empty or new folder with --out")
    if job.rank == 0:
        job.out.mkdir(parents=True, exist_ok=True)
        write_json(path, {"identity": job.identity})
    return False


def scores_at(out: Path, step: int) -> Scores | None:
    """What the examination at a step found; None where there was none."""
    path = out / EXAMINATIONS / f"{step}.json"
    return Scores.model_validate_json(path.read_bytes()) if path.is_file() else None


def seconds_of(out: Path) -> float:
    """How long processes worked on a training one after another: each counts anew, from the data on."""
    total = last = 0.0
    for event in noted(out / LOG_NAME):
        if event.get("stage") == "data":
            total, last = total + last, 0.0
        last = max(last, float(event.get("total_seconds", 0.0)))
    return total + last


def noted(path: Path) -> list[dict[str, Any]]:
    """The events of a log, as they were written. What is none is half a line of a process that was killed."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(FeabError):
            found.append(load_json(line, str(path)))
    return found


def noting(out: Path, log: Log) -> Log:
    """A log that also writes each event to training.jsonl; a number that is none is written as null."""
    started = time.monotonic()

    def note(event: dict[str, Any]) -> None:
        event = {**event, "total_seconds": round(time.monotonic() - started, 1)}
        out.mkdir(parents=True, exist_ok=True)
        with (out / LOG_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(event), allow_nan=False) + "\n")
        log(event)

    return note


def silent(event: dict[str, Any]) -> None:
    """Of all processes only the first one speaks."""


def _finite(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in event.items()
    }

"""What places and comparisons need of each submission, kept so that nobody's answers are read and scored again when
somebody else submits, or a page compares models.

Draws and sums of a hidden set say more of its labels than two decimals: they lie in a folder of the leaderboard's own,
never in the store. They follow from the answers and the labels, so a lost file is only made anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal
from zipfile import BadZipFile

import numpy as np

import feab
from feab.content import cache_home
from feab.errors import FeabError
from feab.jsonfile import validated
from feab.leaderboard.records import Entry
from feab.metrics import ClusterSums, Drawn, Estimate, drawn, from_arrays, overall_drawn, to_arrays
from feab.schemas import Scores

OVERALL = "overall"
RESAMPLES, SEED = 1000, 0
_MOST = 32 * 2**20
"""Bytes of a submission's sums that are kept: our choice. Those of 3,000 faces of 300 people take .5 MB, of as many
people ten times that; a submission with more is read again when it is compared."""
_FORM = 1
"""Of the files; another number makes all of them anew."""


@dataclass(frozen=True, slots=True)
class Draws:
    """A folder of bootstrap draws, and in it one of sums per person and one of scores; one file a submission."""

    folder: Path = field(default_factory=lambda: cache_home() / "leaderboard")

    def keep(self, entry: Entry, sums: Mapping[str, ClusterSums]) -> dict[str, Drawn]:
        """Draw, and keep, what places need of a submission: for each task, and for the overall score if it has one."""
        found = {name: drawn(one, resamples=RESAMPLES, seed=SEED) for name, one in sums.items()}
        total = overall_drawn(list(sums.values()), resamples=RESAMPLES, seed=SEED)
        if total is not None:
            found[OVERALL] = total
        arrays: dict[str, np.ndarray] = {}
        for number, (name, one) in enumerate(found.items()):
            score = one.score
            told = [score.value, score.low, score.high, score.clusters, one.df]
            arrays[f"draws{number}"] = one.draws
            arrays[f"score{number}"] = np.array([np.nan if x is None else x for x in told], dtype=np.float64)
            arrays[f"name{number}"] = np.array(name)
        self._write(self._path(entry), lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
        self.keep_sums(entry, sums)
        return found

    def keep_sums(self, entry: Entry, sums: Mapping[str, ClusterSums]) -> None:
        """Keep what comparisons need of a submission, unless that is a lot."""
        if sum(one.table.nbytes for one in sums.values()) <= _MOST:
            arrays = {f"{name}/{part}": array for name, one in sums.items() for part, array in to_arrays(one).items()}
            self._write(self._path(entry, "sums"), lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]

    def sums(self, entry: Entry) -> dict[str, ClusterSums] | None:
        """The sums of each task of a submission; None where none, or none that can be read, were kept."""
        try:
            with np.load(self._path(entry, "sums"), allow_pickle=False) as file:
                of_task: dict[str, dict[str, np.ndarray]] = {task: {} for task in entry.tasks}
                for name in file.files:
                    task, _, part = name.rpartition("/")
                    of_task[task][part] = file[name]
            return {task: from_arrays(parts) for task, parts in of_task.items()}
        except (FeabError, OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError):
            return None

    def keep_scores(self, entry: Entry, scores: Scores) -> None:
        """Keep all scores of a submission. Not for hidden labels, of which nobody is shown them."""
        data = gzip.compress(scores.model_dump_json().encode(), mtime=0)
        self._write(self._path(entry, "scores"), lambda file: file.write(data))

    def scores(self, entry: Entry) -> Scores | None:
        """All scores of a submission; None where none, or none that can be read, were kept."""
        path = self._path(entry, "scores")
        try:
            return validated(Scores, gzip.decompress(path.read_bytes()), path)
        except (FeabError, OSError, EOFError, zlib.error):
            return None

    def of(self, entry: Entry) -> dict[str, Drawn] | None:
        """What was kept of a submission; None where nothing, or nothing that can be read, is there."""
        found = {}
        try:
            with np.load(self._path(entry), allow_pickle=False) as file:
                for number in range(len(file.files) // 3):
                    value, low, high, clusters, df = file[f"score{number}"].tolist()
                    value, low, high = (None if np.isnan(x) else x for x in (value, low, high))
                    score = Estimate(value, low, high, int(clusters))
                    found[str(file[f"name{number}"])] = Drawn(score, file[f"draws{number}"], df)
        except (OSError, ValueError, KeyError, BadZipFile, EOFError):
            return None
        return found

    def _path(self, entry: Entry, what: Literal["draws", "sums", "scores"] = "draws") -> Path:
        """Named by all that they follow from."""
        facts = {
            "form": _FORM,
            "feab": feab.__version__,
            "answers": entry.files,
            "tasks": {name: [task.version, task.fingerprint] for name, task in entry.tasks.items()},
            "draws": [RESAMPLES, SEED],
        }
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
        if what == "draws":
            return self.folder / f"{name}.npz"
        return self.folder / what / f"{name}{'.json.gz' if what == 'scores' else '.npz'}"

    def _write(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        """Whole or not at all, also where two processes write the same."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, made = tempfile.mkstemp(dir=path.parent, suffix=".new")
            with os.fdopen(descriptor, "wb") as file:
                write(file)
            Path(made).replace(path)
        except OSError as error:
            raise FeabError(f"{path}: cannot write it ({error.strerror})") from None

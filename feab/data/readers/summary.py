"""What was prepared: counts, kept beside dataset.json as prepared.json, and the rows that were passed over."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.data.columns import au_column
from feab.data.readers.record import Fault
from feab.data.write import write_whole
from feab.errors import FeabError
from feab.yamlfile import read_bytes

if TYPE_CHECKING:
    import pyarrow as pa

PREPARED = "prepared.json"
_MAX_PREPARED = 10_000_000
_MAX_SUBJECTS = 1_000_000


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """One split that was prepared."""

    reader: str
    """Name and version of the reader."""
    images: str
    """ "paths" or "bytes"."""
    root: str
    """Where in the folder its files start; "" is the folder itself."""
    samples: int
    fingerprint: str
    expressions: dict[str, int]
    valence_arousal: int
    """Samples with both."""
    votes: int
    aus: dict[str, dict[str, int]]
    """AU -> {"coded": samples, "present": those with presence 1, or intensity 1 or more where only that is coded}."""
    subjects: int
    attributes: dict[str, dict[str, int]]
    unlabelled: int
    """Rows without any label, which are left out."""
    skipped: dict[str, int]
    """Kind of fault -> rows that were passed over; each is named in <split>.skipped.jsonl."""
    limit: int | None = None
    """At most so many samples were taken, a seeded spread over the split. None, and not written: all of them."""
    seed: int = 0
    """Of that spread."""


@dataclass(slots=True)
class Counts:
    """Counts of what a split's tables hold, as they are written."""

    aus: Sequence[int]
    expressions: Counter[str] = field(default_factory=Counter)
    affect: int = 0
    votes: int = 0
    coded: dict[int, list[int]] = field(default_factory=dict)
    subjects: set[str] = field(default_factory=set)
    attributes: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Count one row group."""
        import numpy as np

        self.expressions.update(word for word in table.column("expression").to_pylist() if word is not None)
        affect = [table.column(axis).to_numpy() for axis in ("valence", "arousal")]
        self.affect += int((~np.isnan(affect[0]) & ~np.isnan(affect[1])).sum())
        self.votes += len(table) - table.column("votes").null_count
        if len(self.subjects) < _MAX_SUBJECTS:
            self.subjects.update(word for word in table.column("subject").to_pylist() if word is not None)
        for name in ("age_group", "perceived_gender", "perceived_race"):
            if table.column(name).null_count < len(table):
                self.attributes.setdefault(name, Counter()).update(filter(None, table.column(name).to_pylist()))
        for au in self.aus:
            presence, intensity = (
                table.column(au_column(au, "presence")).to_numpy(),
                table.column(au_column(au, "intensity")).to_numpy(),
            )
            value = np.where(np.isnan(presence), intensity, presence)
            found = self.coded.setdefault(au, [0, 0])
            found[0] += int((~np.isnan(value)).sum())
            found[1] += int((value >= 1).sum())


class Faults:
    """Rows that were passed over: all are written down, one JSON object a line, and counted by kind."""

    def __init__(self, folder: Path, split: str, *, strict: bool) -> None:
        self._path = folder / f"{split}.skipped.jsonl"
        self._temporary = folder / f".{split}.skipped.{os.getpid()}"
        self._strict, self._folder = strict, folder
        self._file = self._temporary.open("w", encoding="utf-8")
        self.counts: Counter[str] = Counter()

    def __call__(self, file: str, line: int | str | None, why: Any, detail: str) -> None:
        """Count a row and write it down.

        Raises:
            FeabError: with the fault, where faults stop the preparing.
        """
        fault = Fault(file, line, why, " ".join(detail.split())[:500])
        if self._strict:
            raise FeabError(f"{fault} (--strict; without it such rows are passed over and counted)")
        self.counts[why] += 1
        self._file.write(json.dumps(asdict(fault)) + "\n")

    def keep(self) -> None:
        """Put the list in its place; where nothing was passed over, there is none."""
        self._file.close()
        if self.counts:
            self._temporary.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave nothing behind of a list that was not kept."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def read_prepared(folder: Path) -> dict[str, SplitSummary]:
    """What prepared.json of a dataset folder says of its splits; nothing where there is none.

    Raises:
        FeabError: when it is not as feab writes it.
    """
    path = folder / PREPARED
    if not path.is_file():
        return {}
    try:
        said = json.loads(read_bytes(path, _MAX_PREPARED))
        return {str(name): SplitSummary(**split) for name, split in said["splits"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeabError(f"{path}: is not as feab writes it; remove it and prepare the dataset again") from None


def _written(split: SplitSummary) -> dict[str, Any]:
    limited = () if split.limit is not None else ("limit", "seed")
    return {name: value for name, value in asdict(split).items() if name not in limited}


def write_prepared(folder: Path, splits: dict[str, SplitSummary]) -> None:
    """Write prepared.json, whole or not at all."""
    said = {"schema": 1, "splits": {name: _written(split) for name, split in splits.items()}}
    write_whole(folder / PREPARED, json.dumps(said, indent=2) + "\n")

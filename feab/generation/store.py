"""A folder of annotations: manifest.json, draws.jsonl, annotations.jsonl, conflicts.jsonl, error_model.json.

draws.jsonl is a journal: every answer of annotator and verifier as it came. The other files follow from it, the
dataset and the recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from feab.errors import FeabError
from feab.generation.recipe import Recipe
from feab.generation.record import LEVELS, Level
from feab.runs.files import read_model
from feab.runs.folder import MANIFEST
from feab.schemas import Manifest, Name, SplitName, Strict

DRAWS = "draws.jsonl"
ANNOTATIONS = "annotations.jsonl"
CONFLICTS = "conflicts.jsonl"
ERROR_MODEL = "error_model.json"

Number = Annotated[int, Field(ge=0)]


class SekeIdentity(Strict):
    """Everything that changes the annotations."""

    model: Name
    revision: str | None = None
    adapter: str
    adapter_version: str
    adapter_args: dict[str, Any] = Field(default_factory=dict)
    dataset: str
    """"name/split" of the annotated dataset."""
    fingerprint: str
    calibration: dict[str, str] = Field(default_factory=dict)
    """"name/split" -> fingerprint, of other datasets that calibrate."""
    recipe: Recipe
    prompts: str
    """sha256 of all words that questions are made of, but for numbers of the knowledge."""
    knowledge: str
    """sha256 of the numbers of the knowledge."""
    given: list[Level] | None = None
    """Levels that the annotator is given, where all others are hidden from it; None: nothing is hidden."""
    limit: int | None = None

    @property
    def datasets(self) -> dict[str, str]:
        """All datasets, what each is for, and their fingerprints."""
        others = {f"{name} (calibrates)": fingerprint for name, fingerprint in self.calibration.items()}
        return {self.dataset: self.fingerprint, **others}


class DatasetPlace(Strict):
    """The annotated dataset, and where it lay."""

    name: Name
    split: SplitName
    fingerprint: str
    folder: str
    """Of data of the user's own, what `feab.load_dataset` takes: the CSV file, or the folder of class folders."""


class LevelCounts(Strict):
    """Of one level: the faces of annotations.jsonl by where the level comes from, and what calibrated it."""

    human: Number = 0
    generated: Number = 0
    rejected: Number = 0
    labelled: Number = 0
    """Calibrating faces with a label of it."""
    calibrated: bool | None = None
    """Whether these suffice; where not, nothing is accepted. None while it is not known, or nothing was asked."""
    threshold: float | None = None
    """From which confidence on it is accepted; of valence and arousal, up to which standard deviation."""


class Counts(Strict):
    """How far annotating is."""

    faces: Number = 0
    """Of which something is missing."""
    decided: Number = 0
    whole: Number = 0
    """Of which people labelled all levels: they are in annotations.jsonl, too."""
    calibrating: Number = 0
    calibrated: Number = 0
    draws: Number = 0
    """Answers about the decided faces."""
    checks: Number = 0
    """Verdicts on them."""
    conflicts: Number = 0
    """Human labels that are improbable by the tables and the face's other labels."""
    levels: dict[Level, LevelCounts] = Field(default_factory=dict)


class SekeManifest(Manifest):
    """manifest.json of a folder of annotations. `expected`: answers there, and those known to be missing still."""

    kind: Literal["annotations"] = "annotations"
    identity: SekeIdentity
    model: Name
    recipe: Name
    dataset: DatasetPlace
    counts: Counts = Counts()


@dataclass(frozen=True, slots=True)
class Annotations:
    """A folder of annotations as it lies on disk."""

    path: Path
    manifest: SekeManifest

    @property
    def complete(self) -> bool:
        """Whether every face is decided, and no answer is an error."""
        return self.manifest.complete

    @property
    def file(self) -> Path:
        """annotations.jsonl: read it with `feab.data.annotations.read_annotations`."""
        return self.path / ANNOTATIONS


def load_annotations(path: str | PathLike[str]) -> Annotations:
    """A folder that `feab seke annotate` made.

    Raises:
        FeabError: when the folder or its manifest is missing, or the manifest does not validate.
    """
    folder = Path(path).expanduser()
    if not (folder / MANIFEST).is_file():
        raise FeabError(f"{folder}: not a folder of annotations (it has no {MANIFEST})")
    return Annotations(folder, read_model(folder / MANIFEST, SekeManifest))


def in_words(counts: Counts) -> list[str]:
    """What came of it, a line a level."""
    lines = []
    for level in LEVELS:
        found = counts.levels.get(level)
        if found is None:
            continue
        told = {"human": found.human, "generated": found.generated, "rejected": found.rejected}
        line = f"{level.replace('_', ' ')}: " + ", ".join(f"{n:,} {word}" for word, n in told.items() if n)
        lines.append(f"{line}{_why(found)}")
    return lines


def _why(found: LevelCounts) -> str:
    """Why what is generated was rejected, where one reason holds for all of it."""
    if not found.rejected or found.generated:
        return ""
    if not found.labelled:
        return " (no face with a human label of it calibrates: name a dataset in the recipe, calibration.elsewhere)"
    if not found.calibrated:
        return f" (only {found.labelled:,} faces with a human label of it calibrate: too few)"
    return f" (on {found.labelled:,} labelled faces no confidence was high enough to keep errors within the target)"

"""A run is a folder: manifest.json, predictions.jsonl, scores.json. Everything downstream reads only these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from feab.errors import FeabError
from feab.journal import read_predictions
from feab.runs.files import read_model
from feab.schemas import Prediction, RunManifest, Scores

MANIFEST = "manifest.json"
PREDICTIONS = "predictions.jsonl"
SCORES = "scores.json"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it lies on disk."""

    path: Path
    manifest: RunManifest

    @property
    def complete(self) -> bool:
        """Whether every question has an answer and none ended in an error."""
        return self.manifest.complete

    @property
    def scores(self) -> Scores | None:
        """What scores.json holds; None when the run was not scored yet.

        Raises:
            FeabError: when the file does not validate.
        """
        path = self.path / SCORES
        return read_model(path, Scores) if path.is_file() else None

    def predictions(self) -> Iterator[Prediction]:
        """Every line of predictions.jsonl in turn, validated; memory does not grow with their texts.

        Raises:
            FeabError: naming file and line, when a line does not validate or repeats a key.
        """
        return read_predictions(self.path / PREDICTIONS)


def load_run(path: str | PathLike[str]) -> Run:
    """A run folder, made by feab or by anything that writes the same files.

    Raises:
        FeabError: when the folder or its manifest is missing, or the manifest does not validate.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise FeabError(f"{folder}: no such run folder")
    if not (folder / MANIFEST).is_file():
        raise FeabError(f"{folder}: not a run folder (it has no {MANIFEST})")
    return Run(folder, read_model(folder / MANIFEST, RunManifest))

"""A folder of annotations beside the very dataset that was annotated: labels, pictures, and faces never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from feab.data import Dataset, load_dataset
from feab.data.places import named
from feab.errors import FeabError
from feab.generation.human import HumanLabels, human_labels
from feab.generation.store import Annotations, load_annotations
from feab.runs.portraits import young


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of annotations beside the dataset that its faces come from."""

    annotations: Annotations
    dataset: Dataset
    human: HumanLabels
    withheld: frozenset[str]
    """Faces that may be those of people under 18: they are never shown, and in no instruction data."""

    @property
    def place(self) -> str:
        """The dataset and its split."""
        return f"{self.dataset.name}/{self.dataset.split}"

    @property
    def decided(self) -> int:
        """Faces of which the folder tells."""
        counts = self.annotations.manifest.counts
        return counts.decided + counts.whole


def open_source(place: str | os.PathLike[str], data: str | os.PathLike[str] | Dataset | None = None) -> Source:
    """A folder of annotations and its dataset: as told, else by its name, else where it lay.

    Raises:
        FeabError: when it is no folder of annotations, or its dataset is not here, or is another than was annotated.
    """
    annotations = load_annotations(place)
    dataset = _dataset(annotations, data)
    return Source(annotations, dataset, human_labels(dataset), young(dataset))


def _dataset(annotations: Annotations, data: str | os.PathLike[str] | Dataset | None) -> Dataset:
    known = annotations.manifest.dataset
    if data is not None:
        dataset = data if isinstance(data, Dataset) else load_dataset(data, known.split)
        if dataset.fingerprint == known.fingerprint:
            return dataset
        raise FeabError(
            f"{annotations.path}: {dataset.name}/{dataset.split} is not the dataset that was annotated (its "
            "fingerprint differs); give that one: --data NAME|DIR"
        )
    for place in ([known.name] if named(known.name) is not None else []) + [Path(known.folder)]:
        try:
            dataset = load_dataset(place, known.split)
            if dataset.fingerprint == known.fingerprint:
                return dataset
        except FeabError:
            continue
    raise FeabError(
        f"{annotations.path}: the dataset {known.name}/{known.split} that was annotated is not here, or was changed; "
        "say where it is: --data NAME|DIR"
    )

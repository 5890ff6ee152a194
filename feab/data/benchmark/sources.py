"""The datasets that a set is put together from, as they were prepared, and their faces as rows of the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feab.data.benchmark.faces import NOT_CODED, Faces, Rows, faces_of, units_of
from feab.data.benchmark.recipe import SetRecipe, SourceRecipe
from feab.data.columns import ATTRIBUTES, au_column
from feab.data.dataset import SplitFile
from feab.data.names import safe_id
from feab.data.write import inside, read_info
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE
from feab.schemas import DatasetInfo
from feab.vocabulary import KINDS
from feab.yamlfile import read_bytes

EXTRA: Mapping[str, str] = {"chosen_for": "text"}
"""The set's own column: how the part of the recipe chooses that chose the face."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One split of one dataset, open. Its labels are in memory, its pictures are not."""

    name: str
    recipe: SourceRecipe
    info: DatasetInfo
    file: SplitFile

    @property
    def fingerprint(self) -> str:
        """Of the split, as it was prepared."""
        return self.info.splits[self.recipe.split].fingerprint

    def faces(self, of: SetRecipe, without: frozenset[str]) -> Faces:
        """What choosing looks at; `without`: people whose faces are not to be chosen."""
        return faces_of(self.name, self.recipe, self.file.labels, of.labels, of.seed, without=without)

    def ids(self, rows: Rows) -> list[str]:
        """The ids of some faces."""
        ids: list[str] = self.file.labels.column("id").take(rows).to_pylist()
        return ids

    def rows_of(self, samples: Sequence[str]) -> Rows:
        """The rows of some ids, -1 for one that is not there."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.index_in(pa.array(samples, pa.string()), self.file.labels.column("id").combine_chunks())
        rows: Rows = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return rows

    def picture(self, row: int) -> tuple[bytes, Any]:
        """The encoded picture of a face, and the box of the face in it, where one is marked.

        Raises:
            FeabError: when it cannot be read.
        """
        held = self.file.row(row)
        where = f"{self.file.path}: row {row} (id {held['id']!r})"
        image = held.get("image") or {}
        if image.get("bytes") is not None:
            return image["bytes"], held.get("face")
        if image.get("path") is None:
            raise FeabError(f"{where}: has no picture")
        return read_bytes(inside(self.file.folder, image["path"], where), MAX_PICTURE), held.get("face")

    def as_set_rows(self, of: SetRecipe, rows: Sequence[int], parts: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Some faces as rows of the set, without their pictures.

        Args:
            of: the set.
            rows: the faces.
            parts: for each the number of the recipe's part that chose it.
        """
        units = units_of(self.recipe, self.file.labels.take(np.array(rows, dtype=np.int64)))
        for row, part, coded in zip(rows, parts, units.tolist(), strict=True):
            yield self._set_row(of, self.file.row(row), part, coded)

    def _set_row(self, of: SetRecipe, held: Mapping[str, Any], part: int, units: Sequence[int]) -> dict[str, Any]:
        recipe = self.recipe.parts[part]
        keep = recipe.keep or KINDS
        found: dict[str, Any] = {name: held.get(name) for name in ("face", *ATTRIBUTES)}
        found |= {
            "id": set_id(self.name, held["id"]),
            "source": self.name,
            "subject": None if self.recipe.person is None else held[self.recipe.person],
            "chosen_for": recipe.choose,
        }
        if "expression" in keep and held.get("expression") in of.labels:
            found["expression"] = held["expression"]
        affect = {axis: held.get(axis) for axis in ("valence", "arousal")}
        if "valence_arousal" in keep and None not in affect.values():
            found |= affect
        if "action_units" in keep:
            for au, unit in zip(self.recipe.aus, units, strict=True):
                if unit != NOT_CODED:
                    found |= {au_column(au, "presence"): float(unit), au_column(au, "intensity"): self._grade(held, au)}
        return found

    def _grade(self, held: Mapping[str, Any], au: int) -> float | None:
        """The intensity of an AU; None where another one that counts as this is there, and this is not."""
        grade: float | None = held.get(au_column(au, "intensity"))
        others = [other for other, as_ in self.recipe.count_as.items() if as_ == au]
        there = any(held.get(au_column(other, "presence")) == 1 for other in others)
        return None if there and not grade else grade


def set_id(source: str, sample: str) -> str:
    """The id in a set of a face of a source."""
    return safe_id(f"{source}/{sample}")


def has_splits(root: Path, name: str, recipes: Sequence[SetRecipe]) -> bool:
    """Whether a dataset is there, with the splits that all of some sets take from it.

    Raises:
        FeabError: when a folder of that name holds another dataset.
    """
    if not (root / name / "dataset.json").is_file():
        return False
    info = read_info(root / name)
    if info.name != name:
        raise FeabError(f"{root / name}: holds the dataset {info.name}, not {name}")
    return all(recipe.sources[name].split in info.splits for recipe in recipes if name in recipe.sources)


def open_source(root: Path, name: str, recipe: SetRecipe) -> Source:
    """A source of a set, from the folder that holds the prepared datasets.

    Raises:
        FeabError: when it cannot be read.
    """
    source = recipe.sources[name]
    info = read_info(root / name)
    return Source(name, source, info, SplitFile(root / name, source.split, info))

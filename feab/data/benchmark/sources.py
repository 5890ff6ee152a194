"""The datasets that a set is put together from, as they were prepared, and their faces as rows of the set."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.data.benchmark.faces import NOT_CODED, Faces, Rows, columns_of, faces_of
from feab.data.benchmark.recipe import SetRecipe, SourceRecipe
from feab.data.columns import ATTRIBUTES, au_column, typed_labels
from feab.data.names import safe_id
from feab.data.parquetfile import ParquetSplit
from feab.data.roots import root_of
from feab.data.write import inside, read_info
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE
from feab.vocabulary import KINDS
from feab.yamlfile import read_bytes

EXTRA: Mapping[str, str] = {"chosen_for": "text"}
"""The set's own column: how the part of the recipe chooses that chose the face."""

_KEPT_BLOCKS = 3
"""Row groups held in memory at a time."""


class Source:
    """One split of one dataset. Neither its labels nor its pictures are in memory but for a few row groups.

    Attributes:
        name: of the dataset.
        recipe: what is taken from it.
        info: its dataset.json.
        path: the split's file.
    """

    def __init__(self, name: str, recipe: SourceRecipe, folder: Path) -> None:
        """`folder`: of the dataset.

        Raises:
            FeabError: when it cannot be read.
        """
        self.name, self.recipe, self.info = name, recipe, read_info(folder)
        self._file = ParquetSplit(folder, recipe.split, self.info)
        self.path = self._file.path
        if "image" not in self._file.media:
            raise FeabError(f"{self.path}: holds clips, and a set holds pictures")
        self._root = root_of(folder, recipe.split, self.fingerprint)
        self._kept: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """Of the split, as it was prepared."""
        return self.info.splits[self.recipe.split].fingerprint

    def faces(self, of: SetRecipe, without: frozenset[str] = frozenset()) -> Faces:
        """What choosing looks at; `without`: people whose faces are not to be chosen."""
        wanted = columns_of(self.recipe)
        batches = self._file.batches([name for name in self._file.wanted if name in wanted])
        return faces_of(self.name, self.recipe, batches, of.labels, of.seed, without=without)

    def ids(self, rows: Rows) -> list[str]:
        """The ids of some faces, whose rows are in rising order."""
        found: list[str] = []
        start = 0
        for batch in self._file.batches(["id"]):
            low, high = np.searchsorted(rows, (start, start + len(batch)))
            found += batch.column("id").take(rows[low:high] - start).to_pylist()
            start += len(batch)
        return found

    def rows_of(self, samples: Sequence[str]) -> list[int]:
        """The rows of some ids, -1 for one that is not there."""
        rows = dict.fromkeys(samples, -1)
        start = 0
        for batch in self._file.batches(["id"]):
            for row, sample in enumerate(batch.column("id").to_pylist(), start):
                if sample in rows:
                    rows[sample] = row
            start += len(batch)
        return [rows[sample] for sample in samples]

    def row(self, row: int) -> dict[str, Any]:
        """All columns of a face, the picture as {bytes, path}. May be called by several threads.

        Raises:
            FeabError: when it cannot be read.
        """
        block = bisect.bisect_right(self._file.starts, row) - 1
        with self._lock:
            if block not in self._kept:
                self._kept[block] = self._read(block)
                while len(self._kept) > _KEPT_BLOCKS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(block)
            found: dict[str, Any] = self._kept[block][row - self._file.starts[block]]
        return found

    def _read(self, block: int) -> list[dict[str, Any]]:
        table = self._file.group(block, [*self._file.wanted, "image"])
        labels = typed_labels(table.select(self._file.wanted), str(self.path))
        rows: list[dict[str, Any]] = labels.to_pylist()
        for held, image in zip(rows, table.column("image").to_pylist(), strict=True):
            held["image"] = image
        return rows

    def picture(self, row: int) -> tuple[bytes, Any]:
        """The encoded picture of a face, and the box of the face in it, where one is marked.

        Raises:
            FeabError: when it cannot be read.
        """
        held = self.row(row)
        where = f"{self.path}: row {row} (id {held['id']!r})"
        image = held.get("image") or {}
        if image.get("bytes") is not None:
            return image["bytes"], held.get("face")
        if image.get("path") is None:
            raise FeabError(f"{where}: has no picture")
        return read_bytes(inside(self._root, image["path"], where), MAX_PICTURE), held.get("face")

    def as_set_rows(
        self, of: SetRecipe, rows: Sequence[int], parts: Sequence[int], units: npt.NDArray[np.int8]
    ) -> Iterator[dict[str, Any]]:
        """Some faces as rows of the set, without their pictures.

        Args:
            of: the set.
            rows: the faces.
            parts: for each the number of the recipe's part that chose it.
            units: for each its AUs, as in `Faces`.
        """
        for row, part, coded in zip(rows, parts, units.tolist(), strict=True):
            yield self._set_row(of, self.row(row), part, coded)

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
    return Source(name, recipe.sources[name], root / name)

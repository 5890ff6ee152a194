"""The faces of one source as numbers: what choosing looks at, some 40 bytes a face, so that millions fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from feab.data.benchmark.recipe import SourceRecipe
from feab.data.columns import AFFECT, au_column
from feab.errors import FeabError
from feab.vocabulary import Kind

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.int64]

NOT_CODED = -1
"""Of an AU: neither there (1) nor absent (0)."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """All faces of a split of one source, in its order."""

    usable: Flags
    """Whether the recipe lets a face be chosen at all."""
    keys: npt.NDArray[np.uint64]
    """The order among faces of which any would do."""
    people: tuple[str, ...]
    person: Numbers
    """Whose face it is, as a place in `people`; -1 where nobody knows."""
    film: Numbers
    """The recording it is of, -1 for none."""
    frame: Numbers
    cell: Numbers
    """Which of the combinations it is of that are to get the same number of faces."""
    label: Numbers
    """Its expression, as a place in the set's labels; -1 for none of them."""
    affect: Flags
    """Whether it has valence and arousal."""
    units: npt.NDArray[np.int8]
    """(faces, AUs of the source): 1 present, 0 absent, -1 not coded."""

    @property
    def coded(self) -> Flags:
        """Whether any AU is coded."""
        found: Flags = (self.units != NOT_CODED).any(axis=1)
        return found

    def names(self, rows: Rows) -> frozenset[str]:
        """The people that some faces are of."""
        return frozenset(self.people[place] for place in np.unique(self.person[rows]).tolist() if place >= 0)


def faces_of(
    name: str, recipe: SourceRecipe, labels: pa.Table, classes: Sequence[str], seed: int, *, without: frozenset[str]
) -> Faces:
    """The faces of a source's split.

    Args:
        name: of the source.
        recipe: what is taken from it.
        labels: the split's columns, but for the images.
        classes: the set's labels.
        seed: of the order.
        without: people whose faces are not to be chosen.

    Raises:
        FeabError: when the split lacks a column that the recipe names, or a value in it.
    """
    n = len(labels)
    people, person = named(labels, recipe.person and (recipe.person,), name)
    _, film = named(labels, recipe.film, name)
    _, cell = named(labels, recipe.evenly, name)
    units = units_of(recipe, labels)
    label = np.full(n, -1, dtype=np.int64)
    words = labels.column("expression").to_pylist() if "expression" in labels.column_names else []
    places = {word: place for place, word in enumerate(classes)}
    for row, word in enumerate(words):
        label[row] = places.get(word, -1)
    affect = ~(np.isnan(_numbers(labels, AFFECT[0])) | np.isnan(_numbers(labels, AFFECT[1])))
    has: dict[Kind, Flags] = {
        "expression": label >= 0,
        "valence_arousal": affect,
        "action_units": (units != NOT_CODED).any(axis=1),
    }
    usable = np.logical_or.reduce(list(has.values()))
    for kind in recipe.needs:
        usable &= has[kind]
    for column, values in recipe.where.items():
        cells = _column(labels, column, name).to_pylist()
        usable &= np.fromiter((cell in values for cell in cells), dtype=np.bool_, count=n)
    if recipe.person is not None:
        usable &= person >= 0
    if recipe.evenly:
        usable &= cell >= 0
    barred = np.array([word in without for word in people], dtype=np.bool_)
    if barred.any():
        usable &= ~barred[person]
    frame = np.zeros(n, dtype=np.int64)
    if recipe.film and recipe.frame is not None:
        found = np.asarray(_column(labels, recipe.frame, name).to_numpy(), dtype=np.float64)
        usable &= ~np.isnan(found) & (film >= 0)
        frame = np.nan_to_num(found).astype(np.int64)
    return Faces(usable, _keys(name, labels, usable, seed), people, person, film, frame, cell, label, affect, units)


def units_of(recipe: SourceRecipe, labels: pa.Table) -> npt.NDArray[np.int8]:
    """Which of the source's AUs are present, by its own convention (`present_from`, `count_as`)."""

    def of(au: int) -> npt.NDArray[np.int8]:
        column = au_column(au, "presence" if recipe.present_from is None else "intensity")
        values = _numbers(labels, column)
        there = values >= (1 if recipe.present_from is None else recipe.present_from)
        return np.where(np.isnan(values), NOT_CODED, there).astype(np.int8)

    found = {au: of(au) for au in recipe.aus}
    for other, au in recipe.count_as.items():
        found[au] = np.where(of(other) == 1, np.int8(1), found[au])
    return np.column_stack([found[au] for au in recipe.aus]) if found else np.zeros((len(labels), 0), dtype=np.int8)


def named(labels: pa.Table, columns: Sequence[str] | None, source: str) -> tuple[tuple[str, ...], Numbers]:
    """Numbers for the combinations of some columns, in the order of their words; -1 where one of them is null.

    Returns:
        The words of the first column, and a number a row. With one column the number is the place of its word.

    Raises:
        FeabError: when a column is missing.
    """
    if not columns:
        return (), np.full(len(labels), -1, dtype=np.int64)
    first: tuple[str, ...] = ()
    number = np.zeros(len(labels), dtype=np.int64)
    null = np.zeros(len(labels), dtype=np.bool_)
    for place, column in enumerate(columns):
        words, codes = _coded(labels, column, source)
        first = words if place == 0 else first
        null |= codes < 0
        number = number * len(words) + codes
    if len(columns) > 1:
        known = ~null
        number[known] = np.unique(number[known], return_inverse=True)[1]
    number[null] = -1
    return first, number


def _coded(labels: pa.Table, column: str, source: str) -> tuple[tuple[str, ...], Numbers]:
    """The words of a column in order, and the place of each row's; -1 for null."""
    import pyarrow as pa

    cells = _column(labels, column, source).cast(pa.string()).combine_chunks().dictionary_encode()
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    there: list[str] = cells.dictionary.to_pylist()
    words = sorted(there)
    order = {word: place for place, word in enumerate(words)}
    places = np.array([order[word] for word in there] or [0], dtype=np.int64)
    codes = cells.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return tuple(words), np.where(codes < 0, -1, places[codes])


def _column(labels: pa.Table, column: str, source: str) -> pa.ChunkedArray:
    if column not in labels.column_names:
        raise FeabError(f"{source}: has no column {column!r}, which the recipe needs; prepare it with this feab")
    return labels.column(column)


def _numbers(labels: pa.Table, column: str) -> npt.NDArray[np.float64]:
    """A column as numbers, NaN for null; of a column that is not there all are."""
    if column not in labels.column_names:
        return np.full(len(labels), np.nan)
    return np.asarray(labels.column(column).to_numpy(), dtype=np.float64)


def _keys(name: str, labels: pa.Table, usable: Flags, seed: int) -> npt.NDArray[np.uint64]:
    """The first eight bytes of the sha256 of seed, source and id."""
    keys = np.zeros(len(labels), dtype=np.uint64)
    start = 0
    for ids in labels.column("id").chunks:
        rows = np.flatnonzero(usable[start : start + len(ids)])
        for row, sample in zip(rows.tolist(), ids.take(rows).to_pylist(), strict=True):
            digest = hashlib.sha256(f"{seed}\0{name}\0{sample}".encode()).digest()
            keys[start + row] = int.from_bytes(digest[:8], "big")
        start += len(ids)
    return keys

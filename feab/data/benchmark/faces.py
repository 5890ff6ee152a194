"""The faces of one source as numbers: what choosing looks at, 38 bytes a face with twelve AUs, so that millions fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

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
Numbers: TypeAlias = npt.NDArray[np.signedinteger[Any]]

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
    name: str,
    recipe: SourceRecipe,
    batches: Iterable[pa.Table],
    classes: Sequence[str],
    seed: int,
    *,
    without: frozenset[str],
) -> Faces:
    """The faces of a source's split.

    Args:
        name: of the source.
        recipe: what is taken from it.
        batches: the split's rows in order, with those of its columns that `columns_of` names; at least one batch.
        classes: the set's labels.
        seed: of the order.
        without: people whose faces are not to be chosen.

    Raises:
        FeabError: when the split lacks a column that the recipe names.
    """
    person, film, cell = _Names((recipe.person,) if recipe.person else ()), _Names(recipe.film), _Names(recipe.evenly)
    places: dict[str | None, int] = {word: place for place, word in enumerate(classes)}
    parts: dict[str, list[npt.NDArray[Any]]] = {}
    for batch in batches:
        units = units_of(recipe, batch)
        words = batch.column("expression").to_pylist() if "expression" in batch.column_names else [None] * len(batch)
        label = np.fromiter((places.get(word, -1) for word in words), dtype=np.int8, count=len(batch))
        affect = ~(np.isnan(_numbers(batch, AFFECT[0])) | np.isnan(_numbers(batch, AFFECT[1])))
        has: dict[Kind, Flags] = {
            "expression": label >= 0,
            "valence_arousal": affect,
            "action_units": (units != NOT_CODED).any(axis=1),
        }
        usable = np.logical_or.reduce(list(has.values()))
        for kind in recipe.needs:
            usable &= has[kind]
        for column, values in recipe.where.items():
            cells = _column(batch, column, name).to_pylist()
            usable &= np.fromiter((one in values for one in cells), dtype=np.bool_, count=len(batch))
        for names in (person, film, cell):
            usable &= names.add(batch, name)
        frame = np.zeros(len(batch), dtype=np.int64)
        if recipe.film and recipe.frame is not None:
            found = np.asarray(_column(batch, recipe.frame, name).to_numpy(), dtype=np.float64)
            usable &= ~np.isnan(found)
            frame = np.nan_to_num(found).astype(np.int64)
        columns = {"usable": usable, "frame": frame, "label": label, "affect": affect, "units": units}
        for key, values_ in {**columns, "keys": _keys(name, batch, usable, seed)}.items():
            parts.setdefault(key, []).append(values_)
    joined = {key: np.concatenate(arrays) for key, arrays in parts.items()}
    people, persons = person.numbered()
    barred = np.array([word in without for word in people], dtype=np.bool_)
    if barred.any():
        joined["usable"] &= ~barred[persons]
    return Faces(people=people, person=persons, film=film.numbered()[1], cell=cell.numbered()[1], **joined)


def columns_of(recipe: SourceRecipe) -> frozenset[str]:
    """The columns that choosing looks at."""
    aus = {_unit_column(recipe, au) for au in (*recipe.aus, *recipe.count_as)}
    own = {recipe.person, recipe.frame, *recipe.film, *recipe.evenly, *recipe.where} - {None}
    return frozenset({"id", "expression", *AFFECT, *aus, *(str(name) for name in own)})


def _unit_column(recipe: SourceRecipe, au: int) -> str:
    return au_column(au, "presence" if recipe.present_from is None else "intensity")


def units_of(recipe: SourceRecipe, labels: pa.Table) -> npt.NDArray[np.int8]:
    """Which of the source's AUs are present, by its own convention (`present_from`, `count_as`)."""

    def of(au: int) -> npt.NDArray[np.int8]:
        values = _numbers(labels, _unit_column(recipe, au))
        there = values >= (1 if recipe.present_from is None else recipe.present_from)
        return np.where(np.isnan(values), NOT_CODED, there).astype(np.int8)

    found = {au: of(au) for au in recipe.aus}
    for other, au in recipe.count_as.items():
        found[au] = np.where(of(other) == 1, np.int8(1), found[au])
    return np.column_stack([found[au] for au in recipe.aus]) if found else np.zeros((len(labels), 0), dtype=np.int8)


class _Names:
    """Numbers for the combinations of some columns' words, as they come; at last in the order of the words."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._known: dict[tuple[str, ...], int] = {}
        self._numbers: list[npt.NDArray[np.int32]] = []

    def add(self, batch: pa.Table, source: str) -> Flags:
        """Take in some rows; returns which of them have a word in each of the columns.

        Raises:
            FeabError: when a column is missing.
        """
        import pyarrow as pa

        if not self._columns:
            self._numbers.append(np.full(len(batch), -1, dtype=np.int32))
            return np.ones(len(batch), dtype=np.bool_)
        words = [_column(batch, column, source).cast(pa.string()).to_pylist() for column in self._columns]
        found = np.fromiter(
            (
                -1 if None in combination else self._known.setdefault(combination, len(self._known))
                for combination in zip(*words, strict=True)
            ),
            dtype=np.int32,
            count=len(batch),
        )
        self._numbers.append(found)
        return found >= 0

    def numbered(self) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        """The first column's words of each combination, in order, and for each row its combination's place; or -1."""
        order = sorted(self._known)
        place = np.empty(len(order) + 1, dtype=np.int32)
        place[[self._known[combination] for combination in order]] = np.arange(len(order))
        place[-1] = -1
        return tuple(combination[0] for combination in order), place[np.concatenate(self._numbers)]


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
    rows = np.flatnonzero(usable)
    for row, sample in zip(rows.tolist(), labels.column("id").take(rows).to_pylist(), strict=True):
        digest = hashlib.sha256(f"{seed}\0{name}\0{sample}".encode()).digest()
        keys[row] = int.from_bytes(digest[:8], "big")
    return keys

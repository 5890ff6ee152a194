"""Rows of labels, one a picture, from whatever kind of table: empty cells are "not labelled"."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from feab.data.columns import AFFECT, au_column, au_of
from feab.data.csvvotes import gather_votes
from feab.data.found import Found
from feab.data.headers import AGE, Header
from feab.data.labelcells import CellError, LabelCells
from feab.data.years import age_group, is_age
from feab.errors import FeabError
from feab.vocabulary import AGE_GROUPS

if TYPE_CHECKING:
    import pyarrow as pa

    from feab.data.readers.record import Why

_BATCH = 4096  # rows held as Python objects

SkipRow: TypeAlias = "Callable[[int, Why, str], None]"
"""Called with the number of a row that is passed over, the kind of fault, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Taking:
    """How rows are taken in."""

    skip: SkipRow | None = None
    """Told of each row that cannot be used, which is passed over; then an AU's code for "not coded" is not labelled.
    By default the first such row, and such a code, are refused."""
    on_rows: Callable[[int], None] | None = None
    """Called with the number of rows that were read, every few thousand."""


STRICTLY = Taking()


@dataclass(frozen=True, slots=True)
class Understanding:
    """What the rows of a table together say of how they are to be read; tables of one dataset are read alike."""

    graded: bool
    """Whether AU columns that do not say so hold intensities, as some value is above 1."""
    labels: frozenset[str]
    """The expressions that occur."""
    no_age: str | None = None
    """What stands in a column of ages and is none, so that they stay unread."""

    @classmethod
    def of_all(cls, parts: Collection[Understanding]) -> Understanding:
        """Of the tables of one dataset, which may be its splits."""
        return cls(
            any(part.graded for part in parts),
            frozenset().union(*(part.labels for part in parts)),
            next((part.no_age for part in parts if part.no_age is not None), None),
        )


class LabelRows:
    """Rows in, a table out. AU columns that do not say so are intensities where any value is above 1."""

    def __init__(
        self,
        path: Path,
        header: Header,
        root: Path,
        *,
        comma: bool = False,
        taking: Taking = STRICTLY,
        called: Callable[[int], str] | None = None,
    ) -> None:
        """Make ready for rows.

        Args:
            path: the file, for messages.
            header: what its columns mean.
            root: the folder that paths of pictures start from.
            comma: numbers may be written with a decimal comma.
            taking: what becomes of rows that cannot be used.
            called: where the table holds the pictures themselves: the id of a row by its number, unless a column
                gives it.

        Raises:
            FeabError: when no column holds labels.
        """
        if not (header.coded or header.bare or header.votes or {"expression", *AFFECT} & set(header.plain)):
            raise FeabError(
                f"{path}: holds no labels: none of its columns is expression, valence, arousal or an AU such as au12; "
                "say which is which: --column expression=NAME"
            )
        self._path, self._header, self._root, self._skip = path, header, root, taking.skip
        self._cells = LabelCells(path, header, root, comma=comma, lenient=taking.skip is not None, called=called)
        self._on_rows = taking.on_rows
        self._parts: list[pa.Table] = []
        self._fault: CellError | None = None
        self._clear()

    def _clear(self) -> None:
        self._batch: list[list[Any]] = [[] for _ in self._cells.names]

    def add(self, number: int, cells: Sequence[str]) -> None:
        """Take in one row.

        Raises:
            CellError: naming what is wrong with it, unless rows may be passed over.
        """
        try:
            values = self._cells.row(number, cells)
        except CellError as fault:
            if self._skip is None:
                raise
            self._fault = self._fault or fault
            self._skip(number, fault.why, fault.detail)
            return
        for column, value in zip(self._batch, values, strict=True):
            column.append(value)
        if len(self._batch[0]) == _BATCH:
            self._flush()
            if self._on_rows is not None:
                self._on_rows(number)

    def _flush(self) -> None:
        import pyarrow as pa

        def kind(name: str) -> pa.DataType:
            if name in self._cells.floats or name in self._cells.aus:
                return pa.float32()
            return pa.int32() if name == "row" else pa.string()

        columns = zip(self._cells.names, self._batch, strict=True)
        self._parts.append(pa.table({name: pa.array(given, kind(name)) for name, given in columns}))
        self._clear()

    def _table(self) -> pa.Table:
        """All rows that were added."""
        import pyarrow as pa

        self._flush()
        self._parts = [pa.concat_tables(self._parts)]
        return self._parts[0]

    def understanding(self) -> Understanding:
        """What the rows that were added say of how they are to be read."""
        import pyarrow.compute as pc

        table = self._table()
        most = [pc.max(table.column(f"au{au:02d}")).as_py() for au in self._header.bare]
        labels = pc.unique(table.column("expression")).to_pylist() if "expression" in self._cells.words else []
        graded = any(value is not None and value > 1 for value in most)
        ages = pc.unique(table.column(AGE)).to_pylist() if AGE in self._cells.words else []
        no_age = next((text for text in ages if text is not None and not is_age(text)), None)
        return Understanding(graded, frozenset(filter(None, labels)), no_age)

    def finish(self, form: str, understanding: Understanding | None = None) -> Found:
        """Everything that was read.

        Args:
            form: what was read, in words.
            understanding: of all tables of a dataset; by default this one stands for itself.

        Raises:
            FeabError: when no row is left, or with every unknown expression where none may be passed over.
        """
        table = self._table()
        if not len(table) and self._fault is None:
            raise FeabError(f"{self._path}: holds no row but its header")
        if not len(table) or self._skip is None:
            self._cells.unknown.refuse(f"{self._path}: column {_name(self._header, 'expression')}")
        if not len(table):
            raise FeabError(f"{self._path}: none of its rows can be used; the first: {self._fault}")
        told = understanding or self.understanding()
        labels, notes = self._named(table, told)
        labels, about_age = _grouped(labels, told)
        notes += about_age
        rows, paths = labels.column("row").to_numpy(), labels.column("path")
        labels, voted, more = gather_votes(labels.drop_columns(["row", "path"]), told.labels)
        notes += more
        if self._header.unused:
            shown = ", ".join(f"{name:.40}" for name in self._header.unused[:20])
            notes.append(f"columns not used: {shown}" + (", ..." if len(self._header.unused) > 20 else ""))
        return Found(self._path, self._root, labels, paths, rows, tuple(notes), form, voted)

    def _named(self, table: pa.Table, told: Understanding) -> tuple[pa.Table, list[str]]:
        """The table with AU columns named for what they hold, without empty columns; and how they were understood."""
        notes: list[str] = []
        bare = [f"au{au:02d}" for au in sorted(self._header.bare)]
        coded = [name for name in bare if table.column(name).null_count < len(table)]
        if coded:
            what: Literal["presence", "intensity"] = "intensity" if told.graded else "presence"
            if not told.graded:
                table = self._whole(table, coded)
            notes.append(
                "AU columns hold values above 1: read as intensities, 0 to 5"
                if told.graded
                else "AU columns hold 0 and 1 only: read as absent and present"
            )
            names = {name: au_column(int(name[2:]), what) for name in coded}
            both = [name for name in names.values() if name in table.column_names]
            if both:
                raise FeabError(f"{self._path}: columns {both[0][:4]!r} and {both[0]!r} both hold AU {au_of(both[0])}")
            table = table.rename_columns([names.get(name, name) for name in table.column_names])
        kept = ("id", "path", "row")
        full = [name for name in table.column_names if name in kept or table.column(name).null_count < len(table)]
        return table.select([name for name in full if name not in bare]), notes

    def _whole(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """The rows whose AU values, of which none is above 1, are all 0 or 1."""
        import numpy as np

        whole = np.ones(len(table), dtype=bool)
        rows = table.column("row").to_numpy()
        for name in names:
            values = table.column(name).to_numpy()
            for place in np.flatnonzero(whole & (values != 0) & (values != 1) & ~np.isnan(values)).tolist():
                fault = self._cells.wrong(
                    int(rows[place]),
                    "out of range",
                    f"column {name!r}: {values[place]:g} is neither 0 nor 1, and no AU column has a value above 1; "
                    f"name it {name}_intensity if 0 to 5 is meant",
                )
                if self._skip is None:
                    raise fault
                self._skip(int(rows[place]), fault.why, fault.detail)
                whole[place] = False
        return table if whole.all() else table.filter(whole)


def _grouped(table: pa.Table, told: Understanding) -> tuple[pa.Table, list[str]]:
    """The table with `age_group` in place of ages in years; without them, where they are none; and a note."""
    import pyarrow as pa

    if AGE not in table.column_names:
        return table, []
    ages = table.column(AGE).combine_chunks().dictionary_encode()
    table = table.drop_columns([AGE])
    if told.no_age is not None:
        return table, [f"column {AGE}: not used, as {told.no_age:.40} is no age in years"]
    groups = pa.array(map(age_group, ages.dictionary.to_pylist()), pa.string()).take(ages.indices)
    if groups.null_count < len(groups):
        table = table.append_column("age_group", groups)
    return table, [f"column {AGE}: read as years, and put into {', '.join(AGE_GROUPS)}"]


def _name(header: Header, column: str) -> str:
    return f"{column!r} (column {header.plain[column] + 1})" if column in header.plain else repr(column)

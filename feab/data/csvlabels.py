"""The labels in a CSV file: one row a picture, empty cells are "not labelled"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from feab.data.columns import AFFECT, au_column, au_of
from feab.data.csvfile import open_csv
from feab.data.csvvotes import gather_votes
from feab.data.found import Found, UnknownLabels
from feab.data.headers import WORDS, Header, read_header
from feab.data.names import safe_id
from feab.errors import FeabError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 4096  # rows held as Python objects
_KEPT_NUMBERS = 10_000
_MAX_PATH = 4_096
MAX_WORD = 200
"""Characters of a word, such as a subject's name."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NOT_CODED = (-9, -1, 9, 99, 999)
"""How files of FACS codes say that an AU was not coded. None of them is an intensity."""


def read_csv_labels(path: Path, told: Mapping[str, str], images: Path | None = None) -> Found:
    """What a CSV file says of its pictures. No picture is opened.

    Args:
        path: the file; what it may hold is said in `feab.data.headers` and `feab.data.csvfile`.
        told: columns of feab's -> names in the file, where those differ.
        images: the folder that the paths in the file start from; by default the file's own.

    Raises:
        FeabError: naming file, row and column of the first cell that cannot be read, or every unknown expression.
    """
    root = path.parent if images is None else images
    with open_csv(path) as file:
        header = read_header(path, file.header, told)
        if not (header.coded or header.bare or header.votes or {"expression", *AFFECT} & set(header.plain)):
            raise FeabError(
                f"{path}: holds no labels: none of its columns is expression, valence, arousal or an AU such as au12; "
                "say which is which: --column expression=NAME"
            )
        reader = _Reader(path, header, root, comma=file.separator != ",")
        for number, cells in file.rows:
            reader.add(number, cells)
    return reader.finish()


class _Reader:
    """Rows in, a table out."""

    def __init__(self, path: Path, header: Header, root: Path, *, comma: bool) -> None:
        self._path, self._header, self._root, self._comma = path, header, root, comma
        self._roots = (root.absolute().as_posix(), root.resolve().as_posix())
        self._floats = {name: header.plain[name] for name in AFFECT if name in header.plain} | dict(header.votes)
        self._aus = {**header.coded, **{f"au{au:02d}": place for au, place in header.bare.items()}}
        self._words = {name: header.plain[name] for name in WORDS if name in header.plain}
        self._unknown = UnknownLabels()
        self._numbers: dict[str, float] = {}
        self._parts: list[pa.Table] = []
        self._clear()

    def _clear(self) -> None:
        names = ("id", "path", "row", *self._words, *self._floats, *self._aus)
        self._batch: dict[str, list[Any]] = {name: [] for name in names}

    def add(self, number: int, cells: Sequence[str]) -> None:
        """Take in one row."""
        batch = self._batch
        picture = self._inside(number, cells[self._header.plain["image"]])
        given = cells[self._header.plain["id"]].strip() if "id" in self._header.plain else safe_id(picture)
        if not given:
            raise FeabError(f"{self._path}: row {number}: the id is empty")
        batch["id"].append(given)
        batch["path"].append(picture)
        batch["row"].append(number)
        for name, place in self._words.items():
            batch[name].append(self._word(number, name, cells[place].strip()))
        for name, place in self._floats.items():
            batch[name].append(self._value(number, name, cells[place]))
        for name, place in self._aus.items():
            value = self._value(number, name, cells[place])
            if value in _NOT_CODED:
                raise FeabError(
                    f"{self._path}: row {number}: column {name!r}: {value:g} is no intensity; leave the cell empty "
                    "where an AU was not coded"
                )
            batch[name].append(value)
        if len(batch["id"]) == _BATCH:
            self._flush()

    def _inside(self, number: int, cell: str) -> str:
        """The picture's path from the root, with / between its parts."""
        text = cell.strip().replace("\\", "/")
        where = f"{self._path}: row {number}: image {cell.strip()!r:.200}"
        if not text:
            raise FeabError(f"{self._path}: row {number}: the image is empty")
        if "://" in text:
            raise FeabError(f"{where}: feab downloads nothing; give the path of a file")
        path = PurePosixPath(text)
        if path.is_absolute():
            root = next((root for root in self._roots if path.is_relative_to(root)), None)
            path = path if root is None else path.relative_to(root)
        relative = path.as_posix()
        if path.is_absolute() or ".." in path.parts or "\x00" in text or len(text) > _MAX_PATH or relative == ".":
            raise FeabError(f"{where}: must lie inside {self._root}; --images DIR says where paths start from")
        return relative

    def _word(self, number: int, name: str, text: str) -> str | None:
        if not text:
            return None
        if name == "expression":
            return self._unknown.label(text, number)
        if len(text) > MAX_WORD:
            raise FeabError(f"{self._path}: row {number}: column {name!r}: longer than {MAX_WORD} characters")
        return text.lower() if name.startswith("perceived_") else text

    def _value(self, number: int, name: str, cell: str) -> float | None:
        text = cell.strip()
        if not text:
            return None
        value = self._numbers.get(text)
        if value is None:
            written = text.replace(",", ".") if self._comma else text
            value = float(written) if _NUMBER.fullmatch(written) else math.nan
            if not math.isfinite(value):
                raise FeabError(
                    f"{self._path}: row {number}: column {name!r}: {text!r:.80} is no number; an empty cell says that "
                    "there is no label"
                )
            if len(self._numbers) < _KEPT_NUMBERS:
                self._numbers[text] = value
        return value

    def _flush(self) -> None:
        import pyarrow as pa

        def kind(name: str) -> pa.DataType:
            if name in self._floats or name in self._aus:
                return pa.float32()
            return pa.int32() if name == "row" else pa.string()

        self._parts.append(pa.table({name: pa.array(given, kind(name)) for name, given in self._batch.items()}))
        self._clear()

    def finish(self) -> Found:
        """Everything that was read."""
        import pyarrow as pa

        self._flush()
        table = pa.concat_tables(self._parts)
        if not len(table):
            raise FeabError(f"{self._path}: holds no row but its header")
        self._unknown.refuse(f"{self._path}: column {_name(self._header, 'expression')}")
        rows = table.column("row").to_numpy()
        paths = table.column("path")
        labels, notes = self._named(table.drop_columns(["row", "path"]), rows)
        labels, voted, more = gather_votes(labels, self._path, rows)
        notes += more
        if self._header.unused:
            shown = ", ".join(f"{name:.40}" for name in self._header.unused[:20])
            notes.append(f"columns not used: {shown}" + (", ..." if len(self._header.unused) > 20 else ""))
        return Found(self._path, self._root, labels, paths, rows, tuple(notes), "a CSV file of labels", voted)

    def _named(self, table: pa.Table, rows: Any) -> tuple[pa.Table, list[str]]:
        """The table with AU columns named for what they hold, without empty columns; and how they were understood."""
        import pyarrow.compute as pc

        notes: list[str] = []
        bare = [f"au{au:02d}" for au in sorted(self._header.bare)]
        coded = [name for name in bare if table.column(name).null_count < len(table)]
        if coded:
            graded = max(pc.max(table.column(name)).as_py() for name in coded) > 1
            what: Literal["presence", "intensity"] = "intensity" if graded else "presence"
            if not graded:
                self._whole(table, coded, rows)
            notes.append(
                "AU columns hold values above 1: read as intensities, 0 to 5"
                if graded
                else "AU columns hold 0 and 1 only: read as absent and present"
            )
            names = {name: au_column(int(name[2:]), what) for name in coded}
            both = [name for name in names.values() if name in table.column_names]
            if both:
                raise FeabError(f"{self._path}: columns {both[0][:4]!r} and {both[0]!r} both hold AU {au_of(both[0])}")
            table = table.rename_columns([names.get(name, name) for name in table.column_names])
        full = [name for name in table.column_names if name == "id" or table.column(name).null_count < len(table)]
        return table.select([name for name in full if name not in bare]), notes

    def _whole(self, table: pa.Table, names: Sequence[str], rows: Any) -> None:
        """Whether values that are at most 1 are all 0 or 1."""
        import numpy as np

        for name in names:
            values = table.column(name).to_numpy()
            wrong = np.flatnonzero((values != 0) & (values != 1) & ~np.isnan(values))
            if len(wrong):
                raise FeabError(
                    f"{self._path}: row {rows[wrong[0]]}: column {name!r}: {values[wrong[0]]:g} is neither 0 nor 1, "
                    f"and no AU column has a value above 1; name it {name}_intensity if 0 to 5 is meant"
                )


def _name(header: Header, column: str) -> str:
    return f"{column!r} (column {header.plain[column] + 1})" if column in header.plain else repr(column)

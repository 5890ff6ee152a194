"""Reading a FEID folder: a sequence of records whose pictures and texts are read when a record is asked for."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from feab.data.feid.check import check_groups, check_schema, row_faults
from feab.data.feid.columns import HEAVY, feid_schema, record_of
from feab.data.feid.info import read_feid_info
from feab.data.feid.record import FeidRecord
from feab.data.write import inside
from feab.errors import FeabError
from feab.problems import RAISE
from feab.records import Media
from feab.yamlfile import open_plain

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class _Group:
    """One row group of one file."""

    path: Path
    metadata: pq.FileMetaData
    number: int
    first: int
    """Its first row in the file."""

    def read(self) -> list[dict[str, Any]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path, metadata=self.metadata) as file:
                rows: list[dict[str, Any]] = file.read_row_group(self.number, use_threads=False).to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise FeabError(f"{self.path}: row group {self.number} cannot be read: {error}") from None
        return rows


class Feid(Sequence[FeidRecord]):
    """The records of one split, in stored order. A row group is read when one of its records is asked for, and kept.

    It holds no open file, so that it may be used by several processes; each thread needs its own.

    Attributes:
        folder: where it lies.
        info: feid.json.
        split: which split.
    """

    def __init__(self, folder: Path, split: str, rows: Sequence[int] | None = None) -> None:
        """Read the files' footers.

        Raises:
            FeabError: when a file is missing, none, or has other columns or another number of rows than feid.json says.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.folder, self.info, self.split = folder, read_feid_info(folder), split
        if split not in self.info.splits:
            raise FeabError(f"{folder}: no split {split!r}; known are {', '.join(self.info.splits) or 'none'}")
        self._groups: list[_Group] = []
        for entry in self.info.splits[split].files:
            path = inside(folder, entry.name, f"{folder}")
            try:
                with open_plain(path, links=False) as plain, pq.ParquetFile(plain) as file:
                    metadata, schema = file.metadata, file.schema_arrow
            except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
                raise FeabError(f"{path}: cannot be read as Parquet: {error}") from None
            check_groups(metadata, path)
            check_schema(schema, path, RAISE)
            if metadata.num_rows != entry.n:
                raise FeabError(f"{path}: holds {metadata.num_rows} rows, feid.json says {entry.n}")
            first = 0
            for number in range(metadata.num_row_groups):
                self._groups.append(_Group(path, metadata, number, first))
                first += metadata.row_group(number).num_rows
        self._starts = [0, *accumulate(group.metadata.row_group(group.number).num_rows for group in self._groups)]
        self._rows: Sequence[int] = range(self._starts[-1]) if rows is None else rows
        self._kept: tuple[int, list[dict[str, Any]]] = (-1, [])

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> FeidRecord: ...

    @overload
    def __getitem__(self, index: slice) -> Feid: ...

    def __getitem__(self, index: int | slice) -> FeidRecord | Feid:
        if isinstance(index, slice):
            return Feid(self.folder, self.split, self._rows[index])
        return self._record(self._rows[index])

    def __iter__(self) -> Iterator[FeidRecord]:
        for row in self._rows:
            yield self._record(row)

    def __repr__(self) -> str:
        return f"Feid({str(self.folder)!r}, split={self.split!r}, n={len(self)})"

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Columns without texts and pictures (id, sample, source, subject, task, labels, ...), a row a record.

        For weights over tasks and sources, and for holding out by person.

        Raises:
            FeabError: for a column that there is not, or that holds texts or pictures.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        light = [name for name in feid_schema().names if name not in HEAVY]
        unknown = [name for name in columns or () if name not in light]
        if unknown:
            raise FeabError(f"{self.folder}: no column {unknown[0]!r}; there are {', '.join(light)}")
        wanted = list(columns) if columns is not None else light
        paths = [self.folder / entry.name for entry in self.info.splits[self.split].files]
        parts = [pq.read_table(path, columns=wanted, use_threads=False) for path in paths]
        whole = pa.concat_tables(parts) if parts else feid_schema().empty_table().select(wanted)
        return (
            whole if isinstance(self._rows, range) and len(self._rows) == len(whole) else whole.take(list(self._rows))
        )

    def _record(self, row: int) -> FeidRecord:
        place = bisect.bisect_right(self._starts, row) - 1
        if self._kept[0] != place:
            self._kept = (place, self._groups[place].read())
        group, within = self._groups[place], row - self._starts[place]
        found = self._kept[1][within]
        where = f"{group.path}: row {group.first + within} (id {str(found['id'])[:100]!r})"
        faults = row_faults(found)
        if faults:
            raise FeabError(f"{where}: {faults[0]}")
        return record_of(found, tuple(self._media(image, where) for image in found["images"]))

    def _media(self, stored: dict[str, Any], where: str) -> Media:
        if stored["bytes"] is not None:
            return Media(data=stored["bytes"])
        return Media(path=str(inside(self.folder, stored["path"], where)))


def open_feid(folder: str | os.PathLike[str], split: str = "train") -> Feid:
    """The records of a FEID folder. Each is checked when it is read; `validate_feid` checks all of them, with pictures.

    Raises:
        FeabError: when it is no complete FEID folder, or has no such split.
    """
    return Feid(Path(folder).expanduser(), split)

"""The Parquet file of one split, read in batches of rows or by row group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from feab.data.columns import MEDIA, check_columns, column_type, typed_labels
from feab.errors import FeabError
from feab.problems import RAISE, Notes, Problem
from feab.schemas import DatasetInfo
from feab.yamlfile import open_plain

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

LABEL_ROWS = 4096
"""Rows of labels read at a time."""

_MAX_GROUP_BYTES = 512_000_000


class ParquetSplit:
    """One Parquet file, its columns checked. It holds no open file, so that threads and processes may share it.

    Attributes:
        path: the file.
        media: which of the columns `image`, `frames` and `clip` it has.
        wanted: its other columns.
        starts: the first row of each row group, and behind them the number of rows.
    """

    def __init__(self, folder: Path, split: str, info: DatasetInfo, notes: Notes = RAISE) -> None:
        """Read what the file says of itself.

        Raises:
            FeabError: naming the file and what is wrong. What `notes` takes is not raised, but what makes the rest
                unreadable is.
        """
        import pyarrow.parquet as pq

        self.path = path = folder / f"{split}.parquet"
        where = str(path)
        self._notes = notes
        try:
            with open_plain(path):  # a named pipe would never end
                file = _read(where, lambda: pq.ParquetFile(path))
        except FileNotFoundError:
            known = ", ".join(sorted(info.splits)) or "none"
            raise FeabError(f"{where}: no such file; splits in dataset.json: {known}") from None
        except OSError as error:
            raise FeabError(f"{where}: cannot be read as Parquet: {error}") from error
        self._metadata, self._schema = file.metadata, file.schema_arrow
        names = self._schema.names
        check_columns(names, info, where, notes)
        self.media = [name for name in MEDIA if name in names]
        self.wanted = [name for name in names if name not in MEDIA]
        for name in self.media:
            found = self._schema.field(name).type
            if not _is_media(name, found):
                raise FeabError(f"{where}: column {name!r} has type {found}; it must be {column_type(name)}")
        sizes = [self._metadata.row_group(i) for i in range(self._metadata.num_row_groups)]
        self.starts = [0, *accumulate(group.num_rows for group in sizes)]
        listed = info.splits[split].n
        if listed != self.starts[-1]:
            message = f"holds {self.starts[-1]} rows, dataset.json says {listed}"
            notes.note(Problem(path, message, advice="correct the one that is wrong"), f"{where}: {message}")
        for number, group in enumerate(sizes):
            if group.total_byte_size > _MAX_GROUP_BYTES:
                raise FeabError(
                    f"{where}: row group {number} is {group.total_byte_size} bytes; write it in smaller row groups"
                )

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns but the images, every label typed; an empty table first, which has their types.

        In batches and one thread: reading all at once leaves the allocator with eight times what the labels need.

        Raises:
            FeabError: when they cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        where = str(self.path)
        empty = pa.schema([self._schema.field(name) for name in columns]).empty_table()
        yield typed_labels(empty, where, self._notes)
        file = _read(where, lambda: pq.ParquetFile(self.path, metadata=self._metadata))
        with file:
            rows = file.iter_batches(LABEL_ROWS, columns=list(columns), use_threads=False)
            while (batch := _read(where, lambda: next(rows, None))) is not None:
                yield typed_labels(pa.Table.from_batches([batch]), where, self._notes)

    def group(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of one row group.

        Raises:
            FeabError: when it cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path, metadata=self._metadata) as file:
                return file.read_row_group(number, columns=list(columns), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise FeabError(f"{self.path}: row group {number} cannot be read: {error}") from error


def _read(where: str, read: Callable[[], T]) -> T:
    """What a reader of Arrow's gives.

    Raises:
        FileNotFoundError: when there is no such file.
        FeabError: when it is no Parquet file.
    """
    import pyarrow as pa

    try:
        return read()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise FeabError(f"{where}: cannot be read as Parquet: {error}") from error


def _is_media(name: str, found: Any) -> bool:
    import pyarrow as pa

    if name == "frames":
        if not (pa.types.is_list(found) or pa.types.is_large_list(found)):
            return False
        found = found.value_type
    return bool(pa.types.is_struct(found)) and {field.name for field in found} >= {"bytes", "path"}

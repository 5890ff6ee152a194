"""Writing FEID's Parquet files: shard by shard, each face's pictures stored once a row group."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from feab.data.feid.columns import feid_schema, row_of
from feab.data.feid.info import INFO, FeidFile, FeidInfo, FeidSplit
from feab.data.feid.record import FeidRecord
from feab.data.fingerprint import Lines
from feab.data.write import write_whole
from feab.errors import FeabError
from feab.yamlfile import sha256_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq

DATA = "data"
GROUP_ROWS = 256
"""Most records of a row group, which is what a reader holds at a time."""
GROUP_BYTES = 32 * 2**20
"""A row group ends with the record that brings its pictures to this size, repeated ones counted each time."""
SHARD_BYTES = 400 * 2**20
"""A file ends with the row group that brings it to this size (our choice: what the Hub takes comfortably)."""


class FeidWriter:
    """The records of one split, as they come; the files get their names when all are there, or are removed.

    A face's pictures are the same in all of its records: where these follow each other, they are stored once.
    """

    def __init__(self, folder: Path, split: str = "train", *, shard_bytes: int = SHARD_BYTES) -> None:
        """`folder`: made where missing.

        Raises:
            FeabError: when it cannot be made.
        """
        self.folder, self.split, self.records = folder, split, 0
        self._shard_bytes = shard_bytes
        self._schema = feid_schema()
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._file: pq.ParquetWriter | None = None
        self._counts: list[int] = []
        self._ids = Lines()
        try:
            (folder / DATA).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FeabError(f"{folder}: cannot be made ({error.strerror})") from None

    def __enter__(self) -> FeidWriter:
        return self

    def add(self, records: Sequence[FeidRecord]) -> None:
        """Add records, those of one face together.

        Raises:
            FeabError: for an id that occurred before, or a picture that cannot be read; the face is named.
        """
        for record in records:
            if not self._ids.reserve(record.id):
                raise FeabError(f"{self.folder}: two records are called {record.id!r}")
            try:
                row = row_of(record)
            except OSError as error:
                raise FeabError(
                    f"{record.source}: face {record.sample!r}: its picture cannot be read ({error})"
                ) from None
            self._rows.append(row)
            self._bytes += sum(len(image["bytes"]) for image in row["images"])
            self.records += 1
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def finish(self) -> FeidSplit:
        """Put the files in their places; returns what feid.json says of them."""
        self._write_group()
        self._close_shard()
        for old in sorted((self.folder / DATA).glob(f"{self.split}-*-of-*.parquet")):
            old.unlink()
        files = []
        for number, count in enumerate(self._counts):
            name = f"{DATA}/{self.split}-{number:05d}-of-{len(self._counts):05d}.parquet"
            self._temporary(number).replace(self.folder / name)
            with (self.folder / name).open("rb") as file:
                files.append(FeidFile(name=name, n=count, sha256=sha256_of(file)))
        return FeidSplit(files=files)

    def _write_group(self) -> None:
        import pyarrow as pa

        if not self._rows:
            return
        if self._file is None:
            self._counts.append(0)
            self._file = self._open(len(self._counts) - 1)
        self._file.write_table(pa.Table.from_pylist(self._rows, schema=self._schema), row_group_size=len(self._rows))
        self._counts[-1] += len(self._rows)
        self._rows, self._bytes = [], 0
        if self._temporary(len(self._counts) - 1).stat().st_size >= self._shard_bytes:
            self._close_shard()

    def _open(self, number: int) -> pq.ParquetWriter:
        import pyarrow.parquet as pq

        # A dictionary stores each picture of a row group once; past the limit it would give that up for the rest.
        return pq.ParquetWriter(
            self._temporary(number),
            self._schema,
            compression="zstd",
            write_statistics=False,
            use_dictionary=True,
            dictionary_pagesize_limit=GROUP_BYTES,
        )

    def _temporary(self, number: int) -> Path:
        return self.folder / DATA / f".{self.split}-{number:05d}.{os.getpid()}"

    def _close_shard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_shard()
        self._ids.close()
        for number in range(len(self._counts)):
            self._temporary(number).unlink(missing_ok=True)


def write_feid_info(folder: Path, info: FeidInfo) -> None:
    """Write feid.json, whole or not at all: with it the folder is complete."""
    write_whole(folder / INFO, info.model_dump_json(indent=2) + "\n")

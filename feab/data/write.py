"""Writing a dataset folder: `<split>.parquet` in small row groups, and dataset.json with its fingerprint."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from feab.data import fingerprint as fp
from feab.data.columns import MEDIA, check_labels, file_schema
from feab.data.rows import all_media, groups, guess_extra, to_table
from feab.errors import FeabError
from feab.jsonfile import validated
from feab.schemas import DatasetInfo, SplitInfo
from feab.yamlfile import read_bytes

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 256
"""Most rows of a row group, which is what a reader holds at a time."""

CLIPS = MEDIA[1:]
"""The columns that only clips have."""

_MAX_INFO_BYTES = 1_000_000
_PEEK = 128


def read_info(folder: Path) -> DatasetInfo:
    """dataset.json of a folder, validated.

    Raises:
        FeabError: when it is missing, too large, no JSON, of a newer schema, or wrong in a field (which is named).
    """
    path = folder / "dataset.json"
    if not path.exists():
        raise FeabError(f"{path}: no such file, so {folder} is no dataset folder")
    return validated(DatasetInfo, read_bytes(path, _MAX_INFO_BYTES), path)


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write dataset.json, whole or not at all."""
    write_whole(folder / "dataset.json", info.model_dump_json(indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_split(
    folder: str | os.PathLike[str],
    split: str,
    rows: Iterable[Mapping[str, Any]],
    info: DatasetInfo,
    *,
    pinned: bool = True,
    extra: Mapping[str, str] | None = None,
    row_group: int = ROW_GROUP,
) -> DatasetInfo:
    """Write one split and enter it into the folder's dataset.json; returns that file's new content.

    A row maps column names to values: `id` and `image` (encoded bytes, a `Media`, or {bytes, path} with a path
    relative to the folder) must be there, or for a clip `frames` (a list of such) or `clip` (a video file, likewise);
    missing, None and NaN mean "not labelled". The same rows give the same
    file, byte for byte (with one pyarrow version). Rows are pulled one row group at a time and the file appears only
    when it is complete.

    Args:
        folder: made where missing. Other splits in its dataset.json stay.
        split: name of the split.
        rows: the samples, in the order they are to be stored.
        info: what dataset.json is to say; its `labels` and `aus` decide the columns. Its `splits` are ignored.
        pinned: False for splits rendered on this machine.
        extra: types ("text", "integer", "float", "flag") of columns that are not standard; by default read off the
            first rows.
        row_group: most rows per row group; a group with large images ends earlier.

    Raises:
        FeabError: naming row and column, when a value is of the wrong type or outside its range, an id occurs
            twice, or an image is missing or outside the folder.
    """
    if row_group < 1:
        raise FeabError(f"row_group must be at least 1, got {row_group}")
    target = Path(folder)
    stream = iter(rows)
    peeked = list(itertools.islice(stream, _PEEK))
    types = dict(extra) if extra is not None else guess_extra(peeked)
    clips = [name for name in CLIPS if any(row.get(name) is not None for row in peeked)]
    with SplitWriter(target, split, info, types, clips=clips) as writer:
        for chunk in groups(itertools.chain(peeked, stream), row_group):
            first = writer.rows
            table = writer.typed(chunk)
            for number, row in enumerate(table.to_pylist(), first):
                where = f"{writer.path}: row {number} (id {row['id']!r})"
                if not writer.lines.reserve(row["id"]):
                    raise FeabError(f"{where}: this id occurs already")
                writer.lines.put(row["id"], _line(row, target, where))
            writer.add(table)
        return writer.finish(pinned=pinned)


class SplitWriter:
    """A split that is being written, row group by row group; its file appears when it is finished, or not at all.

    Attributes:
        path: the file it becomes.
        rows: how many have been added.
        lines: what the rows add to the fingerprint; every row that is added must be put in here too.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        info: DatasetInfo,
        extra: Mapping[str, str],
        *,
        clips: Collection[str] = (),
    ) -> None:
        """`info`, `extra`: as `write_split` takes them; `clips`: which of the columns `frames` and `clip` rows have.

        Raises:
            FeabError: for a split or column that cannot be called so.
        """
        import pyarrow.parquet as pq

        if not (split.isascii() and split.isidentifier() and len(split) <= 64):  # as feab.schemas.SplitName
            raise FeabError(f"split {split!r}: use letters, digits and _, at most 64")
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.rows, self.lines = folder / f"{split}.parquet", 0, fp.Lines()
        self._split, self._info = split, info
        self._schema = file_schema(info, extra, clips=clips)
        self._temporary = folder / f".{split}.parquet.{os.getpid()}"
        # Statistics and dictionaries cost bytes in every small row group and nobody searches by them.
        self._file = pq.ParquetWriter(
            self._temporary,
            self._schema,
            compression="zstd",
            write_statistics=False,
            use_dictionary=False,
            store_schema=False,
        )

    def __enter__(self) -> SplitWriter:
        return self

    def typed(self, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """The rows as a table, every label checked.

        Raises:
            FeabError: naming row and column, when a value is of the wrong type or outside its range.
        """
        table = to_table(rows, self._schema, str(self.path), self.rows)
        labels = table.drop_columns([name for name in MEDIA if name in self._schema.names])
        check_labels(labels, self._info, str(self.path), self.rows)
        return table

    def add(self, table: pa.Table) -> None:
        """Write one row group, as `typed` gave it."""
        self._file.write_table(table, row_group_size=max(len(table), 1))
        self.rows += len(table)

    def finish(self, *, pinned: bool) -> DatasetInfo:
        """Put the file in its place, and enter it into the folder's dataset.json; returns that file's new content."""
        self._file.close()
        entry = SplitInfo(n=self.rows, fingerprint=self.lines.fingerprint(), pinned=pinned)
        self._temporary.replace(self.path)
        folder = self.path.parent
        before = read_info(folder).splits if (folder / "dataset.json").exists() else {}
        updated = self._info.model_copy(update={"splits": {**before, self._split: entry}})
        write_info(folder, updated)
        return updated

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.lines.close()
        self._temporary.unlink(missing_ok=True)


def inside(folder: Path, relative: str, where: str) -> Path:
    """The file at a relative path inside the dataset folder.

    Raises:
        FeabError: when the path is absolute or leads out of the folder (through .. or a link).
    """
    given = Path(relative)
    root = folder.resolve()
    found = root if "\x00" in relative else (root / given).resolve()  # which refuses a NUL in words of its own
    if given.is_absolute() or not relative or "\x00" in relative or not found.is_relative_to(root):
        raise FeabError(f"{where}: image path {relative!r} must be relative and stay inside {folder}")
    return found


def _line(row: Mapping[str, Any], folder: Path, where: str) -> bytes:
    def read(path: str) -> bytes:
        try:
            return inside(folder, path, where).read_bytes()
        except OSError as error:
            raise FeabError(f"{where}: image {path!r} cannot be read: {error}") from error

    for image in stored_media(row, where):
        if image["bytes"] is None and image["path"] is None:
            raise FeabError(f"{where}: an image has neither bytes nor a path")
    return fp.canonical_line(row, read)


def stored_media(row: Mapping[str, Any], where: str) -> list[Any]:
    """All pictures and videos of a row as they are stored, those that are null left out.

    Raises:
        FeabError: when there are none.
    """
    found = all_media(row)
    if not found:
        raise FeabError(f"{where}: column 'image' is null")
    return found

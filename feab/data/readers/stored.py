"""Parquet and Arrow files as Hugging Face's `datasets` writes them: labels, names of classes, and the pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.data.columns import image_type
from feab.data.csvfile import MAX_COLUMNS, MAX_ROWS
from feab.data.headers import read_header
from feab.data.jsonlines import as_cell
from feab.data.labelrows import LabelRows, Taking
from feab.data.rows import GROUP_BYTES
from feab.errors import FeabError
from feab.jsonfile import load_json
from feab.yamlfile import open_plain

if TYPE_CHECKING:
    import pyarrow as pa

STORED_ENDINGS = (".parquet", ".arrow")
_LABEL_ROWS = 4096
_PICTURE_ROWS = 32
"""Rows that are read at a time, without their pictures and with them; fewer where pictures are large."""
_BUFFER = 2**20
_MAX_SCHEMA = 4 * 2**20
"""Largest description of a file's columns, in bytes."""
_NOBODY_SAID = -1
"""How `datasets` marks a row of a column of classes that has none."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Files of one split, in order, with the same columns."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    """Column of whole numbers -> the names of the classes they stand for, as the file itself gives them."""
    kinds: Mapping[str, pa.DataType]

    def holds_pictures(self, column: str) -> bool:
        """Whether a column holds encoded pictures, rather than paths of files."""
        import pyarrow as pa

        kind = self.kinds[column]
        return bool(pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def open_stored(files: Sequence[Path]) -> Stored:
    """What the columns of some files are.

    Raises:
        FeabError: naming the file that cannot be read, or has other columns than the first.
    """
    found: Stored | None = None
    for path in files:
        with _opened(path) as file:
            schema = file.schema
            if len(schema.names) > MAX_COLUMNS or len(set(schema.names)) < len(schema.names):
                raise FeabError(f"{path}: has more than {MAX_COLUMNS:,} columns, or two of one name")
            one = Stored(tuple(files), tuple(schema.names), class_names(schema, path), {f.name: f.type for f in schema})
        if found is not None and (one.names, dict(one.classes)) != (found.names, dict(found.classes)):
            raise FeabError(f"{path}: has other columns, or other names of classes, than {files[0].name}")
        found = found or one
    if found is None:
        raise FeabError("there are no files to read")
    return found


def class_names(schema: pa.Schema, path: Path) -> dict[str, tuple[str, ...]]:
    """Columns of classes -> their names in order, from what `datasets` writes into a file beside its columns.

    Raises:
        FeabError: when that is there and cannot be read.
    """
    said = (schema.metadata or {}).get(b"huggingface")
    if said is None:
        return {}
    if len(said) > _MAX_SCHEMA:
        raise FeabError(f"{path}: describes its columns in more than {_MAX_SCHEMA // 2**20} MiB")
    described = load_json(said.decode("utf-8", "replace"), f"{path}: its description of columns")
    found = {}
    try:
        for name, feature in described["info"]["features"].items():
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and name in schema.names:
                found[name] = tuple(str(word) for word in feature["names"])
    except (KeyError, TypeError, AttributeError):
        raise FeabError(f"{path}: its description of columns is none that `datasets` writes") from None
    return found


def stored_rows(
    stored: Stored, told: Mapping[str, str], root: Path, taking: Taking, split: str
) -> tuple[LabelRows, list[int], str | None]:
    """The rows of some files without their pictures, numbered from 1 through all files.

    Classes are named by the words that the file gives for its numbers; numbers without words are refused, as copies
    of one dataset order their classes differently.

    Args:
        stored: the files.
        told: columns of feab's -> names in the files, where those differ.
        root: the folder that paths of pictures start from, where the files hold paths.
        taking: what becomes of rows that cannot be used.
        split: what ids begin with where the files hold the pictures and no ids.

    Returns:
        The rows; how many there are before each file; the column of pictures, None where the files hold paths.

    Raises:
        FeabError: when a file cannot be read, or its classes have no names.
    """
    import pyarrow as pa

    first = stored.files[0]
    header = read_header(first, stored.names, told)
    if "expression" in header.plain:
        column = stored.names[header.plain["expression"]]
        if pa.types.is_integer(stored.kinds[column]) and column not in stored.classes:
            raise FeabError(
                f"{first}: column {column!r} holds numbers, and the file gives no names of their classes; feab reads "
                "classes by name, as copies of one dataset order them differently: write the names into a column"
            )

    def called(number: int) -> str:
        return f"{split}-{number:07d}"

    image = header.plain["image"]
    held = stored.names[image] if stored.holds_pictures(stored.names[image]) else None
    rows = LabelRows(first, header, root, taking=taking, called=None if held is None else called)
    meant = {*header.plain.values(), *header.coded.values(), *header.bare.values(), *header.votes.values()}
    wanted = {place: stored.names[place] for place in sorted(meant) if stored.names[place] != held}
    everywhere = range(len(stored.names))
    number, starts = 0, []
    for path in stored.files:
        starts.append(number)
        for batch in _batches(path, list(wanted.values()), _LABEL_ROWS):
            columns = {place: _cells(batch.column(name), stored.classes.get(name)) for place, name in wanted.items()}
            for at in range(len(batch)):
                number += 1
                if number > MAX_ROWS:
                    raise FeabError(f"{path}: with the files before it, there are more than {MAX_ROWS:,} rows")
                rows.add(number, [columns[place][at] if place in columns else "" for place in everywhere])
    return rows, starts, held


def _cells(column: pa.Array, classes: tuple[str, ...] | None) -> list[str]:
    values = column.to_pylist()
    if classes is None:
        return [as_cell(value) for value in values]
    return [_named(value, classes) for value in values]


def _named(value: int | None, classes: tuple[str, ...]) -> str:
    if value is None or value == _NOBODY_SAID:
        return ""
    return classes[value] if 0 <= value < len(classes) else f"class {value} of {len(classes)}"


def stored_pictures(stored: Stored, column: str) -> Iterator[bytes | str | None]:
    """The pictures of some files row by row: encoded, or the path of a file where there are no bytes."""
    for path in stored.files:
        for batch in picture_batches(path, column):
            for value in batch.column(column).to_pylist():
                if isinstance(value, dict):
                    yield value.get("bytes") or value.get("path")
                else:
                    yield value


def picture_batches(path: Path, column: str) -> Iterator[pa.RecordBatch]:
    """A column of pictures in batches of at most 32 rows, and of about 4 MB where pictures are larger than that allows.

    Whoever wrote a file decides what must be in memory beside these: of Parquet a page (pyarrow puts up to 1,024 rows
    into one, `datasets` 100), of Arrow a batch as it was stored (`datasets`: 1,000 rows). More rows do not take more.
    """
    with _opened(path) as file:
        mean = path.stat().st_size / max(file.rows or 0, 1)
        for batch in file.read([column], max(1, min(_PICTURE_ROWS, int(GROUP_BYTES / max(mean, 1))))):
            each = max(1, min(_PICTURE_ROWS, int(GROUP_BYTES * len(batch) / max(batch.nbytes, 1))))
            for start in range(0, len(batch), each):
                yield batch.slice(start, each)


def stored_words(stored: Stored, column: str) -> Iterator[tuple[Path, int, str]]:
    """The cells of a column of text: the file, the row's number in it from 1, and the cell, "" for null."""
    for path in stored.files:
        number = 0
        for batch in _batches(path, [column], _LABEL_ROWS):
            for value in batch.column(column).to_pylist():
                number += 1
                yield path, number, as_cell(value)


def as_stored(pictures: str, columns: Mapping[str, Sequence[Any]], classes: Mapping[str, Sequence[str]]) -> bytes:
    """A Parquet file as `datasets` writes it.

    Args:
        pictures: the column that holds pictures: {bytes, path} in each row, or None.
        columns: all columns.
        classes: names of the classes that columns of numbers stand for.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    features: dict[str, Any] = {pictures: {"_type": "Image"}}
    features |= {name: {"names": list(words), "_type": "ClassLabel"} for name, words in classes.items()}
    arrays = {name: pa.array(values, image_type() if name == pictures else None) for name, values in columns.items()}
    table = pa.table(arrays).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _batches(path: Path, columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
    with _opened(path) as file:
        yield from file.read(list(columns), size)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that is open."""

    schema: pa.Schema
    rows: int | None
    """How many it holds; None where only reading it tells."""
    read: Callable[[list[str], int], Iterator[pa.RecordBatch]]
    """From columns and a number of rows to batches; those of an Arrow file are as they were stored."""


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """A file, opened. Arrow reads it itself: through a file of Python's every page would be in memory twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_plain(path):  # a named pipe would never end
            pass
        if path.suffix.lower() == ".parquet":
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
                yield _Opened(
                    file.schema_arrow,
                    file.metadata.num_rows,
                    lambda names, size: file.iter_batches(size, columns=names, use_threads=False),
                )
        else:
            with pa.OSFile(str(path)) as raw, pa.ipc.open_stream(raw) as reader:
                yield _Opened(reader.schema, None, lambda names, size: (batch.select(names) for batch in reader))
    except (pa.ArrowException, OSError) as error:
        raise FeabError(f"{path}: cannot be read as {path.suffix[1:]}: {str(error)[:300]}") from None

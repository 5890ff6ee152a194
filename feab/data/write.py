"""Writing a dataset folder: `<split>.parquet` in small row groups, and dataset.json with its fingerprint."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.data import fingerprint as fp
from feab.data.columns import MEDIA, check_labels, file_schema, is_extra
from feab.errors import FeabError
from feab.jsonfile import validated
from feab.records import Media
from feab.schemas import DatasetInfo, SplitInfo
from feab.yamlfile import read_bytes

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 256
"""Most rows of a row group, which is what a reader holds at a time."""

GROUP_BYTES = 4_000_000
"""A row group ends with the row that brings its images to this size. Smaller groups cost more in bookkeeping (for
every column of every group) than they save in images: 17,280 faces in groups of 64 took 38 MB more, in these 11."""

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
    temporary = folder / f".dataset.json.{os.getpid()}"
    temporary.write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / "dataset.json")


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
    import pyarrow.parquet as pq

    target = Path(folder)
    if not (split.isascii() and split.isidentifier() and len(split) <= 64):  # as feab.schemas.SplitName
        raise FeabError(f"split {split!r}: use letters, digits and _, at most 64")
    if row_group < 1:
        raise FeabError(f"row_group must be at least 1, got {row_group}")
    target.mkdir(parents=True, exist_ok=True)
    stream = iter(rows)
    peeked = list(itertools.islice(stream, _PEEK))
    types = dict(extra) if extra is not None else _guess_extra(peeked)
    schema = file_schema(
        info, types, clips=[name for name in CLIPS if any(row.get(name) is not None for row in peeked)]
    )
    path = target / f"{split}.parquet"
    temporary = target / f".{split}.parquet.{os.getpid()}"
    lines: dict[str, bytes] = {}
    try:
        # Statistics and dictionaries cost bytes in every small row group and nobody searches by them.
        with pq.ParquetWriter(
            temporary, schema, compression="zstd", write_statistics=False, use_dictionary=False, store_schema=False
        ) as writer:
            for chunk in _groups(itertools.chain(peeked, stream), row_group):
                table = _to_table(chunk, schema, str(path), len(lines))
                check_labels(table.drop_columns(_media(schema)), info, str(path), len(lines))
                for row in table.to_pylist():
                    where = f"{path}: row {len(lines)} (id {row['id']!r})"
                    if row["id"] in lines:
                        raise FeabError(f"{where}: this id occurs already")
                    lines[row["id"]] = _line(row, target, where)
                writer.write_table(table, row_group_size=row_group)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    entry = SplitInfo(n=len(lines), fingerprint=fp.combine(lines.items()), pinned=pinned)
    before = read_info(target).splits if (target / "dataset.json").exists() else {}
    updated = info.model_copy(update={"splits": {**before, split: entry}})
    write_info(target, updated)
    return updated


def inside(folder: Path, relative: str, where: str) -> Path:
    """The file at a relative path inside the dataset folder.

    Raises:
        FeabError: when the path is absolute or leads out of the folder (through .. or a link).
    """
    given = Path(relative)
    root = folder.resolve()
    found = (root / given).resolve()
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
    found = _all_media(row)
    if not found:
        raise FeabError(f"{where}: column 'image' is null")
    return found


def _all_media(row: Mapping[str, Any]) -> list[Any]:
    every = (row.get("image"), *(row.get("frames") or ()), row.get("clip"))
    return [one for one in every if one is not None]


def _groups(rows: Iterable[Mapping[str, Any]], most: int) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(_bytes(image) for image in _all_media(row))
        if len(group) == most or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _bytes(image: Any) -> int:
    stored = _image(image)
    data = stored.get("bytes") if isinstance(stored, Mapping) else None
    return len(data) if isinstance(data, bytes) else 0


def _media(schema: pa.Schema) -> list[str]:
    return [name for name in MEDIA if name in schema.names]


def _guess_extra(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    types: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            if not is_extra(name) or (types.get(name) and value is None):
                continue
            types[name] = _wider(types.get(name, ""), value)
    return {name: kind or "text" for name, kind in types.items()}


def _wider(kind: str, value: Any) -> str:
    import numpy as np

    if value is None:
        return kind
    if isinstance(value, (bool, np.bool_)):
        found = "flag"
    elif isinstance(value, (int, np.integer)):
        found = "integer"
    else:
        found = "float" if isinstance(value, (float, np.floating)) else "text"
    # A value that does not fit the first one's type is left for the conversion to complain about, with its row.
    return "float" if {kind, found} == {"integer", "float"} else kind or found


def _stored(name: str, value: Any) -> Any:
    """A value as the file holds it: NaN as null, images as {bytes, path}."""
    if name in ("image", "clip"):
        return _image(value)
    if name == "frames":
        return None if value is None else [_image(frame) for frame in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    try:
        return None if math.isnan(value) else value
    except TypeError:
        return value


def _image(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value), "path": None}
    if isinstance(value, Media):
        return {"bytes": value.data, "path": value.path}
    return value


def _to_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, where: str, first_row: int) -> pa.Table:
    import pyarrow as pa

    known = set(schema.names)
    for number, row in enumerate(rows, first_row):
        unknown = sorted(name for name in set(row) - known if row[name] is not None)
        if unknown:
            raise FeabError(
                f"{where}: row {number}: column {unknown[0]!r} is not expected; AU columns need the AU in `aus`, "
                "others a type in `extra`"
            )
        if row.get("id") is None:
            raise FeabError(f"{where}: row {number}: 'id' is missing")
    arrays = []
    for field in schema:
        values = [_stored(field.name, row.get(field.name)) for row in rows]
        try:
            arrays.append(pa.array(values, type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError):
            number = next(i for i, value in enumerate(values) if not _fits(value, field.type))
            raise FeabError(
                f"{where}: row {first_row + number} (id {rows[number]['id']!r}): column {field.name!r}: "
                f"{values[number]!r:.80} is no {field.type}"
            ) from None
    return pa.Table.from_arrays(arrays, schema=schema)


def _fits(value: Any, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        pa.array([value], type=wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, OverflowError):
        return False
    return True

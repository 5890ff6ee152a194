"""From rows as mappings to the Arrow tables that a split's file is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feab.data.columns import is_extra
from feab.errors import FeabError
from feab.records import Media

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 4_000_000
"""A row group ends with the row that brings its images to this size. Smaller groups cost more in bookkeeping (for
every column of every group) than they save in images: 17,280 faces in groups of 64 took 38 MB more, in these 11."""


def groups(rows: Iterable[Mapping[str, Any]], most: int) -> Iterator[list[Mapping[str, Any]]]:
    """The rows of one row group after another: at most `most`, fewer where images are large."""
    group: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(_bytes(image) for image in all_media(row))
        if len(group) == most or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def all_media(row: Mapping[str, Any]) -> list[Any]:
    """All pictures and videos of a row, those that are null left out."""
    every = (row.get("image"), *(row.get("frames") or ()), row.get("clip"))
    return [one for one in every if one is not None]


def _bytes(image: Any) -> int:
    stored = _image(image)
    data = stored.get("bytes") if isinstance(stored, Mapping) else None
    return len(data) if isinstance(data, bytes) else 0


def guess_extra(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Types of the columns that are not standard, read off some rows."""
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


def to_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, where: str, first_row: int) -> pa.Table:
    """Rows as a table; missing, None and NaN become null.

    Raises:
        FeabError: naming row and column of an unknown column, a missing id or a value of another type.
    """
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
        given = [row.get(field.name) for row in rows]
        if all(value is None for value in given):  # most columns of most datasets
            arrays.append(pa.nulls(len(rows), field.type))
            continue
        values = [_stored(field.name, value) for value in given]
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

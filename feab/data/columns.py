"""The flat columns of a dataset's Parquet file: their names, types, ranges, and the checks on them.

Null means "not labelled" (for AUs: "not coded"), never absence; a NaN is read and written as null. Every column that
is not named here is an extra: it is kept, typed as text, whole number, float32 or true/false, and never shown to a
model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from feab.errors import FeabError
from feab.problems import RAISE, Notes, Problem
from feab.schemas import DatasetInfo
from feab.vocabulary import AGE_GROUPS

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = ("subject", "source", "expression")
AFFECT = ("valence", "arousal")
ATTRIBUTES = ("age_group", "perceived_gender", "perceived_race", "ancestry_preset", "attributes_source")
MEDIA = ("image", "frames", "clip")
"""A picture; the pictures of a clip in order; the video file of a clip. A row has at least one of them."""
LISTS = ("face", "votes")
STANDARD = ("id", *MEDIA, *TEXT, *AFFECT, *LISTS, *ATTRIBUTES)

_AU = re.compile(r"au(\d\d)_(presence|intensity)")
_EXTRA = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ID = r"^[^\x00-\x1f\x7f<>]{1,200}$"  # what a prediction's `sample` may be (feab.schemas.Name)


def au_column(au: int, what: Literal["presence", "intensity"]) -> str:
    """The name of one AU's column, such as "au01_presence"."""
    return f"au{au:02d}_{what}"


def au_of(column: str) -> int | None:
    """The AU a column codes, None where it is no AU column."""
    match = _AU.fullmatch(column)
    return int(match[1]) if match else None


def is_float(column: str) -> bool:
    """Whether a standard column holds float32 (or lists of it)."""
    return column in AFFECT or column in LISTS or au_of(column) is not None


def is_extra(column: str) -> bool:
    """Whether a column is the dataset's own rather than one of the standard ones."""
    return column not in STANDARD and au_of(column) is None


def image_type() -> pa.DataType:
    """struct{bytes, path}, as Hugging Face's `Image(decode=False)` and `Video(decode=False)` have it."""
    import pyarrow as pa

    return pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def column_type(name: str) -> pa.DataType | None:
    """The Arrow type of a standard or AU column, None for an extra."""
    import pyarrow as pa

    if name in ("image", "clip"):
        return image_type()
    if name == "frames":
        return pa.list_(image_type())
    if name in LISTS:
        return pa.list_(pa.float32())
    if name in AFFECT or au_of(name) is not None:
        return pa.float32()
    return pa.string() if name in STANDARD else None


def extra_type(name: str, kind: str) -> pa.DataType:
    """The Arrow type of an extra column of one kind.

    Raises:
        FeabError: when the name cannot be a column or the kind is unknown.
    """
    import pyarrow as pa

    types = {"text": pa.string(), "integer": pa.int64(), "float": pa.float32(), "flag": pa.bool_()}
    if _EXTRA.fullmatch(name) is None:
        raise FeabError(f"extra column {name!r}: names are lower case letters, digits and _, starting with a letter")
    if kind not in types:
        raise FeabError(f"extra column {name!r}: unknown type {kind!r}; known are {', '.join(types)}")
    return types[kind]


def file_schema(info: DatasetInfo, extra: Mapping[str, str], *, clips: Collection[str] = ()) -> pa.Schema:
    """The schema of a split as feab writes it: columns in one fixed order, so that files compare byte by byte.

    `clips`: which of the columns `frames` and `clip` it has.
    """
    import pyarrow as pa

    aus = [au_column(au, what) for au in sorted(info.aus) for what in ("presence", "intensity")]
    media = ("image", *(name for name in MEDIA if name in clips))
    names = ("id", *media, "face", *TEXT, "votes", *AFFECT, *aus, *ATTRIBUTES)
    fields = [pa.field(name, column_type(name), nullable=name != "id") for name in names]
    fields += [pa.field(name, extra_type(name, extra[name])) for name in sorted(extra)]
    return pa.schema(fields)


def typed_labels(table: pa.Table, where: str, notes: Notes = RAISE) -> pa.Table:
    """The table with every label column cast to its own type, and NaN replaced by null.

    Raises:
        FeabError: naming file and column, when a column is of another type or an extra has none we keep; unless
            `notes` takes it, and the table goes without that column.
    """
    import pyarrow as pa

    nothing: dict[pa.DataType, pa.Array] = {}  # most sets label few of the columns: the empty ones share their nulls
    columns = {
        name: notes.attempt(_typed, None, name, table.column(name), where, nothing) for name in table.column_names
    }
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _typed(name: str, column: pa.ChunkedArray, where: str, nothing: dict[pa.DataType, pa.Array]) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = column_type(name) or _kept_type(name, column.type, where)
    if column.null_count == len(column):
        return nothing.setdefault(wanted, pa.nulls(len(column), wanted))
    if not column.type.equals(wanted):
        try:
            column = column.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            raise FeabError(f"{where}: column {name!r} has type {column.type}; it must be {wanted}") from None
    if pa.types.is_floating(wanted):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, wanted), column)
    return column


def _kept_type(name: str, given: pa.DataType, where: str) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_dictionary(given):
        given = given.value_type
    if _EXTRA.fullmatch(name):
        for holds, kind in (
            (pa.types.is_boolean, "flag"),
            (pa.types.is_integer, "integer"),
            (pa.types.is_floating, "float"),
            (pa.types.is_string, "text"),
            (pa.types.is_large_string, "text"),
            (pa.types.is_null, "text"),
        ):
            if holds(given):
                return extra_type(name, kind)
    raise FeabError(
        f"{where}: extra column {name!r} of type {given}: extras have lower-case names and hold text, whole numbers, "
        "floats or true/false"
    )


def check_columns(names: Iterable[str], info: DatasetInfo, where: str, notes: Notes = RAISE) -> None:
    """Whether the columns fit what dataset.json says.

    Raises:
        FeabError: naming the missing or unexpected column; unless `notes` takes it.
    """

    def note(message: str, column: str, advice: str) -> None:
        notes.note(Problem(Path(where), message, where=column, advice=advice), f"{where}: {message}")

    have = set(names)
    if "id" not in have:
        note("column 'id' is missing", "id", "add a text column of unique names")
    if not have & set(MEDIA):
        note("column 'image' is missing (struct of bytes and path)", "image", "add it")
    if info.labels and not have & {"expression", "votes"}:
        note("dataset.json lists labels, but column 'expression' is missing", "expression", "add it, or empty `labels`")
    coded = {au for name in have if (au := au_of(name)) is not None}
    for au in info.aus:
        if au not in coded:
            name = au_column(au, "presence")
            note(f"dataset.json lists AU {au}, but column {name!r} is missing", name, "add it, or correct `aus`")
    for au in sorted(coded - set(info.aus)):
        name = next(name for name in sorted(have) if au_of(name) == au)
        note(f"AU {au} has a column but is not among the `aus` of dataset.json", name, "add it there")


def check_labels(
    table: pa.Table,
    info: DatasetInfo,
    where: str,
    first_row: int = 0,
    numbers: Sequence[int] | None = None,
    notes: Notes = RAISE,
) -> None:
    """Whether every value of a typed label table is within its range.

    Rows are named by `numbers`, else by their place, counted from `first_row`.

    Raises:
        FeabError: naming file, row, id, column and value of the first wrong one; unless `notes` takes it.
    """
    import numpy as np

    ids = table.column("id")
    number = first_row.__add__ if numbers is None else numbers.__getitem__
    _check_ids(ids, where, number, notes)

    def refuse(bad: Any, name: str, rule: str) -> None:
        for row in np.flatnonzero(np.asarray(bad)).tolist():
            value = table.column(name)[row].as_py()
            place = f"row {number(row)} (id {ids[row].as_py()!r}): column {name!r}"
            advice = "correct it, or leave it empty"
            notes.note(
                Problem(Path(where), f"{value!r} {rule}", where=place, advice=advice),
                f"{where}: {place}: {value!r} {rule}",
            )

    for name in table.column_names:
        au = au_of(name)
        if name in AFFECT or au is not None:
            values = table.column(name).to_numpy()
            if name in AFFECT:
                refuse(np.abs(values) > 1, name, "is outside [-1, 1]")
            elif name.endswith("presence"):
                refuse((values != 0) & (values != 1) & ~np.isnan(values), name, "is neither 0 nor 1")
            else:
                refuse((values < 0) | (values > 5), name, "is outside [0, 5]")
        elif name == "expression":
            refuse(_not_in(table.column(name), info.labels), name, f"is not among the labels {', '.join(info.labels)}")
        elif name == "age_group":
            refuse(_not_in(table.column(name), AGE_GROUPS), name, f"is not one of {', '.join(AGE_GROUPS)}")
        elif name in ("perceived_gender", "perceived_race"):
            words = table.column(name).to_pylist()
            refuse([w is not None and w != w.lower() for w in words], name, "must be lower case")
        elif name == "votes":
            wrong = [v is not None and not _is_votes(v, len(info.labels)) for v in table.column(name).to_pylist()]
            refuse(wrong, name, f"must be {len(info.labels)} numbers from 0, one per label")
        elif name == "face":
            wrong = [v is not None and not _is_box(v) for v in table.column(name).to_pylist()]
            refuse(wrong, name, "must be x, y, width, height in pixels with positive sizes")


def _check_ids(ids: pa.ChunkedArray, where: str, number: Callable[[int], int], notes: Notes) -> None:
    import pyarrow.compute as pc

    def note(row: int, message: str) -> None:
        place = f"row {number(row)}"
        problem = Problem(Path(where), message, where=place, advice="give every sample a name of its own")
        notes.note(problem, f"{where}: {place}: {message}")

    start = 0
    for chunk in ids.chunks:  # one by one: of all at once, the answers would be as large as the ids
        fits = pc.fill_null(pc.match_substring_regex(chunk, _ID), False)
        if fits.index(False).as_py() >= 0:
            for row in (start + place for place, fit in enumerate(fits.to_pylist()) if not fit):
                rule = "must be 1 to 200 characters without <, > or control characters"
                note(row, f"id {ids[row].as_py()!r} {rule}")
        start += len(chunk)
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    seen: dict[str, int] = {}
    for row, sample in enumerate(ids.to_pylist()):
        if sample in seen:
            note(row, f"id {sample!r} occurs already in row {number(seen[sample])}")
        else:
            seen[sample] = row


def _not_in(column: pa.ChunkedArray, words: Iterable[str]) -> list[bool]:
    allowed = {None, *words}
    return [word not in allowed for word in column.to_pylist()]


def _finite(values: list[Any]) -> bool:
    return all(v is not None and abs(v) < float("inf") for v in values)


def _is_votes(values: list[Any], labels: int) -> bool:
    return len(values) == labels and _finite(values) and all(v >= 0 for v in values)


def _is_box(values: list[Any]) -> bool:
    return len(values) == 4 and _finite(values) and values[2] > 0 and values[3] > 0

"""Checking a FEID folder before anything learns from it: every row, every picture, everything that is said."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from feab.data.feid.columns import CONFIDENCES, GRAINS, LISTS, ORIGINS, feid_schema
from feab.data.feid.info import INFO, FeidFile, FeidInfo, read_feid_info
from feab.data.feid.record import FEID_TASKS, Origin
from feab.data.fingerprint import Lines
from feab.data.validate import decoded
from feab.data.write import inside
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE
from feab.problems import RAISE, Notes, Problem
from feab.vocabulary import EXPRESSIONS, FEAB_17, KINDS
from feab.yamlfile import open_plain, read_bytes, sha256_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_TEXT = 8_000
"""Characters of one message; ours have some hundred."""
MAX_TURNS, MAX_IMAGES = 40, 128
MAX_ID = 400
MAX_GROUP_ROWS, MAX_GROUP_BYTES = 10_000, 512_000_000
"""Of a row group, which is what a reader holds at a time; ours have 256 rows and some 32 MB."""

_OPTIONAL = frozenset({"subject", "expression", "valence", "arousal", *LISTS, *ORIGINS.values(), *CONFIDENCES.values()})
_BATCH = 64
_REMEMBERED = 4_096
"""Pictures whose verdict is kept: a face's records follow each other, so each is decoded once."""


def validate_feid(folder: str | os.PathLike[str], *, on_progress: Callable[[int, int], None] | None = None) -> FeidInfo:
    """Read a FEID folder completely and decode its pictures; returns its feid.json. For use before a training.

    Args:
        folder: the FEID folder.
        on_progress: called with records checked and records in all.

    Raises:
        FeabError: naming file and row of what is wrong first: an unknown column, a missing or broken picture, an empty
            answer, a label outside the vocabulary, turns out of order.
    """
    check_feid(Path(folder).expanduser(), RAISE, on_progress)
    return read_feid_info(Path(folder).expanduser())


def check_feid(folder: Path, notes: Notes, on_progress: Callable[[int, int], None] | None = None) -> str:
    """Note everything that is wrong with a FEID folder; returns what it is, in a few words."""
    info = notes.attempt(read_feid_info, None, folder)
    if info is None:
        return "FEID"
    if not any(split.n for split in info.splits.values()):
        words = "holds no record"
        notes.note(Problem(folder / INFO, words, where="splits", advice="make it again"), f"{folder / INFO}: {words}")
    total = sum(split.n for split in info.splits.values())
    done = 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        if on_progress is not None:
            on_progress(done, max(total, done))

    ids, pictures = Lines(), _Pictures(folder)
    try:
        for split in info.splits.values():
            for entry in split.files:
                notes.attempt(_check_file, None, folder, entry, notes, ids, pictures, tell)
    finally:
        ids.close()
    return f"FEID {info.name}, {total:,} conversations"


def _check_file(
    folder: Path, entry: FeidFile, notes: Notes, ids: Lines, pictures: _Pictures, tell: Callable[[int], None]
) -> None:
    """One Parquet file; `tell` is called with the rows of each batch that was checked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = inside(folder, entry.name, str(folder))
    try:
        with open_plain(path, links=False) as plain, pq.ParquetFile(path) as file:
            check_groups(file.metadata, path)
            digest = sha256_of(plain)
            if not check_schema(file.schema_arrow, path, notes):
                return
            if file.metadata.num_rows != entry.n:
                words = f"holds {file.metadata.num_rows} rows, feid.json says {entry.n}"
                notes.note(Problem(path, words, advice="correct the one that is wrong"), f"{path}: {words}")
            first = 0
            for batch in file.iter_batches(_BATCH, use_threads=False):
                for number, row in enumerate(batch.to_pylist(), first):
                    _check_row(row, f"row {number} (id {str(row['id'])[:100]!r})", path, notes, ids, pictures)
                first += len(batch)
                tell(len(batch))
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise FeabError(f"{path}: cannot be read as Parquet: {error}") from None
    if digest != entry.sha256:
        message = "is not the file that feid.json describes (its sha256 differs)"
        notes.note(Problem(path, message, advice="take the original, or make the folder again"), f"{path}: {message}")


def _check_row(row: Mapping[str, Any], place: str, path: Path, notes: Notes, ids: Lines, pictures: _Pictures) -> None:
    faults = row_faults(row)
    if not faults:
        faults = [why for image in row["images"] if (why := pictures.fault(image))]
        if not ids.reserve(row["id"]):
            faults.append("this id occurs already")
    for fault in faults:
        message, _, advice = fault.partition("; ")
        notes.note(Problem(path, message, where=place, advice=advice), f"{path}: {place}: {fault}")


def check_schema(schema: pa.Schema, path: Path, notes: Notes) -> bool:
    """Note columns that are unknown, missing or of another type; whether rows can be read all the same."""
    wanted = feid_schema()
    usable = True
    for name in schema.names:
        if name not in wanted.names:
            words = f"column {name!r:.80} is unknown; remove it, or correct its spelling"
            notes.note(Problem(path, words), f"{path}: {words}")
    for field in wanted:
        if schema.names.count(field.name) != 1:
            words = (
                f"column {field.name!r} is missing"
                if field.name not in schema.names
                else f"column {field.name!r} is there twice"
            )
            notes.note(Problem(path, words, advice="make the folder again"), f"{path}: {words}")
            usable = False
        elif not _alike(schema.field(field.name).type, field.type):
            words = f"column {field.name!r} has type {schema.field(field.name).type}; it must be {field.type}"
            notes.note(Problem(path, words), f"{path}: {words}")
            usable = False
    return usable


def check_groups(metadata: pq.FileMetaData, path: Path) -> None:
    """Whether row groups are of a size that a reader can hold.

    Raises:
        FeabError: naming the one that is not.
    """
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_rows > MAX_GROUP_ROWS or group.total_byte_size > MAX_GROUP_BYTES:
            size = f"{group.num_rows:,} rows and {group.total_byte_size:,} bytes"
            raise FeabError(f"{path}: row group {number} has {size}; write it in smaller row groups")


def _alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether types hold the same; names of list items, and long or short offsets, do not matter."""
    import pyarrow as pa

    if pa.types.is_list(wanted):
        lists = pa.types.is_list(found) or pa.types.is_large_list(found)
        return lists and _alike(found.value_type, wanted.value_type)
    if pa.types.is_struct(wanted):
        names = [field.name for field in wanted]
        if not pa.types.is_struct(found) or sorted(field.name for field in found) != sorted(names):
            return False
        return all(_alike(found.field(name).type, wanted.field(name).type) for name in names)
    if pa.types.is_string(wanted):
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
    if pa.types.is_binary(wanted):
        return bool(pa.types.is_binary(found) or pa.types.is_large_binary(found))
    return bool(found.equals(wanted))


def row_faults(row: Mapping[str, Any]) -> list[str]:
    """What is wrong with a row, pictures not decoded; each says what to do after a semicolon, where that helps."""
    for name in row:
        if row[name] is None and name not in _OPTIONAL:
            return [f"column {name!r} is null"]
    if not row["id"].strip() or len(row["id"]) > MAX_ID:
        return [f"id {row['id'][:80]!r} is empty or longer than {MAX_ID} characters"]
    found = []
    if row["task"] not in FEID_TASKS:
        found.append(f"task {row['task'][:80]!r} is none of {', '.join(FEID_TASKS)}")
    return [
        *found,
        *_picture_faults(row["images"]),
        *_talk_faults(row["messages"], len(row["images"])),
        *_label_faults(row),
    ]


def _picture_faults(images: Sequence[Mapping[str, Any] | None]) -> Iterator[str]:
    if not images:
        yield "has no picture; put it there, or leave the row out"
    if len(images) > MAX_IMAGES:
        yield f"has {len(images)} pictures, more than {MAX_IMAGES}"
    for image in images:
        if image is None or (not image["bytes"] and not image["path"]):
            yield "a picture is missing: it has neither bytes nor a path; put it there, or leave the row out"
            return


def _talk_faults(messages: Sequence[Mapping[str, Any] | None], images: int) -> Iterator[str]:
    if len(messages) < 2 or len(messages) > MAX_TURNS:
        yield f"has {len(messages)} messages; write 2 to {MAX_TURNS}"
        return
    shown = 0
    for number, message in enumerate(messages):
        where = f"message {number}"
        wanted = "assistant" if number % 2 else "user"
        if message is None or message["role"] != wanted:
            yield f"{where} is of {str((message or {}).get('role'))[:40]!r}; user and assistant must take turns"
            return
        texts = []
        for part in message["content"] or ():
            kind = None if part is None else part["type"]
            if kind == "image":
                shown += 1
                if number:
                    yield f"{where} shows a picture; pictures stand in the first message"
            elif kind == "text":
                texts.append(part["text"])
            else:
                yield f"{where} has a part of type {str(kind)[:40]!r}; text and image are known"
        if any(text is None for text in texts) or not "".join(text or "" for text in texts).strip():
            what = "answer" if number % 2 else "question"
            yield f"{where}: the {what} is empty; write one, or leave the row out"
        if sum(len(text or "") for text in texts) > MAX_TEXT:
            yield f"{where} is longer than {MAX_TEXT:,} characters"
    if len(messages) % 2:
        yield "the last question has no answer"
    if shown != images:
        yield f"its messages show {shown} pictures, its column 'images' holds {images}"


def _label_faults(row: Mapping[str, Any]) -> Iterator[str]:
    expression, units, coded = row["expression"], row["action_units"], row["coded_units"]
    if expression is not None and expression not in EXPRESSIONS:
        yield f"expression {expression[:80]!r} is none of {', '.join(EXPRESSIONS)}"
    for name in ("valence", "arousal"):
        if row[name] is not None and not -1 <= row[name] <= 1:  # a NaN is in no range
            yield f"{name} {row[name]} is outside [-1, 1]"
    if (row["valence"] is None) != (row["arousal"] is None):
        yield "valence and arousal go together; one of them is null"
    for name, aus in (("action_units", units), ("coded_units", coded)):
        if aus is not None and any(au not in FEAB_17 for au in aus):
            yield f"{name} {aus} names one that is none of {', '.join(map(str, FEAB_17))}"
        elif aus is not None and len(set(aus)) < len(aus):
            yield f"{name} {aus} names one twice"
    if (units is None) != (coded is None) or not set(units or ()) <= set(coded or ()):
        yield "action_units must be among coded_units"
    there = {"expression": expression, "valence_arousal": row["valence"], "action_units": units}
    for kind in KINDS:
        origin, confidence = row[ORIGINS[kind]], row[CONFIDENCES[kind]]
        if origin is not None and origin not in get_args(Origin):
            yield f"{ORIGINS[kind]} {origin[:40]!r} is none of {', '.join(get_args(Origin))}"
        elif (origin is None) != (there[kind] is None):
            yield f"{ORIGINS[kind]} goes with a label, and is null where there is none"
        if confidence is not None and not 0 <= confidence <= 1:
            yield f"{CONFIDENCES[kind]} {confidence} is outside [0, 1]"
    for name in GRAINS:
        for level in row[name]:
            if level not in KINDS or there[level] is None:
                yield f"{name} names {str(level)[:40]!r}, of which the row has no label"


class _Pictures:
    """Whether pictures can be had and decoded; the same bytes are decoded once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[bytes, str] = {}

    def fault(self, image: Mapping[str, Any]) -> str:
        """Why a stored picture cannot be used; nothing where it can."""
        data = image["bytes"]
        try:
            if data is None:
                data = read_bytes(inside(self._folder, image["path"], "the picture"), MAX_PICTURE, links=False)
            elif len(data) > MAX_PICTURE:
                return f"a picture is larger than {MAX_PICTURE // 2**20} MiB"
        except FeabError as error:
            return f"a picture is missing: {error}; put it there, or leave the row out"
        key = hashlib.blake2b(data, digest_size=16).digest()
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            _, why = decoded(data)
            self._known[key] = why and f"a picture {why}; replace it, or leave the row out"
        return self._known[key]

"""One row of a table of answers, under our names for its columns whatever it calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from feab.errors import FeabError

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "id": ("id", "sample", "sample_id", "image", "image_id", "image_path", "filename", "file_name", "file", "path"),
    "task": ("task",),
    "prompt": ("prompt",),
    "draw": ("draw",),
    "text": ("text", "response", "output", "completion"),
    "finish_reason": ("finish_reason",),
    "expression": ("expression", "label", "prediction", "predicted", "emotion"),
    "valence": ("valence",),
    "arousal": ("arousal",),
    "action_units": ("action_units", "aus"),
    "answer": ("answer",),
})  # fmt: skip
"""What we call a column -> what a file may call it, the likeliest first."""

MAX_COLUMNS = 2_000
_AU = re.compile(r"au_?0?(\d{1,2})(?:_(?:presence|c))?")


@dataclass(frozen=True, slots=True)
class Row:
    """What a file says about one face."""

    where: str
    """File and line, for messages."""
    values: Mapping[str, Any]
    """Our name of a column -> the cell; only cells that are not empty."""
    units: Mapping[int, Any]
    """AU number -> the cell of its own column."""


def make_row(where: str, cells: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    """A row from a file's own names and values; null and empty cells are left out.

    Args:
        where: file and line.
        cells: the file's names -> values.
        columns: our name of a column -> the file's, where the user said so.

    Raises:
        FeabError: when two columns could mean the same, or a column that was asked for is not there.
    """
    values: dict[str, Any] = {}
    units: dict[int, Any] = {}
    for name, meaning in _meanings(tuple(cells), tuple(columns.items()), where.partition(":")[0]).items():
        value = cells[name]
        if value is None or value == "":
            continue
        if isinstance(meaning, int):
            units[meaning] = value
        else:
            values[meaning] = value
    return Row(where, values, units)


def check_columns(columns: Mapping[str, str]) -> None:
    """Refuse a mapping of columns that we have no name for.

    Raises:
        FeabError: naming the names there are.
    """
    for ours in columns:
        if ours not in FIELDS and not _AU.fullmatch(ours):
            raise FeabError(f"--column {ours}=...: there are {', '.join(FIELDS)} and au01, au02, ...")


@lru_cache(maxsize=256)
def _meanings(names: tuple[str, ...], columns: tuple[tuple[str, str], ...], file: str) -> Mapping[str, str | int]:
    """The file's name of each column we know -> our name, or the number of an AU."""
    if len(names) > MAX_COLUMNS:
        raise FeabError(f"{file}: has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    found: dict[str, str | int] = {}
    for ours, theirs in columns:
        if theirs in names:
            found[theirs] = _number(ours) or ours
    chosen = {ours for ours, _ in columns}
    folded = {name: re.sub(r"[\s-]", "_", name.strip().casefold()) for name in names if name not in found}
    for ours, aliases in FIELDS.items():
        if ours in chosen:
            continue
        there = [name for alias in aliases for name, plain in folded.items() if plain == alias]
        if len(there) > 1 and ours != "id":  # a wrong id matches no face and is seen; a wrong label would be scored
            raise FeabError(
                f"{file}: the columns {there[0]!r} and {there[1]!r} may both be the {ours}; say which one it is: "
                f"--column {ours}={there[0]}"
            )
        if there:
            found[there[0]] = ours
    taken = {number for number in found.values() if isinstance(number, int)}
    for name, plain in folded.items():
        number = _number(plain)
        if number is None or number in taken:
            continue
        if number in found.values():
            raise FeabError(f"{file}: two columns are about AU {number}")
        found[name] = number
    return MappingProxyType(found)


def _number(name: str) -> int | None:
    match = _AU.fullmatch(name)
    return int(match[1]) if match else None


def missing_columns(names: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """Those of the names the user gave that the file does not have."""
    return [theirs for theirs in columns.values() if theirs not in names]

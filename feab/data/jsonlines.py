"""The labels in a JSON Lines file: an object a line and a picture, null or a missing key is "not labelled"."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from feab.data.csvfile import MAX_COLUMNS, MAX_CSV, MAX_LINE, MAX_ROWS, text_lines
from feab.data.headers import read_header
from feab.data.labelrows import STRICTLY, LabelRows, SkipRow, Taking
from feab.errors import FeabError
from feab.jsonfile import load_json
from feab.yamlfile import open_plain

JSONL_ENDINGS = (".jsonl", ".ndjson")


def jsonl_rows(path: Path, told: Mapping[str, str], root: Path, taking: Taking = STRICTLY) -> LabelRows:
    """The rows of a JSON Lines file, before it is settled how they are read. It is gone through twice.

    Args:
        path: the file, UTF-8.
        told: columns of feab's -> keys in the file, where those differ.
        root: the folder that paths of pictures start from.
        taking: what becomes of lines that cannot be used; by default the first is refused.

    Raises:
        FeabError: when the file cannot be read, no key holds pictures or labels, or, without `taking`, for the
            first line that cannot be used (which is named).
    """
    names: dict[str, None] = {}
    for _, row in _objects(path, lambda number, why, detail: None):
        names.update(dict.fromkeys(row))
        if len(names) > MAX_COLUMNS:
            raise FeabError(f"{path}: has more than {MAX_COLUMNS:,} keys; feab reads at most that many")
    order = list(names)
    rows = LabelRows(path, read_header(path, order, told), root, taking=taking)
    for number, row in _objects(path, taking.skip):
        rows.add(number, [as_cell(row.get(name)) for name in order])
    return rows


def as_cell(value: Any) -> str:
    """A typed value as a cell of a CSV file would hold it: nothing for null, 1 and 0 for true and false."""
    if value is None or value != value:  # NaN stands for null in Arrow's files
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, (int, float)) else json.dumps(value, default=str)[:MAX_LINE]


def _objects(path: Path, skip: SkipRow | None) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(path):
        try:
            value = load_json(line, f"{path}: row {number}")
            if not isinstance(value, dict):
                raise FeabError(f"{path}: row {number}: is no JSON object {{...}}")
        except FeabError as error:
            if skip is None:
                raise
            skip(number, "bad row", str(error).removeprefix(f"{path}: row {number}: "))
            continue
        yield number, value


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines that are not blank."""
    try:
        with io.TextIOWrapper(open_plain(path), encoding="utf-8-sig") as file:
            if path.stat().st_size > MAX_CSV:
                raise FeabError(f"{path}: larger than {MAX_CSV // 2**20} MiB")
            for number, line in enumerate(text_lines(path, file), 1):
                if number > MAX_ROWS:
                    raise FeabError(f"{path}: has more than {MAX_ROWS:,} rows")
                if line.strip():
                    yield number, line
    except UnicodeDecodeError:
        raise FeabError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise FeabError(f"{path}: cannot be read ({error.strerror or error})") from None

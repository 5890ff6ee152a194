"""Tables of answers: CSV, JSON Lines, and one JSON document."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from feab.errors import FeabError
from feab.jsonfile import load_json
from feab.runs.outside.cells import HEADER, fields_of
from feab.runs.outside.rows import FIELDS, MAX_COLUMNS, Row, make_row, missing_columns
from feab.runs.outside.source import Source
from feab.schemas import Prediction

Said: TypeAlias = "Row | tuple[str, Prediction]"
"""A row still to be understood, or (where it stands, a prediction) from a file that feab wrote."""

MAX_CELL = 8_000_000
"""Characters of a CSV cell; a quote that is never closed ends here."""

_OURS = frozenset({"task", "sample", "prompt", "outcome"})
"""An object with these keys is a line of predictions.jsonl, to be read exactly or not at all."""


def read_csv(file: Path, source: Source, columns: Mapping[str, str]) -> Iterator[Said]:
    """The rows of a CSV file whose first line names its columns; separated by commas, semicolons or tabs.

    A file that `feab export` wrote is read exactly.

    Raises:
        FeabError: naming file and line, for a row that is not as long as the first.
    """
    texts = (text for _, text in source.lines(file))
    first = next(texts, "")
    before = csv.field_size_limit(MAX_CELL)  # of the whole process: put back in the end
    try:
        table = csv.reader(_again(first, texts), delimiter=max(",;\t", key=first.count), strict=True)
        names = next(table, [])
        _check_header(file, names, columns)
        exact = tuple(names[: len(HEADER)]) == HEADER
        for cells in table:
            where = f"{file}:{table.line_num}"
            if not cells:
                continue
            if len(cells) != len(names):
                raise FeabError(
                    f"{where}: has {len(cells)} cells, the first line names {len(names)} columns; a text that holds "
                    "commas or line ends stands in double quotes"
                )
            row = dict(zip(names, cells, strict=True))
            yield prediction_of(where, fields_of(row, where)) if exact else make_row(where, row, columns)
    except csv.Error as error:
        raise FeabError(f"{file}: not a CSV table ({error})") from None
    finally:
        csv.field_size_limit(before)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _check_header(file: Path, names: list[str], columns: Mapping[str, str]) -> None:
    if not any(names):
        raise FeabError(f"{file}: is empty; its first line must name the columns")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FeabError(f"{file}:1: two columns are called {twice!r}")
    if lacking := missing_columns(names, columns):
        raise FeabError(f"{file}:1: there is no column {lacking[0]!r}; there are {_shown(names)}")
    if "id" not in make_row(f"{file}:1", dict.fromkeys(names, 1), columns).values:
        raise FeabError(
            f"{file}:1: no column says which face a row is about; the first line names {_shown(names)}. Name one of "
            f"them {', '.join(FIELDS['id'][:3])} or filename, or say --column id=NAME"
        )


def _shown(names: list[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:12]) + (", ..." if len(names) > 12 else "")


def read_jsonl(file: Path, source: Source, columns: Mapping[str, str]) -> Iterator[Said]:
    """The rows of a JSON Lines file: an object a line. Lines of a predictions.jsonl are read exactly.

    Raises:
        FeabError: naming file and line, for what is not one JSON object.
    """
    for number, text in source.lines(file):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        value = load_json(text, where)
        if not isinstance(value, dict):
            raise FeabError(f"{where}: each line must be a JSON object {{...}}; one document goes by --format json")
        yield from _rows(where, value, columns)


def read_json(file: Path, source: Source, columns: Mapping[str, str]) -> Iterator[Said]:
    """The rows of one JSON document: {name of a face: its answer, ...}, or a list of objects as in JSON Lines.

    Raises:
        FeabError: naming the file, and the entry, for anything else.
    """
    document = load_json(source.document(file), str(file))
    if isinstance(document, dict):
        yield from _rows(str(file), document, columns)
    elif isinstance(document, list):
        for number, value in enumerate(document):
            if not isinstance(value, dict):
                raise FeabError(f"{file}: entry {number} of the list is no object {{...}}")
            yield from _rows(f"{file}: entry {number}", value, columns)
    else:
        raise FeabError(f"{file}: must hold an object or a list of objects")


def _rows(where: str, value: dict[str, Any], columns: Mapping[str, str]) -> Iterator[Said]:
    """One object: a prediction of ours, a row, or a dictionary from the names of faces to answers."""
    if value.keys() >= _OURS:
        yield prediction_of(where, value)
        return
    if len(value) <= MAX_COLUMNS and "id" in (row := make_row(where, value, columns)).values:
        yield row
        return
    for name, answer in value.items():
        if columns or not isinstance(answer, (str, list, dict)):
            raise FeabError(
                f"{where}: does not say which face it is about; a row needs one of {', '.join(FIELDS['id'][:4])}, or "
                f"--column id=KEY ({name[:60]!r} is not known here)"
            )
        yield Row(f"{where}: {name[:60]!r}", {"id": name, "answer": answer}, {})


def prediction_of(where: str, fields: Mapping[str, Any]) -> tuple[str, Prediction]:
    """The prediction that some fields are, with the place where they stand.

    Raises:
        FeabError: naming the place and the field that is wrong.
    """
    try:
        return where, Prediction.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise FeabError(f"{where}: {place + ': ' if place else ''}{first['msg']}") from None

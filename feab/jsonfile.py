"""JSON that strangers wrote, read strictly: what two readers could take for two different things is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from feab.errors import FeabError
from feab.problems import MAX_SHOWN, FileError, Problem, problems_of

M = TypeVar("M", bound=BaseModel)

MOST_VALUES = 500_000
"""Values that a file may hold. Scores of 100 tasks under 5 prompts hold some 300,000."""

_MOST_ERRORS = 1_000
"""Wrong fields that are told one by one."""

_SCANNED = 2**20
"""Bytes that are gone through to find the lines of fields; what stands past them is placed at what is above it."""

_STRING_OR_COMMA = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|,', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_DEEPEST = 200
_SPACE = re.compile(r"\s*")


def validated(kind: type[M], data: bytes, file: Path, line: int | None = None, *, most: int = MOST_VALUES) -> M:
    """The record that a JSON document holds: UTF-8, no key twice, no NaN or Infinity, nested at most 200 deep.

    Args:
        kind: what it must be.
        data: the document.
        file: where it was read, for messages.
        line: its line there, where the file holds a document a line.
        most: values it may hold. What is wrong with each would otherwise be kept in memory.

    Raises:
        FileError: with everything that is wrong; its text is the first of it.
    """
    place = str(file) if line is None else f"{file}:{line}"

    def refused(message: str, advice: str) -> FileError:
        return FileError(Problem(file, message, line, advice=advice), message=f"{place}: {message}")

    if data.count(b",") >= most and next(islice(_commas(data), most, None), None):
        raise refused(f"holds more than {most:,} values", "no such file of feab's is that large")
    try:
        record = kind.model_validate_json(data)
    except ValidationError as error:
        if error.error_count() > _MOST_ERRORS:
            raise refused(f"{error.error_count():,} of its fields are wrong", "is it another file?") from None
        found = problems_of(error, file, line_finder(data) if line is None else lambda path: line)
        if line is not None:  # the document is that line of the file
            found = tuple(replace(problem, line=line) for problem in found)
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileError(*found, message=f"{place}: {where + ': ' if where else ''}{first['msg']}") from None
    if (ambiguous := _ambiguity(data)) is not None:
        raise refused(*ambiguous)
    return record


def load_json(text: str, where: str) -> Any:
    """A value of a JSON text whose form is not known beforehand; NaN, Infinity and a key that occurs twice are refused.

    Raises:
        FeabError: naming the place.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise FeabError(f"{where}: not JSON ({error.msg}, column {error.colno})") from None
    except RecursionError:
        raise FeabError(f"{where}: not read: nested too deeply") from None
    except _AmbiguousError as error:
        raise FeabError(f"{where}: {re.sub(r'[^ -~]', '?', error.args[0])}; {error.args[1]}") from None
    except ValueError as error:
        raise FeabError(f"{where}: {error}") from None


def _commas(data: bytes) -> Iterator[bytes]:
    """The commas that part values, one by one: a hostile document has more of them than memory should hold."""
    return (token[0] for token in _STRING_OR_COMMA.finditer(data) if token[0] == b",")


class _AmbiguousError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _AmbiguousError(f"the key {key[:MAX_SHOWN]!r} occurs twice", "keep one of them")
        seen.add(key)


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _unique(pairs)
    return dict(pairs)


def _no_constant(word: str) -> None:
    raise _AmbiguousError(f"{word} is not JSON", "write a finite number or null")


def _finite(digits: str) -> None:
    if math.isinf(float(digits)):
        raise _AmbiguousError(f"the number {digits[:MAX_SHOWN]} is too large", "write one below 1e308")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=len)


def _ambiguity(data: bytes) -> tuple[str, str] | None:
    """What pydantic's own reader lets pass in a document that it has read, and what to do."""
    try:
        _STRICT.decode(data.decode("utf-8"))
    except _AmbiguousError as error:
        return error.args[0], error.args[1]
    return None


def line_finder(data: bytes) -> Callable[[Sequence[str | int]], int]:
    """A function from the path of a field to the line it stands in, or the nearest thing above it that is there."""
    lines: dict[tuple[str | int, ...], int] = {}

    def line_of(path: Sequence[str | int]) -> int:
        if not lines:
            lines.update(_lines(data[:_SCANNED].decode("utf-8", "replace")))
        return next(lines[tuple(path[:n])] for n in range(len(path), -1, -1) if tuple(path[:n]) in lines)

    return line_of


def _lines(text: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """The line of every field and item; the document itself, of the empty path, stands in the first.

    Goes through brackets, commas and strings only, without recursion: the document may be broken.
    """
    yield (), 1
    above: list[str | int] = []  # for each bracket that is open, the key or number of the present item
    key, line, counted = "", 1, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign[0] == '"':
            key = sign
            continue
        if sign in "}]":
            del above[-1:]
            continue
        if sign in "{[":
            if len(above) == _DEEPEST:
                return
            above.append("" if sign == "{" else 0)
        elif sign == "," and above and isinstance(above[-1], int):
            above[-1] += 1
        elif sign == ":" and above and isinstance(above[-1], str):
            above[-1] = _text(key)
        else:
            continue
        if sign != "{":
            start = token.start() if sign == ":" else _SPACE.match(text, token.end()).end()  # type: ignore[union-attr]
            line += text.count("\n", counted, start)
            counted = start
            yield tuple(above), line


def _text(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token

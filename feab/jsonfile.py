"""JSON that strangers wrote, read strictly: what two readers could take for two different things is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from feab.problems import MAX_SHOWN, FileError, Problem, problems_of

M = TypeVar("M", bound=BaseModel)

_SCANNED = 4 * 2**20
"""Bytes that are gone through to find the line of a field; what stands past them is placed where they end."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_SPACE = re.compile(r"\s*")


def validated(kind: type[M], data: bytes, file: Path, line: int | None = None) -> M:
    """The record that a JSON document holds: UTF-8, no key twice, no NaN or Infinity, nested at most 200 deep.

    Args:
        kind: what it must be.
        data: the document.
        file: where it was read, for messages.
        line: its line there, where the file holds a document a line.

    Raises:
        FileError: with everything that is wrong; its text is the first of it.
    """
    place = str(file) if line is None else f"{file}:{line}"
    try:
        record = kind.model_validate_json(data)
    except ValidationError as error:
        found = problems_of(error, file, line_finder(data))
        if line is not None:  # the document is that line of the file
            found = tuple(replace(problem, line=line) for problem in found)
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FileError(*found, message=f"{place}: {where + ': ' if where else ''}{first['msg']}") from None
    if (ambiguous := _ambiguity(data)) is not None:
        raise FileError(Problem(file, ambiguous[0], line, "", ambiguous[1]), message=f"{place}: {ambiguous[0]}")
    return record


class _AmbiguousError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> None:
    keys = {key for key, _ in pairs}
    if len(keys) != len(pairs):
        listed = [key for key, _ in pairs]
        twice = next(key for key in listed if listed.count(key) > 1)
        raise _AmbiguousError(f"the key {twice[:MAX_SHOWN]!r} occurs twice", "keep one of them")


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

    def line_of(path: Sequence[str | int]) -> int:
        text = data[:_SCANNED].decode("utf-8", "replace")
        return _line_of(text, tuple(path))

    return line_of


def _line_of(text: str, path: tuple[str | int, ...]) -> int:
    """Goes through brackets, commas and strings only, without recursion: the document may be broken."""
    above: list[str | int] = []  # the path of the container we are in, then the key or number of its present item
    best, place, key = 0, 0, ""
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign[0] == '"':
            key = sign
            continue
        if sign in "{[":
            above.append("" if sign == "{" else 0)
        elif sign in "}]":
            if above:
                above.pop()
            continue
        elif sign == ",":
            if above and isinstance(above[-1], int):
                above[-1] += 1
        elif above and isinstance(above[-1], str):
            above[-1] = _text(key)
        depth = len(above)
        if best < depth <= len(path) and above[-1] == path[depth - 1] and tuple(above) == path[:depth]:
            best, place = depth, token.start() if sign == ":" else _SPACE.match(text, token.end()).end()  # type: ignore[union-attr]
            if best == len(path):
                break
    return text.count("\n", 0, place) + 1


def _text(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token

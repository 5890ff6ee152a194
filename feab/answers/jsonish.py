"""Finds JSON in running text, also the nearly-JSON that models write (single quotes, trailing commas, +0.4)."""

from __future__ import annotations

import json
import re
from typing import Any

_ATTEMPTS = 200
_LONGEST = 20_000


class Clash:
    """Stands for a key that was given two different values."""


_CLASH = Clash()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = _CLASH if key in found and found[key] != value else value
    return found


def _no_constant(word: str) -> float:
    raise ValueError(word)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
_REPAIR = re.compile(
    r'(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|'(?P<single>[^'\n]*)'"
    r"|(?P<none>\bnone\b)"
    r"|(?P<plus>\+(?=[\d.]))"
    r"|(?P<comma>,(?=\s{0,50}[}\]]))"
    r"|(?P<comment>//[^\n]*)"
    r"|(?P<key>[a-z_][\w ]{0,40}?)(?=\s{0,5}:)"
    r"|(?P<dot>(?<![\w.])\.(?=\d))"
)


def _repaired(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return json.dumps(match["single"])
    if match["none"]:
        return "null"
    if match["key"]:
        return json.dumps(match["key"])
    if match["dot"]:
        return "0."
    return match[0] if match["string"] else ""


def _pairs(text: str, start: int, end: int) -> dict[int, int]:
    """Where each bracket closes, in one pass; brackets inside strings are not told apart."""
    closes: dict[int, int] = {}
    stack: list[tuple[str, int]] = []
    for match in re.compile(r"[{}\[\]]").finditer(text, start, end):
        if match[0] in "{[":
            stack.append((match[0], match.start()))
        elif stack and stack[-1][0] == ("{" if match[0] == "}" else "["):
            closes[stack.pop()[1]] = match.end()
    return closes


def find_json(text: str, start: int, end: int) -> list[tuple[Any, int, int]]:
    """Complete JSON objects and arrays in `text[start:end]`, outermost only, with their spans.

    Numbers that JSON lacks (NaN, Infinity) make an object unreadable; a key given twice with different values becomes
    a `Clash`. At most 200 places are tried and 20,000 characters read at each, so the time is bounded.
    """
    found: list[tuple[Any, int, int]] = []
    closes = _pairs(text, start, end)
    after = start
    for opener in sorted(closes)[-_ATTEMPTS:]:
        if opener < after:
            continue
        close = closes[opener]
        if close - opener > _LONGEST:
            continue
        decoded = _load(text[opener : min(end, opener + _LONGEST)])
        if decoded is None and (repaired := _load(_REPAIR.sub(_repaired, text[opener:close]))) is not None:
            decoded = (repaired[0], close - opener)
        if decoded is not None and isinstance(decoded[0], (dict, list)):
            found.append((decoded[0], opener, opener + decoded[1]))
            after = opener + decoded[1]
    return found


def _load(piece: str) -> tuple[Any, int] | None:
    try:
        value, length = _DECODER.raw_decode(piece)
    except (ValueError, RecursionError):
        return None
    return value, length


def keys(value: dict[str, Any]) -> dict[str, Any]:
    """The object with its keys reduced to letters and digits ("action_units" -> "actionunits")."""
    return {re.sub(r"[^a-z0-9]", "", key): item for key, item in value.items()}

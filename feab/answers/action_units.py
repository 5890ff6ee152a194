"""Reads a set of action units: bare lists, prose with denials, tables and JSON."""

from __future__ import annotations

import re
from typing import Any

from feab.answers.au_items import TERM, Item, read_list
from feab.answers.au_prose import Prose, read_prose
from feab.answers.jsonish import Clash, keys
from feab.answers.page import Page, open_page
from feab.answers.reading import UNREADABLE, Reading, Result, agree
from feab.answers.words import wordset

_STATE = r"(?:active|activated|present|visible|detected|observed)"
_NONE_WHOLE = re.compile(
    rf"\W{{0,8}}(?:(?:answer|(?:active |present )?{TERM}(?: {_STATE})?)\s{{0,2}}[:=]\s{{0,2}})?"
    rf"(?:none(?: of (?:them|these|the above|the listed {TERM}))?(?: (?:are |is )?{_STATE})?"
    rf"|no (?:visible |active |clear |facial |listed |detectable |significant ){{0,3}}{TERM}(?: (?:are |is )?{_STATE})?"
    r"|\[\s{0,3}\]|empty(?: list| set)?)\W{0,8}"
)
_ONLY = re.compile(r"\s*(?:only|just)\s(?=\d)")
_HEADER_NO = re.compile(
    r"\b(?:no|not|absent|inactive|without|options?|choices|candidates?|possible|given|following list|missing)\b"
)
_KEYS = wordset(
    "actionunits aus au active activeaus activeactionunits present presentaus presentactionunits detected "
    "detectedaus detectedactionunits answer finalanswer units facialactionunits activated activatedaus "
    "activatedactionunits result output visibleaus visible visibleactionunits prediction predictions "
    "predictedaus actionunitspresent auspresent ausactive actionunitsactive response"
)
_NUMBER_KEYS = ("au", "number", "id", "code", "unit", "actionunit", "aunumber", "auid")
_VERDICT_KEYS = (
    "present",
    "active",
    "activated",
    "detected",
    "visible",
    "presence",
    "status",
    "value",
    "intensity",
    "state",
)
_YES = frozenset(
    {"present", "active", "activated", "yes", "true", "detected", "visible", "1", *"abcde", "on", "strong", "weak"}
)
_NO = frozenset(
    {
        "absent",
        "inactive",
        "no",
        "false",
        "not present",
        "not active",
        "not detected",
        "none",
        "0",
        "off",
        "not visible",
    }
)
_AU_KEY = re.compile(r"(?:au|actionunit)?0{0,2}([1-9]\d?)(?:[a-z]{4,40})?")


class ActionUnitReader:
    """Reads the units present, keeping those that the task does not list apart (`Reading.ignored`)."""

    tags = frozenset({"au", "aus", "actionunit", "actionunits"})
    whole_block = True

    def __init__(self, aus: frozenset[int]) -> None:
        self._aus = aus

    def text(self, page: Page, start: int, end: int) -> Result:
        """The units of a text: "none", a list standing alone, the text's first block, or all of its prose."""
        text = page.bare
        if page.cut and end == len(text):
            # What is cut may be a unit's second digit, or the rest of the list.
            shorter = max(text.rfind("\n", start, end), text.rfind(". ", start, end) + 1)
            lists = _listing(text, start, max(start, shorter))
            complete = lists and re.match(r"[.]?[ ]*\n[ ]*\n|\.\s", text[lists[-1].end : end])
            if lists and complete:
                return self._value(lists)
            prose = read_prose(text, start, max(start, shorter), self._aus)
            if not isinstance(prose, Prose) or not self._aus <= prose.present | prose.absent:
                return UNREADABLE
        if only := _ONLY.match(text, start, end):
            start = only.end()
        if _NONE_WHOLE.fullmatch(text[start:end].strip()):
            return Reading(frozenset(), *_trimmed(text, start, end))
        if items := _listing(text, start, end):
            return self._value(items)
        prose = read_prose(text, start, end, self._aus)
        if not isinstance(prose, Prose):
            return prose
        return Reading(prose.present & self._aus, prose.start, prose.end, prose.present - self._aus)

    def _value(self, items: list[Item]) -> Reading:
        numbers = frozenset(item.number for item in items)
        return Reading(numbers & self._aus, items[0].start, items[-1].end, numbers - self._aus)

    def data(self, value: object) -> Result:
        """The units of a JSON value: a list under a key such as "action_units", or one verdict for each unit."""
        return self._data(value, 0)

    def _data(self, value: object, depth: int) -> Result:
        if depth > 4:
            return None
        if isinstance(value, list):
            rows = [item for item in value if isinstance(item, dict)]
            return self._rows(rows) if rows and len(rows) == len(value) else None
        if not isinstance(value, dict):
            return None
        fields = keys(value)
        if verdicts := _verdicts(fields):
            return self._present(verdicts)
        found = [self._field(item, depth) for key, item in fields.items() if key in _KEYS]
        if found:
            return agree(found)
        return agree(self._data(item, depth + 1) for item in value.values())

    def _field(self, value: Any, depth: int) -> Result:
        if isinstance(value, dict) and depth < 4:
            verdicts = _verdicts(keys(value))
            return self._present(verdicts) if verdicts else self._data(value, depth + 1) or UNREADABLE
        if isinstance(value, int) and not isinstance(value, bool):
            value = [value]
        if isinstance(value, list):
            rows = [item for item in value if isinstance(item, dict)]
            if rows:
                return self._rows(rows) if len(rows) == len(value) else UNREADABLE
            if any(isinstance(v, (bool, float, list, Clash)) or v is None for v in value):
                return UNREADABLE
            items = [read_list(word := str(v).replace("_", " "), 0, len(word)) for v in value[:200]]
            if any(item is None or len(item) != 1 for item in items):
                return UNREADABLE
            numbers = frozenset(item[0].number for item in items if item)
            return Reading(numbers & self._aus, 0, 0, numbers - self._aus)
        if isinstance(value, str):
            page = open_page(value)
            return self.text(page, 0, len(page.bare)) or UNREADABLE
        return UNREADABLE

    def _rows(self, rows: list[dict[str, Any]]) -> Result:
        """[{"au": 6, "present": true}, ...]; a row without a verdict counts as present."""
        verdicts: dict[int, Any] = {}
        for row in map(keys, rows[:200]):
            named = next((row[k] for k in (*_NUMBER_KEYS, "name") if k in row), None)
            items = read_list(word := str(named), 0, len(word)) if named is not None else None
            if items is None or len(items) != 1:
                return None if named is None else UNREADABLE
            verdict = next((row[k] for k in _VERDICT_KEYS if k in row), True)
            if verdicts.setdefault(items[0].number, verdict) != verdict:
                return UNREADABLE
        return self._present(verdicts)

    def _present(self, verdicts: dict[int, Any]) -> Result:
        present: set[int] = set()
        for number, verdict in verdicts.items():
            if (says := _says(verdict)) is None:
                return UNREADABLE
            if says:
                present.add(number)
        value = frozenset(present)
        if not value and not self._aus <= verdicts.keys():
            return UNREADABLE  # only some units were judged, none present
        return Reading(value & self._aus, 0, 0, value - self._aus)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _verdicts(fields: dict[str, Any]) -> dict[int, Any]:
    """{"AU1": ..., "AU2": ...}: verdict by unit, empty when the keys are no units."""
    found = {int(m[1]): value for key, value in fields.items() if (m := _AU_KEY.fullmatch(key))}
    return found if len(found) * 2 >= len(fields) else {}


def _says(verdict: Any) -> bool | None:
    """A verdict as true or false; None when it is neither (a probability has no threshold that we know)."""
    if isinstance(verdict, dict):
        inner = keys(verdict)
        return next((_says(inner[k]) for k in _VERDICT_KEYS if k in inner), None)
    if isinstance(verdict, bool):
        return verdict
    if isinstance(verdict, int):
        return verdict > 0 if 0 <= verdict <= 5 else None
    if isinstance(verdict, float):
        return None if 0 < verdict < 1 or not 0 <= verdict <= 5 else verdict > 0
    if isinstance(verdict, str):
        word = verdict.strip().strip(".")
        return True if word in _YES else False if word in _NO else None
    return None


def _listing(text: str, start: int, end: int) -> list[Item]:
    """Units standing alone on the first or the last lines, unless a heading above says they are absent or options."""
    runs: list[tuple[int, int, list[Item]]] = []
    lines = list(_lines(text, start, end))
    for number, (a, b) in enumerate(lines):
        if (items := read_list(text, a, b)) is None:
            continue
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number, runs[-1][2] + items)
        else:
            runs.append((number, number, items))
    if not runs and lines:
        a, b = lines[0]
        opening = re.compile(r"\.\s+(?=[a-z])").search(text, a, b)
        items = read_list(text, a, opening.start()) if opening else None
        return items if items and (len(items) > 1 or items[0].named) else []
    if len(runs) != 1:
        return []
    first, last, items = runs[0]
    above = text[slice(*lines[first - 1])] if first else ""
    if (first and last != len(lines) - 1) or (_HEADER_NO.search(above) and above.rstrip(" |").endswith(":")):
        return []
    if first == 0 or above.rstrip().endswith((".", ":", "!", "|")) or any(i.named for i in items) or len(items) > 1:
        return items
    return []


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found = []
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        if text[start:stop].strip(" |-:.,>"):
            found.append((start, stop))
        start = stop + 1
    return found

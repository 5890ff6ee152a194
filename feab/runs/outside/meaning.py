"""What a row means as an answer to a task. Texts go through the parser that reads every model's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from feab.answers import parse
from feab.errors import FeabError
from feab.records import Answer, Outcome
from feab.runs.outside.rows import Row, make_row
from feab.tasks import Task
from feab.tasks.task import AXES

_NOTHING = frozenset({"", "nan", "null", "none", "n/a", "na"})
"""What programs write into a cell that has no value."""
_AU = re.compile(r"\s*(?:AU)?\s*0*(\d{1,2})\s*", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?\d+(?:\.0*)?\s*")
_YES, _NO = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no"})


@dataclass(frozen=True, slots=True)
class Meant:
    """An answer, and the words it was read from."""

    answer: Answer
    text: str | None
    """What the file says; None where it gives numbers that were taken as they are."""
    label: bool = False
    """Whether it was given as a label or values, so that one that cannot be read is worth a remark."""
    lacking: frozenset[int] = frozenset()
    """AUs of the task that have no value in the row while others have; they are taken as not named."""


def meaning(row: Row, task: Task) -> Meant | None:
    """The answer of a row to a task; None when the row says nothing about it.

    A text, where there is one, is parsed; labels and values beside it are passed over. A label is read like a text that
    holds nothing else, so an alias counts and a word outside the task's list is no answer. Of a ranked list of labels
    the first is the answer.

    Raises:
        FeabError: for a value that cannot be an answer at all, such as a class by its number.
    """
    values, units = _unpacked(row, task)
    text = values.get("text")
    if text is not None:
        if not isinstance(text, str):
            raise FeabError(f"{row.where}: the text is {_shown(text)}, not words")
        return Meant(_read(text, task, str(values.get("finish_reason", "stop"))), text)
    if task.kind == "expression":
        return _expression(values.get("expression"), task, row.where)
    if task.kind == "valence_arousal":
        return _point([values.get(axis) for axis in AXES], task, row.where)
    if "action_units" in values:
        return _named(values["action_units"], task, row.where)
    return _coded(units, task, row.where)


def _unpacked(row: Row, task: Task) -> tuple[Mapping[str, Any], Mapping[int, Any]]:
    """The row's values with its `answer`, if it has one, under the name that the task's kind gives it."""
    answer = row.values.get("answer")
    if answer is None:
        return row.values, row.units
    if isinstance(answer, dict):
        inner = make_row(row.where, answer, {})
        return {**row.values, **inner.values}, {**row.units, **inner.units}
    name = {"expression": "expression", "action_units": "action_units"}.get(task.kind, "text")
    return {name: answer, **row.values}, row.units


def _read(text: str, task: Task, finish_reason: str = "stop") -> Answer:
    return parse(text, task.kind, None if task.kind == "valence_arousal" else task.options, finish_reason=finish_reason)


@lru_cache(maxsize=4096)  # a file of labels holds few different ones
def _short_label(word: str, labels: tuple[str, ...]) -> Answer:
    return parse(word, "expression", labels)


def _label(word: str, labels: tuple[str, ...]) -> Answer:
    """What a label means; only those that could be one are remembered."""
    return _short_label(word, labels) if len(word) <= 100 else parse(word, "expression", labels)


def _expression(value: Any, task: Task, where: str) -> Meant | None:
    ranked = value if isinstance(value, list) else [value]
    if not ranked or (_empty(ranked[0]) and ranked[0] not in task.labels):
        return None
    for label in ranked:
        if not isinstance(label, str) or _NUMBER.fullmatch(label):
            raise FeabError(
                f"{where}: {_shown(label)} is no label but a number or worse, and datasets number classes in different "
                f"orders; write the name ({', '.join(task.labels[:3])}, ...)"
            )
    words = json.dumps(ranked, ensure_ascii=False) if isinstance(value, list) else value
    return Meant(_label(ranked[0], task.labels), words, label=True)


def _point(values: Sequence[Any], task: Task, where: str) -> Meant | None:
    if any(map(_empty, values)):
        return None
    numbers = [_number(value, where, axis) for axis, value in zip(AXES, values, strict=True)]
    if all(-1 <= number <= 1 for number in numbers):
        return Meant(Answer((numbers[0], numbers[1]), Outcome.OK), None, label=True)
    text = ", ".join(f"{axis}: {value}" for axis, value in zip(AXES, values, strict=True))
    return Meant(Answer(None, Outcome.UNPARSABLE), text, label=True)


def _named(value: Any, task: Task, where: str) -> Meant | None:
    """Action units as a list, or as text such as "6, 12" or "none"."""
    if isinstance(value, str):
        if value.strip().casefold() in _NOTHING - {"none"}:
            return None
        return Meant(_read(value, task), value, label=True)
    if not isinstance(value, list):
        raise FeabError(f"{where}: {_shown(value)} is no list of action units")
    found = set()
    for item in value:
        match = None if isinstance(item, bool) else _AU.fullmatch(str(item))
        if match is None:
            raise FeabError(f"{where}: {_shown(item)} is no action unit")
        found.add(int(match[1]))
    return Meant(Answer(frozenset(found & set(task.aus)), Outcome.OK), None, label=True)


def _coded(units: Mapping[int, Any], task: Task, where: str) -> Meant | None:
    """Action units as one column each, 1 for present; a unit without a value is not named."""
    given = {au: units[au] for au in task.aus if not _empty(units.get(au))}
    found = set()
    for au, value in given.items():
        word = str(value).strip().casefold()
        if word not in _YES | _NO:
            raise FeabError(
                f"{where}: AU {au} is {_shown(value)}; a column of an action unit holds 1 or 0. Decide from which "
                "intensity or probability on it is present, and write that"
            )
        if word in _YES:
            found.add(au)
    if not given:
        return None
    lacking = frozenset(task.aus) - given.keys()
    return Meant(Answer(frozenset(found), Outcome.OK), None, label=True, lacking=lacking)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING)


def _number(value: Any, where: str, axis: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise FeabError(f"{where}: {axis} is {_shown(value)}, not a number from -1 to 1")
    return number


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."

"""The JSON objects of a hostile text: which fields they hold, whether all of it can be read, and what stands behind.

Stricter than `feab.answers.jsonish`, which finds them: what cannot be read might say the opposite of what can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feab.answers.jsonish import find_json
from feab.answers.words import wordset

MOST_TEXT = 10_000
"""Characters, without thinking parts, of which something is read."""

MOST_BRACKETS = 100
"""Opening brackets in them; the nesting of what is read is bounded by that, too."""

_FIELDS = {
    **dict.fromkeys(("expression", "facialexpression", "emotion"), "expression"),
    "valence": "valence",
    "arousal": "arousal",
    **dict.fromkeys(("actionunits", "facialactionunits", "aus"), "action_units"),
    "answer": "answer",
}
"""Name of a field, reduced to its letters -> what it is."""

_NOT_LETTERS = re.compile(r"[^a-z]")
_NO_NUMBER = re.compile(r"(?<=[:\[,])\s*[-+]?(?:nan|inf(?:inity)?)\b")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}\[\],]', re.DOTALL)
WORD = re.compile(r"[^\W\d_]+")
_OPENING = re.compile(r"[{\[]")

_RETRACTS = wordset(
    "actually wrong incorrect mistaken mistake correction corrected sorry instead wait rather ignore disregard unless"
)
"""Words behind an answer that take it back, or may."""


@dataclass(frozen=True, slots=True)
class Said:
    """What stands in the JSON objects of a text, and behind them.

    Attributes:
        values: all values under each of the names we know.
        after: the words behind the last object.
    """

    values: Mapping[str, Sequence[Any]]
    after: frozenset[str]

    @property
    def annotates(self) -> bool:
        """Whether anything is said of a face."""
        return any(values for name, values in self.values.items() if name != "answer")


def said_in(plain: str) -> Said | None:
    """What JSON objects say; None where they cannot be read, or are taken back."""
    if len(plain) > MOST_TEXT or plain.count("{") + plain.count("[") > MOST_BRACKETS:
        return None
    text = _NO_NUMBER.sub(" null", plain)  # one number that is none must not cost the other levels
    layout = _layout(text)
    if layout is None:
        return None
    whole, broken = layout
    decoded = find_json(text, 0, len(text))
    starts = {start: value for value, start, _ in decoded}
    # An object that was found inside of one that cannot be read is only part of what is said.
    if not whole <= starts.keys() or any(isinstance(starts[at], dict) and at not in whole for at in starts):
        return None
    if broken is not None:
        if whole:
            return None  # which may have gone on to say something else
        decoded = find_json(broken, 0, len(broken))
    values: dict[str, list[Any]] = {name: [] for name in _FIELDS.values()}
    for name, value in _fields([value for value, _, _ in decoded]):
        values[name].append(value)
    end = max((end for _, _, end in decoded), default=0)
    after = frozenset(WORD.findall(text[end:])) if end and broken is None else frozenset()
    return None if after & _RETRACTS else Said(values, after)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _fields(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            name = _FIELDS.get(_NOT_LETTERS.sub("", key))
            if name is None or (name == "answer" and isinstance(item, (dict, list))):
                yield from _fields(item)
            else:
                yield name, item


def _layout(text: str) -> tuple[set[int], str | None] | None:
    """Where objects begin that end and lie in nothing else, and the one that breaks off; None for crossed brackets.

    What breaks off is closed after its last complete field, empty without one, and None if nothing breaks off. A list
    that does is no complete field: its last number may have lost a digit, and there may have been more.
    """
    above: list[tuple[str, int]] = []
    whole: set[int] = set()
    complete = ""
    at = 0
    # Quotation marks are those of strings within brackets only: prose may have a single one.
    while match := (_BRACKETS if above else _OPENING).search(text, at):
        sign, at = match[0], match.end()
        if sign in "{[":
            complete = complete if above else ""
            above.append((sign, match.start()))
        elif sign in "}]":
            opened, start = above.pop()
            if opened + sign not in ("{}", "[]"):
                return None
            if not above and sign == "}":
                whole.add(start)
        elif sign == "," and all(bracket == "{" for bracket, _ in above):
            complete = text[above[0][1] : match.start()] + "}" * len(above)
    return whole, complete if above else None

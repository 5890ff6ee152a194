"""Reads what an annotator or a verifier wrote: hostile text, of which nothing may be read that it does not say.

A draw that cannot be read costs one more draw, a draw that is misread may become a wrong label. So the rules, which are
our choice, are stricter than those by which models are scored (`feab.answers`):

* The answer is what stands in JSON objects under the names that the question gives, at any depth. All of them must
  agree, wherever they stand: what contradicts itself cannot be read. Nor can a text with an object that is no JSON,
  which might say anything.
* Each level is read for itself: one is kept when another is missing, out of range or no label. Of an object that breaks
  off, the fields that are complete count.
* Without an object, a bare answer to one level counts ("happiness", "AU1, AU4", "valence: 0.3, arousal: 0.1"): text
  with no words but those of that answer. Prose is not read.
* A list of more action units than were asked for, one that names every unit, or more units off the list than on it,
  says nothing about the face.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from feab.answers import parse
from feab.answers.au_items import read_list
from feab.answers.jsonish import find_json
from feab.answers.page import Page, fold, open_page
from feab.answers.refusals import reads_as_refusal
from feab.answers.words import wordset
from feab.generation.asked import ABSENT, FITS, NEITHER, PRESENT, TOO_HIGH, TOO_LOW, check_candidate, level_of
from feab.generation.record import LEVELS, Draw, Level, Ruling, Value, Verdict
from feab.records import FinishReason, Outcome
from feab.vocabulary import ALIASES, EXPRESSIONS

T = TypeVar("T", bound=Hashable)

MOST_TEXT = 20_000
"""Characters, without thinking parts, of which something is read."""

MOST_BRACKETS = 100
"""Opening brackets in them; the nesting of what is read is bounded by that, too."""

EVERY = 6
"""A list that names every unit asked for is no answer where this many or more were asked for."""

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
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{0,12})?|\.\d{1,12})")
_NONE = re.compile(r"\W*none\W*")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}\[\],]', re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_OPENING = re.compile(r"[{\[]")
_UNADORNED = re.compile(r"[\w\s.:!\"'*`()\[\]<>/-]*")
_AROUND = " \t\n.!\"'*_`"

_BARE: dict[Level, frozenset[str]] = {
    "expression": wordset("the expression emotion facial label is displayed final answer")
    | {word for alias in ALIASES for word in alias.split()},
    "valence_arousal": wordset("valence arousal is and final answer"),
}
"""The words of a bare answer. Of action units `read_list` takes nothing else, anyway."""


def read_draw(
    text: str,
    missing: Sequence[Level],
    aus: Sequence[int],
    *,
    context: int,
    draw: int,
    reason: FinishReason = "stop",
) -> tuple[Draw, Outcome]:
    """What one draw says of the levels that were asked for.

    Args:
        text: the completion, of any length and content.
        missing: the levels asked for; what is said of others is passed over.
        aus: the action units asked for.
        context: the number of its context.
        draw: its number.
        reason: why the completion ended.

    Returns:
        The draw, with None for each level that was not asked for or cannot be read. The outcome is ok if one can be,
        else truncated (by the token limit), refused or unparsable.
    """
    page = open_page(text, cut=reason == "length")
    said = _said(page.plain)
    structured = said is not None and any(said[name] for name in ("expression", "valence", "arousal", "action_units"))
    found: dict[Level, Value] = {}
    for level in LEVELS:
        if level in missing and said is not None:
            one = _field(level, said, aus) if structured else _bare(text, page, level, len(missing) > 1, aus, reason)
            if one is not None:
                found[level] = one
    return Draw(context, draw, **found), Outcome.OK if found else _failure(page, reason)  # type: ignore[arg-type]


def read_verdict(text: str, about: str, candidate: str, *, reason: FinishReason = "stop") -> Verdict:
    """What a verifier said of a candidate; its ruling is None where it cannot be read, which is no evidence.

    An expression that is not the candidate refutes it, be it the foil, another one or "neither" (our choice).

    Args:
        text: the completion, of any length and content.
        about: what was verified, as in `verification_question`.
        candidate: what it was verified to be.
        reason: why the completion ended.

    Raises:
        FeabError: when there is no such candidate.
    """
    check_candidate(about, candidate)
    page = open_page(text, cut=reason == "length")
    said = _said(page.plain)
    ruling: Ruling | None = None
    if said is not None and said["answer"]:
        ruling = _agreed(said["answer"], lambda answer: _ruling(answer, about, candidate))
    elif said is not None and reason == "stop" and "{" not in page.plain:
        ruling = _ruling(page.plain, about, candidate)
    return Verdict(about, candidate, ruling)


def _failure(page: Page, reason: FinishReason) -> Outcome:
    if reason == "length":
        return Outcome.TRUNCATED
    refused = reason in ("content_filter", "refusal") or reads_as_refusal(page.bare)
    return Outcome.REFUSED if refused else Outcome.UNPARSABLE


def _said(plain: str) -> dict[str, list[Any]] | None:
    """Every value that stands in a JSON object under each of the names we know; None where objects cannot be read."""
    if len(plain) > MOST_TEXT or plain.count("{") + plain.count("[") > MOST_BRACKETS:
        return None
    text = _NO_NUMBER.sub(" null", plain)  # one number that is none must not cost the other levels
    layout = _layout(text)
    if layout is None:
        return None
    whole, broken = layout
    read = {start: value for value, start, _ in find_json(text, 0, len(text)) if isinstance(value, (dict, list))}
    # An object that was found inside of one that cannot be read is only part of what is said.
    if not whole <= read.keys() or any(isinstance(read[at], dict) and at not in whole for at in read):
        return None
    objects = [*read.values(), *(value for value, _, _ in find_json(broken, 0, len(broken)))]
    found: dict[str, list[Any]] = {name: [] for name in _FIELDS.values()}
    for name, value in _fields(objects):
        found[name].append(value)
    return found


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


def _layout(text: str) -> tuple[set[int], str] | None:
    """Where objects begin that end and lie in nothing else, and the one that breaks off; None for crossed brackets.

    What breaks off is closed after its last complete field, and empty where there is none. A list that breaks off is no
    complete field: its last number may have lost a digit, and there may have been more.
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
    return whole, complete if above else ""


def _field(level: Level, said: dict[str, list[Any]], aus: Sequence[int]) -> Value | None:
    if level == "expression":
        return _agreed(said["expression"], _expression)
    if level == "action_units":
        return _agreed(said["action_units"], lambda value: _units(value, aus))
    valence, arousal = _agreed(said["valence"], _number), _agreed(said["arousal"], _number)
    return None if valence is None or arousal is None else (valence, arousal)


def _agreed(values: Sequence[Any], read: Callable[[Any], T | None]) -> T | None:
    """What all values say; None where one cannot be read, two differ, or there are none."""
    read_values = {read(value) for value in values}
    return read_values.pop() if len(read_values) == 1 else None


def _expression(value: Any) -> str | None:
    label = ALIASES.get(_plain(value)) if isinstance(value, str) else None
    return label if label in EXPRESSIONS else None


def _number(value: Any) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 <= value <= 1:
        return None
    return float(value) + 0.0  # -0.0 is 0.0


def _plain(text: str) -> str:
    return " ".join(fold(text).strip(_AROUND).split())


def _units(value: Any, aus: Sequence[int]) -> frozenset[int] | None:
    """The units of a list, or of a text that holds nothing but units."""
    if isinstance(value, str):
        if _NONE.fullmatch(fold(value)):
            return frozenset()
        numbers = _written(value)
    elif isinstance(value, list):
        parts = [_written(item) if isinstance(item, str) else [item] for item in value]
        numbers = None if any(part is None or len(part) != 1 for part in parts) else [n for p in parts if p for n in p]
    else:
        return None
    return None if numbers is None else _judged(numbers, aus)


def _written(text: str) -> list[int] | None:
    folded = fold(text)
    items = read_list(folded, 0, len(folded))
    return None if items is None else [item.number for item in items]


def _judged(numbers: Sequence[Any], aus: Sequence[int]) -> frozenset[int] | None:
    """The units asked for among these; None where the list cannot be meant."""
    if len(numbers) > len(aus):
        return None
    if any(isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 99 for n in numbers):
        return None
    named, asked = frozenset(numbers), frozenset(aus)
    if len(named - asked) > len(named & asked) or (len(asked) >= EVERY and named >= asked):
        return None
    return named & asked


def _bare(text: str, page: Page, level: Level, several: bool, aus: Sequence[int], reason: FinishReason) -> Value | None:
    """The answer to one level, in a text that holds nothing else; of several levels it must be told which is meant."""
    if "{" in page.plain or page.plain.count("[") != page.plain.count("]") or reason == "length":
        return None
    words = set(_WORD.findall(page.bare))
    if level == "action_units":
        return None if several and words <= {"none"} else _units(page.bare.strip(), aus)
    if not words <= _BARE[level] or (several and level == "valence_arousal" and not words):
        return None
    if level == "expression" and (any(map(str.isdigit, page.bare)) or not _UNADORNED.fullmatch(page.plain)):
        return None  # crosses, question marks and numbers say more than a label
    return parse(text, level, finish_reason=reason).value


def _ruling(said: Any, about: str, candidate: str) -> Ruling | None:
    if not isinstance(said, str):
        return None
    word = _plain(said)
    kind = level_of(about)
    if kind == "valence_arousal":
        rulings: dict[str, Ruling] = {FITS: "confirm", TOO_LOW: "too low", TOO_HIGH: "too high"}
        return rulings.get(word)
    if kind == "expression":
        label = word if word == NEITHER else _expression(word)
    elif word in (PRESENT, ABSENT):
        label = word
    else:  # a model that answers such questions with lists
        shown = _units(word, (int(about),))
        label = None if shown is None else PRESENT if shown else ABSENT
    return None if label is None else "confirm" if label == candidate else "refute"

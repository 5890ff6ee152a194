"""Reads what an annotator or a verifier wrote: hostile text, of which nothing may be read that it does not say.

A draw that cannot be read costs one more draw, a draw that is misread may become a wrong label. So the rules, which are
our choice, are stricter than those by which models are scored (`feab.answers`):

* The answer is what stands in JSON objects under the names that the question gives, at any depth. All of them must
  agree, wherever they stand: what contradicts itself cannot be read. Nor can a text with an object that is no JSON,
  which might say anything, or one that names another label behind the last object, or takes something back.
* Each level is read for itself: one is kept when another is missing, out of range or no label. Of an object that breaks
  off, the fields that are complete count.
* Without an object, a bare answer to one level counts ("happiness", "AU1, AU4", "valence: 0.3, arousal: 0.1"): text
  with no words but those of that answer. Prose is not read.
* A list of more action units than were asked for, one that names every unit, or more units off the list than on it,
  says nothing about the face.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from feab.answers import parse
from feab.answers.au_items import read_list
from feab.answers.page import Page, fold, open_page
from feab.answers.refusals import reads_as_refusal
from feab.answers.words import wordset
from feab.generation.asked import ABSENT, FITS, NEITHER, PRESENT, TOO_HIGH, TOO_LOW, check_candidate, level_of
from feab.generation.record import LEVELS, Draw, Level, Ruling, Value, Verdict
from feab.generation.said import WORD, Said, said_in
from feab.records import FinishReason, Outcome
from feab.tasks.task import AXES
from feab.vocabulary import ALIASES, EXPRESSIONS

T = TypeVar("T", bound=Hashable)

EVERY = 6
"""A list that names every unit asked for is no answer where this many or more were asked for."""

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{0,12})?|\.\d{1,12})")
_NONE = re.compile(r"\W*none\W*")
_UNADORNED = re.compile(r"[\w\s.:!\"'*`()\[\]<>/-]*")
_AROUND = " \t\n.!\"'*_`"

_BARE: dict[Level, frozenset[str]] = {
    "expression": wordset("the expression emotion facial label is displayed final answer")
    | {word for alias in ALIASES for word in alias.split()},
    "valence_arousal": wordset("valence arousal is and final answer"),
}
"""The words of a bare answer. Of action units `read_list` takes nothing else, anyway."""

_RULES = frozenset(ALIASES) | wordset("neither present absent fits low high not no")
"""Words behind a verdict that may be another one."""


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
    said = said_in(page.plain)
    found: dict[Level, Value] = {}
    for level in LEVELS:
        if level in missing and said is not None:
            several = len(missing) > 1
            one = _field(level, said, aus) if said.annotates else _bare(text, page, level, several, aus, reason)
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
    said = said_in(page.plain)
    ruling: Ruling | None = None
    if said is not None and said.values["answer"]:
        ruling = _agreed(said.values["answer"], lambda answer: _ruling(answer, about, candidate))
        ruling = None if said.after & _RULES else ruling
    elif said is not None and reason == "stop" and "{" not in page.plain:
        ruling = _ruling(page.plain, about, candidate)
    return Verdict(about, candidate, ruling)


def _failure(page: Page, reason: FinishReason) -> Outcome:
    if reason == "length":
        return Outcome.TRUNCATED
    refused = reason in ("content_filter", "refusal") or reads_as_refusal(page.bare)
    return Outcome.REFUSED if refused else Outcome.UNPARSABLE


def _field(level: Level, said: Said, aus: Sequence[int]) -> Value | None:
    if level == "expression":
        label = _agreed(said.values["expression"], _expression)
        named = {ALIASES.get(word) for word in said.after} & {*EXPRESSIONS}
        return label if named <= {label} else None
    if level == "action_units":
        return _agreed(said.values["action_units"], lambda value: _units(value, aus))
    valence, arousal = (_agreed(said.values[axis], _number) for axis in AXES)
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
    words = set(WORD.findall(page.bare))
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

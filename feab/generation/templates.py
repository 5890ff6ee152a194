"""The wordings that instruction data is made of: the YAML files of `generation/templates/`.

A wording is plain text with names in braces, `The face displays {display}.`; with a capital first letter a name stands
for the same words, begun with a capital. Which names a list of wordings may use, and which lists there are, is fixed
here; what they say is content, to be added to without touching code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from feab.content import shipped
from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS
from feab.yamlfile import parse_yaml, read_bytes

SCHEMA = 1
MOST_WORDINGS = 200
LONGEST = 1_000
"""Characters of one wording."""

_MAX_BYTES = 200_000
_HOLE = re.compile(r"\{([A-Za-z_]+)\}")

_LABELS = frozenset({"display", "label", "adjective", "medium"})
_AFFECT = frozenset({"valence", "arousal", "valence_words", "arousal_words", "medium"})
_UNITS = frozenset({"units", "numbers", "evidence", "bullets", "medium"})
_ABOUT_UNIT = frozenset({"number", "name", "appearance", "medium"})
_TWO_UNITS = frozenset({"first", "first_name", "second", "second_name", "medium"})
_SIDES = frozenset({"first", "second", "medium"})
_MEDIUM = frozenset({"medium"})
_OPTIONS = frozenset({"options", "medium"})
_ASKED = frozenset({"asked", "medium"})

LISTS: Mapping[str, frozenset[str]] = MappingProxyType({
    "coarse.questions": _OPTIONS,
    "coarse.answers": _LABELS,
    "dimensional.questions": _MEDIUM,
    "dimensional.answers": _AFFECT,
    "fine.open": _MEDIUM,
    "fine.listed": _ASKED,
    "fine.answers": _UNITS,
    "fine.answers_none": _MEDIUM,
    "correlation.questions": _MEDIUM,
    "correlation.opening": _LABELS,
    "correlation.opening_affect": _AFFECT,
    "correlation.typical": _UNITS,
    "correlation.beyond": _UNITS,
    "correlation.movements": _UNITS,
    "correlation.still": _MEDIUM,
    "correlation.lacking": _UNITS | {"be"},
    "correlation.near": _MEDIUM,
    "correlation.far": _MEDIUM,
    "correlation.raises": frozenset({"numbers", "goes", "makes", "medium"}),
    "correlation.lowers": frozenset({"numbers", "goes", "makes", "medium"}),
    "conversation.coarse": _MEDIUM,
    "conversation.dimensional": _MEDIUM,
    "conversation.fine": _MEDIUM,
    "conversation.fine_listed": _ASKED,
    "conversation.correlation": _MEDIUM,
    "conversation.limits": _MEDIUM,
    "conversation.limits_answers": _MEDIUM,
    "choice.expression.questions": _OPTIONS,
    "choice.expression.answers": _LABELS,
    "choice.letter.questions": frozenset({"lettered", "medium"}),
    "choice.letter.answers": frozenset({"letter", "label", "medium"}),
    "choice.unit.questions": _ABOUT_UNIT,
    "choice.unit.answers_yes": _MEDIUM,
    "choice.unit.answers_no": _MEDIUM,
    "choice.seen.questions": _ABOUT_UNIT,
    "choice.seen.answers_yes": _MEDIUM,
    "choice.seen.answers_no": _MEDIUM,
    "choice.which.questions": _TWO_UNITS,
    "choice.which.answers": _ABOUT_UNIT,
    "choice.valence.questions": _SIDES,
    "choice.valence.answers": frozenset({"word"}),
    "choice.arousal.questions": _SIDES,
    "choice.arousal.answers": frozenset({"word"}),
    "ferid.category.questions": _OPTIONS,
    "ferid.category.answers": _LABELS,
    "ferid.conversation.questions": _MEDIUM,
    "ferid.conversation.answers": _LABELS | _UNITS,
    "ferid.conversation.answers_plain": _LABELS,
    "rewrite.instructions": frozenset({"question", "answer"}),
})  # fmt: skip
"""Every list of wordings, as file and keys, with the names that may stand in it."""

Grain = Literal["coarse", "dimensional", "fine", "correlation", "limits"]
"""What a turn of a conversation is about; the last is what cannot be told from a face."""

GRAINS: tuple[Grain, ...] = get_args(Grain)


@dataclass(frozen=True, slots=True)
class Words:
    """How labels are put in words."""

    adjectives: Mapping[str, str]
    displays: Mapping[str, str]
    """Expression -> the display with its article, "an expression of fear"."""
    valence: tuple[tuple[float, str], ...]
    """Bounds from the top, each with the words for numbers that reach it."""
    arousal: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Templates:
    """All wordings, validated.

    Attributes:
        lists: name of the list, as in `LISTS` -> its wordings.
        orders: the orders of turns in conversations.
        words: how labels are put in words.
        sha256: of the files, so that a dataset can say what it was made with.
    """

    lists: Mapping[str, tuple[str, ...]]
    orders: tuple[tuple[Grain, ...], ...]
    words: Words
    sha256: str


def fill(wording: str, values: Mapping[str, str]) -> str:
    """A wording with its names replaced; what is put in is not looked at again.

    Raises:
        KeyError: when a name has no value.
    """

    def put(hole: re.Match[str]) -> str:
        name = hole[1]
        if name in values:
            return values[name]
        text = values[name[0].lower() + name[1:]]
        return text[:1].upper() + text[1:]

    return _HOLE.sub(put, wording)


def names_in(wording: str) -> frozenset[str]:
    """The names that a wording holds, each begun with a small letter."""
    return frozenset(name[0].lower() + name[1:] for name in _HOLE.findall(wording))


def load_templates(folder: Path | None = None) -> Templates:
    """The wordings of a folder (default: those that travel with feab).

    Raises:
        FeabError: naming file and place: a file or list is missing or unknown, a wording is empty, too long, occurs
            twice, or holds a name that there is none of.
    """
    return _load(folder or shipped("generation") / "templates")


@lru_cache(maxsize=8)
def _load(folder: Path) -> Templates:
    digest = hashlib.sha256()
    lists: dict[str, tuple[str, ...]] = {}
    orders: tuple[tuple[Grain, ...], ...] = ()
    for name in dict.fromkeys(key.partition(".")[0] for key in LISTS):
        path = folder / f"{name}.yaml"
        found = _mapping(path, digest)
        if name == "conversation":
            orders = _orders(found.pop("orders", None), path)
        lists |= dict(_lists(name, found, path))
    missing = [key for key in LISTS if key not in lists]
    if missing:
        raise FeabError(f"{folder}: the wordings {missing[0]!r} are missing")
    words = _words(_mapping(folder / "words.yaml", digest), folder / "words.yaml")
    return Templates(MappingProxyType(lists), orders, words, digest.hexdigest())


def _mapping(path: Path, digest: Any) -> dict[str, Any]:
    data = read_bytes(path, _MAX_BYTES)
    digest.update(f"{path.name}\0{len(data)}\0".encode() + data)
    found = parse_yaml(data, path)
    if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA:
        raise FeabError(f"{path}: must be a mapping with `schema: {SCHEMA}`")
    return found


def _lists(above: str, found: Mapping[Any, Any], path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, value in found.items():
        name = f"{above}.{key}"
        if name in LISTS:
            yield name, tuple(_wordings(value, f"{path}: {name}", LISTS[name]))
        elif isinstance(value, dict) and any(known.startswith(f"{name}.") for known in LISTS):
            yield from _lists(name, value, path)
        else:
            raise FeabError(f"{path}: {name!r:.80} is no list of wordings that feab knows")


def _wordings(value: Any, where: str, known: frozenset[str]) -> Iterator[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_WORDINGS:
        raise FeabError(f"{where}: must be a list of 1 to {MOST_WORDINGS} wordings")
    seen: set[str] = set()
    for number, text in enumerate(value, start=1):
        at = f"{where}: wording {number}"
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            raise FeabError(f"{at}: must be text of 1 to {LONGEST} characters; quote it if it holds a colon")
        if text in seen:
            raise FeabError(f"{at}: occurs twice; it would be drawn more often than others")
        unknown = sorted(names_in(text) - known)
        if unknown or set("{}") & set(_HOLE.sub("", text)):
            names = ", ".join(f"{{{name}}}" for name in sorted(known))
            raise FeabError(f"{at}: {text[:60]!r} holds a brace or name that is not known; known here are {names}")
        seen.add(text)
        yield text


def _orders(value: Any, path: Path) -> tuple[tuple[Grain, ...], ...]:
    if not isinstance(value, list) or not value:
        raise FeabError(f"{path}: orders: must be a list of lists of {', '.join(GRAINS)}")
    for number, order in enumerate(value, start=1):
        known = isinstance(order, list) and 2 <= len(order) <= len(GRAINS) and all(turn in GRAINS for turn in order)
        if not known or len(set(order)) < len(order) or order[0] in ("limits", "correlation"):
            raise FeabError(
                f"{path}: orders: order {number}: must name 2 or more of {', '.join(GRAINS)}, each once, and begin "
                "with neither limits nor correlation"
            )
    return tuple(tuple(next(grain for grain in GRAINS if grain == turn) for turn in order) for order in value)


def _words(found: Mapping[str, Any], path: Path) -> Words:
    expressions = found.get("expressions")
    if not isinstance(expressions, dict) or set(expressions) != set(EXPRESSIONS):
        raise FeabError(f"{path}: expressions: must name {', '.join(EXPRESSIONS)}")
    forms: dict[str, dict[str, str]] = {"adjective": {}, "display": {}}
    for label, row in expressions.items():
        for form, of_form in forms.items():
            text = row.get(form) if isinstance(row, dict) else None
            if not isinstance(text, str) or not text or _HOLE.search(text):
                raise FeabError(f"{path}: expressions.{label}.{form}: must be text")
            of_form[label] = text
    return Words(forms["adjective"], forms["display"], *(_bounds(found, axis, path) for axis in ("valence", "arousal")))


def _bounds(found: Mapping[str, Any], axis: str, path: Path) -> tuple[tuple[float, str], ...]:
    rows: Sequence[Any] = found.get(axis) or ()
    steps = []
    for row in rows if isinstance(rows, list) else ():
        good = isinstance(row, dict) and isinstance(row.get("from"), (int, float)) and isinstance(row.get("words"), str)
        steps.append((float(row["from"]), str(row["words"])) if good else (float("nan"), ""))
    falling = all(one[0] > other[0] for one, other in pairwise(steps))
    if not steps or not falling or steps[-1][0] != -1 or not all(words for _, words in steps):
        raise FeabError(f"{path}: {axis}: must be rows with `from` and `words`, falling to -1")
    return tuple(steps)

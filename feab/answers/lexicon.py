"""Finds a task's labels, and the expressions it does not list, among the words of a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from feab.answers.page import fold
from feab.vocabulary import ALIASES

_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,]\d+)*%?|[^\w\s]|\n")
_ADVERBS = {
    "happily": "happy", "joyfully": "happy", "sadly": "sad", "fearfully": "fearful", "angrily": "angry",
    "disgustedly": "disgusted", "contemptuously": "contempt", "surprisingly": "surprised",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words and marks of a text with their offsets into the page."""

    words: list[str]
    starts: list[int]
    ends: list[int]


def tokenize(text: str, start: int, end: int) -> Tokens:
    """Words (with inner apostrophes), numbers, single marks and line ends, in one linear pass."""
    matches = list(_TOKEN.finditer(text, start, end))
    return Tokens([m[0] for m in matches], [m.start() for m in matches], [m.end() for m in matches])


@dataclass(frozen=True, slots=True)
class Mention:
    """A label named in the text: token range [first, last], and whether the task lists it."""

    label: str
    listed: bool
    first: int
    last: int
    weak: bool = False
    """A word too common to count in running text ("other")."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases by their first word, longest first: (words, label, listed, weak)."""

    phrases: dict[str, tuple[tuple[tuple[str, ...], str, bool, bool], ...]]

    def mentions(self, words: list[str]) -> list[Mention]:
        """Every label named, left to right, the longest phrase winning at each place."""
        found: list[Mention] = []
        at = 0
        while at < len(words):
            hit = self._at(words, at)
            if hit is None and words[at] in _ADVERBS and self._at(words, at + 1) is not None:
                hit = self._at([_ADVERBS[words[at]]], 0)  # "happily surprised" names two expressions
                hit = hit and Mention(hit.label, hit.listed, at, at)
            if hit is not None:
                found.append(hit)
                at = hit.last
            at += 1
        return found

    def _at(self, words: list[str], at: int) -> Mention | None:
        if at >= len(words):
            return None
        for phrase, label, listed, weak in self.phrases.get(words[at], ()):
            if tuple(words[at : at + len(phrase)]) == phrase:
                return Mention(label, listed, at, at + len(phrase) - 1, weak)
        return None


@lru_cache(maxsize=64)
def lexicon(labels: tuple[str, ...]) -> Lexicon:
    """The lexicon of a label list: its own forms first, then known aliases, led to the list's form.

    An alias that two listed labels could claim ("joyful" beside "joy" and "happiness") and every expression the list
    lacks count as unlisted: naming one is no answer.
    """
    forms: dict[tuple[str, ...], tuple[str, bool, bool]] = {}
    claimed: dict[str, list[str]] = {}
    for label in labels:
        key = _words(label)
        canonical = ALIASES.get(" ".join(key), "")
        if key:
            forms.setdefault(key, (label, True, canonical == "other"))
        if canonical:
            claimed.setdefault(canonical, []).append(label)
    for alias, canonical in ALIASES.items():
        owners = claimed.get(canonical, [])
        if canonical == "other" and not owners:
            continue
        owner = owners[0] if len(owners) == 1 else f"\0{canonical}"
        forms.setdefault(_words(alias), (owner, len(owners) == 1, canonical == "other"))
    by_first: dict[str, list[tuple[tuple[str, ...], str, bool, bool]]] = {}
    for key, (label, listed, weak) in forms.items():
        by_first.setdefault(key[0], []).append((key, label, listed, weak))
    return Lexicon({word: tuple(sorted(found, key=lambda f: -len(f[0]))) for word, found in by_first.items()})


def _words(label: str) -> tuple[str, ...]:
    folded = fold(label).replace("_", " ")
    return tuple(tokenize(folded, 0, len(folded)).words)


def as_labels(labels: Sequence[object]) -> tuple[str, ...]:
    """Labels as text, whatever was passed."""
    return tuple(str(label) for label in labels)

"""Reads an expression label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from feab.answers.jsonish import Clash, keys
from feab.answers.lexicon import Lexicon, Mention, Tokens, lexicon, tokenize
from feab.answers.page import Page, open_page
from feab.answers.polarity import Judged, Status, judge, sentences
from feab.answers.reading import UNREADABLE, Reading, Result, agree
from feab.answers.words import CONCLUSIONS, CROSSES, PREFERENCES, VERDICT_NO, wordset

_DRESS = wordset(
    "a an the face facial expression expressions emotion emotions emotional label class category is of option "
    "very clearly mostly person looks look appears primary main dominant overall displayed shown detected "
    "predicted looking"
)
_KEYS = wordset(
    "finalanswer answer expression emotion label facialexpression dominantemotion dominantexpression "
    "primaryemotion primaryexpression mainemotion prediction predictedexpression predictedemotion "
    "predictedlabel class category classification result output response choice emotionlabel expressionlabel "
    "expressionclass detectedemotion detectedexpression"
)
_INNER = ("label", "name", "value", "expression", "emotion", "answer", "primary", "type", "category")


class ExpressionReader:
    """Reads one label of a list; `labels` are returned as they are written there."""

    tags = frozenset({"label", "expression", "emotion", "class", "category"})
    whole_block = False

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._lexicon: Lexicon = lexicon(labels)

    def text(self, page: Page, start: int, end: int) -> Result:
        """The label that a text states: alone, as a headline, or as the only or the preferred one in prose."""
        tokens = tokenize(page.bare, start, end)
        if (alone := self._bare(tokens, 0, len(tokens.words))) is not None:
            return _reading(alone, tokens)
        if (headline := self._headline(tokens, page.wary)) is not None:
            return headline
        judged = judge(tokens, self._lexicon)
        if page.cut and end == len(page.bare):
            done = sentences(tokens)
            judged = [j for j in judged if done[j.sentence].mark]
        if page.wary:
            judged = [j for j in judged if _says_who(tokens, j)]
        return _decide(judged, tokens)

    def data(self, value: object) -> Result:
        """The label in a JSON object, under a key such as "expression" or as the only true flag."""
        return self._data(value, 0)

    def _data(self, value: object, depth: int) -> Result:
        if depth > 4:
            return None
        if isinstance(value, list):
            return agree(self._data(item, depth + 1) for item in value if isinstance(item, dict))
        if not isinstance(value, dict):
            return None
        fields = keys(value)
        found = [self._field(item, depth) for key, item in fields.items() if key in _KEYS]
        if found:
            readable = [f for f in found if isinstance(f, Reading)]
            return agree(readable) if readable else UNREADABLE
        if (flag := self._flag(value)) is not None:
            return flag
        return agree(self._data(item, depth + 1) for item in value.values())

    def _field(self, value: Any, depth: int) -> Result:
        if isinstance(value, dict):
            inner = [keys(value)[k] for k in _INNER if k in keys(value)]
            return self._field(inner[0], depth + 1) if inner and depth < 4 else self._data(value, depth + 1)
        if isinstance(value, list):
            read = [self._field(item, depth + 1) for item in value[:20]] if depth < 4 else []
            return agree(read) if read and all(isinstance(r, Reading) for r in read) else UNREADABLE
        if not isinstance(value, str) or isinstance(value, Clash):
            return UNREADABLE
        page = open_page(value)
        return self.text(page, 0, len(page.bare)) or UNREADABLE

    def _flag(self, value: dict[str, Any]) -> Result:
        """{"happiness": true, "sadness": false}: exactly one label is true."""
        flags = {k: v for k, v in value.items() if self._bare_text(k) is not None}
        if len(flags) == 1 and len(value) == 1:
            return UNREADABLE  # {"sadness": 0.72}: how sure must it be?
        if len(flags) < 2 or any(
            v is None or v not in (0, 1) for v in flags.values() if not isinstance(v, (dict, list))
        ):
            return UNREADABLE if len(flags) >= 2 else None
        true = [k for k, v in flags.items() if not isinstance(v, (dict, list)) and v == 1]
        mention = self._bare_text(true[0]) if len(true) == 1 else None
        return Reading(mention.label, 0, 0) if mention is not None and mention.listed else UNREADABLE

    def _bare_text(self, text: str) -> Mention | None:
        tokens = tokenize(text.replace("_", " "), 0, len(text))
        return self._bare(tokens, 0, len(tokens.words))

    def _bare(self, tokens: Tokens, start: int, end: int) -> Mention | None:
        """The label of a stretch that holds nothing else but decoration, an option letter or its own repetition."""
        words = tokens.words[start:end]
        if "?" in words or CROSSES.intersection(words):
            return None
        places = [at for at, word in enumerate(words) if word[0].isalnum()]
        if len(places) > 1 and _is_marker(words, places[0]):
            places = places[1:]
        mentions = {m.first: m for m in self._lexicon.mentions(words)}
        found: list[Mention] = []
        reach = -1
        for at in places:
            if at <= reach:
                continue
            if at in mentions:
                found.append(mentions[at])
                reach = mentions[at].last
            elif words[at] not in _DRESS:
                return None
        if not found or len({m.label for m in found}) != 1:
            return None
        first = found[0]
        return Mention(first.label, first.listed, first.first + start, first.last + start)

    def _headline(self, tokens: Tokens, wary: bool) -> Result:
        """A label that stands alone on the first or the last line, or opens the first ("Sadness. The brows ...")."""
        lines = _lines(tokens)
        heads = [(number, self._head(tokens, *line, whole=wary)) for number, line in enumerate(lines)]
        named = [(number, head) for number, head in heads if head is not None]
        if not named or len({head.label for _, head in named}) != 1:
            return None
        for number, head in named:
            if head.label and number in (0, len(lines) - 1):
                return _reading(head, tokens)
        return None

    def _head(self, tokens: Tokens, start: int, end: int, whole: bool) -> Mention | None:
        if (alone := self._bare(tokens, start, end)) is not None or whole:
            return alone
        words = tokens.words
        for at in range(start + 1, min(end, start + 9)):
            word = words[at]
            dash = word in "-—" and tokens.starts[at] > tokens.ends[at - 1]
            if word not in (".", "!", ":", "(") and not dash:
                continue
            head = self._bare(tokens, start, at)
            if head is None:
                continue
            if word in (".", "!"):
                return head
            rest = words[at + 1 : end]
            denied = any(w in VERDICT_NO or w.endswith("n't") or w in CROSSES for w in rest)
            if not rest or rest[0][0].isdigit():
                return None
            # A heading whose text denies something competes with every other one.
            return replace(head, label="") if denied else head
        return None


def _is_marker(words: list[str], at: int) -> bool:
    """An option letter or number such as "(c)", "3." or "C:" in front of a label."""
    word = words[at]
    single = len(word) == 1 and (word.isdigit() or word in "abcdefghij")
    follows = at + 1 < len(words) and words[at + 1] in (".", ")", ":", "]", "-")
    return single and follows


def _lines(tokens: Tokens) -> list[tuple[int, int]]:
    lines: list[tuple[int, int]] = []
    start = 0
    for at, word in enumerate([*tokens.words, "\n"]):
        if word == "\n":
            if any(w[0].isalnum() for w in tokens.words[start:at]):
                lines.append((start, at))
            start = at + 1
    return lines


_WHO = re.compile(
    r"(?:person|face|expression|emotion|they|he|she|man|woman|individual|subject|child|boy|girl|brows?|eyes|mouth|smile|"
    r"it|features|appears?|looks?|seems?|displays?|shows?)\Z"
)


def _says_who(tokens: Tokens, judged: Judged) -> bool:
    """In a text that declines, a label counts only where something is said about the face."""
    if judged.status is not Status.ASSERTED:
        return True
    before = tokens.words[max(0, judged.mention.first - 12) : judged.mention.first]
    return any(_WHO.match(word) for word in before)


def _decide(judged: list[Judged], tokens: Tokens) -> Result:
    """One label affirmed and none in doubt; else the one that the text concludes with, or prefers."""
    asserted = [j for j in judged if j.status is Status.ASSERTED]
    doubtful = [j for j in judged if j.status is Status.DOUBTFUL]
    if not asserted and not doubtful:
        asserted = [j for j in judged if j.status is Status.MINOR]
    if not asserted:
        return UNREADABLE if any(j.status is not Status.ASIDE for j in judged) else None
    labels = {j.mention.label for j in asserted}
    if len(labels) == 1 and labels.issuperset(j.mention.label for j in doubtful):
        return _reading(asserted[-1].mention, tokens)
    for cues in (CONCLUSIONS, PREFERENCES):
        strong = [j for j in asserted + doubtful if cues.intersection(_sentence(tokens, j))]
        labels = {j.mention.label for j in strong}
        if len(labels) == 1 and any(j.status is Status.ASSERTED for j in strong):
            return _reading(strong[-1].mention, tokens)
        if strong and cues is CONCLUSIONS and len(labels) > 1:
            break
    return UNREADABLE


def _sentence(tokens: Tokens, judged: Judged) -> Iterator[str]:
    """Words of the mention's sentence up to the mention."""
    at = judged.mention.first - 1
    if at >= 0 and tokens.words[at] == "so":  # "so happy" concludes nothing
        at -= 1
    while at >= max(0, judged.mention.first - 80) and tokens.words[at] not in (".", "!", "?", ";", "\n"):
        yield tokens.words[at]
        at -= 1


def _reading(mention: Mention, tokens: Tokens) -> Result:
    if not mention.listed:
        return UNREADABLE
    return Reading(mention.label, tokens.starts[mention.first], tokens.ends[mention.last])

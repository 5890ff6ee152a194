"""Reads a valence and an arousal, each in [-1, 1]. Nothing is clipped, rescaled or guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

from feab.answers.jsonish import keys
from feab.answers.page import Page, open_page
from feab.answers.reading import UNREADABLE, Reading, Result, Unreadable, agree
from feab.answers.words import wordset

_UNSIGNED = r"(?:\d{1,6}(?:[.,]\d{1,12})?|\.\d{1,12})(?:e[-+]?\d{1,3})?"
_NUMBER = re.compile(rf"[-+]?{_UNSIGNED}")
_DOT = r"[-+]?(?:\d{1,6}(?:\.\d{0,12})?|\.\d{1,12})"
_COMMA = r"[-+]?\d{1,6},\d{1,12}"
_NAMES = re.compile(r"\b(valence|arousal)\b")
_LETTERS = re.compile(r"(?<![\w'])([va])(?=\s{0,2}[:=])")
_BOTH = re.compile(r"\b(valence|arousal)\b[\s)'\"]{0,3}(?:and|&|/|,|-|\|)\s{0,3}(?:the\s)?\(?(valence|arousal)\b")

_GLUE_WORDS = wordset(
    "is are of was score scores value values level levels rating ratings estimate estimated at to be "
    "approximately approx around about roughly near nearly circa equals equal would as the a an slightly "
    "moderately very highly mildly fairly somewhat strongly high low moderate mild medium neutral calm strong "
    "weak slight respectively both my i for score= intermediate close text dimension coordinate axis given by "
    "predicted"
)
_POSITIVE, _NEGATIVE = frozenset({"positive", "pleasant"}), frozenset({"negative", "unpleasant"})
_GLUE = re.compile(
    r"\s+|[-=]>|(?<=\w)>|[:=|\"'\[→~)]|-{2,}|\([^()\d\n]{0,80}\)|\(|,|<(?=\w)|(?P<word>[a-z]+)|(?P<sign>[-+])(?=\s)"
)
_AFTER = re.compile(
    r"\s{0,2}%|\s{0,2}percent|\s{0,2}/\s{0,2}\d|\s{0,3}out of|\s{0,2}(?:-|to|\.\.+|—|→|~)\s{0,2}[-+]?[.\d]"
    r"|\s+[-+]\d|[\w]|[.,]\d|\s(?:or|and)\s[-+]?[.\d]"
)
_SCALES = (
    re.compile(
        rf"\b(?:scale|range|ranges|ranging|between|from|within|interval|bounds)\b[\s:=]{{0,3}}"
        rf"(?:(?:of|is|from|between|in)[\s:]{{1,3}}){{0,2}}[\[(]?\s{{0,2}}(?P<low>[-+]?{_UNSIGNED})\s{{0,2}}"
        rf"(?:to|and|-|,|through|\.\.\.?|—)\s{{0,2}}(?P<high>[-+]?{_UNSIGNED})\s{{0,2}}[\])]?"
    ),
    re.compile(
        rf"(?P<low>[-+]?{_UNSIGNED})\s{{0,2}}(?:-|to)\s{{0,2}}(?P<high>[-+]?{_UNSIGNED})\s{{0,2}}(?:point\s)?(?:likert\s)?scale"
    ),
    re.compile(
        rf"\b(?:valence|arousal)\s{{0,2}}[\[(]\s{{0,2}}(?P<low>[-+]?{_UNSIGNED})\s{{0,2}}(?:to|-|,|\.\.\.?|and)"
        rf"\s{{0,2}}(?P<high>[-+]?{_UNSIGNED})\s{{0,2}}[\])]"
    ),
)
_OTHER_SCALE = re.compile(
    r"\b(?:likert|(?:three|four|five|six|seven|nine|ten|\d{1,3})[- ]point|scale of \d{1,3}\b|out of \d|percentage)"
)
_PAIR_DOT = re.compile(rf"({_DOT})(\s{{0,12}}[,;/|]\s{{0,12}}|\s+(?:and\s+)?)({_DOT})")
_PAIR_COMMA = re.compile(rf"({_COMMA})(\s{{0,3}}[;/|]\s{{0,3}}|,?\s+(?:and\s+)?)({_COMMA})")
_BRACKETED = re.compile(
    rf"[(\[]\s{{0,3}}(?:{_DOT}\s{{0,3}}[,;]\s{{0,3}}{_DOT}|{_COMMA}\s{{0,3}};\s{{0,3}}{_COMMA})\s{{0,3}}[)\]]"
)
_SHELL = " \n()[]<>\"'.!;"


class ValenceArousalReader:
    """Reads named numbers in either order, or a bare pair in the order valence, arousal."""

    tags = frozenset({"va", "valencearousal"})
    whole_block = False

    def text(self, page: Page, start: int, end: int) -> Result:
        """The pair that a text states; unreadable on another scale, out of range, or said twice differently."""
        text = _without_scales(page.bare[start:end])
        if isinstance(text, Unreadable):
            return UNREADABLE
        for read in (_whole_pair, _named_together, _named_apart, _bracketed_pair):
            found = read(text)
            if isinstance(found, Unreadable):
                return UNREADABLE
            if isinstance(found, _Partial):
                return None  # a wider stretch may hold the other one
            if found is not None:
                valence, arousal, first, last = found
                if page.cut and not page.bare[start + last :].rstrip(".,"):
                    return UNREADABLE  # the last number may have lost digits
                return _in_range(valence, arousal, start + first, start + last)
        return None

    def data(self, value: object) -> Result:
        """The pair in a JSON object, named or as a list of two under a key such as "answer"."""
        return self._data(value, 0)

    def _data(self, value: object, depth: int) -> Result:
        if depth > 4:
            return None
        if isinstance(value, list):
            return agree(self._data(item, depth + 1) for item in value if isinstance(item, dict))
        if not isinstance(value, dict):
            return None
        fields = keys(value)
        valence, arousal = _field(fields, "valence"), _field(fields, "arousal")
        if valence is None and arousal is None and {"v", "a"} <= fields.keys():
            valence, arousal = fields["v"], fields["a"]
        if valence is not None or arousal is not None:
            v, a = _number(valence), _number(arousal)
            return UNREADABLE if v is None or a is None else _in_range(v, a, 0, 0)
        for key in ("answer", "finalanswer", "va", "valencearousal", "result", "output", "prediction", "values"):
            item = fields.get(key)
            if isinstance(item, list) and len(item) == 2:
                v, a = _number(item[0]), _number(item[1])
                return UNREADABLE if v is None or a is None else _in_range(v, a, 0, 0)
            if isinstance(item, str):
                page = open_page(item)
                return self.text(page, 0, len(page.bare)) or UNREADABLE
        if "valence" in fields or "arousal" in fields:
            return UNREADABLE
        return agree(self._data(item, depth + 1) for item in value.values())


class _Partial(Enum):
    """Only one of the two is named with a number."""

    PARTIAL = "partial"


_PARTIAL: Final = _Partial.PARTIAL
_Found = tuple[float, float, int, int]


def _in_range(valence: float, arousal: float, start: int, end: int) -> Result:
    if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
        return UNREADABLE
    return Reading((valence + 0.0, arousal + 0.0), start, end)  # + 0.0 turns -0.0 into 0.0


def _field(fields: dict[str, Any], name: str) -> Any:
    for key in (name, f"{name}score", f"{name}value", f"predicted{name}", f"{name}estimate"):
        if fields.get(key) is not None:
            return fields[key]
    return None


def _number(value: Any, depth: int = 0) -> float | None:
    if isinstance(value, dict) and depth == 0:
        inner = keys(value)
        return next((_number(inner[k], 1) for k in ("value", "score", "estimate", "rating") if k in inner), None)
    if isinstance(value, str):
        text = value.strip()
        return _float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # An integer too large for a float is out of range all the same.
    number = float(value) if abs(value) < 1e6 else math.inf
    return number if math.isfinite(number) else None


def _float(text: str) -> float:
    return float(text.replace(",", ".").replace(" ", ""))


def _without_scales(text: str) -> str | Unreadable:
    """Blank every "from -1 to 1"; another scale makes all numbers unreadable."""
    if _OTHER_SCALE.search(text):
        return UNREADABLE
    for pattern in _SCALES:
        for scale in pattern.finditer(text):
            if (_float(scale["low"]), _float(scale["high"])) != (-1.0, 1.0):
                return UNREADABLE
        text = pattern.sub(_keep_name, text)
    return text


def _keep_name(match: re.Match[str]) -> str:
    name = _NAMES.match(match[0])
    kept = name[0] if name else ""
    return kept + " " * (len(match[0]) - len(kept))


def _pair(text: str) -> tuple[float, float] | None:
    """Two numbers and nothing else. "0,1" alone is one number or two, hence none."""
    if match := _PAIR_DOT.fullmatch(text):
        tight = match[2] == "," and match[3][0] not in "+-" and "." not in match[1] + match[3]
        return None if tight else (_float(match[1]), _float(match[3]))
    if match := _PAIR_COMMA.fullmatch(text):
        return _float(match[1]), _float(match[3])
    return None


def _whole_pair(text: str) -> _Found | Unreadable | None:
    left = len(text) - len(text.lstrip(_SHELL.replace(".", "")))
    right = len(text.rstrip(_SHELL))
    if right - left > 40 or right <= left:
        return None
    pair = _pair(text[left:right])
    return (*pair, left, right) if pair else None


def _named_together(text: str) -> _Found | Unreadable | None:
    """Read "valence and arousal are 0.3 and -0.2", in the order of the names."""
    found: list[_Found] = []
    for both in _BOTH.finditer(text):
        if both[1] == both[2]:
            continue
        at = _skip_glue(text, both.end())
        if at is None:
            continue
        match = _PAIR_DOT.match(text, at.at) or _PAIR_COMMA.match(text, at.at)
        if match is None or _AFTER.match(text, match.end()) or at.doubtful or at.qualifier:
            continue
        one, two = _float(match[1]), _float(match[3])
        found.append((one, two, *match.span()) if both[1] == "valence" else (two, one, *match.span()))
    if len({f[:2] for f in found}) > 1:
        return UNREADABLE
    return found[-1] if found else None


class _Glue:
    """Where the number after a name begins, and what was said on the way."""

    __slots__ = ("at", "doubtful", "qualifier", "sign")

    def __init__(self, at: int, sign: int, qualifier: int, doubtful: bool) -> None:
        self.at, self.sign, self.qualifier, self.doubtful = at, sign, qualifier, doubtful


def _skip_glue(text: str, at: int) -> _Glue | None:
    """Pass over "is about", ":" and the like; None when something else stands before the number."""
    separated = False  # a colon or word came: a lone minus is a sign, not a dash
    sign = qualifier = 0
    doubtful = False
    begin = at
    for _ in range(30):
        if at < len(text) and (text[at].isdigit() or text[at] in ".-+") and _NUMBER.match(text, at):
            if text[at] in "-+" and at == begin:
                doubtful = True  # "valence-0.4"
            return _Glue(at, sign, qualifier, doubtful)
        match = _GLUE.match(text, at)
        if match is None:
            return None
        piece = match[0]
        if word := match["word"]:
            if word in ("minus", "plus"):
                sign = -1 if word == "minus" else 1
            elif word in _POSITIVE or word in _NEGATIVE:
                qualifier = 1 if word in _POSITIVE else -1
            elif word not in _GLUE_WORDS:
                return None
            separated = True
        elif match["sign"]:
            if separated:
                sign = -1 if piece == "-" else 1
            else:
                doubtful = True  # "valence - 0.4": a dash or a minus
        elif piece == ",":
            if not qualifier:
                return None
        elif not piece.isspace():
            separated = True
        at = match.end()
    return None


def _named_apart(text: str) -> _Found | Unreadable | _Partial | None:
    """Read "valence: 0.4, arousal: 0.2" or "0.4 for valence, 0.2 for arousal"."""
    names = list(_NAMES.finditer(text)) or list(_LETTERS.finditer(text))
    if not names:
        return None
    first_number = _NUMBER.search(text)
    if first_number is None:
        return None
    leading = first_number.start() < names[0].start() and _leads(text, first_number, names[0])
    values: dict[str, set[float]] = {"v": set(), "a": set()}
    spans: list[int] = []
    for name in names:
        found = _number_before(text, name) if leading else _number_after(text, name)
        if isinstance(found, Unreadable):
            return UNREADABLE
        if found is not None:
            values[name[1][0]].add(found[0])
            spans += [found[1], found[2]]
    if not values["v"] or not values["a"]:
        return _PARTIAL if spans else None
    if len(values["v"]) > 1 or len(values["a"]) > 1:
        return UNREADABLE
    return values["v"].pop(), values["a"].pop(), min(spans), max(spans)


_LEAD = re.compile(r"[\s(]{1,3}(?:(?:for|in|on|of|as|the|in terms of|along)\s{1,2}){0,3}")


def _leads(text: str, number: re.Match[str], name: re.Match[str]) -> bool:
    return _LEAD.fullmatch(text, number.end(), name.start()) is not None


def _number_before(text: str, name: re.Match[str]) -> tuple[float, int, int] | Unreadable | None:
    numbers = list(_NUMBER.finditer(text, max(0, name.start() - 40), name.start()))
    if not numbers or not _leads(text, numbers[-1], name):
        return None
    last = numbers[-1]
    before = text[last.start() - 1 : last.start()]
    if (
        before.isalnum()
        or before in ("-", "/", ">", "<", "%")
        or re.search(r"[\d%]\s*(?:-|to|/)\s*$", text[: last.start()][-8:])
    ):
        return UNREADABLE
    return _float(last[0]), last.start(), last.end()


def _number_after(text: str, name: re.Match[str]) -> tuple[float, int, int] | Unreadable | None:
    glue = _skip_glue(text, name.end())
    if glue is None:
        return None
    number = _NUMBER.match(text, glue.at)
    assert number is not None
    if (glue.doubtful and number[0][0] not in "+-") or glue.at == name.end():
        return UNREADABLE
    if _AFTER.match(text, number.end()):
        return UNREADABLE
    value = _float(number[0])
    if glue.sign:
        value = glue.sign * value if number[0][0] not in "+-" else value
    direct = re.search(r"(positive|negative)\s+$", text[: number.start()][-12:])
    qualifier = glue.qualifier
    if direct and number[0][0] not in "+-" and not glue.sign:
        return value if direct[1] == "positive" else -value, number.start(), number.end()
    if name[1] == "valence" and not qualifier:
        said = re.search(r"\b(positive|negative)\s+$", text[: name.start()][-12:])
        qualifier = 0 if said is None else 1 if said[1] == "positive" else -1
    if qualifier and value and (value > 0) != (qualifier > 0):
        return UNREADABLE  # "negative valence (0.7)": of the sign and the word, one is wrong
    return value, number.start(), number.end()


def _bracketed_pair(text: str) -> _Found | Unreadable | None:
    """The only "(0.3, -0.2)" of a sentence, with a decimal point to tell it from other pairs."""
    if re.search(r"\barousal\W{1,4}(?:and\s)?valence\b", text):
        return UNREADABLE if _BRACKETED.search(text) else None
    pairs = {pair: (m.start(), m.end()) for m, pair in _pairs(text)}
    if len(pairs) > 1:
        return UNREADABLE
    for pair, span in pairs.items():
        return (*pair, *span)
    return None


def _pairs(text: str) -> Iterator[tuple[re.Match[str], tuple[float, float]]]:
    for match in _BRACKETED.finditer(text):
        pair = _pair(match[0].strip("()[] \n"))
        if pair is not None and re.search(r"\d[.,]\d", match[0]):
            yield match, pair

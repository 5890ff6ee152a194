"""Action units as they are written down: "AU12", "12B", "L14", "lip corner puller", and lists of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from feab.vocabulary import ACTION_UNITS

# Names of further FACS units (Ekman, Friesen & Hager 2002), so that naming one is counted as off the list.
_FURTHER = {
    11: "nasolabial deepener", 13: "sharp lip puller", 16: "lower lip depressor", 18: "lip pucker",
    21: "neck tightener",
    22: "lip funneler", 27: "mouth stretch", 28: "lip suck", 29: "jaw thrust", 30: "jaw sideways", 31: "jaw clencher",
    32: "lip bite", 33: "cheek blow", 34: "cheek puff", 35: "cheek suck", 36: "tongue bulge", 37: "lip wipe",
    38: "nostril dilator", 39: "nostril compressor", 41: "lid droop",
}  # fmt: skip
_VARIANTS = {
    "inner eyebrow raiser": 1, "inner brow raise": 1, "outer eyebrow raiser": 2,
    "outer brow raise": 2, "eyebrow lowerer": 4, "brow lower": 4, "upper eyelid raiser": 5,
    "upper lid raise": 5, "cheek raise": 6, "eyelid tightener": 7, "lid tighten": 7, "nose wrinkle": 9,
    "upper lip raise": 10, "lip corner pull": 12, "lip corners puller": 12, "lip corner depress": 15, "chin raise": 17,
    "lip stretch": 20, "lip tighten": 23, "lip press": 24, "lip presser": 24, "lip puckerer": 18,
}  # fmt: skip
NAMES: dict[str, int] = {u.name: n for n, u in ACTION_UNITS.items()} | {v: k for k, v in _FURTHER.items()} | _VARIANTS

# "lips-part", "Lip Corner  Puller" and "lip corner-puller" are the same name.
NAME = r"(?:{})(?![a-z])".format(
    "|".join(n.replace(" ", r"[\s-]{1,2}") for n in sorted(NAMES, key=lambda name: -len(name)))
)
TERM = r"(?:(?:facial\s)?action[\s-]units?(?:\snumbers?)?(?:\s{0,1}\(aus?\))?|aus?)"
NUMBER = r"[lr]?0{0,2}(?P<{0}>[1-9]\d?)(?:[a-e]?[lr]?)(?![\w%]|\.\d)"
_ITEM = re.compile(
    rf"(?P<term>(?<![a-z0-9]){TERM}[\s#:-]{{0,2}})?(?<![\w.]){NUMBER.replace('{0}', 'plain')}"
    rf"|(?<![a-z0-9]){TERM}[\s#-]{{0,2}}{NUMBER.replace('{0}', 'number')}"
    rf"|(?<![a-z])(?P<name>{NAME})"
)
_NAME = re.compile(rf"(?<![a-z]){NAME}")
_ITEM_NUMBER = re.compile(rf"(?<![a-z0-9]){TERM}[\s#-]{{0,2}}{NUMBER.replace('{0}', 'number')}")
_NOTE = re.compile(rf"[ ]{{0,2}}(?:[|:(-][ ]{{0,2}}){{1,3}}(?:the\s)?(?P<name>{NAME})\s{{0,2}}\)?")
_PARENTHESIS = re.compile(r"[ ]{0,2}[(\[]([^()\[\]\n]{0,100})[)\]]")
_RANGE = re.compile(rf"[ ]{{0,2}}(?:-|—|to|through|\.\.)[ ]{{0,2}}(?:{TERM}[\s-]{{0,2}})?(\d{{1,2}})(?![\d.])")


@dataclass(frozen=True, slots=True)
class Item:
    """One action unit written down; `note` is what stands in the parentheses after it."""

    number: int
    start: int
    end: int
    note: str = ""
    named: bool = False
    """Written with "AU" or by name, so that it is one wherever it stands."""


def read_item(text: str, at: int, end: int) -> Item | None:
    """The action unit written at `at`, with its name or note; None if there is none."""
    match = _ITEM.match(text, at, end)
    if match is None:
        return None
    digits = match["number"] or match["plain"]
    number = int(digits) if digits else NAMES[re.sub(r"[\s-]+", " ", match["name"])]
    stop = match.end()
    note = ""
    if digits and (name := _NOTE.match(text, stop, end)):
        stop = name.end()  # where number and name disagree, the number was asked for (our choice)
    if parenthesis := _PARENTHESIS.match(text, stop, end):
        other = [int(m["number"]) for m in _ITEM_NUMBER.finditer(parenthesis[1])]
        if not other or set(other) == {number}:
            note, stop = parenthesis[1], parenthesis.end()
        elif not digits and len(other) == 1:  # "brow raiser (AU2)": again the number decides
            number, stop = other[0], parenthesis.end()
    return Item(number, match.start(), stop, note, not match["plain"] or bool(match["term"]))


def read_range(text: str, at: int, end: int, first: int) -> tuple[int | None, int] | None:
    """What follows an item as in "AU1-2": (the second number, where it ends); the number is None unless it is the next.

    "AU6-12" may be a list of two or a range of seven and cannot be read; in "AU25-26" both are the same.
    """
    match = _RANGE.match(text, at, end)
    if match is None:
        return None
    last = int(match[1])
    adjacent = last == first + 1 and "to" not in match[0]
    return (last if adjacent else None), match.end()


_BULLET = re.compile(r"[\s>•·▪‣+-]{0,6}(?:\d{1,2}[.)]\s{1,3}(?=[a-z|]))?")
_UNCHECKED = re.compile(r"[\s•+-]{0,6}\[\s{0,3}\]\s*[a-z0-9]")
_LEAD = re.compile(
    rf"(?:(?:the|only|just)\s)?"
    rf"(?:(?:active|activated|present|visible|detected|observed|predicted|identified|answer|list of)\s){{0,2}}"
    rf"{TERM}(?:\s(?:present|active|activated|visible|detected|observed|are|is|identified)){{0,3}}\s{{0,2}}[:=-]\s{{0,2}}"
)
_SEPARATOR = re.compile(r"[\s,;+/&|\"'\[\]()]+|(?:and|plus)\b")
_TAIL = re.compile(r"[\s.,;!\"'\[\]()|]*$")


def read_list(text: str, start: int, end: int) -> list[Item] | None:
    """The action units of a stretch that holds nothing else; None if it holds anything else, or no unit."""
    if _UNCHECKED.match(text, start, end):
        return None
    bullet = _BULLET.match(text, start, end)
    at = bullet.end() if bullet else start
    if lead := _LEAD.match(text, at, end):
        at = lead.end()
    items: list[Item] = []
    separated = True
    while at < end:
        separator = _SEPARATOR.match(text, at, end)
        if separator:
            at = separator.end()
            separated = True
            continue
        item = read_item(text, at, end) if separated else None
        if item is None or says_more(item.note):
            break
        items.append(item)
        at = item.end
        separated = False
        if following := read_range(text, at, end, item.number):
            if following[0] is None:
                return None
            items.append(Item(following[0], at, following[1]))
            at = following[1]
    return items if items and _TAIL.match(text[at:end]) else None


_PLAIN_NOTE = re.compile(
    rf"(?:{NAME}|strong|weak|slight|slightly|mild|moderate|marked|intense|trace|clear|visible|present|active|left|right|"
    r"unilateral|bilateral|both sides|intensity|level|a|b|c|d|e|[1-5]|yes|subtle|low|high|medium|smile|maximum|"
    r"[\s:,/=-])*$"
)


def says_more(note: str) -> bool:
    """Whether a note says more than a name or a strength, so that it must be read as prose."""
    return _PLAIN_NOTE.match(note) is None

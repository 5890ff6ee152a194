"""Reads which action units running text calls present and which absent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from feab.answers.au_items import NAME, TERM, Item, read_item, read_range, says_more
from feab.answers.reading import UNREADABLE, Unreadable
from feab.answers.words import CONTRASTS, LIGHT, denies, wordset

_ANCHOR = re.compile(
    rf"(?<![a-z0-9])(?:{TERM}"
    # "the lips part" is what lips do, "lips part" the unit
    rf"|(?<!the )(?<!his )(?<!her )(?<!their )(?=lips part|jaw drop){NAME}|(?!lips part|jaw drop){NAME})"
    r"|(?<![a-z-])(?P<yes>(?:present|active|activated|detected|visible|observed)\s{0,2}[:=])"
    r"|(?<![a-z-])(?P<no>(?:absent|inactive|not (?:present|active|activated|visible|detected|observed)|none?)"
    r"\s{0,2}[:=])"
)
_GLUE = re.compile(
    r"(?:[\s:=>\-\[(#)]|(?:are|is|were|includes?|included|including|present|active|activated|detected|visible|observed|"
    r"shown|displayed|identified|here|in|on|this|the|face|image|person|following|that|i|we|see|can|be|seen|as|follows|clearly|"
    r"numbers?|list|of|for|would|listed|below)\b){0,24}"
)
_JOIN = re.compile(
    r"[ ]{0,2}(?:,|;|\+|/|&|\band\b|\bor\b|\bnor\b|\bplus\b)"
    r"(?:\s{0,2}(?:and|or|nor|also|possibly|with|the)\b){0,3}[ ]{0,2}"
)
_NOT_A_UNIT = re.compile(
    r"\s{0,2}(?:other|others|more|additional|further|of\b|units?\b|actions?\b|aus?\b|years?|times|out\b|people|persons?|%)"
)
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)|\n")
_CLAUSE = re.compile(r"[:,()—→|\[\]]|\s-\s|\b(?:{})\b".format("|".join(sorted(CONTRASTS | {"and", "with"}))))
_COPULA = (
    r"[\s\"')\]]*(?:[:=(|—>-]\s*)*"
    r"(?:(?:is|are|was|were|seems?|appears?|remains?|looks?|does|do|did|can|could|has|have|to|be|been|also|both|all|clearly|completely|visibly|status|intensity|level|presence|at|of)\b[\s:=]*)*"
)
_NO_AFTER = re.compile(
    _COPULA + r"(?:not\b(?! only)|no\b|isn't|aren't|wasn't|weren't|doesn't|don't|cannot|can't|absent|inactive|none\b|"
    r"missing|lacking|unlikely|false\b|negative\b|off\b|0(?![\d.])|0\.0+(?!\d)|[✗✘✖❌×☐]|neither\b|ruled out|"
    r"excluded|never\b|negligible|minimal\b)"
)
_YES_AFTER = re.compile(
    _COPULA
    + r"(?:present|active|activated|visible|yes\b|true\b|detected|observed|evident|clear|strong|[1-5](?![\d.%/]|\s?/)|"
    r"[1-5]\s?/\s?5|[✓✔✅☑]|x\b|seen|noticeable|on\b|positive|slight|mild|moderate|weak|marked|apparent|engaged|involved|shown)"
)
_FRACTION = re.compile(
    r"[\s:=(|-]*(?:(?:confidence|probability|score|prob|intensity|with|at|of|a)[\s:=]*){0,4}(?:0?\.\d*[1-9]\d*|\d{1,3}\s?%)"
)
_CHECKBOX = re.compile(r"\[\s?(x|✓|✔)?\s?\]\s*$")
_DOUBT = re.compile(
    r"\b(?:whether|unclear|uncertain|hard to|difficult to|cannot tell|can't tell|not sure|unsure|ambiguous|if|"
    r"usually|typically|normally|would|prototypical)\b"
)
_RECITAL = re.compile(
    r"\b(?:from the|given|candidates?|options?|following list|among|out of|choose from|list of|listed|"
    r"possible|consider(?:ing|ed)?)\b"
)
_MARKS = tuple("✓✔✅☑✗✘✖❌×☐")
_MARK = re.compile(r"([✓✔✅☑✗✘✖❌×☐])[\s:-]*$")
_ASIDE = re.compile(r"[(,]\s*(?:no|not|without|rather than|instead of)\b[^.,;()]*$")
_EXCEPT = re.compile(r"\b(?:except|apart from|other than|besides|excluding)(?: for)?\W*$")
_STATE = r"(?:active|activated|present|visible|detected|observed|seen|engaged|identified)"
_ADJECTIVE = (
    r"(?:visible|active|activated|clear|noticeable|significant|detectable|discernible|facial|listed|obvious|strong)"
)
_NONE = re.compile(
    rf"(?:\bno|(?:\bnot|n't) (?:\w+ )?any) (?:{_ADJECTIVE} |of the ){{0,3}}{TERM}(?: \w+){{0,2}}?"
    rf"(?: (?:are|is|were|can be|appear|seem|{_STATE}|in (?:the|this))\b|(?=\s*(?:[.,;\n]|$)))"
    rf"|\bnone of the (?:\w+ ){{0,3}}?{TERM}\b"
    rf"|(?<![a-z]){TERM}(?: {_STATE})?\s?[:=]\s?none\b"
    rf"|\ball (?:of the |the )?(?:\w+ ){{0,2}}?{TERM} (?:are|appear|seem) (?:absent|inactive|not {_STATE})\b"
    r"(?!\s*(?:except|but|apart))"
)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[^\w\s]")
_LIGHT = LIGHT | wordset(
    "au aus action unit units activation active activity involvement movement muscle see observe detect"
)


@dataclass(slots=True)
class Run:
    """Units written as one list, with where the text around it says whether they are there."""

    items: list[Item]
    start: int
    end: int
    either: bool = False
    unclear: bool = False
    header: bool | None = None


@dataclass(frozen=True, slots=True)
class Prose:
    """What a text says: units present, units absent, and the stretch it was read from."""

    present: frozenset[int]
    absent: frozenset[int]
    start: int
    end: int


def read_prose(text: str, start: int, end: int, aus: frozenset[int]) -> Prose | Unreadable | None:
    """The units present and absent in `text[start:end]`.

    Returns None when nothing is said, or only that some of `aus` are absent; `UNREADABLE` on a contradiction, an
    undecided "AU12 or AU14", a range such as "AU6-12", a probability, or a unit whose presence is left in doubt.
    """
    runs = _runs(text, start, end)
    modes = _modes(text, start, end, runs)
    present: set[int] = set()
    absent: set[int] = set()
    doubtful: set[int] = set()
    spans: list[int] = []
    for number, run in enumerate(runs):
        lower = runs[number - 1].end if number else start
        upper = runs[number + 1].start if number + 1 < len(runs) else end
        status = _status(text, run, lower, upper, modes[number])
        if len(runs) > 1 and len(run.items) >= 8 and aus <= {item.number for item in run.items}:
            status = "aside"  # all the options, before the choice
        if run.unclear or status == "except":
            return UNREADABLE
        for item in run.items if status != "aside" else ():
            said = _by_note(item, status)
            if said == "doubt" or (run.either and said == "yes"):
                doubtful.add(item.number)
            elif said == "yes":
                present.add(item.number)
                spans += [item.start, item.end]
            else:
                absent.add(item.number)
    if present & absent or doubtful - present - absent:
        return UNREADABLE
    if present:
        return Prose(frozenset(present), frozenset(absent), min(spans), max(spans))
    if none := _NONE.search(text, start, end):
        return Prose(frozenset(), frozenset(absent), none.start(), none.end())
    if runs and aus and aus <= absent:
        return Prose(frozenset(), frozenset(absent), runs[0].start, runs[-1].end)
    return None


def _runs(text: str, start: int, end: int) -> list[Run]:
    runs: list[Run] = []
    at = start
    while (anchor := _ANCHOR.search(text, at, end)) is not None:
        header = True if anchor["yes"] else False if anchor["no"] else None
        run = _run(text, anchor.start(), end) if header is None else None
        if run is None:
            glue = _GLUE.match(text, anchor.end(), end)
            run = _run(text, glue.end() if glue else anchor.end(), end)
        if run is None:
            at = anchor.end()
            continue
        run.header = header
        runs.append(run)
        at = run.end
    return runs


def _run(text: str, at: int, end: int) -> Run | None:
    item = read_item(text, at, end)
    if item is None or (not item.named and _NOT_A_UNIT.match(text, item.end)):
        return None
    run = Run([item], item.start, item.end)
    while True:
        if beyond := read_range(text, run.end, end, run.items[-1].number):
            if beyond[0] is None:
                run.unclear = True
                run.end = beyond[1]
                return run
            run.items.append(Item(beyond[0], run.end, beyond[1]))
            run.end = beyond[1]
        join = _JOIN.match(text, run.end, end)
        following = read_item(text, join.end(), end) if join else None
        if join is None or following is None:
            return run
        if not following.named and _NOT_A_UNIT.match(text, following.end):
            return run
        run.either = run.either or re.search(r"\bor\b", join[0]) is not None
        run.items.append(following)
        run.end = following.end


def _modes(text: str, start: int, end: int, runs: list[Run]) -> list[bool | None]:
    """For each run, what the heading above its line says: present, absent, or nothing."""
    modes: list[bool | None] = []
    mode: bool | None = None
    at = start
    for run in runs:
        for heading in re.compile(r"(?:^|\n)([^\n]{0,120}?):[ ]*(?=\n|$)").finditer(text, at, run.start):
            words = heading[1]
            if re.search(r"\b(?:absent|inactive|not|no|missing)\b", words):
                mode = False
            elif re.search(r"\b(?:present|active|activated|detected|visible|observed)\b", words):
                mode = True
            else:
                mode = None
        at = max(at, run.start)
        modes.append(mode)
    return modes


def _status(text: str, run: Run, lower: int, upper: int, mode: bool | None) -> str:
    """What surrounds a run makes of it: yes, no, doubt, aside (a recital of the options) or except."""
    before = text[max(lower, run.start - 200) : run.start]
    stops = list(_SENTENCE_END.finditer(before))
    sentence = before[stops[-1].end() :] if stops else before
    after = text[run.end : min(upper, run.end + 200)]
    stop = _SENTENCE_END.search(after)
    if stop:
        after = after[: stop.start()]
    elif aside := _ASIDE.search(after):  # "(no AU6)": the denial is of the next run
        after = after[: aside.start()]
    if box := _CHECKBOX.search(sentence):
        return "yes" if box[1] else "no"
    if (mark := _MARK.search(sentence)) and text[text.rfind("\n", 0, run.start) + 1 :].lstrip(" |>-•")[:1] in _MARKS:
        return "yes" if mark[1] in "✓✔✅☑" else "no"  # "❌ AU4": the line begins with a mark, so marks come first
    if run.header is not None:
        return "yes" if run.header and not re.search(r"\bnot?\s*$", before) else "no"
    if _FRACTION.match(after):
        return "doubt"
    if _NO_AFTER.match(after):
        return "no"
    if _EXCEPT.search(sentence):
        return "yes" if re.search(r"\b(?:absent|inactive|none|no|not)\b", sentence) else "except"
    if len(run.items) >= 3 and _RECITAL.search(sentence):
        return "aside"
    said = _before(sentence)
    if said == "yes" and not _YES_AFTER.match(after):
        if _denies_later(after, upper - run.end):
            return "doubt"
        if _DOUBT.search(sentence):
            return "doubt"
        if mode is False and not sentence.strip(" -•+>|0123456789.)"):
            return "no"
    return said


def _before(sentence: str) -> str:
    """Whether the words before a run deny it."""
    words = _WORD.findall(sentence)
    between: list[str] = []
    for at in range(len(words) - 1, -1, -1):
        word = words[at]
        if denies(words, at):
            if all(w in _LIGHT or w == "-" for w in between):
                return "no"
            return "doubt"
        if word in CONTRASTS or word in ("and", "with", "instead", "rather") or word in ",:()—→|[]":
            break
        between.append(word)
    return "yes"


def _denies_later(after: str, room: int) -> bool:
    """Whether the clause after a run denies something, and not the run that follows."""
    clause = _CLAUSE.split(after.lstrip(" :-(|"))[0]
    words = _WORD.findall(clause)
    if len(after) >= room and words:  # the next run begins here: what directly precedes it is about that run
        while words and (words[-1] in _LIGHT or denies(words, len(words) - 1)):
            words.pop()
    return any(denies(words, at) for at in range(len(words)))


def _by_note(item: Item, status: str) -> str:
    note = item.note.strip()
    if status == "no" or not note or not says_more(note):
        return status
    if _FRACTION.match(note):
        return "doubt"
    if _NO_AFTER.match(note):
        return "no"
    return status

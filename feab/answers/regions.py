"""Finds the places where an answer is announced: tags, boxes, "Final answer:"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from feab.answers.page import Page

Region = tuple[int, int]

_ANSWER = frozenset(
    {"answer", "finalanswer", "final", "conclusion", "result", "output", "response", "prediction", "box"}
)
_TAG = re.compile(r"<\s{0,3}(/?)\s{0,3}([a-z][a-z _-]{0,30})\s{0,3}>|<\|(begin|end)_of_box\|>|\[(/?)(answer)\]")
_BOX = re.compile(r"\\f?boxed\s{0,3}\{")
_SAYS_SOMETHING = re.compile(r"[^\W_]")
_HEADING = (
    r"(?:(?:my|the|so|thus|therefore|hence|and)[ ,]{1,3}){0,3}"
    r"(?:(?:final|correct|best|overall|predicted|predominant|short|direct)\s{1,3}){0,2}"
)
_FINAL = re.compile(
    rf"\b{_HEADING}(?:answer|verdict|conclusion|prediction|classification|assistant|"
    r"(?<=final )(?:label|expression|emotion|decision|choice|judge?ment|estimates?|values?|scores?|list|set|aus|"
    r"action units))"
    r"(?:\s{0,3}[:=]|\s{1,3}(?:is|are|would be|:)(?![a-z])\s{0,3}:?)"
    r"|(?:^|\n)[ ]{0,8}(?:final |my )?(?:answer|conclusion|verdict|prediction)[ ]{0,8}\n"
)


def tagged(page: Page, extra: frozenset[str]) -> list[Region]:
    """Contents of answer tags and boxes that hold a letter or digit; those of <answer> and its like come alone.

    A tag left open runs to the end (a stop sequence often swallows the closing tag); a closing tag without an opening
    one closes what began with the text (the prompt may have opened it).
    """
    found: list[tuple[str, int, int]] = []
    opened: tuple[str, int] | None = None
    seen_open = False
    for tag in _TAG.finditer(page.plain):
        name = re.sub(r"[ _-]", "", tag[2] or tag[5] or "box")
        if name not in _ANSWER and name not in extra:
            continue
        closing = tag[1] == "/" or tag[3] == "end" or tag[4] == "/"
        if opened is not None:
            found.append((opened[0], opened[1], tag.start()))
        elif closing and not seen_open:
            found.append((name, 0, tag.start()))
        opened = None if closing else (name, tag.end())
        seen_open = True
    if opened is not None:
        found.append((opened[0], opened[1], len(page.plain)))
    for box in list(_BOX.finditer(page.plain))[-100:]:
        if (end := _closing_brace(page.plain, box.end())) is not None:
            found.append(("box", box.end(), end))
    found = [
        (name, a, b)
        for name, a, b in found
        if _SAYS_SOMETHING.search(page.plain, a, b) or page.plain[a:b].strip() == "[]"
    ]
    chosen = [(a, b) for name, a, b in found if name in _ANSWER] or [(a, b) for _, a, b in found]
    return sorted(chosen)


def _closing_brace(text: str, start: int, limit: int = 1000) -> int | None:
    depth = 1
    for at in range(start, min(len(text), start + limit)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return None


def announced(page: Page, start: int, end: int) -> list[Region]:
    """Where the text says "answer:" or the like: from after each such cue to the next one, or to the end."""
    cues = list(_FINAL.finditer(page.bare, start, end))
    final = [cue for cue in cues if "final" in cue[0]]
    cues = final or cues
    ends = [cue.start() for cue in cues[1:]] + [end] * bool(cues)
    return [(cue.end(), stop) for cue, stop in zip(cues, ends, strict=True)]


def windows(page: Page, region: Region, whole_block: bool) -> Iterator[Region]:
    """Growing parts of a region to try in turn: its first line, its first block, all of it."""
    start, end = region
    while start < end and (page.bare[start].isspace() or page.bare[start] in ":-"):
        # a minus sign belongs to a number; a dash or a second colon to the cue
        if page.bare[start] == "-" and page.bare[start + 1 : start + 2].strip():
            break
        start += 1
    line = page.bare.find("\n", start, end)
    block = re.compile(r"\n[ ]*\n").search(page.bare, start, end)
    if not whole_block and line >= 0:
        yield start, line
    if not whole_block and block:
        yield start, block.start()
    yield start, end

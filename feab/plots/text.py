"""Text from outside as a page may show it: of bounded length, every character that steers or hides made visible."""

from __future__ import annotations

import unicodedata

LIMIT = 4000
"""Characters of one text that are shown, unless a place says less (our choice)."""

_PLAIN = "\n\t\u200c\u200d"  # the last two join letters and emoji
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_[]|#"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})
_STEERING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def visible(text: str) -> str:
    """`text` with control, invisible and direction-changing characters written out: "␛" or "‹U+202E›"."""
    text = text.replace("\r\n", "\n")
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _PLAIN or unicodedata.category(character) not in _STEERING:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


def shortened(text: str, limit: int = LIMIT) -> str:
    """`text`, or where it is longer than `limit` its beginning and its end, with what was left out counted between.

    The end is kept because models state their answer there.
    """
    if len(text) <= limit:
        return text
    head = (limit + 1) // 2
    tail = limit - head
    left_out = f"[{len(text) - limit:,} of {len(text):,} characters left out]"
    return f"{text[:head]} … {left_out} … {text[len(text) - tail :]}"


def markdown(text: object) -> str:
    """A stranger's words in a cell of a Markdown table: one line, nothing taken for more than text; "–" if empty."""
    return visible(shortened(" ".join(str(text).split()), 300)).translate(_MARKDOWN) or "–"

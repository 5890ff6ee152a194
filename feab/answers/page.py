"""A model's text made comparable without moving a character: every offset stays an offset into the original."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from feab.answers.thinking import without_thinking

LIMIT = 100_000
"""Characters read, from the end: an answer stands at the end of a long text (our choice)."""

_SINGLE = {
    **dict.fromkeys("−﹣－‐‑‒–", "-"),
    **dict.fromkeys("‘’‚ʼ´′＇", "'"),
    **dict.fromkeys("“”„«»＂", '"'),
    **dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\n"),
    **dict.fromkeys("\r\t\u200b\u200c\u200d\ufeff\ufe0f", " "),
    **dict.fromkeys("≈≃≅∼", "~"),
    "。": ".",
    "、": ",",
    "\ufffd": " ",
}
# Marks of Markdown and LaTeX.
_MARKS = str.maketrans(dict.fromkeys("*`_#$\\{}", " "))
_SPECIAL = re.compile(
    r"<\|start\|>\s?assistant|<\|channel\|>\s?(?:final|commentary)|<\|[^|<>\n]{1,40}\|>"
    r"|</?s>|<[be]os>|<(?:end|start)_of_turn>|\[/?inst\]|<image>|<pad>|<unk>|<br ?/?>|</?(?:b|i|strong|em|p)>"
    r"|```[a-z]{0,12}(?=[ \n])"
)
_NEXT_TURN = re.compile(r"(?<=\S)\s*\n\s*(?:user|human|question)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """The readable part of a completion.

    `plain` is folded (lower case, ASCII digits, quotes and minus signs) and keeps its marks, for tags and JSON; `bare`
    is the same text with Markdown, LaTeX and control tokens blanked. Both have the same length; `offset` leads back to
    the original text. `cut` says that the model was stopped by its token limit, `wary` that it refuses somewhere.
    """

    plain: str
    bare: str
    offset: int = 0
    cut: bool = False
    wary: bool = False


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if (single := _SINGLE.get(character)) is not None:
        return single
    compatible = unicodedata.normalize("NFKC", character)
    if len(compatible) != 1:
        compatible = character
    compatible = _SINGLE.get(compatible, compatible)
    lower = compatible.lower()
    return lower if len(lower) == 1 else compatible


def fold(text: str) -> str:
    """`text` in lower case with ASCII digits, quotes, spaces and minus signs; same length."""
    if text.isascii() and "\r" not in text and "\t" not in text:
        return text.lower()
    return "".join(map(_fold_character, text))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def open_page(text: str, *, cut: bool = False) -> Page:
    """Fold `text`, blank its thinking parts and keep its last `LIMIT` characters."""
    visible = without_thinking(text)
    offset = max(0, len(visible) - LIMIT)
    visible = visible[offset:]
    if turn := _NEXT_TURN.search(visible):  # a base model that goes on to invent the next question
        visible, cut = visible[: turn.start()], False
    plain = fold(visible)
    return Page(plain, _SPECIAL.sub(_blank, plain).translate(_MARKS), offset, cut)

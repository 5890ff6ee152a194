"""Names that a stranger wrote: what is wrong with them before they are shown, or taken for the name of a file."""

from __future__ import annotations

import re
import unicodedata

_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset({"Cc", "Cs", "Co", "Cn"})
_ABSOLUTE = re.compile(r"[/\\~]|[A-Za-z]:[/\\]")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def hidden_character(text: str) -> str | None:
    """A character that is not seen or reorders what is, other than an end of line, in words; None without one."""
    for sign in text:
        if sign in _REORDERING or (sign not in "\n\t" and unicodedata.category(sign) in _INVISIBLE):
            return f"holds the character U+{ord(sign):04X}, which is not seen or reorders what is"
    return None


def odd_name(text: str) -> str | None:
    """Why no sample, task or dataset should be called so, in words; None for a decent name."""
    if hidden := hidden_character(text):
        return hidden
    if "\n" in text or "\t" in text:
        return "holds an end of line or a tab"
    if _ABSOLUTE.match(text):
        return "is an absolute path"
    if ".." in re.split(r"[/\\]", text):
        return "leads out of a folder (..)"
    return None


def is_repository(name: str) -> bool:
    """Whether a text can name a repository on the Hugging Face Hub: OWNER/NAME."""
    return _REPOSITORY.fullmatch(name) is not None and ".." not in name

"""Names that feab makes from names of files and folders."""

from __future__ import annotations

import hashlib
import re

MAX_ID = 200
_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f<>]")


def safe_name(text: str, most: int = 60) -> str:
    """A dataset's or task's name from any text: letters, digits, _ . and -, the rest as one -; "faces" if none is left.

    "My faces (new)" becomes "My-faces-new".
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")[:most].rstrip("-_.") or "faces"


def safe_id(path: str) -> str:
    """A sample's id from the path of its picture: the path itself wherever that can be an id.

    Control characters, < and > become _, what is longer than an id is cut, and in both cases ~ and the first 12 hex
    digits of the path's sha256 follow, so that different paths give different ids.
    """
    plain = _NOT_IN_IDS.sub("_", path)
    if plain == path and len(path) <= MAX_ID:
        return path
    mark = "~" + hashlib.sha256(path.encode()).hexdigest()[:12]
    return plain[: MAX_ID - len(mark)] + mark


def is_utf8(name: str) -> bool:
    """Whether the name of a file is text that can be stored; it may hold bytes that are none."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

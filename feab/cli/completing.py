"""Names for the shell to complete: quick, from names of files alone, and never a word when something is wrong.

Little is imported: the shell asks on every press of the tab key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from feab import content
from feab.errors import FeabError

_HEAD = 64 * 1024
_MOST = 500
_NAME = {
    "tasks": re.compile(rb"(?m)^(?:task|group):[ \t]*[\"']?([A-Za-z0-9][\w.-]*)"),
    "models": re.compile(rb"(?m)^name:[ \t]*[\"']?([^\s\"'#]+)"),
}


def tasks(incomplete: str) -> list[str]:
    """Tasks and groups; after a comma, the next one."""
    before, comma, part = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _named("tasks") if name.startswith(part)]


def models(incomplete: str) -> list[str]:
    """Cards, and the words a model's name may begin with."""
    from feab.models import providers

    words = [f"{word}/" for word in providers()]
    return [name for name in (*_named("models"), *words) if name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    """The embedded set, its subset, the rendered clips, and what lies under FEAB_DATA.

    Folders the shell completes by itself.
    """
    found = ["synth", "synth_dynamic", "synth_mini"]
    try:
        entries = islice(content.data_home().iterdir(), _MOST)
        found += sorted(entry.name for entry in entries if (entry / "dataset.json").is_file())
    except OSError:
        pass
    return [name for name in found if name.startswith(incomplete)]


def _named(kind: content.Content) -> list[str]:
    try:
        return sorted({name for file in _files(content.shipped(kind)) for name in _names(file, kind)})
    except (FeabError, OSError):
        return []


def _files(folder: Path) -> Iterator[Path]:
    files = (path for path in folder.rglob("*.yaml") if path.is_file() and not path.name.startswith(("_", ".")))
    return islice(files, _MOST)


def _names(file: Path, kind: str) -> list[str]:
    """The name in a file, as its first line that looks like one says it."""
    with file.open("rb") as opened:
        found = _NAME[kind].search(opened.read(_HEAD))
    return [] if found is None else [found[1].decode("utf-8", "replace")]

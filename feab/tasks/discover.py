"""Finding task files: names and groups, before any task is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from feab.errors import FeabError
from feab.problems import RAISE, Notes
from feab.tasks.read import Field, read_yaml

MAX_FILES = 2_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What a task, group, prompt or dataset may be called."""
SPLIT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""What a split may be called: as in a dataset folder, where it names a file."""


@dataclass(frozen=True, slots=True)
class Group:
    """A name for several tasks or groups."""

    name: str
    members: tuple[str, ...]
    file: Path


def discover(folders: Sequence[Path], notes: Notes = RAISE) -> dict[str, Field | Group]:
    """All tasks and groups of some folders, unread but for their names; the first folder that has a name wins.

    Raises:
        FeabError: unless `notes` takes it, for a file that is no mapping or has no name, and for a name given twice.
    """
    found: dict[str, Field | Group] = {}
    for folder in folders:
        here: dict[str, Field | Group] = {}
        # is_file: a named pipe would never end. islice: --include / should fail, not hang.
        files = list(islice((f for f in folder.rglob("*.yaml") if is_open(f, folder) and f.is_file()), MAX_FILES + 1))
        if len(files) > MAX_FILES:
            raise FeabError(f"{folder}: holds more than {MAX_FILES} .yaml files; give the folder of the tasks itself")
        for file in sorted(files):
            notes.attempt(_enter, None, file, here)
        found = {**here, **found}
    return found


def _enter(file: Path, here: dict[str, Field | Group]) -> None:
    root = read_yaml(file)
    if root.get("adapter") and not (root.get("task") or root.get("group")):
        return  # a model card: one folder of a user's own may hold both
    item: Field | Group = read_group(root) if root.get("group") else root
    name = item.name if isinstance(item, Group) else entry_name(root)
    if name in here:
        raise FeabError(f"{file}: the name {name!r} is already taken by {here[name].file}; names must differ")
    here[name] = item


def is_open(file: Path, folder: Path) -> bool:
    """Whether no part of the path starts with a dot or an underscore (hidden files, templates of lm-eval)."""
    return not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def entry_name(root: Field) -> str:
    """The name under `task`.

    Raises:
        FeabError: when it is missing or cannot be one.
    """
    name = root.need("task", "the task's name, or 'group' for a group of tasks")
    if not NAME.fullmatch(name.text()):
        raise name.error("may hold letters, digits, _ . and - only, and at most 100 of them")
    return name.text()


def read_group(root: Field) -> Group:
    """The group of a file.

    Raises:
        FeabError: naming file, line and field.
    """
    name = root.need("group", "the group's name")
    if not NAME.fullmatch(name.text()):
        raise name.error("may hold letters, digits, _ . and - only, and at most 100 of them")
    members = root.need("task", "the list of the tasks in the group")
    listed = [members.text()] if isinstance(members.value, str) else [m.text() for m in members.elements()]
    if not listed:
        raise members.error("a group needs at least one task")
    return Group(name.text(), tuple(listed), root.file)


def expand(name: str, found: Mapping[str, Field | Group], above: tuple[str, ...] = ()) -> list[str]:
    """The tasks that a name stands for; `above` are the groups it was reached through.

    Raises:
        FeabError: for an unknown name, or a group that contains itself.
    """
    item = found.get(name)
    if item is None:
        where = f"group {above[-1]} names the unknown task" if above else "unknown task"
        known = ", ".join(sorted(found)) or "none"
        raise FeabError(f"{where} {name!r}; known tasks and groups: {known}. --include DIR adds a folder of your own")
    if isinstance(item, Field):
        return [name]
    if name in above:
        raise FeabError(f"{item.file}: group {name!r} contains itself ({' > '.join((*above, name))})")
    return [leaf for member in item.members for leaf in expand(member, found, (*above, name))]


def is_ours(root: Field) -> bool:
    """Whether a file is written for feab; other lm-eval tasks may lie in the same folder and are let be."""
    metadata = root.get("metadata")
    return metadata is not None and isinstance(metadata.value, dict) and "kind" in metadata.value

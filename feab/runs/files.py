"""Small files of a run folder: written whole or not at all, read with errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from feab.journal.files import create_anew, sync_folder
from feab.jsonfile import line_finder, validated
from feab.problems import InFile, Notes
from feab.yamlfile import read_bytes

MAX_FILE = 64 * 2**20
"""Largest manifest.json or scores.json read, in bytes."""

M = TypeVar("M", bound=BaseModel)


def write_atomic(path: Path, text: str | Iterable[str]) -> None:
    """Replace a file so that a kill at any moment leaves the old one or the new one, whole. No link is followed.

    A long text may come in pieces, so that it is never whole in memory.
    """
    temporary = path.with_name(path.name + ".new")
    descriptor = create_anew(temporary)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines([text] if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_model(path: Path, model: BaseModel) -> None:
    """Write a record as indented JSON, atomically."""
    write_atomic(path, model.model_dump_json(indent=2, by_alias=True) + "\n")


def read_model(path: Path, kind: type[M]) -> M:
    """Read and validate a record. No link is followed.

    Raises:
        FeabError: when the file is missing, too large, not JSON or not of this kind; the message names the field.
    """
    return validated(kind, read_bytes(path, MAX_FILE, links=False), path)


def fields_of(path: Path, notes: Notes) -> InFile:
    """The fields of a record that `read_model` has read, to note problems with."""
    return InFile(notes, path, line_finder(read_bytes(path, MAX_FILE, links=False)))

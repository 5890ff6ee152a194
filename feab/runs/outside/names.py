"""Which face of a dataset a stranger means: by its id, else by the name of its file, never by a guess."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cached_property
from pathlib import PurePosixPath

_PICTURES = frozenset({
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".mp4", ".avi", ".mkv", ".mov",
})  # fmt: skip


class Match(str, Enum):
    """How a name led to a face, or that it did not."""

    ID = "id"
    FILE = "file name"
    STEM = "file name without its ending"
    UNKNOWN = "unknown"
    AMBIGUOUS = "several"


class Faces:
    """The ids of a dataset, to be found by what other programs call them.

    First the id itself; then the same file name, or the id as the end of a longer path; then the same file name
    without the ending of a picture. A name that could be two faces is none.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = {name: name for name in ids}

    def find(self, name: str) -> tuple[str | None, Match]:
        """The id of the face, None where there is none, and how it was found."""
        if name in self._ids:
            return self._ids[name], Match.ID
        for tail in _tails(name):
            if tail in self._ids:
                return self._ids[tail], Match.FILE
        path = _path(name)
        for key, found, how in (
            (path.name, self._by_file, Match.FILE),
            (_stem(path), self._by_stem, Match.STEM),
        ):
            if key and key in found:
                face = found[key]
                return face, how if face is not None else Match.AMBIGUOUS
        return None, Match.UNKNOWN

    @cached_property
    def _by_file(self) -> dict[str, str | None]:
        return _unambiguous((_path(face).name, face) for face in self._ids)

    @cached_property
    def _by_stem(self) -> dict[str, str | None]:
        return _unambiguous((_stem(_path(face)), face) for face in self._ids)


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for key, face in pairs:
        found[key] = None if key in found else face
    return found


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _tails(name: str) -> Iterator[str]:
    """The ends of a path that are shorter than it, the longest first; at most 20."""
    parts = _path(name).parts[-21:]
    return ("/".join(parts[start:]) for start in range(1, len(parts)))


def _stem(path: PurePosixPath) -> str:
    """The file name without the ending of a picture; what follows another dot is a part of the name."""
    return path.stem if path.suffix.lower() in _PICTURES else path.name

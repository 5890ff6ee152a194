"""What a reader is, and what it gives: rows as the dataset describes them, and rows that had to be passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from feab.data.readers.faces import Faces
    from feab.data.readers.tree import Tree

Why = Literal[
    "bad row", "unknown code", "out of range", "missing file", "missing picture", "bad picture", "missing clip",
    "bad clip", "same id",
]  # fmt: skip
"""Kinds of fault, as the summary counts them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture as the dataset describes it; nothing of it has been checked yet.

    A label that the dataset marks as not given (a code for "invalid", "unsure", "not coded") is left out of `labels`,
    or None there; it is never replaced by a class.
    """

    id: str
    image: str | bytes | None
    """The picture's path from the root of the folder with / between its parts, or an encoded picture. None: a clip."""
    file: str
    """The file that says so, from the root of the folder."""
    line: int | str | None
    """Its row (a spreadsheet's number: the first is 1) or entry; None where the file is about this picture alone."""
    labels: Mapping[str, Any]
    """Values of feab's columns (`feab.data.columns`), and of the reader's own `extra` ones."""
    frames: tuple[str | bytes, ...] = ()
    """Of a clip that is stored as pictures: these, in order."""
    clip: str | None = None
    """Of a clip that is stored as a video file: its path, likewise."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was passed over, and why."""

    file: str
    """From the root of the folder."""
    line: int | str | None
    why: Why
    detail: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, row {self.line}"
        return f"{place}: {self.why}: {self.detail}"


class Skip(Protocol):
    """Tell of a row that is passed over; where faults stop the preparing, this does not return."""

    def __call__(self, file: str, line: int | str | None, why: Why, detail: str) -> None:
        """Count it, and keep it for the report. Raises `FeabError` where --strict was given."""
        ...


def untold(file: str, line: int | str | None, why: Why, detail: str) -> None:
    """A `Skip` for rows that are read only to be counted, or whose faults are told of elsewhere."""


Read: TypeAlias = "Callable[[Tree, str, Skip], Iterator[Row]]"
Mimic: TypeAlias = "Callable[[Path, Faces, int], None]"


@dataclass(frozen=True, slots=True)
class Reader:
    """What is known of a dataset, and how its folder is read."""

    name: str
    """As tasks call it: lower case letters, digits and _."""
    title: str
    version: str
    """Raised when the same folder would be read differently."""
    splits: Mapping[str, tuple[str, ...]]
    """Split -> files or folders, of which one must be there for the folder to hold the split."""
    layout: str
    """The files it reads, a line each, as they are delivered."""
    licence: str
    source: str
    """Who to cite."""
    read: Read
    """From (folder, split, skip) to the split's rows, lazily and in an order that does not depend on the disk."""
    mimic: Mimic
    """Write a miniature of the folder with about so many rendered faces in each split."""
    labels: tuple[str, ...] = ()
    """The expression labels, in the dataset's own order, which is that of its votes."""
    aus: tuple[int, ...] = ()
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Columns of its own -> "text", "integer", "float" or "flag"."""
    own_labels: tuple[str, ...] = ()
    """Columns of its own that are labels too: a row that has one of them is no row without a label."""
    clips: tuple[Literal["frames", "clip"], ...] = ()
    """Where rows are clips: which of `frames` and `clip` they have."""
    roots: tuple[str, ...] = ("",)
    """Where in the given folder the files of `layout` may start; the first that fits is taken."""
    third_party: Literal["forbidden", "ask", "allowed"] = "ask"
    """Whether faces may be sent to others, such as the maker of a model behind an API."""
    images_may_be_shared: bool = False
    notes: str = ""

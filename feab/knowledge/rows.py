"""Reading one table file with care: every complaint names the file and the row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from feab.content import shipped
from feab.errors import FeabError
from feab.yamlfile import parse_yaml, read_bytes

SCHEMA = 1
_MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row comes from, and whether anyone here has seen the original."""

    paper: str
    year: int
    table: str
    checked: str
    """"secondary copy, not checked against the original", "our choice", or how it was checked."""

    def __str__(self) -> str:
        return f"{self.paper} ({self.year}), {self.table} [{self.checked}]"


@dataclass(frozen=True, slots=True)
class Row:
    """One mapping of a table, knowing where it stands."""

    where: str
    data: Mapping[Any, Any]
    sources: Mapping[str, Source]

    def fail(self, message: str) -> FeabError:
        """The error to raise for this row."""
        return FeabError(f"{self.where}: {message}")

    def only(self, *keys: str) -> None:
        """Refuse keys that are not known, which are mostly misspelt ones."""
        unknown = sorted(str(key) for key in self.data if key not in keys)
        if unknown:
            raise self.fail(f"unknown key {unknown[0]!r}; known are {', '.join(keys)}")

    def first(self, key: Any, seen: Collection[Any]) -> None:
        """Refuse what an earlier row was about."""
        if key in seen:
            raise self.fail(f"{key!r} occurs twice")

    def get(self, key: str) -> Any:
        """The value of a key that must be there."""
        if key not in self.data:
            raise self.fail(f"{key!r} is missing")
        return self.data[key]

    def text(self, key: str) -> str:
        """A text value."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self.fail(f"{key!r} must be text (put it in quotes), got {value!r}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """A number within [low, high]."""
        return self.in_range(key, self.get(key), low, high)

    def number_or_none(self, key: str, low: float, high: float) -> float | None:
        """A number within [low, high], or None where the key is missing."""
        return self.number(key, low, high) if key in self.data else None

    def in_range(self, key: str, value: Any, low: float, high: float) -> float:
        """`value` as a float, checked against [low, high]."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.fail(f"{key!r} must be a number from {low:g} to {high:g}, got {value!r}")
        return float(value)

    def integer(self, key: str, value: Any) -> int:
        """`value` as a whole number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"{key!r} must be a whole number, got {value!r}")
        return value

    def items(self, key: str) -> list[Any]:
        """A list, empty where the key is missing."""
        value = self.data.get(key, [])
        if not isinstance(value, list):
            raise self.fail(f"{key!r} must be a list, got {value!r}")
        return value

    @property
    def source(self) -> Source:
        """The row's source, looked up in the file's `sources`."""
        name = self.text("source")
        if name not in self.sources:
            raise self.fail(f"source {name!r} is not listed under the file's `sources`")
        return self.sources[name]


@dataclass(frozen=True, slots=True)
class TableFile:
    """A parsed table file: its top-level mapping and its sources."""

    name: str
    data: Mapping[Any, Any]
    sources: Mapping[str, Source]

    def _at(self, *path: str) -> Any:
        value: Any = self.data
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def rows(self, *path: str) -> Iterator[Row]:
        """The rows of the list at `path` (keys from the top)."""
        value, dotted = self._at(*path), ".".join(path)
        if not isinstance(value, list):
            raise FeabError(f"{self.name}: {dotted!r} must be a list of rows")
        for index, item in enumerate(value):
            where = f"{self.name}: {dotted}[{index}]"
            if not isinstance(item, Mapping):
                raise FeabError(f"{where}: a row must be a mapping, got {item!r}")
            yield Row(where, item, self.sources)

    def mapping(self, *path: str) -> Row:
        """The mapping at `path`, read with the care of a row."""
        value, dotted = self._at(*path), ".".join(path)
        if not isinstance(value, Mapping):
            raise FeabError(f"{self.name}: {dotted!r} must be a mapping")
        return Row(f"{self.name}: {dotted}", value, self.sources)

    def names(self, section: str) -> tuple[str, ...]:
        """The tables that a section of the file holds."""
        return tuple(str(name) for name in self.mapping(section).data)

    def named(self, section: str, name: str) -> str:
        """`name`, if the section holds it.

        Raises:
            FeabError: when it does not, with the names that it holds.
        """
        if name not in (known := self.names(section)):
            raise FeabError(f"{self.name}: {section}: unknown name {name!r}; known are {', '.join(known)}")
        return name


@lru_cache(maxsize=32)
def load_table(name: str, folder: Path | None) -> TableFile:
    """A table file of `folder`, or of the shipped tables."""
    return read_table((folder or shipped("generation") / "knowledge") / name)


def read_table(path: Path) -> TableFile:
    """Parse a table file and read its `sources`.

    Raises:
        FeabError: when the file is missing, too large, no YAML, or of a schema this feab does not know.
    """
    data = parse_yaml(read_bytes(path, _MAX_BYTES), path)
    if not isinstance(data, Mapping):
        raise FeabError(f"{path}: must be a mapping at the top level")
    if data.get("schema") != SCHEMA:
        raise FeabError(f"{path}: schema {data.get('schema')!r} is not known to this feab (it reads {SCHEMA})")
    listed = data.get("sources")
    if not isinstance(listed, Mapping):
        raise FeabError(f"{path}: 'sources' must be a mapping")
    sources: dict[str, Source] = {}
    for name, entry in listed.items():
        if not isinstance(entry, Mapping):
            raise FeabError(f"{path}: sources.{name}: must be a mapping")
        row = Row(f"{path}: sources.{name}", entry, {})
        row.only("paper", "year", "table", "checked")
        year = row.integer("year", row.get("year"))
        sources[str(name)] = Source(row.text("paper"), year, row.text("table"), row.text("checked"))
    return TableFile(str(path), data, sources)

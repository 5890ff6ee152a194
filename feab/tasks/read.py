"""Task files as hostile input: a bounded YAML reader that imports nothing and remembers line numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.problems import FileError, Problem
from feab.yamlfile import read_bytes

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_SMALL = 16 * 1024
"""Bytes of a file that is kept once read; ours have at most 4,300."""
_INCLUDED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.yaml")
FUNCTION = "!function"
"""lm-eval's tag for the dotted name of a Python function."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a YAML file together with where it stands, so that every complaint can name the place."""

    value: Any
    file: Path
    line: int
    path: str = ""
    _node: Any = None

    def problem(self, message: str, advice: str = "") -> Problem:
        """What is wrong here, with file, line and field; `advice` says what to do, where the message does not."""
        return Problem(self.file, message, self.line, self.path, advice)

    def error(self, message: str, advice: str = "") -> FileError:
        """The same for the caller to raise."""
        return FileError(self.problem(message, advice))

    @property
    def is_function(self) -> bool:
        """Whether it was written with `!function`."""
        return getattr(self._node, "tag", None) == FUNCTION

    def _child(self, key: str | int, value: Any, node: Any, place: Any) -> Field:
        if isinstance(key, int):
            path = f"{self.path}[{key}]"
        else:
            path = f"{self.path}.{key}" if self.path else key
        return Field(value, self.file, place.start_mark.line + 1, path, node)

    def get(self, key: str) -> Field | None:
        """The value under `key`, or None when the mapping lacks it or holds null. Raises when this is no mapping."""
        for name, child in self.items():
            if name == key:
                return None if child.value is None else child
        return None

    def need(self, key: str, what: str) -> Field:
        """The value under `key`; `what` tells the author what belongs there when it is missing."""
        found = self.get(key)
        if found is None:
            raise self.error(f"lacks {key!r}: {what}")
        return found

    def items(self) -> Iterator[tuple[str, Field]]:
        """(key, value) pairs of a mapping with text keys, in file order."""
        if not isinstance(self.value, dict):
            raise self.error(f"must be a mapping (key: value), not {_name(self.value)}")
        for (key, value), (place, node) in zip(self.value.items(), self._node.value, strict=True):
            if not isinstance(key, str):
                raise self._child(str(key), value, node, place).error(
                    f"the key {key!r} must be text", "put it in quotes"
                )
            yield key, self._child(key, value, node, place)

    def elements(self) -> Iterator[Field]:
        """The elements of a list, in order."""
        if not isinstance(self.value, list):
            raise self.error(f"must be a list, not {_name(self.value)}")
        for index, (value, node) in enumerate(zip(self.value, self._node.value, strict=True)):
            yield self._child(index, value, node, node)

    def text(self, limit: int = 200) -> str:
        """A non-empty text of at most `limit` characters without control characters other than newline."""
        if not isinstance(self.value, str):
            raise self.error(f"must be text, not {_name(self.value)}", "put it in quotes")
        value = self.value
        if not value.strip():
            raise self.error("is empty")
        if len(value) > limit:
            raise self.error(f"is too long ({len(value)} characters; at most {limit})")
        if any((not c.isprintable()) and c != "\n" for c in value):
            raise self.error("holds a character that cannot be printed")
        return value

    def integer(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            raise self.error(f"must be a whole number from {low} to {high}")
        return self.value

    def number(self, low: float, high: float) -> float:
        """A number in [low, high]."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.error(f"must be a number from {low} to {high}")
        return float(value)

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.error(f"must be true or false, not {_name(self.value)}")
        return self.value


def _name(value: Any) -> str:
    words = {dict: "a mapping", list: "a list", str: "text", bool: "true/false", int: "a number", float: "a number"}
    return "nothing" if value is None else words.get(type(value), type(value).__name__)


def read_yaml(file: Path) -> Field:
    """Read one YAML mapping. `!function x.y` becomes the text "x.y"; nothing is imported and no other tag is known.

    Anchors, aliases, merge keys, duplicate keys, more than one document, nesting deeper than 20 and files over
    256 KiB are refused.

    Raises:
        FeabError: for anything that is not such a mapping, naming the file and, where known, the line.
    """
    data = read_bytes(file, MAX_BYTES)
    return _kept(data, file) if len(data) <= _SMALL else parse_yaml(data, file)


@lru_cache(maxsize=128)
def _kept(data: bytes, file: Path) -> Field:
    """`parse_yaml`, once for each file as long as it does not change: to find one by its name, all are read."""
    return parse_yaml(data, file)


def with_included(root: Field) -> dict[str, Field]:
    """The entries of a file, and under them those of the file that it includes, as lm-evaluation-harness reads it.

    Whole entries are taken over, never parts of one. `include` names a file of the same folder, which includes none.

    Raises:
        FeabError: when it cannot be read.
    """
    own = dict(root.items())
    given = own.pop("include", None)
    if given is None:
        return own
    name = given.text()
    if not _INCLUDED.fullmatch(name):
        raise given.error("must be the name of a .yaml file in the same folder")
    above = dict(read_yaml(root.file.parent / name).items())
    if "include" in above:
        raise above["include"].error("an included file includes no other")
    return {**above, **own}


def parse_yaml(data: bytes, file: Path) -> Field:
    """`read_yaml` for bytes already read; `file` only serves the messages."""
    import yaml

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FeabError(f"{file}: is not UTF-8 text (byte {error.start})") from None
    loader_class = _loader_class()
    try:
        _check_events(text, file, loader_class)
        loader = loader_class(text)
        try:
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise FeabError(f"{file}: must be a mapping (key: value) at its top level")
            value = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise FileError(Problem(file, f"not valid YAML: {error.problem or error.context}", line)) from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, RecursionError) as error:
        raise FeabError(f"{file}: not valid YAML: {str(error)[:200]}") from None
    return Field(value, file, 1, "", node)


def _check_events(text: str, file: Path, loader_class: Any) -> None:
    """Refuse what could blow up while nodes are built: aliases and deep nesting. Events are read without recursion."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader_class):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            problem = "anchors and aliases (& and *) are not read"
            raise FileError(Problem(file, problem, _line(event), advice="write the value out"))
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_DEPTH:
                raise FileError(Problem(file, f"nested deeper than {MAX_DEPTH}", _line(event)))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _loader_class() -> Any:
    """A safe loader that knows plain data and `!function`. Built per call: yaml keeps constructors on the class."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """PyYAML's safe loader with `!function` as text and duplicate keys refused."""

    def function(loader: Any, node: Any) -> str:
        return str(loader.construct_scalar(node))

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merge keys (<<) are not read", key_node.start_mark)
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, (str, int, float, bool, type(None))) or key in found:
                problem = f"the key {key!r} occurs twice" if isinstance(key, str) else f"{key!r} cannot be a key here"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            found[key] = loader.construct_object(value_node, deep=True)
        return found

    Loader.add_constructor(FUNCTION, function)
    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    return Loader

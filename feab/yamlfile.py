"""Reading files that strangers wrote: small ones whole, most of them YAML; large ones by pieces, for their sha256."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from feab.errors import FeabError
from feab.problems import FileError, Problem

NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""The flag that makes opening a symbolic link fail, where the platform has it."""

_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)  # a named pipe without a writer would be waited for, for ever
_PIECE = 2**20


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without aliases (a few hundred bytes of them can stand for gigabytes) or repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    message = f"the key {key.value!r} occurs twice"
                    raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def open_plain(path: Path, *, links: bool = True) -> BinaryIO:
    """Open a file for reading that may be a named pipe or a device, which would never end, or a link.

    Args:
        path: the file.
        links: whether a link is followed. In a folder that a stranger packed it may lead anywhere.

    Raises:
        FeabError: when it is no plain file.
        OSError: when it cannot be opened.
    """
    if not links and path.is_symlink():
        raise FileError(Problem(path, "is a link, which is not followed", advice="put the file itself in its place"))
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | os.O_CLOEXEC | (0 if links else NO_FOLLOW))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FeabError(f"{path}: not a file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, limit: int, *, links: bool = True) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        FeabError: when it cannot be read, is larger, is no file, or is a link and `links` are not followed.
    """
    try:
        with open_plain(path, links=links) as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise FeabError(f"{path}: cannot read it ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > limit:
        raise FeabError(f"{path}: larger than the {limit:,} bytes that such a file may have")
    return data


def sha256_of(file: BinaryIO) -> str:
    """The sha256 of what is left of an open file, in hex; never more than a MiB of it is in memory.

    Raises:
        OSError: when it cannot be read.
    """
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def read_text(path: Path, limit: int) -> str:
    """The text of a UTF-8 file of at most `limit` bytes.

    Raises:
        FeabError: when it cannot be read, is larger or is not UTF-8.
    """
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FeabError(f"{path}: is not UTF-8 text (byte {error.start})") from None


def parse_yaml(data: bytes, path: Path) -> Any:
    """The value a YAML document holds; `path` is only for messages.

    Raises:
        FeabError: when it is not plain YAML, naming file and line.
    """
    try:
        # S506: _Loader is yaml.SafeLoader made stricter.
        return yaml.load(data, Loader=_Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileError(Problem(path, f"not valid YAML ({error.problem or error.context})", line)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FeabError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from None


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a YAML document, which say where in the text they stand; None for an empty one.

    `text` must be a document that `parse_yaml` has read.
    """
    return yaml.compose(text, Loader=_Loader)


def line_finder(data: bytes) -> Callable[[Sequence[str | int]], int]:
    """A function from the path of a field to the line it stands in, or the nearest thing above it that is there.

    `data` must be a document that `parse_yaml` has read.
    """
    root = yaml.compose(data, Loader=_Loader)

    def line_of(path: Sequence[str | int]) -> int:
        node, line = root, 1
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line

    return line_of

"""Reading small files, most of them YAML, that strangers wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from feab.errors import FeabError


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


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        FeabError: when it cannot be read or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise FeabError(f"{path}: cannot read it ({error.strerror or error})") from None
    if len(data) > limit:
        raise FeabError(f"{path}: larger than the {limit:,} bytes that such a file may have")
    return data


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
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise FeabError(f"{path}{line}: not valid YAML ({error.problem or error.context})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FeabError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from None

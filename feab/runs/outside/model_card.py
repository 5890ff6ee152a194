"""Numbers put into somebody's model card: the metadata at the top of its README.md gain them, every other byte stays.

huggingface_hub reads a card and writes all its metadata anew, without their comments, quotes and order. This is
somebody else's file: lines are put in where they belong, and what comes out is read again before anybody sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from feab.errors import FeabError
from feab.runs.outside.hub_eval import to_yaml
from feab.yamlfile import compose_yaml, parse_yaml

CARD = "README.md"
"""A model card's path in its repository."""
MOST = 2**20
"""Bytes of a card that is changed (our choice); those on the Hub have some ten thousand."""

_INDEX, _RESULTS = "model-index", "results"
_ODD = "metadata are written in a way that is not changed here"


def with_results(card: bytes, index: Sequence[Mapping[str, Any]]) -> bytes:
    """A model card with results in its metadata.

    Results of the same source about the same split of the same dataset are replaced; all others are left, whoever
    wrote them. A card without metadata gains some.

    Args:
        card: README.md as it is.
        index: one model with its results, as `HubResults.model_index` gives it; its name counts where the card names
            none.

    Raises:
        FeabError: when the card is large, is no UTF-8, or its metadata are no YAML, are not closed, hold something
            else as results, or are written in a way that cannot be added to line by line.
    """
    if len(card) > MOST:
        raise FeabError(f"{CARD}: larger than the {MOST:,} bytes of a card that is changed")
    try:
        text = card.decode()
    except UnicodeDecodeError as error:
        raise FeabError(f"{CARD}: is not UTF-8 text (byte {error.start})") from None
    end = _end_of_metadata(text)
    line = "\r\n" if "\r\n" in (text if end is None else text[:end]) else "\n"
    if end is None:
        return f"---{line}{_lines({_INDEX: list(index)}, 0, line)}{line}---{line}{text}".encode()
    head = text[:end]
    before = parse_yaml(f"{head}{line}".encode(), Path(CARD)) or {}  # with its end: a last text may be one of lines
    if not isinstance(before, dict):
        raise FeabError(f"{CARD}: its metadata are no mapping of names to values")
    root = compose_yaml(head)
    if before.get(_INDEX) in (None, []):
        expected = list(index)
        changed = _without(head, root, _INDEX) + line + _lines({_INDEX: expected}, 0, line)
    else:
        expected, changed = _merged(head, root, before[_INDEX], index[0][_RESULTS], line)
    try:
        right = parse_yaml(f"{changed}{line}".encode(), Path(CARD)) == {**before, _INDEX: expected}
    except FeabError:
        right = False
    if not right:
        raise FeabError(f"{CARD}: its {_ODD}")
    return (changed + text[end:]).encode()


def _end_of_metadata(text: str) -> int | None:
    """Where the metadata end, as the Hub finds them; None where there are none."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    found = REGEX_YAML_BLOCK.search(text)
    if found is not None:
        return int(found.end(2))
    if text.lstrip().startswith("---"):
        raise FeabError(f"{CARD}: its metadata begin with --- and do not end with it")
    return None


def _merged(
    head: str, root: yaml.Node | None, models: object, new: Sequence[Mapping[str, Any]], line: str
) -> tuple[list[Any], str]:
    """The models with the new results among those of the first, and the text that says so."""
    if not isinstance(models, list) or not models or not all(isinstance(one, dict) for one in models):
        raise FeabError(f"{CARD}: its {_INDEX} is no list of models")
    there = models[0].get(_RESULTS)
    if not isinstance(there, list):
        raise FeabError(f"{CARD}: its {_INDEX} has a model without a list of results")
    about = [_about(one) for one in new]
    stay = [_about(one) not in about for one in there]
    expected = [{**models[0], _RESULTS: [*(one for one, left in zip(there, stay, strict=True) if left), *new]}]
    expected += models[1:]
    sequence = _value(root, _INDEX)
    results = _value(sequence.value[0], _RESULTS) if isinstance(sequence, yaml.SequenceNode) else None
    if not isinstance(results, yaml.SequenceNode) or not isinstance(sequence, yaml.SequenceNode):
        raise FeabError(f"{CARD}: its {_ODD}")
    if sequence.flow_style or sequence.value[0].flow_style:  # {…} and […], where lines cannot be put in
        return expected, _instead(head, sequence, expected, 0, line)
    if results.flow_style or not any(stay):
        column = sequence.value[0].start_mark.column
        return expected, _instead(head, results, expected[0][_RESULTS], column, line)
    at = _end_of_line(head, results)
    changed = head[:at] + line + _lines(list(new), results.start_mark.column, line) + head[at:]
    for node, left in reversed(list(zip(results.value, stay, strict=True))):
        if not left:
            first = head.rindex("\n", 0, head.rindex("-", 0, node.start_mark.index))
            changed = changed[: first + 1] + changed[_end_of_line(head, node) :].removeprefix(line)
    return expected, changed


def _about(result: object) -> object:
    """What tells results apart: who says so, of which split of which dataset."""
    if not isinstance(result, dict):
        return None
    source, dataset = result.get("source"), result.get("dataset")
    if not isinstance(source, dict) or not isinstance(dataset, dict):
        return None
    return source.get("name"), dataset.get("type"), dataset.get("split")


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of a mapping's key."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _without(head: str, root: yaml.Node | None, key: str) -> str:
    """The text without a key that has no value, where it is there."""
    if not isinstance(root, yaml.MappingNode):
        return head
    for name, value in root.value:
        if name.value == key:
            return head[: name.start_mark.index].rstrip("\r\n") + head[value.end_mark.index :]
    return head


def _instead(head: str, node: yaml.Node, value: object, column: int, line: str) -> str:
    """The text with another value, from the line after the one where it began."""
    before = head[: node.start_mark.index].rstrip(" \r\n")
    return before + line + _lines(value, column, line) + head[_end(head, node) :]


def _end(head: str, node: yaml.Node) -> int:
    """Where the last of a value stands: PyYAML takes the comments and empty lines after it for a part of it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(head, last[1] if isinstance(last, tuple) else last)
    begin, end = node.start_mark.index, node.end_mark.index
    return begin + len(head[begin:end].rstrip())


def _end_of_line(head: str, node: yaml.Node) -> int:
    """Where the line of the last of a value ends: a comment may stand there."""
    end = head.find("\n", _end(head, node))
    return len(head) if end < 0 else end - (head[end - 1] == "\r")


def _lines(value: object, column: int, line: str) -> str:
    """A value as lines of YAML that begin at a column, without the end of the last."""
    return line.join(" " * column + one for one in to_yaml(value).splitlines())

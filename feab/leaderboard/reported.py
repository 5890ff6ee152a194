"""Numbers that papers report: read from a YAML file of the store, listed with their source, never ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from feab.errors import FeabError
from feab.models.cards import Link
from feab.problems import FileError, problems_of
from feab.schemas import Name, Strict
from feab.vocabulary import Kind
from feab.yamlfile import line_finder, parse_yaml

REPORTED = "reported.yaml"
"""Its path in a store."""

Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f<>]+$")]


class Source(Strict):
    """Where numbers were published, and what keeps them from being comparable with ours."""

    title: Name
    url: Link
    read_from: Words
    """What was read: the paper, a table in it, its authors' repository, or raw predictions that were scored again."""
    caveat: Words


class Number(Strict):
    """One published score."""

    model: Name
    data: Name
    task: Name
    """The task here that asks nearly the same; what differs stands in the caveat."""
    kind: Kind
    metric: Literal["accuracy", "uar", "macro_f1", "f1"]
    value: Annotated[float, Field(ge=0, le=1)]
    low: Annotated[float, Field(ge=0, le=1)] | None = None
    high: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(gt=0)] | None = None
    access: Literal["open", "closed"] | None = None
    source: Name
    """One of the keys of `sources`."""
    caveat: Words | None = None
    """Of this number alone, beside its source's."""


class Reported(Strict):
    """The file."""

    sources: dict[Name, Source]
    numbers: list[Number]


def read_reported(data: bytes, path: Path) -> list[dict[str, Any]]:
    """The rows of the table that published numbers make.

    Raises:
        FeabError: naming file and line of what is wrong, such as a number without a source.
    """
    value = parse_yaml(data, path)
    if not isinstance(value, dict):
        raise FeabError(f"{path}: holds `sources` and `numbers`")
    try:
        found = Reported.model_validate(value)
    except ValidationError as error:
        raise FileError(*problems_of(error, path, line_finder(data))) from None
    rows = []
    for i, number in enumerate(found.numbers):
        source = found.sources.get(number.source)
        if source is None:
            raise FeabError(f"{path}:{line_finder(data)(['numbers', i])}: there is no source {number.source!r}")
        rows.append(
            {
                **number.model_dump(include={"model", "access", "data", "task", "kind", "metric"}),
                **number.model_dump(include={"value", "low", "high", "n"}),
                "tier": "reported",
                "why_not": "a number of a paper, not scored here",
                "source": f"{source.title}, {source.url} ({source.read_from})",
                "url": source.url,
                "caveat": source.caveat if number.caveat is None else f"{number.caveat}; {source.caveat}",
            }
        )
    return rows

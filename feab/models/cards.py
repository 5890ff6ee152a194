"""Model cards: one YAML file a model, saying who it is and how it is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from feab.content import folders
from feab.errors import FeabError
from feab.problems import FileError, Problem, problems_of
from feab.schemas import Name
from feab.yamlfile import line_finder, parse_yaml, read_bytes

CARD_LIMIT = 64 * 1024
"""Bytes a card may have."""

_FILE_LIMIT = 64 * 1024 * 1024

_NO_FACTS = {"name", "path", "sources", "description", "intended_use"}
"""Fields of a card that are ours to write."""

_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


Link = Annotated[str, Field(pattern=r"^https?://[^\s<>\"']+$", max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Price(_Strict):
    """US dollars per million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    as_of: date | None = None
    """The day on which this was the price; prices change."""

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """US dollars for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class ModelCard(_Strict):
    """Who a model is, how it is asked, and what is known about what it was trained on."""

    name: Name
    """What `--model` takes. The file is named after it, with anything but letters, digits, '.', '_' and '-' as '-'."""
    adapter: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*/.+$", max_length=500)]
    """provider/rest. A rest of `.` or `./...` is relative to the card's folder."""
    args: dict[str, Any] = {}
    """Adapter arguments, as `-M key=value` gives them; the command line wins."""
    revision: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The commit of the weights that is meant."""
    access: Literal["open", "closed"]
    """open: the weights can be had. closed: only an interface can."""
    parameters: Annotated[int, Field(gt=0)] | None = None
    """Number of weights: 7_600_000_000 or "7.6B"."""
    licence: Annotated[str, Field(min_length=1, max_length=200)]
    price: Price | None = None
    image_tokens: Annotated[int, Field(gt=0)] | None = None
    """Input tokens that one image of this benchmark's size takes, for estimates of cost."""
    release_date: date | None = None
    trained_on: list[str] = []
    """Datasets whose training labels it saw."""
    may_have_seen: list[str] = []
    """Datasets that its makers do not rule out."""
    intended_use: Annotated[str, Field(min_length=1, max_length=4000)]
    url: Link | None = None
    description: Annotated[str, Field(max_length=500)] = ""
    sources: dict[str, Link] = {}
    """Field -> where it can be read. A field without one is our own word, or nobody's."""
    path: Annotated[Path | None, Field(exclude=True, repr=False)] = None
    """The file it was read from; not written in the file."""

    @field_validator("parameters", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmbt])", value.strip().lower()) if isinstance(value, str) else None
        return round(float(match[1]) * _UNITS[match[2]]) if match else value

    @model_validator(mode="after")
    def _sources_of_facts(self) -> ModelCard:
        for name in self.sources:
            if name not in type(self).model_fields or name in _NO_FACTS:
                raise ValueError(f"sources: {name!r} is no fact that a card holds")
            if getattr(self, name) in (None, [], {}):
                raise ValueError(f"sources: there is a source for {name}, but no {name}")
        return self


def slug(name: str) -> str:
    """A model's name as a file name: "baseline/uniform" -> "baseline-uniform"."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def invalid(error: ValidationError) -> str:
    """A validation error in one line: field: what is wrong; field: what is wrong."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in item["loc"]) or "file"
        lines.append(f"{where}: {item['msg']}")
    return "; ".join(lines[:8])


def read_card(path: Path) -> ModelCard:
    """Read and validate one card.

    Raises:
        FileError: naming the file and every field that is wrong.
    """
    raw = read_bytes(path, CARD_LIMIT)
    data = parse_yaml(raw, path)
    if not isinstance(data, dict):
        raise FeabError(f"{path}: a model card is a mapping of field: value")
    line_of = line_finder(raw)
    if "path" in data:
        raise FeabError(f"{path}: path: is not a field of a card")
    try:
        card = ModelCard.model_validate({**data, "path": path})
    except ValidationError as error:
        raise FileError(*problems_of(error, path, line_of), message=f"{path}: {invalid(error)}") from None
    stem = path.parent.name if path.name == "card.yaml" else path.stem
    if slug(card.name) != stem:
        message = f"{card.name!r} belongs in {slug(card.name)}.yaml or {slug(card.name)}/card.yaml"
        problem = Problem(path, message, line_of(["name"]), "name", "rename the file, or correct the name")
        raise FileError(problem, message=f"{path}: name: {message}")
    return card


def _files(folder: Path) -> list[Path]:
    """The cards of a folder, which may hold tasks or scripts as well: a card says `adapter:` at the start of a line."""
    return [
        path
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*/card.yaml")])
        if path.is_file()  # a named pipe would never end
        and re.search(rb"(?m)^adapter\s*:", read_bytes(path, _FILE_LIMIT))
    ]


def find_card(name: str, include: Sequence[str | os.PathLike[str]] = ()) -> ModelCard | None:
    """The card of that name: models/<name>.yaml or models/<name>/card.yaml, a user's own before a shipped one.

    Raises:
        FeabError: when the file is there but is no valid card.
    """
    wanted = slug(name)
    if not wanted.strip("."):
        return None
    for folder in folders("models", include):
        for path in (folder / f"{wanted}.yaml", folder / wanted / "card.yaml"):
            if path.is_file():
                card = read_card(path)
                if name in {card.name, wanted}:
                    return card
    return None


def list_models(include: Sequence[str | os.PathLike[str]] = ()) -> list[ModelCard]:
    """All cards, sorted by name; of two with one name, the user's own.

    Raises:
        FeabError: when a card is not valid, naming file and field.
    """
    found: dict[str, ModelCard] = {}
    for folder in folders("models", include):
        for path in _files(folder):
            card = read_card(path)
            found.setdefault(card.name, card)
    return [found[name] for name in sorted(found)]


def names(include: Sequence[str | os.PathLike[str]] = ()) -> list[str]:
    """File names of all cards, valid or not: for "did you mean"."""
    found = set()
    for folder in folders("models", include):
        found |= {path.parent.name if path.name == "card.yaml" else path.stem for path in _files(folder)}
    return sorted(found)

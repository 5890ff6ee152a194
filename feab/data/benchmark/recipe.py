"""Recipes of sets that are put together from several datasets: which faces of which source, chosen how."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from feab import content
from feab.errors import FeabError
from feab.problems import FileError, Notes, problems_of
from feab.schemas import SplitName
from feab.vocabulary import Kind
from feab.yamlfile import line_finder, parse_yaml, read_bytes

MAX_RECIPE_BYTES = 64_000
FOLDER = "sets"
"""Of the shipped recipes, in `generation/`."""

SetName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,39}$")]
Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Au = Annotated[int, Field(ge=1, le=99)]
Positive = Annotated[int, Field(gt=0, le=10_000_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PeoplePart(_Strict):
    """All labelled faces of some people, who are searched for (seeded) until their classes are those wanted."""

    choose: Literal["people"]
    people: Positive
    classes: Annotated[dict[str, Positive], Field(min_length=1)]
    keep: tuple[Kind, ...] | None = None
    """The levels whose labels the faces keep; None for all."""

    @property
    def images(self) -> int:
        """How many faces are wanted."""
        return sum(self.classes.values())


class ClassesPart(_Strict):
    """As many faces of each class; where one has too few, the rarest of the others have more."""

    choose: Literal["classes"]
    images: Positive
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    keep: tuple[Kind, ...] | None = None


class UnitsPart(_Strict):
    """Faces with coded AUs, so many that display each of them, the rarest first."""

    choose: Literal["units"]
    images: Positive
    positives: Positive
    """Faces that should display an AU, as far as there are any; those that other parts chose count, too."""
    keep: tuple[Kind, ...] | None = None


Part: TypeAlias = Annotated[PeoplePart | ClassesPart | UnitsPart, Field(discriminator="choose")]


class SourceRecipe(_Strict):
    """What is taken from one dataset."""

    split: SplitName
    """Of the dataset, as `feab data prepare` names it."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    """One after the other; a face that one chose is not chosen again."""
    where: dict[Column, tuple[int | str, ...]] = {}
    """Only faces whose columns hold one of these values."""
    needs: tuple[Kind, ...] = ()
    """Only faces with all of these labels."""
    people: Positive | None = None
    """How many must be among those chosen, else the set is short."""
    person: Column | None = None
    """The column that says whose face (or which video) it is; None where nobody knows."""
    most_a_person: Positive | None = None
    evenly: tuple[Column, ...] = ()
    """Columns whose combinations get the same number of faces, where they are chosen by AUs."""
    film: tuple[Column, ...] = ()
    """Columns that together name one recording."""
    frame: Column | None = None
    """The column with the number of the frame in it."""
    rate: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Frames a second."""
    apart: Annotated[float, Field(ge=0, le=3600)] = 0
    """Seconds that two faces of one recording must lie apart."""
    aus: tuple[Au, ...] = ()
    """Those of the set's AUs that it codes."""
    present_from: Annotated[int, Field(ge=1, le=5)] | None = None
    """The intensity from which an AU is present; None where its presence is coded as such."""
    count_as: dict[Au, Au] = {}
    """An AU that counts as another one where it is present."""
    near_duplicates: bool = False
    """Whether faces that look like one of the set's `apart_from` are left out. Copies of its files always are."""

    @model_validator(mode="after")
    def _fits(self) -> SourceRecipe:
        if self.film and (self.frame is None or self.rate is None):
            raise ValueError("film goes with frame and rate")
        if (self.most_a_person or self.people) and self.person is None:
            raise ValueError("most_a_person and people go with person")
        for part in self.parts:
            if part.choose == "people" and self.person is None:
                raise ValueError("choose: people goes with person")
            if part.choose == "units" and not self.aus:
                raise ValueError("choose: units goes with aus")
        if not set(self.count_as.values()) <= set(self.aus):
            raise ValueError("count_as may only name AUs of aus")
        return self

    @property
    def images(self) -> int:
        """How many faces it should give."""
        return sum(part.images for part in self.parts)

    @property
    def gap(self) -> int:
        """Frames between two faces of one recording, at least; 0 where it has none."""
        return round(self.apart * self.rate) if self.rate else 0


class SetRecipe(_Strict):
    """How a set is put together from several datasets."""

    set: SetName
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=20)]
    seed: Annotated[int, Field(ge=0)]
    """What may be chosen one way or another is ordered by the sha256 of this seed, the source and the face's id."""
    split: SplitName
    """The split it is written as."""
    images: Positive
    """In all; the sources' numbers must sum to it."""
    description: Annotated[str, Field(max_length=500)]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    aus: tuple[Au, ...]
    sources: Annotated[dict[SourceName, SourceRecipe], Field(min_length=1)]
    apart_from: SetName | None = None
    """A shipped recipe: no person, copy or near-duplicate of its faces is chosen."""

    @model_validator(mode="after")
    def _sums(self) -> SetRecipe:
        total = sum(source.images for source in self.sources.values())
        if total != self.images:
            raise ValueError(f"the sources' images sum to {total:,}, not to images: {self.images:,}")
        for name, source in self.sources.items():
            if not set(source.aus) <= set(self.aus):
                raise ValueError(f"sources.{name}.aus has AUs that the set has not")
            for part in source.parts:
                if part.choose != "units" and not set(part.classes) <= set(self.labels):
                    raise ValueError(f"sources.{name} has classes that the set has not")
        return self

    @property
    def sha256(self) -> str:
        """Of its content, whatever the file looks like."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def recipe_names() -> tuple[str, ...]:
    """The sets that can be built."""
    return tuple(sorted(_shipped()))


def load_recipe(name: str) -> SetRecipe:
    """The recipe of a set that feab knows, or of a file of your own (ending in .yaml).

    Raises:
        FeabError: for an unknown set, a file that is wrong (file, line and field are named), or one of your own that
            takes the name of a set that feab knows and is another recipe.
    """
    files = _shipped()
    if name in files:
        return read_recipe(files[name])
    if not name.endswith((".yaml", ".yml")):
        raise FeabError(f"no set {name!r:.80}; there are {', '.join(sorted(files))}, or give a recipe's file (.yaml)")
    own = read_recipe(Path(name).expanduser())
    if own.set in files and own.sha256 != read_recipe(files[own.set]).sha256:
        raise FeabError(f"{name}: is not feab's recipe of {own.set}; call its set by another name")
    return own


def read_recipe(path: Path) -> SetRecipe:
    """The recipe in a file.

    Raises:
        FeabError: naming file, line and field of what is wrong.
    """
    data = read_bytes(path, MAX_RECIPE_BYTES)
    held = parse_yaml(data, path)
    if not isinstance(held, dict):
        raise FeabError(f"{path}: a recipe of a set is a mapping of fields, starting with `set: NAME`")
    try:
        return SetRecipe.model_validate(held)
    except ValidationError as error:
        raise FileError(*problems_of(error, path, line_finder(data))) from None


def check_recipe_file(path: Path, notes: Notes) -> str:
    """Note what is wrong with a recipe's file; returns what it is, in a few words."""
    recipe = notes.attempt(read_recipe, None, path)
    return "recipe of a set" if recipe is None else f"recipe of the set {recipe.set}, {recipe.images:,} faces"


def _shipped() -> dict[str, Path]:
    """Name of the set -> its file, which is called like it."""
    folder = content.shipped("generation") / FOLDER
    return {file.stem.replace("_", "-"): file for file in sorted(folder.glob("*.yaml"))}

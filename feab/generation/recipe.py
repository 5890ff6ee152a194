"""Recipes of SEKE: one validated YAML says how faces are annotated. What it holds changes the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from feab.content import folders
from feab.errors import FeabError
from feab.generation.record import Level
from feab.generation.settings import Settings
from feab.knowledge import Knowledge, load_knowledge
from feab.problems import FileError, problems_of
from feab.records import Sampling
from feab.schemas import SplitName, Strict
from feab.vocabulary import FEAB_17
from feab.yamlfile import line_finder, parse_yaml, read_bytes

MAX_RECIPE_BYTES = 64_000
DEFAULT = "seke"
"""The recipe that travels with feab: `generation/seke.yaml`."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Share = Annotated[float, Field(gt=0, le=1)]


class Tables(Strict):
    """Which of the emotion tables are the knowledge, as `feab.knowledge.load_knowledge` takes them."""

    theory: Name = "du2014"
    anchors: Name = "words"
    loadings: Name = "rule"
    background: Annotated[float, Field(ge=0.01, le=0.99)] = 0.2
    prior: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Expression -> its share of the source, where that is known by design; all alike otherwise."""
    renamed: dict[str, str] | None = None
    """Expression -> whose rows are taken for it: wrong names, for studies."""


class Drawing(Strict):
    """How answers are drawn."""

    temperature: Annotated[float, Field(ge=0, le=2)]
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1, le=32_768)]

    def sampling(self, seed: int) -> Sampling:
        """The same for a question."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, seed)


class Elsewhere(Strict):
    """Another dataset, whose labels of a level calibrate it."""

    data: Annotated[str, Field(min_length=1, max_length=1000)]
    split: SplitName = "train"


class Calibration(Strict):
    """Faces with human labels that the annotator does not see, from which its errors are estimated."""

    faces: Annotated[int, Field(ge=0, le=100_000)] = 400
    """Of each dataset, at the most, but for what rare expressions add."""
    per_expression: Annotated[int, Field(ge=0, le=10_000)] = 30
    """Faces of each expression, where there are so many."""
    share: Share = 0.5
    """Of the labelled faces of the annotated dataset itself, at the most: these are not annotated."""
    elsewhere: dict[Level, Elsewhere] = Field(default_factory=dict)
    """Level -> where its labelled faces come from; by default the annotated dataset itself."""


class Recipe(Strict):
    """How faces are annotated."""

    method: Literal["seke"] = "seke"
    """Tells it from recipes of training."""
    name: Name
    version: Annotated[str, Field(min_length=1, max_length=40)]
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seeds the contexts, the order of options, what is drawn, and the choice of faces."""
    knowledge: Tables = Tables()
    crop: Literal["as delivered", "face + 20 %"] = "as delivered"
    """Which part of a picture is shown: all of it, or the face that the dataset marks."""
    knowledge_in_prompts: bool = True
    """Whether contexts may quote the tables; each also has versions without."""
    asking: Drawing = Drawing(temperature=1.0, max_tokens=320)
    verifying: Drawing = Drawing(temperature=0.0, max_tokens=96)
    calibration: Calibration = Calibration()
    stopping: Settings = Settings()
    """When a face is asked again, verified, decided or rejected."""
    conflict: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Human labels that are less probable than this, by the tables and the face's other labels, are reported."""

    @field_validator("stopping", mode="wrap")
    @classmethod
    def _settings(cls, given: Any, read: ValidatorFunctionWrapHandler) -> Any:
        known = [field.name for field in fields(Settings)]
        if isinstance(given, dict) and (unknown := sorted(set(map(str, given)) - set(known))):
            raise ValueError(f"unknown setting {unknown[0]!r}; known are {', '.join(known)}")
        try:
            return read(given)
        except FeabError as error:  # a number outside its range
            raise ValueError(str(error)) from None

    @property
    def aus(self) -> tuple[int, ...]:
        """The action units that are asked about."""
        return FEAB_17

    def knowledge_numbers(self) -> Knowledge:
        """The numbers of the joint model.

        Raises:
            FeabError: when a table is unknown, or numbers are out of range.
        """
        return load_knowledge(**self.knowledge.model_dump())


def load_recipe(name_or_path: str | PathLike[str] = DEFAULT, include: Sequence[str | PathLike[str]] = ()) -> Recipe:
    """A recipe by the path of its file, or by its name: one of a folder of yours, or of those that travel with feab.

    Raises:
        FeabError: when there is none, or it is too large, not YAML, or has a wrong field; file and line are named.
    """
    path = _locate(fspath(name_or_path), include)
    data = read_bytes(path, MAX_RECIPE_BYTES)
    content = parse_yaml(data, path)
    if not isinstance(content, dict):
        raise FeabError(f"{path}: a recipe is a mapping of fields, starting with `method: seke`")
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        found = problems_of(error, path, line_finder(data))
        raise FileError(*found) from None


def _locate(name: str, include: Sequence[str | PathLike[str]]) -> Path:
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml"):
        # `generation/seke.yaml` is also how the shipped one is called where feab is installed without a checkout.
        places = [path] if path.is_file() else [folder / path.name for folder in folders("generation", include)]
    else:
        places = [folder / f"{path.name}.yaml" for folder in folders("generation", include)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FeabError(f"no recipe {name!r}: give the path of a YAML file, or {DEFAULT!r}")
    return found

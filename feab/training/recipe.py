"""Training recipes: one validated YAML a fine-tune or a model made from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator

from feab.errors import FeabError
from feab.problems import FileError, Problem, problems_of
from feab.training.fields import Positive, Rate, RecipeName, Share, Strict
from feab.training.sft.recipe import SftRecipe
from feab.yamlfile import line_finder, parse_yaml, read_bytes

MAX_RECIPE_BYTES = 64_000


class Picture(Strict):
    """What a network sees of a face: the shortest edge resized, then the centre cropped (as CLIP does)."""

    resize: Positive
    """Pixels of the shortest edge."""
    crop: Annotated[int, Field(gt=0, multiple_of=16)]
    """Pixels a side of the square that is kept."""

    @model_validator(mode="after")
    def _crop_fits(self) -> Picture:
        if self.crop > self.resize:
            raise ValueError(f"crop {self.crop} is larger than resize {self.resize}")
        return self


class Vision(Strict):
    """A LeViT: four strided convolutions to a grid, blocks of attention on it, then one token for the whole face."""

    kernel: Literal[3, 5]
    width: Annotated[int, Field(gt=0, multiple_of=8)]
    """Channels on the grid."""
    blocks: Annotated[int, Field(ge=0)]
    keys: Positive
    """Key dimensions of each place's head in the gathering step."""
    values: Positive
    """Numbers each place hands to the token; a multiple of `keys`."""
    out: Positive
    """Width of the token."""

    @model_validator(mode="after")
    def _whole_ratio(self) -> Vision:
        if self.values % self.keys:
            raise ValueError(f"values {self.values} is not a multiple of keys {self.keys}")
        return self


class Text(Strict):
    """A Llama."""

    width: Positive
    mlp: Positive
    layers: Positive
    heads: Positive


class Architecture(Strict):
    """A LLaVA: vision tower, two-layer connector, language model; ONE image token a face."""

    picture: Picture
    vision: Vision
    text: Text
    vocabulary: Annotated[int, Field(ge=300, le=20_000)] = 1_200


class Schedule(Strict):
    """How long and how fast a network is trained on pictures."""

    epochs: Positive
    batch_size: Positive = 64
    learning_rate: Rate = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup: Share = 0.1
    erase: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of training images with one random patch blanked (random erasing)."""


class LanguageStage(Strict):
    """Stage 2: the language model learns to say what the image token holds, for every prompt variant."""

    views: Positive = 4
    """Augmented views of each training image whose image tokens are kept."""
    steps: Positive
    batch_size: Positive = 64
    learning_rate: Rate = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Share = 0.05
    prompts: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        default_factory=lambda: {"direct": 0.6, "json": 0.1, "definitions": 0.1, "reason": 0.1, "shuffled": 0.1}
    )
    """Share of steps that each prompt variant gets."""


class ScratchRecipe(Strict):
    """`method: scratch`: a small vision-language model from random weights."""

    method: Literal["scratch"]
    name: RecipeName
    dataset: str
    train_split: str = "train"
    validation_split: str = "validation"
    tasks: list[str]
    seed: int = 0
    architecture: Architecture
    vision: Schedule
    """Stage 1: tower and connector learn to put expression, VA and AUs into the image token."""
    language: LanguageStage
    dtype: Literal["float32", "float16", "bfloat16"] = "float16"
    """How the weights are stored."""


Recipe: TypeAlias = ScratchRecipe | SftRecipe
_KINDS: Mapping[str, type[Recipe]] = MappingProxyType({"scratch": ScratchRecipe, "sft": SftRecipe})
"""Method -> what its recipe holds."""


def load_recipe(path: Path, **override: Any) -> Recipe:
    """Read a recipe file; `override` replaces top-level fields (`seed=1`).

    Raises:
        FeabError: when the file is missing, too large, not YAML, or has a wrong field; the message names the field.
    """
    data = read_bytes(path, MAX_RECIPE_BYTES)
    content = parse_yaml(data, path)
    if not isinstance(content, dict):
        raise FeabError(f"{path}: a recipe is a mapping of fields, starting with `method: scratch` or `method: sft`")
    method = content.get("method")
    kind = _KINDS.get(method) if isinstance(method, str) else None
    if kind is None:
        words = f"method {method!r} is not known"
        advice = "this feab trains `method: scratch` and `method: sft`"
        problem = Problem(path, words, line_finder(data)(["method"]), "method", advice)
        raise FileError(problem, message=f"{path}: {problem.what}")
    try:
        return kind.model_validate({**content, **override})
    except ValidationError as error:
        found = problems_of(error, path, line_finder(data))
        words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise FileError(*found, message=f"{path}: {words}") from None

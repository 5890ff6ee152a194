"""What annotating would ask about: a recipe, a dataset, and the faces chosen from it. Nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

from pydantic import ValidationError

from feab.data import Dataset, load_dataset, read_info
from feab.data.annotations import ExpressionLevel
from feab.data.places import EMBEDDED, is_dynamic, named, own_path
from feab.errors import FeabError
from feab.generation.choosing import Chosen, choose
from feab.generation.recipe import Recipe, load_recipe
from feab.generation.record import LEVELS, Level

TRAIN, TEST = "train", "test"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Whom to ask about, and how."""

    recipe: Recipe
    dataset: Dataset
    chosen: Chosen
    given: tuple[Level, ...] | None
    limit: int | None


def prepare(
    data: Dataset | str | PathLike[str],
    recipe: Recipe | str | PathLike[str],
    *,
    split: str | None = None,
    given: Collection[str] | None = None,
    limit: int | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Read recipe and labels, and choose faces; the arguments are those of `annotate`.

    Raises:
        FeabError: for a wrong recipe, an unknown dataset or level, or when there is nothing to annotate.
    """
    read = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, include)
    shown = None if given is None else levels_named(given)

    def opened(place: str | PathLike[str], its_split: str) -> Dataset:
        return load_dataset(place, its_split, on_progress=on_progress)

    if isinstance(data, Dataset):
        if split not in (None, data.split):
            raise FeabError(f"split {split!r}: the dataset that was opened is its split {data.split!r}")
        dataset = data
    else:
        dataset = opened(data, split or usual_split(data))
    chosen = choose(dataset, read.calibration, opened, given=shown, limit=limit, seed=read.seed)
    _check_words({word for word in chosen.labels.expression if word is not None}, dataset)
    return Prepared(read, dataset, chosen, shown, limit)


def levels_named(words: Collection[str]) -> tuple[Level, ...]:
    """Levels by their names, in the order of `LEVELS`; "none" is no level, "va" and "aus" are short for the others.

    Raises:
        FeabError: for an unknown word.
    """
    short: dict[str, Level] = {"va": "valence_arousal", "au": "action_units", "aus": "action_units"}
    found: set[str] = set()
    for word in words:
        name = short.get(word, word).replace("-", "_")
        if name in LEVELS:
            found.add(name)
        elif name != "none":
            raise FeabError(f"given {word!r}: known are {', '.join(LEVELS)}, and none")
    if "none" in words and found:
        raise FeabError("given: none, or levels; not both")
    if len(found) == len(LEVELS):
        raise FeabError("given: all three levels are given, so nothing is left to annotate")
    return tuple(level for level in LEVELS if level in found)


def usual_split(data: str | PathLike[str]) -> str:
    """Which split is annotated where none is named: "train", for instruction data is to learn from; else "test".

    Raises:
        FeabError: when there is no such dataset.
    """
    text = fspath(data)
    if own_path(data) is not None:
        return TEST
    if text == EMBEDDED or is_dynamic(data):
        return TRAIN
    folder = named(text) if isinstance(data, str) else None
    place = Path(text).expanduser() if folder is None else folder
    if not (place / "dataset.json").is_file():
        return TEST  # whoever opens it says what is wrong
    splits = read_info(place).splits
    return TRAIN if TRAIN in splits else TEST


def _check_words(words: Collection[str], dataset: Dataset) -> None:
    """Whether annotations.jsonl can hold people's expressions: better now than when all is asked."""
    for word in sorted(words):
        try:
            ExpressionLevel(value=word, source="human")
        except ValidationError:
            raise FeabError(
                f"{dataset.name}/{dataset.split}: the expression {word[:60]!r} cannot be written: at most 60 "
                "characters, none of them < or > or a control character"
            ) from None

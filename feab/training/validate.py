"""Checking a training recipe: its fields, and that the tasks, prompts, faces and base it names are there."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from feab.data import read_info
from feab.data.feid import FEID_TASKS, read_feid_info
from feab.data.places import EMBEDDED, EMBEDDED_SUBSETS, named
from feab.errors import FeabError
from feab.problems import Gather, InFile
from feab.tasks import Task, load_tasks
from feab.training.recipe import MAX_RECIPE_BYTES, ScratchRecipe, load_recipe
from feab.training.sft.base import ASSEMBLED, find_base
from feab.training.sft.recipe import SftRecipe
from feab.yamlfile import line_finder, read_bytes

Include = Sequence[str | PathLike[str]]


def check_recipe_file(path: Path, notes: Gather, include: Include = ()) -> str:
    """Note everything that is wrong with a recipe; returns what it is, in a few words. Trains and renders nothing."""
    recipe = notes.attempt(load_recipe, None, path)
    if recipe is None:
        return "training recipe"
    at = InFile(notes, path, line_finder(read_bytes(path, MAX_RECIPE_BYTES)))
    if isinstance(recipe, SftRecipe):
        _check_sft(recipe, at, include)
    else:
        _check_scratch(recipe, at, include)
    return f"training recipe {recipe.name}"


def _check_scratch(recipe: ScratchRecipe, at: InFile, include: Include) -> None:
    if not recipe.tasks:
        at.note(["tasks"], "names no task", "name at least one; `feab tasks` lists them")
    for task in _tasks(recipe.tasks, ["tasks"], at, include):
        for prompt in recipe.language.prompts:
            if prompt not in task.prompts:
                words = f"task {task.name} has no such prompt; it has {', '.join(task.prompts)}"
                at.note(["language", "prompts", prompt], words, "correct the name, or add the prompt to the task")
    splits = _splits(recipe.dataset, ["dataset"], at)
    for field, split in (("train_split", recipe.train_split), ("validation_split", recipe.validation_split)):
        if splits is not None:
            _check_split(split, recipe.dataset, splits, [field], at)
    if splits is not None and recipe.train_split == recipe.validation_split:
        at.note(["validation_split"], "is the training split", "name another, or the validation says nothing")


def _check_sft(recipe: SftRecipe, at: InFile, include: Include) -> None:
    try:
        if recipe.base != ASSEMBLED:
            find_base(recipe.base, recipe.revision)
    except FeabError as error:
        at.note(["base"], str(error), "name a folder, a hub id (OWNER/NAME) or a model card")
    if recipe.data is not None:
        try:
            read_feid_info(Path(recipe.data).expanduser())
        except FeabError as error:
            at.note(["data"], str(error), "name a FEID folder, or leave it to --data")
    if all(recipe.sampling.tasks.get(task) == 0 for task in FEID_TASKS):
        at.note(["sampling", "tasks"], "every task has weight 0", "leave one above 0, or nothing is learnt from")
    validation = recipe.validation
    if validation is None:
        return
    _tasks(validation.tasks, ["validation", "tasks"], at, include)
    if validation.dataset is not None:
        splits = _splits(validation.dataset, ["validation", "dataset"], at)
        if splits is not None:
            _check_split(validation.split, validation.dataset, splits, ["validation", "split"], at)


def _tasks(names: Sequence[str], where: Sequence[str], at: InFile, include: Include) -> list[Task]:
    """The tasks of a recipe that there are; the others are noted."""
    tasks: list[Task] = []
    for number, name in enumerate(names):
        try:
            tasks += load_tasks(name, include=include)
        except FeabError as error:
            at.note([*where, number], str(error), "correct the name")
    return tasks


def _splits(dataset: str, where: Sequence[str], at: InFile) -> set[str] | None:
    """The splits of a dataset; None, and noted, where it is not here or not in order."""
    folder = Path(dataset).expanduser()
    place = named(dataset) or (folder if (folder / "dataset.json").is_file() else None)
    if place is None:
        at.note(where, f"no dataset {dataset!r} is here", "put it into FEAB_DATA; `feab data list` lists them")
        return None
    try:
        splits = set(read_info(place).splits)
    except FeabError as error:
        at.note(where, str(error), "mend the dataset")
        return None
    if dataset in (EMBEDDED, *EMBEDDED_SUBSETS):
        from feab.faces.synth import SPLITS  # which are rendered when they are needed

        splits |= set(SPLITS)
    return splits


def _check_split(split: str, dataset: str, splits: set[str], where: Sequence[str], at: InFile) -> None:
    if split not in splits:
        words = f"dataset {dataset} has no split {split!r}; it has {', '.join(sorted(splits))}"
        at.note(where, words, "name one")
    elif split == "test":
        at.note(where, "is the split that scores are computed on", "keep it unseen: name train or validation")

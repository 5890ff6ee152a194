"""Checking a training recipe: its fields, and that the tasks, prompts and faces it names are there."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from feab.data import read_info
from feab.data.places import EMBEDDED, EMBEDDED_SUBSETS, named
from feab.errors import FeabError
from feab.problems import Gather, InFile
from feab.tasks import Task, load_tasks
from feab.training.recipe import MAX_RECIPE_BYTES, ScratchRecipe, load_recipe
from feab.yamlfile import line_finder, read_bytes


def check_recipe_file(path: Path, notes: Gather, include: Sequence[str | PathLike[str]] = ()) -> str:
    """Note everything that is wrong with a recipe; returns what it is, in a few words. Trains and renders nothing."""
    recipe = notes.attempt(load_recipe, None, path)
    if recipe is None:
        return "training recipe"
    at = InFile(notes, path, line_finder(read_bytes(path, MAX_RECIPE_BYTES)))
    tasks: list[Task] = []
    if not recipe.tasks:
        at.note(["tasks"], "names no task", "name at least one; `feab tasks` lists them")
    for number, name in enumerate(recipe.tasks):
        try:
            tasks += load_tasks(name, include=include)
        except FeabError as error:
            at.note(["tasks", number], str(error), "correct the name")
    for task in tasks:
        for prompt in recipe.language.prompts:
            if prompt not in task.prompts:
                words = f"task {task.name} has no such prompt; it has {', '.join(task.prompts)}"
                at.note(["language", "prompts", prompt], words, "correct the name, or add the prompt to the task")
    _check_dataset(recipe, at)
    return f"training recipe {recipe.name}"


def _check_dataset(recipe: ScratchRecipe, at: InFile) -> None:
    folder = Path(recipe.dataset).expanduser()
    place = named(recipe.dataset) or (folder if (folder / "dataset.json").is_file() else None)
    if place is None:
        at.note(
            ["dataset"], f"no dataset {recipe.dataset!r} is here", "put it into FEAB_DATA; `feab data list` lists them"
        )
        return
    try:
        splits = set(read_info(place).splits)
    except FeabError as error:
        at.note(["dataset"], str(error), "mend the dataset")
        return
    if recipe.dataset in (EMBEDDED, *EMBEDDED_SUBSETS):
        from feab.faces.synth import SPLITS  # which are rendered when they are needed

        splits |= set(SPLITS)
    for field, split in (("train_split", recipe.train_split), ("validation_split", recipe.validation_split)):
        if split not in splits:
            at.note(
                [field],
                f"dataset {recipe.dataset} has no split {split!r}; it has {', '.join(sorted(splits))}",
                "name one",
            )
        elif split == "test":
            at.note([field], "is the split that scores are computed on", "keep it unseen: name train or validation")
    if recipe.train_split == recipe.validation_split:
        at.note(["validation_split"], "is the training split", "name another, or the validation says nothing")

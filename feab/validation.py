"""Checking what people write and pass on: task files, cards, recipes, prompts, datasets, FEID and run folders.

What a file is, is told from its content. The checks themselves lie in the room of each kind (`validate.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from feab.errors import FeabError
from feab.problems import Gather, Problem
from feab.tasks.load import METADATA_FIELDS
from feab.tasks.read import MAX_BYTES, read_yaml
from feab.yamlfile import read_bytes

Kind: TypeAlias = Literal[
    "task", "card", "recipe", "set", "prompts", "dataset", "run", "annotations", "feid", "unknown"
]
_Yaml: TypeAlias = Literal["task", "card", "recipe", "set"]

Progress = Callable[[int, int], None]
"""Called with samples or lines checked, and their number in all."""

MAX_FILES = 5_000
"""Most files and folders that are gone through below one path."""

_TELLS: Mapping[str, _Yaml] = {"task": "task", "group": "task", "adapter": "card", "method": "recipe", "set": "set"}
"""Field at the top of a file -> what that makes it."""

_BEGINS = re.compile(rb"(?m)^(" + "|".join(_TELLS).encode() + rb")[ \t]*:")

_MARKS: Mapping[_Yaml, frozenset[str]] = {
    "task": frozenset({"metadata", "custom_dataset", "process_results", "output_type"}),
    "card": frozenset({"access", "licence", "intended_use", "price", "parameters", "trained_on"}),
    "recipe": frozenset(
        {"architecture", "language", "vision", "train_split", "validation_split"}
        | {"base", "tuning", "sampling", "epochs", "batch_size", "learning_rate", "validation"}
    ),
    "set": frozenset({"sources", "apart_from", "images", "seed"}),
}
"""Kind -> fields of which two tell it, where none of `_TELLS` is there. Our choice."""

_FOLDERS: Mapping[str, Kind] = {
    "draws.jsonl": "annotations",
    "manifest.json": "run",
    "dataset.json": "dataset",
    "feid.json": "feid",
    "given.j2": "prompts",
}
"""File that makes its folder one of annotations, a run, a dataset, instruction data, or SEKE's prompts: the first."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One file or folder that was checked."""

    path: Path
    kind: Kind
    what: str
    """What it is, in a few words."""
    problems: tuple[Problem, ...]
    more: int = 0
    """Problems beyond those listed."""

    @property
    def errors(self) -> int:
        """Problems that are more than warnings."""
        return self.more + sum(problem.severity == "error" for problem in self.problems)


def validate(
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    include: Sequence[str | os.PathLike[str]] = (),
) -> list[Problem]:
    """Every problem of a file or folder, each with file, line, what is wrong and what to do; empty when it is clean.

    Args:
        path: a task file, model card, recipe of a training or a set, folder of prompts, run folder, dataset folder or
            FEID folder, or a folder of such.
        data: for run folders, the dataset they were asked about (name or folder), where its name is not known here.
        include: further folders of task files, for groups, recipes and run folders that name their tasks.

    Raises:
        FeabError: when there is nothing at `path`.
    """
    return [problem for checked in check(path, data=data, include=include) for problem in checked.problems]


def check(
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    include: Sequence[str | os.PathLike[str]] = (),
    on_progress: Progress | None = None,
) -> Iterator[Checked]:
    """As `validate`, file by file, also of those without problems; `on_progress` is told of what takes long.

    Raises:
        FeabError: when there is nothing at `path`.
    """
    given = Path(path).expanduser()
    if not os.path.lexists(given):
        raise FeabError(f"{given}: no such file or folder")
    folders = (*include, *([given] if (given / "tasks").is_dir() else []))
    options = _Options(data, folders, on_progress)
    for number, (item, kind) in enumerate(_found(given)):
        if number == MAX_FILES:
            words = f"holds more than {MAX_FILES:,} files and folders to check"
            yield Checked(given, "unknown", "folder", (Problem(given, words, advice="give its folders one by one"),))
            return
        yield _check(item, kind, options)


@dataclass(frozen=True, slots=True)
class _Options:
    data: str | os.PathLike[str] | None
    include: Sequence[str | os.PathLike[str]]
    on_progress: Progress | None


def _check(path: Path, kind: Kind, options: _Options) -> Checked:
    notes = Gather(path)
    what = notes.attempt(_checker, kind, path, kind, notes, options)
    return Checked(path, kind, what, notes.problems, notes.more)


def _checker(path: Path, kind: Kind, notes: Gather, options: _Options) -> str:
    if kind == "run":
        from feab.runs.validate import check_run

        return check_run(path, notes, data=options.data, include=options.include, on_progress=options.on_progress)
    if kind == "annotations":
        from feab.generation.validate_annotations import check_annotations

        return check_annotations(path, notes, options.on_progress)
    if kind == "dataset":
        from feab.data.validate import check_dataset

        return check_dataset(path, notes, options.on_progress)
    if kind == "prompts":
        from feab.generation.validate_prompts import check_prompts

        return check_prompts(path, notes)
    if kind == "feid":
        from feab.data.feid import check_feid
        from feab.generation.agreeing import check_answers

        what = check_feid(path, notes, options.on_progress)
        if not notes.errors:
            check_answers(path, notes)
        return what
    if kind == "task":
        from feab.tasks.validate import check_task_file

        return check_task_file(path, notes, options.include)
    if kind == "card":
        from feab.models.validate import check_card_file

        return check_card_file(path, notes)
    if kind == "recipe" and _method(path) == "seke":
        from feab.generation.recipe import load_recipe

        recipe = notes.attempt(load_recipe, None, path)
        return "recipe of SEKE" + ("" if recipe is None else f" {recipe.name}")
    if kind == "recipe":
        from feab.training.validate import check_recipe_file

        return check_recipe_file(path, notes, options.include)
    if kind == "set":
        from feab.data.benchmark.recipe import check_recipe_file as check_set_file

        return check_set_file(path, notes)
    _unknown(path, notes)
    return "not known"


def _method(path: Path) -> Any:
    try:
        return read_yaml(path).value.get("method")
    except FeabError:
        return None  # whoever reads it as a recipe says it better


def _unknown(path: Path, notes: Gather) -> None:
    if path.is_dir():
        advice = (
            "a run has a manifest.json, a dataset a dataset.json, FEID a feid.json, prompts a given.j2, the others are "
            ".yaml files"
        )
        notes.note(Problem(path, "holds no task, model card, recipe, prompts, dataset or run", advice=advice))
        return
    read_yaml(path)  # which says it better, where it is no YAML
    words = "is no file that feab knows: no task, model card, training recipe or recipe of a set"
    notes.note(Problem(path, words, advice="a task has `task`, a card `adapter`, a recipe `method` or `set`"))


def _found(given: Path) -> Iterator[tuple[Path, Kind]]:
    """What there is to check: the path itself, or what lies below it."""
    if not given.is_dir():
        if given.name in _FOLDERS:
            yield given.parent, _FOLDERS[given.name]
        else:
            yield given, _kind_of(given) or "unknown"
        return
    nothing = True
    for found in _below(given):
        nothing = False
        yield found
    if nothing:
        yield given, "unknown"


def _below(folder: Path) -> Iterator[tuple[Path, Kind]]:
    """Runs, datasets and YAML files of a folder, by name. Links and hidden or _underscored names are passed over."""
    whole = next((kind for name, kind in _FOLDERS.items() if os.path.lexists(folder / name)), None)
    if whole is not None:
        yield folder, whole
        return
    try:
        with os.scandir(folder) as listed:
            entries = sorted(islice(listed, MAX_FILES * 4), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(path)
        elif path.suffix in (".yaml", ".yml") and entry.is_file(follow_symlinks=False):
            kind = _kind_of(path)
            if kind is not None:
                yield path, kind


def _kind_of(path: Path) -> Kind | None:
    """What a YAML file is by its fields; None for what is none of ours."""
    try:
        fields: dict[str, Any] = read_yaml(path).value
    except FeabError:
        return _meant(path)
    kind = next((kind for field, kind in _TELLS.items() if field in fields), None)
    if kind is None:  # the field that tells may be what is misspelt
        meant: _Yaml = max(_MARKS, key=lambda word: len(_MARKS[word] & fields.keys()))
        kind = meant if len(_MARKS[meant] & fields.keys()) >= 2 else None
    return None if kind == "task" and not _is_feabs(fields) else kind


def _meant(path: Path) -> Kind | None:
    """What a file that cannot be read is meant to be, by the first line that begins as one of ours does."""
    try:
        found = _BEGINS.search(read_bytes(path, MAX_BYTES))
    except FeabError:
        return None
    return None if found is None else _TELLS[found[1].decode()]


def _is_feabs(fields: Mapping[str, Any]) -> bool:
    """Whether a task file is written for feab: other tasks of lm-eval may lie beside ours, and are let be."""
    metadata = fields.get("metadata")
    if fields.get("group") is not None:
        return True
    return isinstance(metadata, dict) and ("kind" in metadata or len(metadata.keys() & METADATA_FIELDS) >= 3)

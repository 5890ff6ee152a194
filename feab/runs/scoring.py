"""Score a run folder: join its predictions with the labels by id and write scores.json."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.runs.files import write_model
from feab.runs.folder import SCORES, Run, load_run
from feab.runs.parts import Part
from feab.runs.selection import rows_asked
from feab.schemas import Identity, Scores, TaskIdentity

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.tasks import Task


def score(
    run: Run | str | PathLike[str],
    labels: Dataset | str | PathLike[str] | None = None,
    *,
    include: Sequence[str | PathLike[str]] = (),
    write: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Scores:
    """Scores of a run, from its folder and the labels alone; no model is asked. Writes its scores.json.

    Args:
        run: a run or its folder.
        labels: a dataset, its name or its folder, to take the labels from instead of the one the run names
            (one of your own folder, or a private key).
        include: further folders of task files, if the run used such.
        write: False leaves scores.json as it is.
        on_progress: called with (done, total) pictures while a dataset has to be rendered first.

    Raises:
        FeabError: when the folder does not validate, a task or the dataset is not the one that was asked, or a
            prediction is about a sample that the labels lack.
    """
    found = run if isinstance(run, Run) else load_run(run)
    return score_parts(found, parts_of(found, labels, include=include, on_progress=on_progress), write=write)


def parts_of(
    run: Run,
    labels: Dataset | str | PathLike[str] | None = None,
    *,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Part]:
    """What a run asked, task by task, with the labels: from its manifest, the task files and the dataset of today.

    Raises:
        FeabError: when a task or the dataset is not the one that was asked, or is not here.
    """
    from feab.tasks import load_tasks

    identity = run.manifest.identity
    datasets: dict[tuple[str, str], Dataset] = {}
    parts = []
    for name, asked in identity.tasks.items():
        task = replace(load_tasks([name], include=include)[0], dataset=asked.dataset, split=asked.split)
        _check_task(task, asked)
        key = (asked.dataset, asked.split)
        if key not in datasets:
            datasets[key] = _labels(labels, asked, identity, on_progress)
        dataset = datasets[key]
        rows = rows_asked(task, dataset.labels(("id", *task.label_columns)), limit=identity.limit, seed=identity.seed)
        parts.append(Part(task, dataset, rows, tuple(asked.prompts), identity.draws))
    return parts


def score_parts(run: Run, parts: Sequence[Part], *, write: bool = True) -> Scores:
    """Scores of a run whose tasks and datasets are at hand.

    Raises:
        FeabError: as `score`.
    """
    from feab.tasks.scoring import score_all

    # Without a limit everything was asked that a task can score, and there is no need to hold all the ids.
    limited = [part for part in parts if run.manifest.identity.limit is not None]
    scores = score_all(
        [part.task for part in parts],
        run.predictions(),
        {part.task.name: part.dataset for part in parts},
        asked={part.task.name: frozenset(part.ids) for part in limited},
        prompts={part.task.name: part.prompts for part in parts},
        draws=run.manifest.identity.draws,
    )
    if write:
        write_model(run.path / SCORES, scores)
    return scores


def _check_task(task: Task, asked: TaskIdentity) -> None:
    """The task as it reads today must be the one that was asked."""
    today = task.identity([name for name in asked.prompts if name in task.prompts])
    if today == asked:
        return
    if today.version != asked.version:
        what = f"it was version {asked.version} and is {today.version} now"
    elif changed := [name for name, sha in asked.prompts.items() if today.prompts.get(name) != sha]:
        what = f"the wording of prompt {', '.join(changed)} is another now"
    else:
        what = "its labels, action units or definitions are others now"
    raise FeabError(
        f"task {task.name} has changed since this run was asked ({what}): restore {task.file}, or run it again"
    )


def _labels(
    labels: Dataset | str | PathLike[str] | None,
    asked: TaskIdentity,
    identity: Identity,
    on_progress: Callable[[int, int], None] | None,
) -> Dataset:
    from feab.data import load_dataset
    from feab.data.places import named

    if labels is not None:
        if isinstance(labels, (str, PathLike)):
            return load_dataset(labels, asked.split, on_progress=on_progress)
        return labels
    if named(asked.dataset) is None:  # the folder may be a stranger's: no path is opened because it names one
        raise FeabError(
            f"no dataset {asked.dataset!r} is known by its name here. If the run used --data, give the same --data "
            "here; else put the dataset into FEAB_DATA"
        )
    try:
        dataset = load_dataset(asked.dataset, asked.split, on_progress=on_progress)
    except FeabError as error:
        raise FeabError(f"{error}. If the run used --data, give the same --data here") from None
    name = f"{asked.dataset}/{asked.split}"
    if identity.datasets.get(name) != dataset.fingerprint:
        problem = f"{name} is not the data that was asked about (its fingerprint differs)"
        if dataset.info.splits[dataset.split].pinned:
            raise FeabError(f"{problem}; if the run used --data, give the same --data here")
        warnings.warn(f"{problem}; it was rendered on another machine, or by another version", stacklevel=3)
    return dataset

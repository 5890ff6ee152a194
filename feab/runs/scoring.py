"""Score a run folder: join its predictions with the labels by id and write scores.json."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from feab.clips.sampling import parse_sampling
from feab.errors import FeabError
from feab.records import Scoring
from feab.runs.files import write_model
from feab.runs.folder import SCORES, Run, load_run
from feab.runs.parts import Opened, Part
from feab.runs.selection import labels_kept, rows_asked
from feab.schemas import Identity, Scores, TaskIdentity
from feab.tasks import choices, load_tasks
from feab.tasks.made import is_made, made_for
from feab.tasks.task import asked_column

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.metrics import ClusterSums
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
        labels: a dataset, its name or its path, to take the labels from instead of the one the run names
            (your own data, or a private key). A CSV file is read with the columns the run was told.
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
    identity = run.manifest.identity
    opened = Opened(labels, columns=run.manifest.columns, on_progress=on_progress)
    made: dict[str, Task] = {}
    parts = []
    for name, asked in identity.tasks.items():
        dataset = _labels(opened, asked, identity, given=labels is not None)
        if is_made(asked) and not made:
            threshold = run.manifest.au_threshold
            made = {task.name: task for task in made_for(dataset, asked.dataset, au_threshold=threshold)}
        task = _task_of(name, asked, made, include)
        _check_task(task, asked, worded=run.manifest.provenance == "feab", scoring=identity.scoring)
        columns = dataset.labels(("id", asked_column(task.kind), *task.label_columns))
        rows = rows_asked(task, columns, limit=identity.limit, seed=identity.seed)
        parts.append(Part(task, dataset, rows, tuple(asked.prompts), identity.draws, identity.scoring))
    return parts


def _task_of(name: str, asked: TaskIdentity, made: Mapping[str, Task], include: Sequence[str | PathLike[str]]) -> Task:
    """The task of today that has this name: from a file, or made for the dataset as those of the run were."""
    if not is_made(asked):
        task = load_tasks([name], include=include)[0]
    elif name in made:
        task = made[name]
    else:
        raise FeabError(f"task {name} was made for labels that the data does not hold now: give the data as it was")
    # Which frames were shown was perhaps chosen for that run alone (--frames), and nothing is scored by it.
    frames = None if asked.frames is None else parse_sampling(asked.frames)
    return replace(task, dataset=asked.dataset, split=asked.split, frames=frames)


def score_parts(run: Run, parts: Sequence[Part], *, write: bool = True) -> Scores:
    """Scores of a run whose tasks and datasets are at hand.

    Raises:
        FeabError: as `score`.
    """
    from feab.tasks.scoring import score_all

    _check_labels(parts)
    scores = score_all([part.task for part in parts], run.predictions(), **_asked(run, parts))
    if write:
        write_model(run.path / SCORES, scores)
    return scores


def sums_parts(run: Run, parts: Sequence[Part]) -> dict[str, ClusterSums]:
    """The sums behind the top-level scores of `score_parts`, task by task, for comparing models.

    Raises:
        FeabError: as `score`.
    """
    from feab.tasks.scoring import sums_all

    _check_labels(parts)
    return sums_all([part.task for part in parts], run.predictions(), **_asked(run, parts))


def _check_labels(parts: Sequence[Part]) -> None:
    for part in parts:
        if labels_kept(part.task, part.dataset):
            name = f"{part.dataset.name}/{part.dataset.split}"
            raise FeabError(f"the labels of {name} are kept by a leaderboard: submit the run, and it is scored there")


def _asked(run: Run, parts: Sequence[Part]) -> dict[str, Any]:
    """What scoring must know of what was asked, beside the tasks."""
    # Without a limit everything was asked that a task can score, and there is no need to hold all the ids.
    limited = [part for part in parts if run.manifest.identity.limit is not None]
    return {
        "datasets": {part.task.name: part.dataset for part in parts},
        "asked": {part.task.name: frozenset(part.ids) for part in limited},
        "prompts": {part.task.name: part.prompts for part in parts},
        "draws": run.manifest.identity.draws,
    }


def _check_task(task: Task, asked: TaskIdentity, *, worded: bool, scoring: Scoring) -> None:
    """The task as it reads today must be the one that was asked, in the same words where they are known (`worded`)."""
    if not worded:  # an imported run: what can be answered and what is scored must be the same
        asked = asked.model_copy(update={"prompts": {}})
    today = choices.identity(task, [name for name in asked.prompts if name in task.prompts], scoring)
    if today == asked:
        return
    changed = [name for name, sha in asked.prompts.items() if today.prompts.get(name) != sha]
    if today.version != asked.version:
        what = f"it was version {asked.version} and is {today.version} now"
    elif changed and task.file is not None:
        what = f"the wording of prompt {', '.join(changed)} is another now"
    else:
        what = "its labels, action units or definitions are others now"
    restore = "give the data as it was" if task.file is None else f"restore {task.file}"
    raise FeabError(f"task {task.name} has changed since this run was asked ({what}): {restore}, or run it again")


def _labels(opened: Opened, asked: TaskIdentity, identity: Identity, *, given: bool) -> Dataset:
    """The dataset that was asked about, or the one given in its place; of the former, the fingerprint is compared."""
    from feab.data.places import is_dynamic, named

    if given:
        return opened(None, asked.split)
    # The folder may be a stranger's: no path is opened because it names one.
    if named(asked.dataset) is None and not is_dynamic(asked.dataset):
        raise FeabError(
            f"no dataset {asked.dataset!r} is known by its name here. If the run used --data, give the same --data "
            "here; else put the dataset into FEAB_DATA"
        )
    try:
        dataset = opened(asked.dataset, asked.split)
    except FeabError as error:
        raise FeabError(f"{error}. If the run used --data, give the same --data here") from None
    name = f"{asked.dataset}/{asked.split}"
    if identity.datasets.get(name) != dataset.fingerprint:
        problem = f"{name} is not the data that was asked about (its fingerprint differs)"
        if dataset.info.splits[dataset.split].pinned:
            raise FeabError(f"{problem}; if the run used --data, give the same --data here")
        warnings.warn(f"{problem}; it was rendered on another machine, or by another version", stacklevel=3)
    return dataset

"""What a run asks: tasks, each with its dataset, the samples chosen from it, and prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.runs.selection import Selection, rows_asked

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.models import ModelInfo
    from feab.tasks import Task


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a run: which samples are asked, with which prompts."""

    task: Task
    dataset: Dataset
    rows: npt.NDArray[np.uint32]
    """Row numbers of the samples asked, in the dataset's order."""
    prompts: tuple[str, ...]
    draws: int

    @property
    def expected(self) -> int:
        """Predictions that a complete run holds of this task."""
        return len(self.rows) * len(self.prompts) * self.draws

    @property
    def samples(self) -> Selection:
        """The samples asked, lazily, as often as wanted."""
        return Selection(self.dataset, self.rows)

    @property
    def ids(self) -> list[str]:
        """The ids of the samples asked; no image is read."""
        ids = self.dataset.ids
        return [ids[row] for row in self.rows]


def plan(
    tasks: str | Sequence[str],
    *,
    data: str | PathLike[str] | None = None,
    prompts: str | Sequence[str] = "direct",
    limit: int | None = None,
    seed: int = 0,
    draws: int = 1,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Part]:
    """What would be asked, task by task; the arguments are those of `feab.run`.

    `on_progress` is called with (done, total) pictures while a dataset has to be rendered first.

    Raises:
        FeabError: for unknown tasks, prompts or datasets, or a dataset without a label that a task can score.
    """
    from feab.data import load_dataset
    from feab.tasks import load_tasks

    datasets: dict[tuple[str, str], Dataset] = {}
    parts = []
    for task in load_tasks(tasks, include=include):
        names = task.prompt_names(prompts)
        key = (fspath(data) if data is not None else task.dataset, task.split)
        if key not in datasets:
            datasets[key] = load_dataset(*key, on_progress=on_progress)
        dataset = datasets[key]
        asked = replace(task, dataset=dataset.name, split=dataset.split)
        columns = task.label_columns if limit is None else ("id", *task.label_columns)
        rows = rows_asked(asked, dataset.labels(columns), limit=limit, seed=seed)
        if not len(rows):
            raise FeabError(f"{dataset.name}/{dataset.split} holds no sample with a label that task {task.name} scores")
        parts.append(Part(asked, dataset, rows, names, draws))
    return parts


def check_kinds(info: ModelInfo, tasks: Sequence[Task]) -> None:
    """Whether a model can answer what the tasks ask, before anything is asked.

    Raises:
        FeabError: naming the tasks it cannot answer, and how to leave them out.
    """
    beyond = [task.name for task in tasks if task.kind not in info.kinds]
    if beyond:
        reads = " and ".join(kind.replace("_", " ") for kind in info.kinds)
        rest = ",".join(task.name for task in tasks if task.kind in info.kinds)
        advice = f"leave them out: --tasks {rest}" if rest else "choose a task of that kind with --tasks"
        raise FeabError(f"{info.name} reads {reads} only, so it cannot answer {', '.join(beyond)}; {advice}")

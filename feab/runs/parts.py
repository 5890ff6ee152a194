"""What a run asks: tasks, each with its dataset, the samples chosen from it, and prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt

from feab.clips.sampling import DEFAULT, FrameSampling, parse_sampling
from feab.clips.video import require_av
from feab.errors import FeabError
from feab.records import Question, Sampling, Scoring
from feab.runs.selection import Selection, rows_asked
from feab.tasks.task import asked_column

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.models import ModelInfo
    from feab.tasks import Task
    from feab.tasks.crops import Seen


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a run: which samples are asked, with which prompts."""

    task: Task
    dataset: Dataset
    rows: npt.NDArray[np.uint32]
    """Row numbers of the samples asked, in the dataset's order."""
    prompts: tuple[str, ...]
    draws: int
    scoring: Scoring = "generate"

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
    tasks: str | Sequence[str] | None = None,
    *,
    data: Dataset | str | PathLike[str] | None = None,
    prompts: str | Sequence[str] = "direct",
    limit: int | None = None,
    seed: int = 0,
    draws: int = 1,
    au_threshold: float | None = None,
    frames: str | None = None,
    include: Sequence[str | PathLike[str]] = (),
    scoring: Scoring = "generate",
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Part]:
    """What would be asked, task by task; the arguments are those of `feab.run`.

    `on_progress` is called with (done, total) pictures while a dataset has to be rendered, or pictures of your own
    have to be read, first.

    Raises:
        FeabError: for unknown tasks, prompts or datasets, prompts that cannot be answered by this scoring, pictures of
            your own that cannot be read, or a dataset without a label that a task can score.
    """
    from feab.data.places import DYNAMIC, is_dynamic, is_embedded
    from feab.tasks import load_tasks
    from feab.tasks.choices import prompt_names
    from feab.tasks.made import made_for

    if scoring not in get_args(Scoring):
        raise FeabError(f"scoring {scoring!r}: must be {' or '.join(get_args(Scoring))}")
    if scoring != "generate" and draws > 1:
        raise FeabError(f"draws {draws}: nothing is drawn with scoring {scoring}; leave out one of them")
    opened = Opened(data, on_progress=on_progress)
    if tasks is None and is_dynamic(data):
        wanted = load_tasks(DYNAMIC, include=include)
    elif tasks is None and data is not None and not is_embedded(data):
        wanted = made_for(opened(None, "test"), au_threshold=au_threshold)
    elif au_threshold is not None:
        raise FeabError("an AU threshold goes with tasks made for --data; tasks that are named have their own")
    else:
        wanted = load_tasks("synth" if tasks is None else tasks, include=include)
    parts = []
    for task in wanted:
        names = prompt_names(task, prompts, scoring)
        dataset = opened(task.dataset, task.split)
        shown = _frames(task, dataset, frames)
        asked = replace(task, dataset=dataset.name, split=dataset.split, frames=shown)
        columns = (asked_column(task.kind), *task.label_columns, *(() if limit is None else ("id",)))
        rows = rows_asked(asked, dataset.labels(columns), limit=limit, seed=seed)
        if not len(rows):
            raise FeabError(f"{dataset.name}/{dataset.split} holds no sample with a label that task {task.name} scores")
        parts.append(Part(asked, dataset, rows, names, draws, scoring))
    for part in parts:
        _ = part.dataset.fingerprint  # of pictures of one's own, those that cannot be read are named here, at once
    return parts


def questions_of(parts: Sequence[Part], sampling: Sampling) -> Iterator[Question]:
    """Every question of a run, lazily: the questions about one face follow each other, task by task, prompt by prompt.

    Faces come in their dataset's order, datasets in the order in which the parts name them. Each face is read once.
    """
    from feab.tasks.choices import as_scored

    of_dataset: dict[int, list[Part]] = {}
    for part in parts:
        of_dataset.setdefault(id(part.dataset), []).append(part)
    for together in of_dataset.values():
        askers = [part.task.asker(part.prompts, draws=part.draws, sampling=sampling) for part in together]
        rows = np.unique(np.concatenate([part.rows for part in together]))
        asked = [np.isin(rows, part.rows) for part in together]
        for place, row in enumerate(rows):
            sample = together[0].dataset[int(row)]
            seen: Seen = {}
            for part, about, whether in zip(together, askers, asked, strict=True):
                if whether[place]:
                    yield from (as_scored(part.task, question, part.scoring) for question in about(sample, seen))


def _frames(task: Task, dataset: Dataset, told: str | None) -> FrameSampling | None:
    """Which frames of the dataset's clips are shown: as the user told, else as the task says, else as is usual.

    Raises:
        FeabError: when the dataset does not know of its clips what the choice needs, or has none and the user told.
    """
    if not dataset.has_clips:
        if told is not None:
            raise FeabError(f"--frames {told}: {dataset.name}/{dataset.split} holds pictures, not clips")
        return task.frames
    if "clip" in dataset.media:
        require_av()
    sampling = parse_sampling(told) if told is not None else task.frames or DEFAULT
    needed = {"apex": ("apex",), "rate": () if "clip" in dataset.media else ("fps",)}.get(sampling.how, ())
    columns = dataset.labels(needed).columns if needed else ()
    for column in needed:
        if column not in columns:
            raise FeabError(
                f"frames {sampling}: {dataset.name}/{dataset.split} has no column {column!r}; choose uniform:N"
            )
    return sampling


def check_pictures(info: ModelInfo, parts: Sequence[Part]) -> None:
    """Whether a model can be shown as many pictures at once as the tasks show, before anything is asked.

    Raises:
        FeabError: naming the task, and how to show it fewer.
    """
    most = info.most_pictures
    for part in parts:
        asked = part.task.frames
        if most is not None and asked is not None and part.dataset.has_clips and asked.frames > most:
            raise FeabError(
                f"{info.name} is shown {most} picture{'s' if most > 1 else ''} at a time, and {part.task.name} shows "
                f"{asked.frames} frames of each clip; show it fewer with --frames uniform:{most}"
            )


class Opened:
    """Datasets by the name a task gives and the split, each opened once; or always the one that was given instead."""

    def __init__(
        self,
        instead: Dataset | str | PathLike[str] | None,
        *,
        columns: Mapping[str, str] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """`columns`: as `load_dataset` takes them, where `instead` turns out to be a CSV file."""
        self._instead, self._columns, self._on_progress = instead, columns, on_progress
        self._open: dict[tuple[str, str], Dataset] = {}

    def __call__(self, name: str | None, split: str) -> Dataset:
        """The dataset.

        Raises:
            FeabError: as `feab.load_dataset`.
        """
        from feab.data import Dataset, load_dataset
        from feab.data.places import own_path

        if isinstance(self._instead, Dataset):
            return self._instead
        given = name if self._instead is None else self._instead
        assert given is not None
        key = (fspath(given), split)
        if key not in self._open:
            own = own_path(given)
            columns = self._columns if own is not None else None
            self._open[key] = load_dataset(given, split, columns=columns, on_progress=self._on_progress)
        return self._open[key]


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


def check_scoring(info: ModelInfo, scoring: Scoring, tasks: Sequence[Task]) -> None:
    """Whether a model can come to its answers as is asked, before anything is asked.

    Raises:
        FeabError: when it cannot, with what it can do; or when no task has a closed set of answers.
    """
    kinds = {task.kind for task in tasks}
    if scoring == "generate":
        return
    if kinds == {"valence_arousal"}:
        raise FeabError(f"valence and arousal have no closed set of answers; leave out --scoring {scoring}")
    if scoring in info.scorings or (scoring == "choices" and "yes-no" in info.scorings and "action_units" not in kinds):
        return
    if scoring == "choices" and "yes-no" in info.scorings:
        raise FeabError(
            f"{info.name}: {info.adapter}/… shows how likely an answer's first token is, not whole lists of action "
            "units; ask for each unit by itself with --scoring yes-no"
        )
    raise FeabError(
        f"{info.name}: {info.adapter}/… does not show how likely it finds an answer; leave out --scoring {scoring}"
    )

"""Compare runs about the same faces: differences with intervals and corrected p-values, and the places of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from typing import TYPE_CHECKING

from feab import metrics
from feab.errors import FeabError
from feab.metrics import ClusterSums, Difference, Standing
from feab.runs.folder import Run, load_run
from feab.runs.identity import identity_sha256
from feab.runs.scoring import parts_of, sums_parts
from feab.tasks.scoring import main_prompt
from feab.vocabulary import Kind

if TYPE_CHECKING:
    from feab.data import Dataset

OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of the models, by their places in `Comparison.models`, and how the first differs from the second.

    `p_corrected` is Holm's (1979), over all pairs and tasks; for the overall score over its own pairs.
    """

    first: int
    second: int
    difference: Difference
    p_corrected: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """All models on one score."""

    name: str
    """The task's name, or "overall"."""
    kind: Kind | None
    """None for the overall score."""
    metric: str
    prompts: tuple[str, ...]
    """The prompt that each model's score is of; empty for the overall score."""
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs beside each other, on the tasks that all were asked."""

    models: tuple[str, ...]
    """Names that tell the runs apart: of the model, where two are alike with the digits of the run's identity."""
    tasks: tuple[Compared, ...]
    overall: Compared | None
    """None unless all three kinds of task are there."""
    left_out: tuple[str, ...]
    """Tasks that only some of the runs were asked."""


def compare(
    runs: Sequence[Run | str | PathLike[str]],
    labels: Dataset | str | PathLike[str] | None = None,
    *,
    include: Sequence[str | PathLike[str]] = (),
    resamples: int = 1000,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """How runs differ on the faces and tasks they share, by each task's primary score of its main prompt.

    Args:
        runs: two or more runs or their folders.
        labels: as for `score`.
        include: further folders of task files, if the runs used such.
        resamples: bootstrap draws behind intervals and places.
        seed: of those draws and of the permutations behind the p-values.
        on_progress: called with (done, total) as runs are read and tasks tested.

    Raises:
        FeabError: for fewer than two runs, one twice, one that is incomplete, runs that share no task, and runs whose
            dataset, task or faces differ: what differs is named.
    """
    found = [run if isinstance(run, Run) else load_run(run) for run in runs]
    shared = check_alike(found)
    done, total = 0, len(found) + len(shared) + 1

    def proceed() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    sums = []
    for run in found:
        sums.append(sums_parts(run, parts_of(run, labels, include=include)))
        proceed()
    return compare_sums(found, sums, resamples=resamples, seed=seed, proceed=proceed)


def compare_sums(
    runs: Sequence[Run],
    sums: Sequence[Mapping[str, ClusterSums]],
    *,
    resamples: int = 1000,
    seed: int = 0,
    proceed: Callable[[], None] = lambda: None,
) -> Comparison:
    """What `compare` finds, of runs whose answers were joined with the labels: nothing of their folders is read.

    Args:
        runs: two or more.
        sums: what `sums_parts` makes of each.
        resamples: as for `compare`.
        seed: as for `compare`.
        proceed: called after each task, and once more.

    Raises:
        FeabError: as `compare`.
    """
    shared = check_alike(runs)
    for run, of_run in zip(runs, sums, strict=True):
        for task in shared:
            _check_faces(runs[0], run, task, sums[0][task], of_run[task])
    of_tasks = []
    for task in shared:
        of_tasks.append(metrics.beside([one[task] for one in sums], resamples=resamples, seed=seed))
        proceed()
    overall = metrics.overall_beside([[one[task] for task in shared] for one in sums], resamples=resamples, seed=seed)
    proceed()
    corrected = iter(metrics.holm([one.p for of_task in of_tasks for one in of_task.differences]))
    every = dict.fromkeys(task for run in runs for task in run.manifest.identity.tasks)
    return Comparison(
        models=_names(runs),
        tasks=tuple(
            Compared(
                name=task,
                kind=sums[0][task].kind,
                metric=sums[0][task].primary,
                prompts=tuple(main_prompt(list(run.manifest.identity.tasks[task].prompts)) for run in runs),
                standings=of_task.standings,
                pairs=_pairs(len(runs), of_task.differences, corrected),
            )
            for task, of_task in zip(shared, of_tasks, strict=True)
        ),
        overall=None
        if overall is None
        else Compared(
            name=OVERALL,
            kind=None,
            metric="above chance",
            prompts=(),
            standings=overall.standings,
            pairs=_pairs(len(runs), overall.differences, iter(metrics.holm([one.p for one in overall.differences]))),
        ),
        left_out=tuple(task for task in every if task not in shared),
    )


def check_alike(runs: Sequence[Run]) -> list[str]:
    """The tasks that runs can be compared on, by their manifests.

    Raises:
        FeabError: as `compare`, for all that can be told without their answers.
    """
    _check(runs)
    first = runs[0].manifest.identity
    shared = [task for task in first.tasks if all(task in run.manifest.identity.tasks for run in runs)]
    if not shared:
        every = dict.fromkeys(task for run in runs for task in run.manifest.identity.tasks)
        raise FeabError(f"no task was asked in all {len(runs)} runs; there are {', '.join(every)}")
    for run in runs[1:]:
        for task in shared:
            _check_same(runs[0], run, task)
    return shared


def _pairs(models: int, differences: Sequence[Difference], corrected: Iterator[float | None]) -> tuple[Pair, ...]:
    """`corrected` goes on where those of this score begin, and is left where they end."""
    pairs = combinations(range(models), 2)
    return tuple(Pair(i, j, one, next(corrected)) for (i, j), one in zip(pairs, differences, strict=True))


def _check(runs: Sequence[Run]) -> None:
    """There must be two or more, none twice, all complete: errors leave faces out, and others in each run."""
    if len(runs) < 2:
        raise FeabError("comparing takes two runs or more")
    folders: dict[object, Run] = {}
    for run in runs:
        if run.path.resolve() in folders:
            raise FeabError(f"{run.path}: the same run twice")
        folders[run.path.resolve()] = run
        if not run.complete:
            raise FeabError(
                f"{run.path}: incomplete, so that its faces are not those of the others; finish it first "
                "(the same feab run goes on with it)"
            )


def _check_same(one: Run, other: Run, task: str) -> None:
    """A task must be about the same data in both runs; how it was worded and shown may differ.

    That each run's task is the one of today's file is checked when its labels are read.
    """
    (a, b), names = [run.manifest.identity for run in (one, other)], (one.path, other.path)
    here, there = a.tasks[task], b.tasks[task]
    split = f"{here.dataset}/{here.split}"
    facts = [
        ("its version", here.version, there.version),
        ("what is asked", here.kind, there.kind),
        ("the data", split, f"{there.dataset}/{there.split}"),
        ("the fingerprint of the data", a.datasets.get(split), b.datasets.get(split)),
        ("the limit", a.limit, b.limit),
        ("the seed that chose faces", *((None, None) if a.limit is None else (a.seed, b.seed))),
    ]
    for what, first, second in facts:
        if first != second:
            raise FeabError(
                f"{task}: {what} differs: {_short(first)} in {names[0]}, {_short(second)} in {names[1]}; "
                "such runs cannot be compared"
            )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def _check_faces(one: Run, other: Run, task: str, sums: ClusterSums, others: ClusterSums) -> None:
    """A run may be complete by its manifest and lack faces all the same: one made elsewhere, or edited."""
    if not metrics.same_faces(sums, others):
        raise FeabError(f"{task}: {one.path} and {other.path} answer other faces; such runs cannot be compared")


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    names = [run.manifest.identity.model for run in runs]
    return tuple(
        name if names.count(name) == 1 else f"{name} #{identity_sha256(run.manifest.identity)[:6]}"
        for name, run in zip(names, runs, strict=True)
    )

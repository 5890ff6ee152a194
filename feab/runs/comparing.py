"""Compare runs about the same faces: differences with intervals and corrected p-values, and the places of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from typing import TYPE_CHECKING

from feab import metrics
from feab.errors import FeabError
from feab.metrics import ClusterSums, Difference, Standing
from feab.runs.folder import Run, load_run
from feab.runs.identity import identity_sha256
from feab.runs.scoring import parts_of
from feab.tasks.scoring import main_prompt, sums_all
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
        on_progress: called with (done, total) as runs are read and pairs tested.

    Raises:
        FeabError: for fewer than two runs, one twice, one that is incomplete, runs that share no task, and runs whose
            dataset, task or faces differ: what differs is named.
    """
    found = [run if isinstance(run, Run) else load_run(run) for run in runs]
    _check(found)
    first = found[0].manifest.identity
    shared = [task for task in first.tasks if all(task in run.manifest.identity.tasks for run in found)]
    every = dict.fromkeys(task for run in found for task in run.manifest.identity.tasks)
    if not shared:
        raise FeabError(f"no task was asked in all {len(found)} runs; there are {', '.join(every)}")
    for run in found[1:]:
        for task in shared:
            _check_same(found[0], run, task)
    pairs = list(combinations(range(len(found)), 2))
    done, total = 0, len(found) + len(pairs) * (len(shared) + 1)

    def proceed() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    sums = []
    for run in found:
        sums.append(_sums(run, labels, include, shared))
        proceed()
        _check_faces(found[0], run, sums[0], sums[-1])
    differences: dict[str, list[Difference]] = {task: [] for task in shared}
    overall: list[Difference] = []
    for i, j in pairs:
        for task in shared:
            differences[task].append(metrics.difference(sums[i][task], sums[j][task], resamples=resamples, seed=seed))
            proceed()
        both = [list(sums[k].values()) for k in (i, j)]
        overall.append(metrics.overall_difference(*both, resamples=resamples, seed=seed))
        proceed()
    corrected = metrics.holm([one.p for task in shared for one in differences[task]])
    tasks = []
    for number, task in enumerate(shared):
        of_models = [one[task] for one in sums]
        tasks.append(
            Compared(
                name=task,
                kind=of_models[0].kind,
                metric=of_models[0].primary,
                prompts=tuple(main_prompt(list(run.manifest.identity.tasks[task].prompts)) for run in found),
                standings=tuple(metrics.standings(of_models, resamples=resamples, seed=seed)),
                pairs=_pairs(pairs, differences[task], corrected[number * len(pairs) :]),
            )
        )
    standings = metrics.overall_standings([list(one.values()) for one in sums], resamples=resamples, seed=seed)
    return Comparison(
        models=_names(found),
        tasks=tuple(tasks),
        overall=None
        if standings is None
        else Compared(
            name=OVERALL,
            kind=None,
            metric="above chance",
            prompts=(),
            standings=tuple(standings),
            pairs=_pairs(pairs, overall, metrics.holm([one.p for one in overall])),
        ),
        left_out=tuple(task for task in every if task not in shared),
    )


def _pairs(
    pairs: Sequence[tuple[int, int]], differences: Sequence[Difference], corrected: Sequence[float | None]
) -> tuple[Pair, ...]:
    each = zip(pairs, differences, corrected, strict=False)
    return tuple(Pair(i, j, difference, p) for (i, j), difference, p in each)


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


def _sums(
    run: Run, labels: Dataset | str | PathLike[str] | None, include: Sequence[str | PathLike[str]], tasks: Sequence[str]
) -> dict[str, ClusterSums]:
    identity = run.manifest.identity
    parts = parts_of(run, labels, include=include)
    found = sums_all(
        [part.task for part in parts],
        run.predictions(),
        {part.task.name: part.dataset for part in parts},
        asked={part.task.name: frozenset(part.ids) for part in parts if identity.limit is not None},
        prompts={part.task.name: part.prompts for part in parts},
        draws=identity.draws,
    )
    return {task: found[task] for task in tasks}


def _check_faces(one: Run, other: Run, sums: dict[str, ClusterSums], others: dict[str, ClusterSums]) -> None:
    """A run may be complete by its manifest and lack faces all the same: one made elsewhere, or edited."""
    for task, mine in sums.items():
        if mine.keys != others[task].keys or (mine.support != others[task].support).any():
            raise FeabError(f"{task}: {one.path} and {other.path} answer other faces; such runs cannot be compared")


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    names = [run.manifest.identity.model for run in runs]
    return tuple(
        name if names.count(name) == 1 else f"{name} #{identity_sha256(run.manifest.identity)[:6]}"
        for name, run in zip(names, runs, strict=True)
    )

"""Tasks made for a dataset: the shipped questions, with the labels and action units that it holds."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from feab.data.columns import au_column
from feab.data.names import safe_name
from feab.errors import FeabError
from feab.schemas import TaskIdentity
from feab.tasks.load import MAX_OPTIONS, load_tasks
from feab.tasks.task import AXES, Task
from feab.vocabulary import EXPRESSIONS

if TYPE_CHECKING:
    import pandas as pd

    from feab.data import Dataset

PATTERN = "synth"
"""The group of tasks whose wording, definitions and limits the made ones take over."""

CLIP_PATTERN = "synth_dynamic"
"""The same of clips, for the kinds it has."""

AU_THRESHOLD = 2.0
"""Intensity (0 to 5) from which an AU that is coded as an intensity is present: what is customary on DISFA (our
choice to take it everywhere)."""

_VERSION = "made-1"
"""How the version of a made task begins; raised when tasks are made in another way."""


def made_for(dataset: Dataset, name: str | None = None, *, au_threshold: float | None = None) -> list[Task]:
    """A task for each kind of label a dataset holds: which expression, valence and arousal, which action units.

    They are called `<name>_expression` and so on. Asked are the expressions that occur, in the vocabulary's order
    (at least two of them), and the AUs that are coded: as present or absent, unless more of them are coded as
    intensities. The same labels give the same tasks.

    Args:
        dataset: whose label columns are looked at.
        name: in place of the dataset's own.
        au_threshold: intensity (above 0, at most 5) from which an AU is present. Where it is given, intensities are
            asked for; 2 where it is not and they must be.

    Raises:
        FeabError: when there is nothing to ask, or a threshold without intensities.
    """
    if au_threshold is not None and not 0 < au_threshold <= 5:
        raise FeabError(f"AU threshold {au_threshold}: must be above 0 and at most 5")
    labels = dataset.labels(("expression", *AXES, *_au_columns(dataset)))
    patterns = {task.kind: task for task in load_tasks([PATTERN, *([CLIP_PATTERN] if dataset.has_clips else [])])}
    made = [
        _made(patterns["expression"], dataset, name, labels=_expressions(labels)),
        _made(patterns["valence_arousal"], dataset, name, there=_has_affect(labels)),
        _action_units(patterns["action_units"], dataset, name, labels, au_threshold),
    ]
    tasks = [task for task in made if task is not None]
    if not tasks:
        raise FeabError(
            f"{dataset.path}: there is nothing to ask: there are no two expressions to choose from, no valence and "
            "arousal, and no coded AU"
        )
    return tasks


def is_made(asked: TaskIdentity) -> bool:
    """Whether a task of a run was made by `made_for`, rather than read from a file."""
    return asked.version.split(" ")[0].startswith("made-")


def _expressions(labels: pd.DataFrame) -> tuple[str, ...]:
    """The expressions that occur; those that are not in the vocabulary come last."""
    if "expression" not in labels:
        return ()
    there = set(labels["expression"].dropna())
    return (*(label for label in EXPRESSIONS if label in there), *sorted(there - set(EXPRESSIONS)))


def _has_affect(labels: pd.DataFrame) -> bool:
    return all(axis in labels for axis in AXES) and bool(labels[list(AXES)].notna().all(axis=1).any())


def _au_columns(dataset: Dataset) -> list[str]:
    return [au_column(au, what) for au in dataset.info.aus for what in ("presence", "intensity")]


def _action_units(
    pattern: Task, dataset: Dataset, name: str | None, labels: pd.DataFrame, threshold: float | None
) -> Task | None:
    coded = {
        what: tuple(au for au in dataset.info.aus if _is_coded(labels, au_column(au, what)))
        for what in ("presence", "intensity")
    }
    if threshold is not None and not coded["intensity"]:
        raise FeabError(f"{dataset.path}: holds no AU intensities, so no AU threshold applies")
    if threshold is None and len(coded["presence"]) >= len(coded["intensity"]):
        return _made(pattern, dataset, name, aus=coded["presence"])
    return _made(pattern, dataset, name, aus=coded["intensity"], threshold=float(threshold or AU_THRESHOLD))


def _is_coded(labels: pd.DataFrame, column: str) -> bool:
    return column in labels and bool(labels[column].notna().any())


def _made(
    pattern: Task,
    dataset: Dataset,
    name: str | None,
    *,
    labels: tuple[str, ...] = (),
    aus: tuple[int, ...] = (),
    threshold: float | None = None,
    there: bool = False,
) -> Task | None:
    """The shipped task with other options; None where there are too few of them."""
    if not (there or len(labels) > 1 or aus):
        return None
    if len(labels) > MAX_OPTIONS or len(aus) > MAX_OPTIONS:
        raise FeabError(f"{dataset.path}: more than {MAX_OPTIONS} labels or AUs cannot be asked about at once")
    options = labels or tuple(map(str, aus)) or AXES
    return replace(
        pattern,
        name=f"{safe_name(name or dataset.name)}_{pattern.kind}",
        version=f"{_VERSION} from {pattern.name} {pattern.version}",
        dataset=dataset.name,
        split=dataset.split,
        labels=labels,
        aus=aus,
        threshold=threshold,
        definitions=MappingProxyType({o: words for o, words in pattern.definitions.items() if o in options}),
        description=f"{pattern.kind.replace('_', ' ')}, made for the labels of {dataset.name}",
        file=None,
    )

"""What stands behind a task's scores in scores.json, checked: `detail` is free JSON, and may be a stranger's."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from feab.schemas import EstimateModel, TaskScores

MAX_ENTRIES = 200
"""Most classes, AUs, groups or sources of a task that are read."""

Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Word = Annotated[str, Field(max_length=2000)]

T = TypeVar("T")


class _Entry(BaseModel):
    # What another version of feab adds is passed over.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class ClassDetail(_Entry):
    """One expression label: its scores and the number of faces that display it."""

    precision: Number | None = None
    recall: Number | None = None
    f1: Number | None = None
    n: Count = 0


class UnitDetail(_Entry):
    """One action unit: its scores, its prevalence and what naming it on every face would score."""

    f1: Number | None = None
    prevalence: Number | None = None
    always_active_f1: Number | None = None
    skew_f1: Number | None = None
    mcc: Number | None = None
    n: Count = 0
    positives: Count = 0


class AxisDetail(_Entry):
    """Mean and spread of one axis, of the truth and of the answers."""

    truth_mean: Number | None = None
    truth_sd: Number | None = None
    predicted_mean: Number | None = None
    predicted_sd: Number | None = None


class GroupDetail(_Entry):
    """The scores of the faces that share one value of an attribute."""

    n: Count
    clusters: Count = 0
    metrics: Annotated[dict[str, EstimateModel], Field(max_length=MAX_ENTRIES)]


class VoteDetail(_Entry):
    """What is known of the votes behind a task: see `feab.metrics.vote_detail`."""

    faces: Count
    raters: bool
    left_out: Count = 0
    majority: Number | None = None
    majority_one_out: Number | None = None
    prior_js_distance: Number | None = None
    prior_cross_entropy: Number | None = None
    human_confusion: list[list[Annotated[float, Field(ge=0, le=1e12)]]] | None = None


class SourceDetail(_Entry):
    """One source of a task that has several."""

    n: Count
    clusters: Count = 0
    macro_f1: Number | None = None
    ccc: Number | None = None
    f1: Number | None = None
    aus: Annotated[list[Annotated[int, Field(ge=1, le=99)]], Field(max_length=MAX_ENTRIES)] = []
    """Those that count there."""


class BinDetail(_Entry):
    """Judgements of like confidence."""

    n: Count
    confidence: Annotated[float, Field(ge=0, le=1)]
    right: Annotated[float, Field(ge=0, le=1)]


class FloorDetail(_Entry):
    """Calibration errors of a perfectly calibrated model with the same confidences."""

    ece: Number | None = None
    ece_width: Number | None = None


class CalibrationDetail(_Entry):
    """How true probabilities are: `n` faces that have any, in bins by confidence."""

    n: Count
    bins: Annotated[list[BinDetail], Field(max_length=MAX_ENTRIES)] = []
    floor: FloorDetail = FloorDetail()
    length_normalised: Annotated[dict[Word, Number], Field(max_length=10)] = {}


Groups = dict[str, dict[str, GroupDetail]]


def _read(task: TaskScores, name: str, kind: type[T]) -> T | None:
    """A part of the detail; None when it is missing or not of this kind."""
    found: Any = task.detail.get(name)
    if not isinstance(found, (dict, list)) or len(found) > MAX_ENTRIES:
        return None
    try:
        return TypeAdapter(kind).validate_python(found)
    except ValidationError:
        return None


def per_class(task: TaskScores) -> dict[str, ClassDetail]:
    """Label -> its scores, in the task's order."""
    return _read(task, "per_class", dict[str, ClassDetail]) or {}


def confusion(task: TaskScores) -> list[list[int]] | None:
    """Numbers of faces: a row a true label of `per_class`, a column a label answered, and a last one for none."""
    found = _read(task, "confusion", list[list[Count]])
    k = len(per_class(task))
    fits = found is not None and len(found) == k and all(len(row) == k + 1 for row in found)
    return found if fits else None


def per_unit(task: TaskScores) -> dict[int, UnitDetail]:
    """AU -> its scores, by number."""
    found = _read(task, "per_au", dict[Annotated[int, Field(ge=1, le=99)], UnitDetail]) or {}
    return dict(sorted(found.items()))


def axis(task: TaskScores, name: str) -> AxisDetail | None:
    """Mean and spread of "valence" or "arousal"."""
    return _read(task, name, AxisDetail)


def calibration(task: TaskScores) -> CalibrationDetail | None:
    """What stands behind the scores of probabilities; None where there are none."""
    return _read(task, "calibration", CalibrationDetail)


def groups(task: TaskScores) -> Groups:
    """Attribute -> value -> scores of those faces."""
    return _read(task, "groups", Groups) or {}


def slices(task: TaskScores) -> Groups:
    """Further column (of rendered faces) -> value -> scores of those faces."""
    return _read(task, "slices", Groups) or {}


def votes(task: TaskScores) -> VoteDetail | None:
    """What is known of the votes; None without any. A confusion that is not square, label by label, is left out."""
    found = _read(task, "votes", VoteDetail)
    k = len(per_class(task))
    if found is None or found.human_confusion is None:
        return found
    fits = len(found.human_confusion) == k and all(len(row) == k for row in found.human_confusion)
    return found if fits else found.model_copy(update={"human_confusion": None})


def consensus(task: TaskScores) -> dict[str, GroupDetail]:
    """How many of its raters agree on a face -> scores of those faces."""
    return _read(task, "consensus", dict[str, GroupDetail]) or {}


def sources(task: TaskScores) -> dict[str, SourceDetail]:
    """Source -> its score; empty where there is one source only."""
    return _read(task, "sources", dict[str, SourceDetail]) or {}


def folds(task: TaskScores) -> dict[str, GroupDetail]:
    """Fold -> the scores of the faces that are tested in it; empty for tasks without folds."""
    return _read(task, "folds", dict[str, GroupDetail]) or {}


def absent(task: TaskScores) -> dict[str, str]:
    """Label or AU that is not in the task's mean -> why."""
    return _read(task, "absent", dict[Word, Word]) or {}

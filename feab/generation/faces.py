"""Which faces are annotated, which calibrate, and what is known and missing of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from feab.data import Dataset
from feab.errors import FeabError
from feab.generation.human import HumanLabels, human_labels
from feab.generation.recipe import Calibration
from feab.generation.record import LEVELS, Draw, FaceDraws, Level, Value, Verdict
from feab.knowledge import Given
from feab.runs.selection import spread

TASK = "seke"
"""What draws.jsonl calls the questions about the annotated dataset; those about another one have its name added."""


@dataclass(slots=True)
class Face:
    """One face, and what was said of it so far."""

    task: str
    sample: str
    dataset: Dataset
    row: int
    given: Given
    """What is known and shown: labels of people that are not hidden."""
    human: Mapping[Level, Value]
    """The same labels, level by level."""
    missing: tuple[Level, ...]
    truth: Given | None = None
    """Of a face that calibrates: the labels that are hidden."""
    cluster: str = ""
    """Of a face that calibrates: the subject, where it is known, else the face itself."""
    draws: list[Draw] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    waiting: int = 0
    """Answers that were asked for and are not back."""
    failed: bool = False
    """Whether a question about it ended in an error, in this session: it is not asked again before the next."""
    settled: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Task and sample: tells faces apart."""
        return (self.task, self.sample)

    def contexts(self) -> dict[int, int]:
        """Context -> draws that are back."""
        found: dict[int, int] = {}
        for draw in self.draws:
            found[draw.context] = found.get(draw.context, 0) + 1
        return found

    def said(self, contexts: int | None = None) -> FaceDraws:
        """What was said, in the order of contexts and draws; of the first contexts only, without verdicts, if told."""
        draws = sorted(self.draws, key=lambda draw: (draw.context, draw.draw))
        if contexts is None:
            return FaceDraws(self.sample, tuple(draws), tuple(self.verdicts))
        return FaceDraws(self.sample, tuple(draw for draw in draws if draw.context < contexts))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The faces of a folder of annotations."""

    annotated: Sequence[Face]
    """In the dataset's order; of some nothing is missing."""
    calibrating: Sequence[Face]
    labels: HumanLabels
    """Of the annotated dataset."""
    levels: tuple[Level, ...]
    """Those of which something is missing somewhere."""

    def datasets(self) -> list[Dataset]:
        """The annotated dataset, and others that calibrate."""
        found = {id(face.dataset): face.dataset for face in (*self.annotated, *self.calibrating)}
        return list(found.values())


def choose(
    dataset: Dataset,
    settings: Calibration,
    open_other: Callable[[str, str], Dataset],
    *,
    given: Collection[Level] | None,
    limit: int | None,
    seed: int,
) -> Chosen:
    """Choose faces by hashes of their ids: the same whatever the limit, and a larger limit annotates a superset.

    A face of the annotated dataset that calibrates is not annotated, unless nothing of it is missing.

    Args:
        dataset: whose faces are annotated.
        settings: how many faces calibrate, from where.
        open_other: opens another dataset, by name and split.
        given: levels whose labels are shown; of all others people's labels are hidden. None: nothing is hidden.
        limit: faces that are annotated, at the most.
        seed: of the hashes.

    Raises:
        FeabError: when nothing is missing, or no face is left to annotate.
    """
    labels, ids = human_labels(dataset), dataset.ids
    shown = LEVELS if given is None else tuple(level for level in LEVELS if level in given)
    absent = {level: ~labels.has(level) | (level not in shown) for level in LEVELS}
    levels = tuple(level for level in LEVELS if absent[level].any())
    if not levels:
        raise FeabError(
            f"{dataset.name}/{dataset.split}: nothing is missing: people labelled all three levels of every face; "
            "to hide some from the annotator, say which it is given: --given expression"
        )
    groups = _elsewhere(settings, levels, open_other)
    own = tuple(level for level in levels if level not in settings.elsewhere)
    calibrating = _labelled(labels, ids, own, settings, seed, settings.share)
    faces = [_calibrating(TASK, dataset, ids, labels, row, levels, own) for row in calibrating]
    for other, covered in groups:
        if (other.path, other.split) == (dataset.path, dataset.split):
            raise FeabError(f"recipe: calibration: {other.name}/{other.split} is annotated itself; leave it out")
        theirs, names = human_labels(other), other.ids
        task = f"{TASK} {other.name} {other.split}"
        faces += [
            _calibrating(task, other, names, theirs, row, levels, covered)
            for row in _labelled(theirs, names, covered, settings, seed, 1.0)
        ]
    something = np.any([absent[level] for level in levels], axis=0)
    used = np.isin(np.arange(len(ids)), calibrating)
    rows = spread(np.flatnonzero(~(used & something)), ids, limit, seed)
    annotated = [_annotated(dataset, ids, labels, int(row), shown) for row in rows]
    if not any(face.missing for face in annotated):
        raise FeabError(
            f"{dataset.name}/{dataset.split}: no face is left to annotate; let fewer calibrate, or others (recipe)"
        )
    return Chosen(annotated, faces, labels, levels)


def _elsewhere(
    settings: Calibration, levels: Sequence[Level], open_other: Callable[[str, str], Dataset]
) -> list[tuple[Dataset, tuple[Level, ...]]]:
    """The other datasets that calibrate, each with the levels it covers."""
    covered: dict[tuple[str, str], list[Level]] = {}
    for level, where in settings.elsewhere.items():
        if level in levels:
            covered.setdefault((where.data, where.split), []).append(level)
    return [(open_other(*place), tuple(names)) for place, names in covered.items()]


def _labelled(
    labels: HumanLabels, ids: Sequence[str], levels: Sequence[Level], settings: Calibration, seed: int, share: float
) -> list[int]:
    """Rows of faces with a label of one of these levels: as they come, and what rare expressions lack."""
    if not levels or not settings.faces:
        return []
    rows = np.flatnonzero(np.any([labels.has(level) for level in levels], axis=0))
    allowed = int(share * len(rows))
    order = sorted(map(int, rows), key=lambda row: hashlib.sha256(f"{seed}:calibration:{ids[row]}".encode()).digest())
    taken = order[: min(settings.faces, allowed)]
    if "expression" in levels:
        by_word: dict[str | None, list[int]] = {}
        for row in order:
            by_word.setdefault(labels.expression[row], []).append(row)
        for word, of_word in by_word.items():
            if word is not None:
                taken += of_word[: min(settings.per_expression, int(share * len(of_word)))]
    return sorted(set(taken))


def _calibrating(
    task: str,
    dataset: Dataset,
    ids: Sequence[str],
    labels: HumanLabels,
    row: int,
    hidden: Sequence[Level],
    covered: Sequence[Level],
) -> Face:
    """Shown is what the annotated faces may be given; of the levels asked for, people's labels are hidden."""
    shown = [level for level in LEVELS if level not in hidden]
    truth = labels.given(row, covered)
    cluster = f"{task} {labels.subject[row] or ids[row]}"
    values = labels.values(row, shown)
    return Face(task, ids[row], dataset, row, labels.given(row, shown), values, tuple(hidden), truth, cluster)


def _annotated(dataset: Dataset, ids: Sequence[str], labels: HumanLabels, row: int, shown: Sequence[Level]) -> Face:
    human = labels.values(row, shown)
    missing = tuple(level for level in LEVELS if level not in human)
    return Face(TASK, ids[row], dataset, row, labels.given(row, shown), human, missing, settled=not missing)


def by_key(faces: Iterable[Face]) -> dict[tuple[str, str], Face]:
    """Faces by task and sample."""
    return {face.key: face for face in faces}

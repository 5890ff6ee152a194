"""Which faces are annotated and which calibrate, and what is hidden of these."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feab.data import Dataset
from feab.errors import FeabError
from feab.generation.asked import TASK
from feab.generation.faces import Face
from feab.generation.human import HumanLabels, human_labels
from feab.generation.recipe import Calibration
from feab.generation.record import LEVELS, Level
from feab.models.seeds import fraction
from feab.runs.selection import spread

Pattern = tuple[Level, ...]
"""Levels that are missing together."""


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
    others: Sequence[Dataset] = ()
    """Other datasets that calibrate."""

    def asked(self) -> list[Face]:
        """The faces that questions are about: those that calibrate first."""
        return [*self.calibrating, *(face for face in self.annotated if face.missing)]


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
        limit: faces that are annotated, at the most; and no more of those of which nothing is missing.
        seed: of the hashes.

    Raises:
        FeabError: when nothing is missing, or no face is left to annotate.
    """
    own = _Faces(TASK, dataset, human_labels(dataset), dataset.ids)
    shown = LEVELS if given is None else tuple(level for level in LEVELS if level in given)
    missing = own.missing(shown)
    patterns = Counter(missing)
    whole = patterns.pop((), 0)
    if not patterns:
        words = "people labelled all three levels of every face" if whole else "it holds no face"
        raise FeabError(
            f"{dataset.name}/{dataset.split}: nothing is missing: {words}; to hide levels from the annotator, say "
            "which it is given: --given expression"
        )
    levels = tuple(level for level in LEVELS if any(level in pattern for pattern in patterns))
    covered = tuple(level for level in levels if level not in settings.elsewhere)
    rows = own.labelled(covered, settings, seed, settings.share)
    calibrating = [own.calibrating(row, covered, patterns, seed) for row in rows]
    others = _elsewhere(settings, levels, open_other)
    for number, (other, theirs) in enumerate(others):
        if (other.path, other.split) == (dataset.path, dataset.split):
            raise FeabError(f"recipe: calibration: {other.name}/{other.split} is annotated itself; leave it out")
        if any((other.name, other.split) == (one.name, one.split) for one, _ in others[:number]):
            raise FeabError(f"recipe: calibration: two datasets are called {other.name}/{other.split}; rename one")
        faces = _Faces(f"{TASK} {other.name} {other.split}", other, human_labels(other), other.ids)
        there = faces.labelled(theirs, settings, seed, 1.0)
        calibrating += [faces.calibrating(row, theirs, patterns, seed) for row in there]
    used, gaps = set(rows), np.array([bool(pattern) for pattern in missing], bool)
    left = np.array([row for row in np.flatnonzero(gaps) if row not in used], np.intp)
    kept = np.concatenate([spread(part, own.ids, limit, seed) for part in (left, np.flatnonzero(~gaps))])
    annotated = [own.face(row, missing[row]) for row in np.sort(kept).tolist()]
    if not len(left):
        raise FeabError(
            f"{dataset.name}/{dataset.split}: no face is left to annotate; let fewer calibrate, or others (recipe)"
        )
    return Chosen(annotated, calibrating, own.labels, levels, [other for other, _ in others])


def _elsewhere(
    settings: Calibration, levels: Sequence[Level], open_other: Callable[[str, str], Dataset]
) -> list[tuple[Dataset, tuple[Level, ...]]]:
    """The other datasets that calibrate, each with the levels it covers."""
    covered: dict[tuple[str, str], list[Level]] = {}
    for level, where in settings.elsewhere.items():
        if level in levels:
            covered.setdefault((where.data, where.split), []).append(level)
    return [(open_other(*place), tuple(names)) for place, names in covered.items()]


@dataclass(frozen=True, slots=True)
class _Faces:
    """All faces of a dataset, by row."""

    task: str
    dataset: Dataset
    labels: HumanLabels
    ids: Sequence[str]

    def missing(self, shown: Collection[Level]) -> list[Pattern]:
        """Of each face the levels that are not shown, or of which it has no label."""
        absent = [~self.labels.has(level) | (level not in shown) for level in LEVELS]
        number = sum(lacks.astype(int) << place for place, lacks in enumerate(absent))
        # Faces that lack the same share one tuple: there may be a million of them.
        patterns = [
            tuple(level for place, level in enumerate(LEVELS) if which >> place & 1)
            for which in range(2 ** len(LEVELS))
        ]
        return [patterns[which] for which in np.asarray(number).tolist()]

    def face(self, row: int, missing: Pattern) -> Face:
        """A face of which these levels are asked for, and all others shown."""
        return Face(self.task, self.ids[row], self.dataset, row, self.labels, missing, settled=not missing)

    def calibrating(self, row: int, covered: Collection[Level], patterns: Mapping[Pattern, int], seed: int) -> Face:
        """A face of which labels are hidden, in one of the ways in which they are missing of annotated faces.

        Ways that hide a label which is covered, and leave those that an annotated face is given, come first; of these
        one is drawn by how frequent they are.
        """
        there = set(self.labels.levels(row))
        useful = {pattern: n for pattern, n in patterns.items() if there.intersection(pattern, covered)}
        exact = {pattern: n for pattern, n in useful.items() if there.issuperset(set(LEVELS) - set(pattern))}
        among = sorted((exact or useful).items())
        mark = fraction("hidden", seed, self.task, self.ids[row]) * sum(n for _, n in among)
        hidden = among[-1][0]
        for pattern, n in among:
            mark -= n
            if mark < 0:
                hidden = pattern
                break
        face = self.face(row, hidden)
        face.truth = self.labels.given(row, [level for level in covered if level in hidden])
        face.cluster = f"{self.task} {self.labels.subject[row] or self.ids[row]}"
        return face

    def labelled(self, levels: Sequence[Level], settings: Calibration, seed: int, share: float) -> list[int]:
        """Rows of faces with a label of one of these levels: as they come, and what rare expressions lack."""
        if not levels or not settings.faces:
            return []
        rows = np.flatnonzero(np.any([self.labels.has(level) for level in levels], axis=0)).tolist()
        rows.sort(key=lambda row: hashlib.sha256(f"{seed}:calibration:{self.ids[row]}".encode()).digest())
        taken = rows[: min(settings.faces, int(share * len(rows)))]
        if "expression" in levels:
            by_word: dict[str | None, list[int]] = {}
            for row in rows:
                by_word.setdefault(self.labels.expression[row], []).append(row)
            for word, of_word in by_word.items():
                if word is not None:
                    taken += of_word[: min(settings.per_expression, int(share * len(of_word)))]
        return sorted(set(taken))

"""Submissions face by face: what each model answered, how far from the labels, and which faces a reader asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from feab.leaderboard.bounded import Bounded
from feab.records import Outcome
from feab.runs.faces import FAR, Faces, Result, face_by_face, unlike

if TYPE_CHECKING:
    from feab.leaderboard.service import Service

Which: TypeAlias = Literal["all", "wrong", "any", "differ", "refused", "right"]
WHICH: Mapping[Which, str] = {
    "all": "all faces",
    "wrong": "all models are wrong",
    "any": "some model is wrong",
    "differ": "models disagree",
    "refused": "some model refused",
    "right": "all models are right",
}
assert tuple(WHICH) == get_args(Which)

_KEPT = 8
"""Submissions that are kept face by face: some 2 MB each on 1,728 faces and three tasks."""

Bools: TypeAlias = npt.NDArray[np.bool_]


class Look:
    """One submission on one task, by its own prompt."""

    def __init__(self, faces: Faces, refused: frozenset[str]) -> None:
        """`refused`: ids of the faces about which the model declined to answer at least once."""
        self.faces = faces
        self.refused = refused

    @cached_property
    def results(self) -> list[Result]:
        """What came of each face of the truth."""
        silences = self.faces.silent.tolist()
        distances = self.faces.distance().tolist()
        return [self.faces.result(d, silent=s) for d, s in zip(distances, silences, strict=True)]

    @cached_property
    def wrong(self) -> Bools:
        """Which faces were answered wrong, or not."""
        return np.array([result in ("wrong", "none", "failed") for result in self.results], dtype=np.bool_)

    @cached_property
    def right(self) -> Bools:
        """Which faces were answered right."""
        return np.array([result == "right" for result in self.results], dtype=np.bool_)

    @cached_property
    def declined(self) -> Bools:
        """Which faces the model declined to answer about."""
        return np.array([sample in self.refused for sample in self.faces.truth.ids], dtype=np.bool_)


class Looked:
    """What was looked at, so that the next page of it is at hand."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept: Bounded[str, dict[str, Look]] = Bounded(_KEPT)

    def of(self, service: Service, submission: str) -> dict[str, Look]:
        """Each task of a submission, face by face.

        Raises:
            FeabError: when it is not listed, or its labels are hidden or not here.
        """

        def make() -> dict[str, Look]:
            with service.parts(submission) as (run, parts):
                tops = {task: next(iter(prompts.values())) for task, prompts in face_by_face(run, parts).items()}
                refused: dict[str, set[str]] = {task: set() for task in tops}
                for line in run.predictions():
                    if line.outcome is Outcome.REFUSED and tops[line.task].prompt == line.prompt:
                        refused[line.task].add(line.sample)
            return {task: Look(faces, frozenset(refused[task])) for task, faces in tops.items()}

        return self._kept.get(submission, make)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which faces of a task a reader asks for. What is empty leaves all in."""

    which: Which = "all"
    label: str = ""
    """The expression they display."""
    au: int | None = None
    """An action unit that they show."""
    group: str = ""
    """An attribute and its value, as "age_group=20-39"."""


def matching(looks: Sequence[Look], wanted: Wanted, hidden: frozenset[str]) -> list[int]:
    """The rows that a reader asks for, of models that answered about the same faces; mistakes first.

    Args:
        looks: the models, one at least.
        wanted: which faces.
        hidden: ids that are never shown.
    """
    first = looks[0].faces
    keep = np.array([sample not in hidden for sample in first.truth.ids], dtype=np.bool_)
    keep &= _which(looks, wanted.which)
    if wanted.label:
        keep &= np.array([label == wanted.label for label in first.truth.expression], dtype=np.bool_)
    if wanted.au is not None:
        aus = list(first.task.aus)
        keep &= first.truth.values[:, aus.index(wanted.au)] == 1 if wanted.au in aus else False
    if wanted.group:
        attribute, _, value = wanted.group.partition("=")
        column = first.truth.groups.get(attribute) or first.truth.slices.get(attribute)
        keep &= False if column is None else np.array([one == value for one in column], dtype=np.bool_)
    errors = sum((look.wrong.astype(np.intp) for look in looks), np.zeros(len(keep), dtype=np.intp))
    rows = np.flatnonzero(keep)
    return [int(row) for row in rows[np.argsort(-errors[rows], kind="stable")]]


def _which(looks: Sequence[Look], which: Which) -> Bools:
    wrong, right = (np.stack([getattr(look, name) for look in looks]) for name in ("wrong", "right"))
    if which == "wrong":
        return np.asarray(wrong.all(axis=0))
    if which == "any":
        return np.asarray(wrong.any(axis=0))
    if which == "right":
        return np.asarray(right.all(axis=0))
    if which == "refused":
        return np.asarray(np.stack([look.declined for look in looks]).any(axis=0))
    if which == "differ":
        pairs = [(one, other) for i, one in enumerate(looks) for other in looks[i:]]
        return np.asarray(np.stack([differ(one.faces, other.faces) for one, other in pairs]).any(axis=0))
    return np.ones(wrong.shape[1], dtype=np.bool_)


def differ(one: Faces, other: Faces) -> Bools:
    """On which faces two models say different things: another class, points as far apart as a wrong answer is from its
    label, or lists of action units as unlike; or where one of them says nothing.
    """
    if one.task.kind == "expression":
        return np.array([a != b for a, b in zip(one.values, other.values, strict=True)], dtype=np.bool_)
    if one.task.kind == "valence_arousal":
        far = np.sqrt(((one.values - other.values) ** 2).sum(axis=1))
    else:
        far = unlike(one.values, other.values)
    return np.asarray((far >= FAR) | (one.silent != other.silent)) & ~(one.silent & other.silent)


def groups_of(look: Look) -> list[tuple[str, str, str]]:
    """Attribute, value and both as a link has them, of all groups that the faces are in."""
    found = {**look.faces.truth.groups, **look.faces.truth.slices}
    return [
        (attribute, value, f"{attribute}={value}")
        for attribute, column in found.items()
        for value in sorted({one for one in column if one is not None})
    ]

"""A run face by face: what each displays, what was answered, and how far the two are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from feab.runs.folder import Run
from feab.runs.parts import Part
from feab.tasks import Task
from feab.tasks.draws import Answers, Values
from feab.tasks.scoring import read_answers
from feab.tasks.task import DEFAULT_PROMPT
from feab.tasks.truth import Truth, truth_of

Result: TypeAlias = Literal["right", "partly", "wrong", "none", "failed"]
"""What came of one question about one face; "none": no answer could be read, "failed": an error, not the model's."""

NEAR = 0.25
"""An answer this near the truth on the valence-arousal plane is called right (our choice)."""
FAR = 0.5
"""From here on an answer is called wrong: a distance on the plane, or 1 - F1 of the AUs of one face (our choice)."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """One task with one prompt; several draws are one answer, as they are scored."""

    part: Part
    prompt: str
    truth: Truth
    values: Values
    """One answer for each face of `truth`: None or NaN where there is none."""
    heard: npt.NDArray[np.bool_]
    """Whether there is any line about the face but errors."""

    @property
    def task(self) -> Task:
        """What was asked."""
        return self.part.task

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Which faces have no answer."""
        if self.task.kind == "expression":
            return np.fromiter((v is None for v in self.values), dtype=np.bool_, count=len(self.values))
        return np.asarray(np.isnan(self.values.astype(np.float64)).all(axis=1))

    def distance(self) -> npt.NDArray[np.float64]:
        """From 0, as the labels say, to 1: a wrong class, a point 1 or more away, no AU in common, no answer.

        NaN where nothing was heard.
        """
        if self.task.kind == "expression":
            far = np.array([t != a for t, a in zip(self.truth.expression, self.values, strict=True)], dtype=np.float64)
        elif self.task.kind == "valence_arousal":
            far = np.minimum(np.sqrt(((self.truth.values - self.values) ** 2).sum(axis=1)), 1.0)
        else:
            far = unlike(self.truth.values, self.values)
        far[self.silent] = 1.0
        far[~self.heard] = np.nan
        return far

    def result(self, distance: float, *, silent: bool) -> Result:
        """The word for a distance."""
        if np.isnan(distance):
            return "failed"
        if silent:
            return "none"
        if distance >= FAR:
            return "wrong"
        right = distance <= NEAR if self.task.kind == "valence_arousal" else distance == 0
        return "right" if right else "partly"


def unlike(truth: npt.NDArray[np.floating[Any]], said: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """1 - F1 of the AUs of each face, over the AUs that are coded there; 0 where both name none."""
    named = said == 1
    hits = ((truth == 1) & named).sum(axis=1)
    misses = ((truth == 1) & ~named).sum(axis=1) + ((truth == 0) & named).sum(axis=1)
    far: npt.NDArray[np.float64] = np.divide(misses, 2 * hits + misses, out=np.zeros(len(truth)), where=misses > 0)
    return far


def face_by_face(run: Run, parts: Sequence[Part]) -> dict[str, dict[str, Faces]]:
    """Task -> prompt -> its faces; the prompt whose scores are the task's own comes first. Texts are not kept.

    Raises:
        FeabError: when a line does not validate, occurs twice, or is about a face or task that the run does not name.
    """
    read, numbers = read_answers([part.task for part in parts], run.predictions(), strict=True)
    limited = run.manifest.identity.limit is not None
    found = {}
    for part in parts:
        truth = truth_of(part.task, part.dataset, only=frozenset(part.ids) if limited else None)
        answers = read[part.task.name]
        names = [*part.prompts, *(name for name in answers if name not in part.prompts)]
        names.sort(key=lambda name: name != DEFAULT_PROMPT)
        found[part.task.name] = {
            name: _faces(part, name, truth, answers.get(name, Answers(part.task, numbers))) for name in names
        }
    return found


def _faces(part: Part, prompt: str, truth: Truth, answers: Answers) -> Faces:
    said = answers.said(truth.ids, truth.unscored, part.draws)
    values: Values
    if part.task.kind == "expression":
        values = np.full(len(truth.ids), None, dtype=object)
    else:
        values = np.full((len(truth.ids), said.values.shape[1]), np.nan, dtype=said.values.dtype)
    values[said.rows] = said.values
    heard = np.zeros(len(truth.ids), dtype=np.bool_)
    heard[said.rows] = True
    return Faces(part, prompt, truth, values, heard)

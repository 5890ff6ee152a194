"""What reader.py's annotator learns: SEKE's own questions about labelled faces, with the true answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feab.generation.asked import ABSENT, FITS, NEITHER, PRESENT, TOO_HIGH, TOO_LOW
from feab.generation.contexts import contexts_for
from feab.generation.human import HumanLabels
from feab.generation.prompts import annotation_question, verification_question
from feab.generation.record import LEVELS, Level
from feab.knowledge import JointModel
from feab.records import Media, Question, Sample, Sampling, Text
from feab.tasks.task import AXES
from feab.vocabulary import EXPRESSIONS, FEAB_17

GIVEN: tuple[tuple[Level, ...], ...] = ((), ("expression",), ("action_units",))
SHARES = (0.3, 0.35, 0.35)
"""What is given in questions, and how often; the other levels are asked for."""
CHECKS, NEITHER_FITS = 0.3, 0.1
"""Shares of verifications where something is given, and of those on expressions in which both options are wrong."""
STEP = 0.05
"""Of the grid on which valence and arousal are said."""
NEAR, OFF = 0.2, 0.3
"""How far a rating may be off and still fit, and how far those that are verified are: a standard deviation."""
_NOTHING = Media(data=b"")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question about a face, by its row, and the true answer."""

    row: int
    question: str
    answer: str


def words(question: Question) -> str:
    """What stands beside the picture."""
    return "".join(part.text for message in question.messages for part in message.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Makes questions about a dataset's faces that display an expression, with their true answers."""

    ids: Sequence[str]
    labels: HumanLabels
    knowledge: JointModel
    """Not quoted."""

    @property
    def rows(self) -> list[int]:
        """The faces that display one of the eight expressions."""
        return [row for row, word in enumerate(self.labels.expression) if word in EXPRESSIONS]

    def question(self, row: int, given: Sequence[Level], seed: int) -> Question:
        """A question for all levels that are not given, in one of the contexts; its picture is left out."""
        sample = Sample(self.ids[row], _NOTHING)
        missing = [level for level in LEVELS if level not in given]
        context = next(contexts_for(sample.id, seed, knowledge=False))
        shown = self.labels.given(row, given)
        return annotation_question(sample, shown, missing, context, self.knowledge, sampling=Sampling())

    def answer(self, question: Question, row: int) -> str:
        """The true answer of a face, fields in the order that the question asks for, without spaces."""
        known = self.labels.given(row, LEVELS)
        values = {"expression": json.dumps(known.expression)}
        values |= {axis: f"{_on_grid(getattr(known, axis)):.2f}" for axis in AXES}
        values["action_units"] = json.dumps([au for au in FEAB_17 if known.action_units.get(au)], separators=(",", ":"))
        assert question.schema is not None
        return "{" + ",".join(f'"{name}":{values[name]}' for name in question.schema["properties"]) + "}"

    def doubt(self, row: int, given: Sequence[Level], rng: np.random.Generator) -> tuple[str, str, str]:
        """What to verify of a face: about what, a candidate, which is as often right as not, and a foil."""
        known = self.labels.given(row, LEVELS)
        if rng.random() < 0.5:
            axis = str(rng.choice(AXES))
            shown = getattr(known, axis) + OFF * rng.standard_normal()
            return axis, f"{_on_grid(float(np.clip(shown, -1, 1))):.2f}", ""
        if "expression" in given:
            pair = [PRESENT, ABSENT][:: 1 if rng.random() < 0.5 else -1]
            return str(rng.choice(list(known.action_units))), pair[0], pair[1]
        others = [word for word in EXPRESSIONS if word != known.expression]
        pair = [others[place] for place in rng.permutation(len(others))[:2]]
        if rng.random() >= NEITHER_FITS:
            pair[int(rng.integers(2))] = str(known.expression)
        return "expression", pair[0], pair[1]

    def verdict(self, row: int, about: str, candidate: str, foil: str) -> str | None:
        """The true answer to a verification; None where the truth is not known."""
        known = self.labels.given(row, LEVELS)
        if about in AXES:
            above = round(_on_grid(getattr(known, about)) - float(candidate), 2)
            said: str | None = FITS if abs(above) <= NEAR else TOO_LOW if above > 0 else TOO_HIGH
        elif about == "expression":
            said = known.expression if known.expression in (candidate, foil) else NEITHER
        else:
            present = known.action_units.get(int(about))
            said = None if present is None else PRESENT if present else ABSENT
        return None if said is None else json.dumps({"answer": said}, separators=(",", ":"))

    def asked(self, rows: Sequence[int], given: Sequence[Level], rng: np.random.Generator) -> list[Lesson]:
        """One question about some faces that are given alike, with the answer of each."""
        question = self.question(rows[0], given, int(rng.integers(2**31)))
        return [Lesson(row, words(question), self.answer(question, row)) for row in rows]

    def checked(self, rows: Sequence[int], given: Sequence[Level], rng: np.random.Generator) -> list[Lesson]:
        """One verification about some faces that are given alike, with the answer of each of which it is known."""
        sample, shown = Sample(self.ids[rows[0]], _NOTHING), self.labels.given(rows[0], given)
        doubt = self.doubt(rows[0], given, rng)
        question = verification_question(sample, shown, *doubt, int(rng.integers(2**31)), None, Sampling())
        answers = [(row, self.verdict(row, *doubt)) for row in rows]
        return [Lesson(row, words(question), answer) for row, answer in answers if answer is not None]

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[list[Lesson]]:
        """Without end; each of one kind of question.

        Faces of which the same is known share one question, whose keys and values are computed once; where action units
        are given each face has its own, and there are half as many of them.
        """
        while True:
            given = GIVEN[int(rng.choice(len(GIVEN), p=SHARES))]
            rows = [int(row) for row in rng.permutation(self.rows)]
            if "expression" in given:
                rows = [row for row in rows if self.labels.expression[row] == self.labels.expression[rows[0]]]
            groups = [[row] for row in rows[: size // 2]] if "action_units" in given else [rows[:size]]
            make = self.checked if given and rng.random() < CHECKS else self.asked
            yield [lesson for group in groups for lesson in make(group, given, rng)]


def _on_grid(value: float) -> float:
    return round(round(value / STEP) * STEP, 2) + 0.0  # not -0.0

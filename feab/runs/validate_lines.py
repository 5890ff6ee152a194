"""Checking one line of predictions.jsonl against what its run asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feab.answers import parse
from feab.journal.lines import RawLine
from feab.problems import MAX_SHOWN, FileError, Problem, warning
from feab.records import Outcome, Scoring
from feab.runs.names import odd_name
from feab.runs.parts import Part
from feab.runs.running import Rows
from feab.runs.validate_probabilities import probability_problems
from feab.schemas import Identity, Prediction, TaskIdentity, VaValue, answer_json
from feab.tasks import Task

_ANSWER = "must be a label, {valence, arousal} in [-1, 1], a list of AU numbers, or null"
_REASONS = ("stop", "length", "refusal")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What the lines of one task may hold."""

    told: TaskIdentity
    draws: int
    scoring: Scoring
    task: Task | None
    """None where no task of that name is known here."""
    rows: Rows | None = None
    """Where each sample of the dataset stands; None where that is not at hand."""
    chosen: npt.NDArray[np.bool_] | None = None
    """For each row whether it was asked about."""

    @classmethod
    def of(cls, told: TaskIdentity, identity: Identity, task: Task | None, part: Part | None) -> Asked:
        """What is known of a task; `part` has its labels."""
        draws, scoring = identity.draws, identity.scoring
        if part is None:
            return cls(told, draws, scoring, task)
        chosen = np.zeros(len(part.dataset), dtype=np.bool_)
        chosen[part.rows] = True
        return cls(told, draws, scoring, part.task, Rows(part.dataset.ids), chosen)

    def not_asked(self, sample: str) -> str | None:
        """Why no line should be about a sample, in words; None where one may be, or nothing is known."""
        if self.rows is None or self.chosen is None:
            return None
        row = self.rows.get(sample)
        if row is None:
            return f"is not in {self.told.dataset}/{self.told.split}"
        return (
            None if self.chosen[row] else "was not asked about: it has no label of this task, or the limit left it out"
        )


def line_problems(
    line: RawLine, path: Path, number: int, asked: Mapping[str, Asked] | None, problems: list[Problem]
) -> Prediction | None:
    """The prediction of a line, None where it is none; what is wrong with it goes to `problems`.

    `asked` is None where the manifest cannot be read.
    """
    try:
        prediction = line.prediction(path, number)
    except FileError as error:
        problems += _together(error.problems)
        return None
    found = _against(prediction, asked) if asked is not None else ()
    problems += [replace(problem, file=path, line=number) for problem in (*_names(prediction), *found)]
    return prediction


def _together(problems: tuple[Problem, ...]) -> list[Problem]:
    """The complaints of every form that an answer may have, as one."""
    answers = [problem for problem in problems if problem.where.startswith("answer.")]
    rest = [problem for problem in problems if problem not in answers]
    return [*(replace(problem, where="answer", message=_ANSWER, advice="") for problem in answers[:1]), *rest]


_HERE = Path()


def _fault(where: str, message: str, advice: str) -> Problem:
    return Problem(_HERE, message, where=where, advice=advice)


def _names(prediction: Prediction) -> Iterator[Problem]:
    for field in ("task", "sample", "prompt"):
        if (odd := odd_name(getattr(prediction, field))) is not None:
            yield _fault(field, f"{getattr(prediction, field)[:MAX_SHOWN]!r} {odd}", "rename it")


def _against(prediction: Prediction, all_asked: Mapping[str, Asked]) -> Iterator[Problem]:
    asked = all_asked.get(prediction.task)
    if asked is None:
        known = ", ".join(all_asked) or "none"
        yield _fault("task", f"{prediction.task!r} is not asked by the manifest; it asks {known}", "remove the line")
        return
    if prediction.prompt not in asked.told.prompts:
        known = ", ".join(asked.told.prompts)
        words = f"{prediction.prompt!r} is not asked by the manifest; of this task it asks {known}"
        yield _fault("prompt", words, "remove the line")
    if prediction.draw >= asked.draws:
        words = f"{prediction.draw} is not asked by the manifest, which asks {asked.draws}, counted from 0"
        yield _fault("draw", words, "remove the line")
    if (why := asked.not_asked(prediction.sample)) is not None:
        yield _fault("sample", f"{prediction.sample!r} {why}", "remove the line, or give the right --data")
    yield from _answer(prediction, asked)


def _answer(prediction: Prediction, asked: Asked) -> Iterator[Problem]:
    answer, kind, task = prediction.answer, asked.told.kind, asked.task
    fits = {"expression": str, "valence_arousal": VaValue, "action_units": list}[kind]
    if answer is not None and not isinstance(answer, fits):
        wanted = {"expression": "a label", "valence_arousal": "valence and arousal", "action_units": "a list of AUs"}
        yield _fault("answer", f"is not {wanted[kind]}, as the answers to this task are", "ask this line again")
        return
    if isinstance(answer, list) and len(set(answer)) != len(answer):
        yield _fault("answer", "names an AU twice", "name each once")
    if task is not None:
        given: list[str] | list[int] = answer if isinstance(answer, list) else []
        given = [answer] if isinstance(answer, str) else given
        outside = [str(value)[:MAX_SHOWN] for value in given if str(value) not in task.options]
        if outside:
            words = f"{', '.join(outside[:8])} is not among the options {', '.join(task.options)}"
            yield _fault("answer", words, "an answer outside the list is no answer: outcome unparsable")
        yield from _reread(prediction, task)
    yield from probability_problems(prediction, kind, task, weighed=asked.scoring != "generate")


def _reread(prediction: Prediction, task: Task) -> Iterator[Problem]:
    """Does the text say what the answer says? Why generation ended is not kept, so each reason may be the one."""
    if prediction.outcome is Outcome.ERROR or prediction.text is None:
        return
    first = None
    for asked, reason in product(task.as_asked, _REASONS):
        options = None if task.kind == "valence_arousal" else asked.options
        read = parse(prediction.text, task.kind, options, finish_reason=reason)
        if read.outcome is prediction.outcome and answer_json(read) == _in_order(prediction.answer):
            return
        first = first or read
    assert first is not None
    said = first.outcome.value if first.value is None else f"{answer_json(first)!s}"
    told = prediction.outcome.value if prediction.answer is None else str(prediction.answer)[:MAX_SHOWN]
    words = f"is {told}, and its text reads as {said} to this feab"
    yield warning(_fault("answer", words, "an older parser, or a changed line; run `feab score` on the original"))


def _in_order(answer: str | VaValue | list[int] | None) -> str | VaValue | list[int] | None:
    return sorted(answer) if isinstance(answer, list) else answer

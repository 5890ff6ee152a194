"""From predictions to one answer per face: several draws are combined, errors and gaps are kept apart.

Lines are kept as numbers in flat arrays, about 20 bytes each, because a run may have millions of them.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.records import Outcome
from feab.schemas import OutcomeCounts, Prediction, VaValue
from feab.tasks.shares import Shares, length_normalised
from feab.tasks.task import Task

Values: TypeAlias = npt.NDArray[Any]
"""One answer a face, as the metrics take them: text or None (n,), VA (n, 2) or AUs of the task (n, AUs) with NaN."""

_FAILED, _SILENT, _ANSWERED = 0, 1, 2
_MAX_DRAW = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """One answer for each face that has any line but errors."""

    rows: npt.NDArray[np.intp]
    """Which of the faces asked for they are, in rising order."""
    values: Values
    answered: int
    """How many of them have an answer."""
    complete: bool
    """Whether every face asked for has all its draws, and no line is an error."""
    probabilities: npt.NDArray[np.float64] | None = None
    """(faces, options of the task), NaN for a face without; the mean over draws. None where no face has any."""
    normalised: npt.NDArray[np.float64] | None = None
    """Of expression labels, the same from length-normalised log-likelihoods; None where no face has any."""


class Answers:
    """The lines of one task and one prompt, as they are read.

    Args:
        task: what was asked.
        numbers: sample -> number, which grows by the samples that are new; share it between all prompts and tasks.
    """

    def __init__(self, task: Task, numbers: dict[str, int]) -> None:
        self._task, self._numbers = task, numbers
        self._prompt = ""
        self._outcomes: Counter[Outcome] = Counter()
        self._samples, self._draws, self._states = array("i"), array("i"), array("b")
        # One of these is filled, by kind: numbers of words, pairs of numbers, one byte an AU of the task.
        self._words: dict[str, int] = {}
        self._labels, self._points, self._units = array("i"), array("d"), bytearray()
        self._shares, self._normalised = Shares(task), Shares(task)

    def add(self, line: Prediction) -> None:
        """Take in one line.

        Raises:
            FeabError: when its answer is of another kind.
        """
        if line.draw > _MAX_DRAW:
            raise FeabError(f"{self._place(line.sample, line.draw)}: no such draw")
        self._prompt = line.prompt
        self._outcomes[line.outcome] += 1
        self._samples.append(self._numbers.setdefault(line.sample, len(self._numbers)))
        self._draws.append(line.draw)
        failed = line.outcome is Outcome.ERROR
        answer = None if failed else line.answer
        self._states.append(_FAILED if failed else _SILENT if answer is None else _ANSWERED)
        if line.probabilities is not None:
            self._shares.add(len(self._states) - 1, line.probabilities)
        if line.likelihoods is not None and self._task.kind == "expression":
            self._normalised.add(len(self._states) - 1, length_normalised(line.likelihoods))
        kind = self._task.kind
        if kind == "expression" and (answer is None or isinstance(answer, str)):
            self._labels.append(-1 if answer is None else self._words.setdefault(answer, len(self._words)))
        elif kind == "valence_arousal" and (answer is None or isinstance(answer, VaValue)):
            self._points.extend((np.nan, np.nan) if answer is None else (answer.valence, answer.arousal))
        elif kind == "action_units" and (answer is None or isinstance(answer, list)):
            self._units.extend(au in (answer or ()) for au in self._task.aus)
        else:
            wanted = {"expression": "a label", "valence_arousal": "valence and arousal"}
            what = wanted.get(kind, "a list of AU numbers")
            raise FeabError(f"{self._place(line.sample, line.draw)}: the answer {answer!r} is not {what}")

    def counts(self) -> OutcomeCounts:
        """How many lines ended how."""
        return OutcomeCounts(**{outcome.value: self._outcomes[outcome] for outcome in Outcome})

    def said(self, ids: Sequence[str], others: Collection[str], draws: int) -> Said:
        """The answers about some faces, several draws combined: plurality, mean or majority.

        Args:
            ids: the faces wanted.
            others: further faces that the dataset holds; lines about them are passed over.
            draws: the number of draws that were asked for.

        Raises:
            FeabError: when a line occurs a second time, or is about a face that is in neither.
        """
        samples, drawn, states = np.array(self._samples), np.array(self._draws), np.array(self._states)
        order = np.lexsort((drawn, samples))
        twice = np.flatnonzero((np.diff(samples[order]) == 0) & (np.diff(drawn[order]) == 0))
        if len(twice):
            line = int(order[twice[0]])
            place = self._place(self._name(int(samples[line])), int(drawn[line]))
            raise FeabError(f"{place}: occurs twice; a run folder holds each draw once")
        order = order[states[order] != _FAILED]
        face = self._faces(ids)[samples[order]]
        for number in np.unique(samples[order[face < 0]]).tolist():
            if (name := self._name(number)) not in others:
                raise FeabError(
                    f"a prediction of task {self._task.name} is about sample {name!r}, which the dataset lacks"
                )
        order, face = order[face >= 0], face[face >= 0]
        lines = np.bincount(face, minlength=len(ids))
        rows = np.flatnonzero(lines)
        place_of_face = np.cumsum(lines > 0) - 1
        spoken = states[order] == _ANSWERED
        # Lines in the order of sample and draw, each with the place of its face among `rows`.
        values = self._combined(order[spoken], place_of_face[face[spoken]], len(rows))
        answered = len(np.unique(face[spoken]))
        complete = bool((states != _FAILED).all() and (lines >= draws).all())
        face_of_line = np.full(len(states), -1, dtype=np.intp)
        face_of_line[order[spoken]] = place_of_face[face[spoken]]
        return Said(
            rows,
            values,
            answered,
            complete,
            self._shares.means(face_of_line, len(rows)),
            self._normalised.means(face_of_line, len(rows)),
        )

    def _faces(self, ids: Sequence[str]) -> npt.NDArray[np.intp]:
        """For each sample number its place in `ids`, -1 where it has none."""
        places = np.full(len(self._numbers), -1, dtype=np.intp)
        for place, name in enumerate(ids):
            number = self._numbers.get(name)
            if number is not None:
                places[number] = place
        return places

    def _combined(self, order: npt.NDArray[np.intp], of: npt.NDArray[np.intp], n: int) -> Values:
        """One answer for each of n faces; `of` says whose the lines in `order` are."""
        if self._task.kind == "expression":
            return _plurality(np.array(self._labels)[order], of, n, list(self._words))
        if self._task.kind == "valence_arousal":
            return _average(np.array(self._points).reshape(-1, 2)[order], of, n)
        units = np.frombuffer(bytes(self._units), dtype=np.uint8).reshape(-1, len(self._task.aus))
        return _majority(units[order], of, n)

    def _name(self, number: int) -> str:
        return next(name for name, known in self._numbers.items() if known == number)

    def _place(self, sample: str, draw: int) -> str:
        return f"prediction for task {self._task.name}, sample {sample!r}, prompt {self._prompt}, draw {draw}"


def _plurality(codes: npt.NDArray[np.int32], of: npt.NDArray[np.intp], n: int, words: Sequence[str]) -> Values:
    """The commonest label of each face; of a tie, the one that was drawn first. Lines are in the order drawn."""
    chosen = np.full(n, None, dtype=object)
    ends = [*np.flatnonzero(np.diff(of)), len(of) - 1] if len(of) else []
    start = 0
    for end in ends:
        counts = Counter(codes[start : end + 1].tolist())  # which keeps the order of first sight
        chosen[of[end]] = words[max(counts, key=counts.__getitem__)]
        start = end + 1
    return chosen


def _average(points: npt.NDArray[np.float64], of: npt.NDArray[np.intp], n: int) -> Values:
    """The mean point of each face, NaN without any."""
    sums = np.stack([np.bincount(of, weights=points[:, axis], minlength=n) for axis in range(2)], axis=1)
    lines = np.bincount(of, minlength=n)[:, None]
    means: Values = np.divide(sums, lines, out=np.full((n, 2), np.nan), where=lines > 0)
    return means


def _majority(units: npt.NDArray[np.uint8], of: npt.NDArray[np.intp], n: int) -> Values:
    """The AUs named in more than half of the lines of each face that gave an answer; NaN without any."""
    lines = np.bincount(of, minlength=n)
    named = np.empty((n, units.shape[1]), dtype=np.float32)
    for j in range(units.shape[1]):
        named[:, j] = 2 * np.bincount(of, weights=units[:, j], minlength=n) > lines
    named[lines == 0] = np.nan
    return named

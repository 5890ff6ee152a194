"""Annotations as arrays, level by level, beside the human labels that the annotator did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feab.data.annotations import AnnotationLine, read_annotations
from feab.errors import FeabError
from feab.generation.record import LEVELS, Level
from feab.generation.sources import Source
from feab.vocabulary import EXPRESSIONS, FEAB_17

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ACCEPTED, REJECTED = "generated", "rejected"


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """One level of the faces whose level a model annotated: accepted or rejected.

    Attributes:
        level: which.
        rows: of the dataset, (n,).
        accepted: (n,), whether it was sure enough.
        confidence, total, epistemic: (n,), NaN where not told.
        samples: (n,), answers that were read.
        verified: (n,), whether the verifier was asked.
        said: of expressions the words or None; of valence and arousal (n, 2); of action units (n, 17), 1 present, 0
            absent, NaN not asked. NaN too where nothing could be said.
        likely: of action units, (n, 17) probabilities of presence.
    """

    level: Level
    rows: npt.NDArray[np.intp]
    accepted: Bools
    confidence: Floats
    total: Floats
    epistemic: Floats
    samples: npt.NDArray[np.int64]
    verified: Bools
    said: list[str | None] | Floats
    likely: Floats

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def words(self) -> list[str | None]:
        """What was said of expressions."""
        assert isinstance(self.said, list)
        return self.said

    @property
    def numbers(self) -> Floats:
        """What was said of valence and arousal, or action units."""
        assert not isinstance(self.said, list)
        return self.said


@dataclass(slots=True)
class _Rows:
    """The same, while lines are read."""

    level: Level
    rows: list[int] = field(default_factory=list)
    facts: list[tuple[bool, float, float, float, int, bool]] = field(default_factory=list)
    words: list[str | None] = field(default_factory=list)
    numbers: list[list[float]] = field(default_factory=list)
    likely: list[list[float]] = field(default_factory=list)

    def add(self, row: int, line: AnnotationLine) -> None:
        level = line.level(self.level)
        if level is None or level.source == "human":
            return
        self.rows.append(row)
        accepted = level.source == ACCEPTED
        sure = (_nan(level.confidence), _nan(level.total_uncertainty), _nan(level.epistemic_uncertainty))
        self.facts.append((accepted, *sure, level.samples, bool(level.verification)))
        if self.level == "expression":
            self.words.append(None if line.expression is None else line.expression.value)
        elif self.level == "valence_arousal":
            value = None if line.valence_arousal is None else line.valence_arousal.value
            self.numbers.append([np.nan, np.nan] if value is None else [value.valence, value.arousal])
        elif line.action_units is not None:
            units, details = line.action_units.value, line.action_units.details
            asked = {int(au) for au in details} or set(FEAB_17)
            unsaid = units is None
            self.numbers.append([np.nan if unsaid or au not in asked else float(au in (units or ())) for au in FEAB_17])
            self.likely.append([details.get(str(au), np.nan) for au in FEAB_17])

    def outcomes(self) -> Outcomes:
        facts = np.array(self.facts, dtype=np.float64).reshape(-1, 6)
        width = 2 if self.level == "valence_arousal" else len(FEAB_17)
        numbers = np.array(self.numbers, dtype=np.float64).reshape(-1, width)
        return Outcomes(
            level=self.level,
            rows=np.array(self.rows, dtype=np.intp),
            accepted=facts[:, 0] > 0,
            confidence=facts[:, 1],
            total=facts[:, 2],
            epistemic=facts[:, 3],
            samples=facts[:, 4].astype(np.int64),
            verified=facts[:, 5] > 0,
            said=self.words if self.level == "expression" else numbers,
            likely=np.array(self.likely, dtype=np.float64).reshape(-1, len(FEAB_17)),
        )


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What became of every face: for choosing those that are shown, and for counts."""

    ids: list[str]
    rejected: Bools
    """Whether any level was rejected."""
    verified: Bools
    asked: Bools
    """Whether a model annotated any level."""
    levels: dict[Level, Outcomes]
    rows: list[int]
    """Of each face, in the dataset."""
    human: dict[Level, int]
    """Faces whose level people labelled."""

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """Answers read of each face that a model annotated: of the level with the most."""
        most = np.zeros(len(self.ids), dtype=np.int64)
        place = {row: number for number, row in enumerate(self.rows)}
        for outcomes in self.levels.values():
            for row, n in zip(outcomes.rows, outcomes.samples, strict=True):
                most[place[int(row)]] = max(most[place[int(row)]], n)
        return most[self.asked]


def standing_of(path: Path, ids: Sequence[str] | None) -> Standing:
    """Read annotations.jsonl once.

    Args:
        path: the file.
        ids: of the dataset's samples, in its order; None where it is not here, and rows are those of the file.

    Raises:
        FeabError: when a line does not validate, or is about a face that the dataset has not.
    """
    rows = None if ids is None else {sample: row for row, sample in enumerate(ids)}
    levels = {level: _Rows(level) for level in LEVELS}
    samples: list[str] = []
    places: list[int] = []
    facts: list[tuple[bool, bool, bool]] = []
    human = dict.fromkeys(LEVELS, 0)
    for number, line in enumerate(read_annotations(path)):
        row = number if rows is None else rows.get(line.sample)
        if row is None:
            raise FeabError(f"{path}: the dataset has no sample {line.sample!r}")
        samples.append(line.sample)
        places.append(row)
        there = {name: level for name in LEVELS if (level := line.level(name)) is not None}
        found = [level for level in there.values() if level.source != "human"]
        for name, level in there.items():
            human[name] += level.source == "human"
        facts.append((any(x.source == REJECTED for x in found), any(x.verification for x in found), bool(found)))
        for one in levels.values():
            one.add(row, line)
    table = np.array(facts, dtype=np.bool_).reshape(-1, 3)
    outcomes = {level: found.outcomes() for level, found in levels.items()}
    return Standing(samples, table[:, 0], table[:, 1], table[:, 2], outcomes, places, human)


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """Of one level, the faces that people labelled and the annotator had to guess.

    Attributes:
        outcomes: of these faces.
        words: the human expressions.
        numbers: the human valence and arousal, or action units (NaN not coded).
        right: (n,), in [0, 1]: whether the value is right; of action units the share of those coded that is.
        clusters: whose faces they are.
    """

    outcomes: Outcomes
    words: list[str]
    numbers: Floats
    right: Floats
    clusters: list[str]


def hidden_of(source: Source, outcomes: Outcomes, va_error: float) -> Hidden | None:
    """The faces of a level that can be held against people's labels; None where there are none.

    Valence and arousal are right where neither is off by more than `va_error`.
    """
    human = source.human
    known = human.has(outcomes.level)[outcomes.rows]
    if outcomes.level == "expression":
        known &= np.array([human.expression[row] in EXPRESSIONS for row in outcomes.rows], dtype=np.bool_)
    if not known.any():
        return None
    some = subset(outcomes, known)
    clusters = [f"#{row}" if (name := human.subject[row]) is None else name for row in some.rows]
    words: list[str] = []
    numbers = np.zeros((len(some), 0))
    if some.level == "expression":
        words = [str(human.expression[row]) for row in some.rows]
        right = np.array([said == true for said, true in zip(some.words, words, strict=True)], dtype=np.float64)
    elif some.level == "valence_arousal":
        numbers = np.asarray(human.affect[some.rows], dtype=np.float64)
        off = np.abs(some.numbers - numbers).max(axis=1)
        right = (off <= va_error).astype(np.float64)
    else:
        numbers = np.asarray(human.units[some.rows], dtype=np.float64)
        judged = ~np.isnan(numbers)
        right = ((some.numbers == numbers) & judged).sum(axis=1) / judged.sum(axis=1)
    return Hidden(some, words, numbers, right, clusters)


def subset(outcomes: Outcomes, which: Bools) -> Outcomes:
    """Some of the faces."""
    said = outcomes.said
    return Outcomes(
        level=outcomes.level,
        rows=outcomes.rows[which],
        accepted=outcomes.accepted[which],
        confidence=outcomes.confidence[which],
        total=outcomes.total[which],
        epistemic=outcomes.epistemic[which],
        samples=outcomes.samples[which],
        verified=outcomes.verified[which],
        said=[word for word, there in zip(said, which, strict=True) if there]
        if isinstance(said, list)
        else said[which],
        likely=outcomes.likely[which] if len(outcomes.likely) else outcomes.likely,
    )

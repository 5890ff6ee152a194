"""The human labels of a dataset, level by level: what is known of a face, and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from sys import intern

import numpy as np
import numpy.typing as npt

from feab.data import Dataset
from feab.data.columns import AFFECT, au_column
from feab.generation.record import LEVELS, Level, Value
from feab.generation.tally import Floats
from feab.knowledge import Given
from feab.tasks.made import AU_THRESHOLD
from feab.vocabulary import EXPRESSIONS, FEAB_17

_WORDS = ("expression", "subject")
_MORE, _LESS = 27, 26
"""Of a jaw that drops, FACS codes either."""


@dataclass(frozen=True, slots=True, eq=False)
class HumanLabels:
    """What people said of n faces. An intensity of 2 or more is presence, where presence itself is not coded.

    FACS codes AU27, the mouth stretched open, in place of 26, the jaw dropped: where people coded 27 as present, 26 is
    (our choice, as in FEAB). Otherwise an open mouth would be told to a model as "jaw drop absent".

    Attributes:
        expression: a word or None; it may be one that is none of the eight.
        affect: (n, 2), valence and arousal; NaN unless both are labelled.
        units: (n, 17), 1 present, 0 absent, NaN not coded.
        subject: who it is, where that is known.
    """

    expression: Sequence[str | None]
    affect: Floats
    units: Floats
    subject: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.expression)

    def has(self, level: Level) -> npt.NDArray[np.bool_]:
        """(n,), whether a face is labelled. One coded action unit is enough: those that are not stay unknown."""
        if level == "expression":
            return np.array([word is not None for word in self.expression], bool)
        values = self.affect if level == "valence_arousal" else self.units
        return np.asarray(~np.isnan(values).all(axis=1))

    def levels(self, row: int) -> tuple[Level, ...]:
        """The levels of which a face has a label."""
        return tuple(self.values(row, LEVELS))

    def values(self, row: int, levels: Collection[Level]) -> dict[Level, Value]:
        """The labels of a face, of those levels that are labelled."""
        found: dict[Level, Value] = {}
        word = self.expression[row]
        if "expression" in levels and word is not None:
            found["expression"] = word
        if "valence_arousal" in levels and not np.isnan(self.affect[row]).any():
            found["valence_arousal"] = (float(self.affect[row, 0]), float(self.affect[row, 1]))
        if "action_units" in levels and (coded := self.coded(row)):
            found["action_units"] = frozenset(au for au, present in coded.items() if present)
        return found

    def coded(self, row: int) -> dict[int, bool]:
        """The action units that people coded of a face: present or not."""
        return {au: bool(x) for au, x in zip(FEAB_17, self.units[row], strict=True) if not np.isnan(x)}

    def given(self, row: int, levels: Collection[Level]) -> Given:
        """The same as knowledge takes it. An expression that is none of the eight is unknown to it."""
        word = self.expression[row] if "expression" in levels else None
        known = self.affect[row] if "valence_arousal" in levels and not np.isnan(self.affect[row]).any() else None
        return Given(
            expression=word if word in EXPRESSIONS else None,
            action_units=self.coded(row) if "action_units" in levels else {},
            valence=None if known is None else float(known[0]),
            arousal=None if known is None else float(known[1]),
        )


def human_labels(dataset: Dataset) -> HumanLabels:
    """The labels of all faces of a dataset, in its order; no image is read."""
    coded = (*FEAB_17, _MORE)
    columns = {"presence": [au_column(au, "presence") for au in coded]}
    columns |= {"affect": list(AFFECT), "intensity": [au_column(au, "intensity") for au in coded]}
    frame = dataset.labels((*_WORDS, *(name for names in columns.values() for name in names)))
    numbers = {what: frame.reindex(columns=names).to_numpy(np.float64) for what, names in columns.items()}
    affect, presence, intensity = (numbers[what] for what in ("affect", "presence", "intensity"))
    affect = np.where(np.isnan(affect).any(axis=1, keepdims=True), np.nan, affect)
    graded = np.where(np.isnan(intensity), np.nan, intensity >= AU_THRESHOLD)
    units = np.where(np.isnan(presence), graded, presence > 0)
    units[units[:, -1] > 0, coded.index(_LESS)] = 1
    words = (frame[name].tolist() if name in frame else [None] * len(frame) for name in _WORDS)
    expression, subject = ([intern(word) if isinstance(word, str) else None for word in column] for column in words)
    return HumanLabels(expression, affect, units[:, :-1], subject)

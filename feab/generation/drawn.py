"""Draws of many faces one by one, in the order they came, as arrays: what studies replay and cut short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from feab.generation.record import Draw, FaceDraws
from feab.generation.tally import Floats, Tally
from feab.vocabulary import EXPRESSIONS, FEAB_17

Ints = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Draws of n faces in up to c contexts of up to r.

    Attributes:
        aus: the AUs' numbers.
        asked: (n, c, r), whether there is such a draw.
        expression: (n, c, r), the number of the one said; -1 where it was not read.
        units: (n, c, r, k), 1 named, 0 not; NaN where AUs were not read.
        affect: (n, c, r, 2), valence and arousal; NaN where they were not read.
    """

    aus: tuple[int, ...]
    asked: npt.NDArray[np.bool_]
    expression: Ints
    units: Floats
    affect: Floats

    def __len__(self) -> int:
        return len(self.asked)

    @staticmethod
    def of(faces: Sequence[FaceDraws], aus: Sequence[int] = FEAB_17) -> Answers:
        """From records; AUs outside `aus` are left aside."""
        by_context = [_by_context(face.draws) for face in faces]
        contexts = max(map(len, by_context), default=0)
        shape = (len(faces), contexts, max((len(draws) for one in by_context for draws in one), default=0))
        found = Answers(
            tuple(aus),
            np.zeros(shape, bool),
            np.full(shape, -1),
            np.full((*shape, len(aus)), np.nan),
            np.full((*shape, 2), np.nan),
        )
        for row, one in enumerate(by_context):
            for context, draws in enumerate(one):
                for number, draw in enumerate(draws):
                    found._put((row, context, number), draw)
        return found

    def _put(self, at: tuple[int, int, int], draw: Draw) -> None:
        self.asked[at] = True
        if draw.expression is not None:
            self.expression[at] = EXPRESSIONS.index(draw.expression)
        if draw.action_units is not None:
            self.units[at] = [float(au in draw.action_units) for au in self.aus]
        if draw.valence_arousal is not None:
            self.affect[at] = draw.valence_arousal

    def first(self, draws: Ints) -> Answers:
        """The first draws of each face, as many as (n,) says, or all that there are."""
        n, contexts, each = self.asked.shape
        number = self.asked.reshape(n, -1).cumsum(axis=1).reshape(n, contexts, each)
        return replace(self, asked=self.asked & (number <= draws[:, None, None]))

    def in_contexts(self, contexts: Ints | int) -> Answers:
        """The draws in the first contexts of each face, as many as (n,) or one number says."""
        n, most, _ = self.asked.shape
        used = np.arange(most) < np.broadcast_to(contexts, (n,))[:, None]
        return replace(self, asked=self.asked & used[..., None])

    def tally(self) -> Tally:
        """Counted."""
        said = (self.expression[..., None] == np.arange(len(EXPRESSIONS))) & self.asked[..., None]
        units_read = self.asked & ~np.isnan(self.units).any(axis=-1)
        affect_read = self.asked & ~np.isnan(self.affect).any(axis=-1)
        units = np.where(units_read[..., None], self.units, 0)
        affect = np.where(affect_read[..., None], self.affect, 0)
        return Tally(
            self.aus,
            self.asked.sum(axis=2).astype(float),
            said.sum(axis=2).astype(float),
            units_read.sum(axis=2).astype(float),
            units.sum(axis=2),
            affect_read.sum(axis=2).astype(float),
            affect.sum(axis=2),
            (affect**2).sum(axis=2),
        )

    def faces(self, samples: Sequence[str]) -> list[FaceDraws]:
        """As records; draws are numbered through."""
        return [
            FaceDraws(name, tuple(self._draw(row, *map(int, at)) for at in np.argwhere(self.asked[row])))
            for row, name in enumerate(samples)
        ]

    def _draw(self, row: int, context: int, number: int) -> Draw:
        at = (row, context, number)
        said, units, affect = int(self.expression[at]), self.units[at], self.affect[at].tolist()
        return Draw(
            context,
            context * self.asked.shape[2] + number,
            EXPRESSIONS[said] if said >= 0 else None,
            None if np.isnan(affect).any() else (affect[0], affect[1]),
            None if np.isnan(units).any() else frozenset(au for au, on in zip(self.aus, units, strict=True) if on),
        )


def _by_context(draws: Sequence[Draw]) -> list[list[Draw]]:
    found: dict[int, list[Draw]] = {}
    for draw in sorted(draws, key=lambda one: (one.context, one.draw)):
        found.setdefault(draw.context, []).append(draw)
    return list(found.values())

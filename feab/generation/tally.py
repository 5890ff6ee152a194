"""What draws say of many faces, counted: the arrays on which everything else is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.generation.record import Draw, FaceDraws
from feab.vocabulary import EXPRESSIONS, FEAB_17

Floats = npt.NDArray[np.floating]

_EXPRESSION = {name: column for column, name in enumerate(EXPRESSIONS)}


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Draws of n faces in at most c contexts each. Draws that could not be read for a level do not count there.

    Attributes:
        aus: the AUs' numbers.
        asked: (n, c), draws in each context, read or not.
        expressions: (n, c, 8), how often each was said.
        unit_reads: (n, c), draws of which the AUs were read.
        units: (n, c, k), in how many of those each AU was named.
        affect_reads: (n, c), draws of which valence and arousal were read.
        affect_sums: (n, c, 2), of their values.
        affect_squares: (n, c, 2), of the squares of their values.
    """

    aus: tuple[int, ...]
    asked: Floats
    expressions: Floats
    unit_reads: Floats
    units: Floats
    affect_reads: Floats
    affect_sums: Floats
    affect_squares: Floats

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def contexts(self) -> npt.NDArray[np.intp]:
        """In how many contexts each face was asked, (n,)."""
        return np.asarray(np.count_nonzero(self.asked, axis=1))

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_] | slice) -> Tally:
        """Of some faces."""
        return Tally(self.aus, *(column[rows] for column in self._columns()))

    def first(self, contexts: int) -> Tally:
        """Of the first contexts only: of the pilot, whose design does not depend on what was said."""
        return Tally(self.aus, *(column[:, :contexts] for column in self._columns()))

    def _columns(self) -> tuple[Floats, ...]:
        told = (self.asked, self.expressions, self.unit_reads, self.units)
        return (*told, self.affect_reads, self.affect_sums, self.affect_squares)

    @property
    def named(self) -> Floats:
        """(n, k, 2): in how many draws each AU was named, and in how many it was not."""
        named = self.units.sum(axis=1)
        return np.stack((named, self.unit_reads.sum(axis=1)[:, None] - named), axis=-1)

    @property
    def affect_means(self) -> Floats:
        """Means of valence and arousal in each context, (n, c, 2); NaN where none was read."""
        return divided(self.affect_sums, self.affect_reads[..., None])


def divided(top: Floats, bottom: Floats) -> Floats:
    """Top / bottom; NaN where the bottom is not above 0."""
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    out = np.full(shape, np.nan)
    return np.asarray(np.divide(top, bottom, out=out, where=np.broadcast_to(bottom > 0, shape)))


def tally(faces: Sequence[FaceDraws], aus: Sequence[int] = FEAB_17) -> Tally:
    """Count the draws of every face. AUs outside `aus` are left aside.

    Raises:
        FeabError: when a draw says an expression that is none of the eight, or a number outside [-1, 1].
    """
    return tally_draws([face.draws for face in faces], aus)


def tally_draws(draws: Sequence[Sequence[Draw]], aus: Sequence[int]) -> Tally:
    """As `tally`, of draws alone. A face's contexts stand in the order of their numbers, without gaps."""
    column = {au: k for k, au in enumerate(aus)}
    places = [{context: c for c, context in enumerate(sorted({draw.context for draw in one}))} for one in draws]
    n, contexts = len(draws), max(map(len, places), default=0)
    found = Tally(
        tuple(aus),
        np.zeros((n, contexts)),
        np.zeros((n, contexts, len(EXPRESSIONS))),
        np.zeros((n, contexts)),
        np.zeros((n, contexts, len(aus))),
        np.zeros((n, contexts)),
        np.zeros((n, contexts, 2)),
        np.zeros((n, contexts, 2)),
    )
    for row, (one, place) in enumerate(zip(draws, places, strict=True)):
        for draw in one:
            _count(found, (row, place[draw.context]), draw, column)
    return found


def _count(found: Tally, at: tuple[int, int], draw: Draw, column: dict[int, int]) -> None:
    found.asked[at] += 1
    if draw.expression is not None:
        if draw.expression not in _EXPRESSION:
            raise FeabError(f"a draw says {draw.expression!r}; known are {', '.join(EXPRESSIONS)}")
        found.expressions[at][_EXPRESSION[draw.expression]] += 1
    if draw.action_units is not None:
        found.unit_reads[at] += 1
        for au in draw.action_units & column.keys():
            found.units[at][column[au]] += 1
    if draw.valence_arousal is not None:
        values = np.array(draw.valence_arousal)
        if not (np.abs(values) <= 1).all():
            raise FeabError(f"a draw says valence, arousal {draw.valence_arousal!r}: both lie in [-1, 1]")
        found.affect_reads[at] += 1
        found.affect_sums[at] += values
        found.affect_squares[at] += values**2

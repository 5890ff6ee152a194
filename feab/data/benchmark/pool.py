"""The faces that can still be chosen: each choice takes its neighbours in the recording with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from feab.data.benchmark.faces import Faces, Numbers, Rows
from feab.data.benchmark.recipe import SourceRecipe


class Pool:
    """What is left of a source while faces are chosen from it.

    Attributes:
        faces: the source.
        free: whether a face can still be chosen.
        taken: the faces chosen so far, in the order chosen, each with the number of the part that chose it.
        of_person: how many of each person were chosen.
        alone: whether choosing a face has no bearing on any other.
    """

    def __init__(self, faces: Faces, recipe: SourceRecipe, removed: Rows, on_take: Callable[[int], None]) -> None:
        """`removed`: faces that are not to be chosen; `on_take`: told how many are."""
        self.faces, self._on_take = faces, on_take
        self.free = faces.usable.copy()
        self.free[removed] = False
        self.taken: list[tuple[int, int]] = []
        self.of_person = np.zeros(len(faces.people), dtype=np.int64)
        self._most, self._gap = recipe.most_a_person, recipe.gap
        self.alone = not self._gap and not faces.people
        # By recording, then frame: the neighbours of a face are a slice.
        self._order = np.lexsort((faces.frame, faces.film)) if self._gap else np.zeros(0, dtype=np.int64)
        self._films = faces.film[self._order]
        self._frames = faces.frame[self._order]

    def rows(self) -> Rows:
        """The faces chosen so far."""
        return np.array([row for row, _ in self.taken], dtype=np.int64)

    def take(self, row: int, part: int) -> None:
        """Choose a face."""
        self.taken.append((row, part))
        self._on_take(len(self.taken))
        self.free[row] = False
        if self._gap:
            film, frame = self.faces.film[row], self.faces.frame[row]
            low, high = np.searchsorted(self._films, film, "left"), np.searchsorted(self._films, film, "right")
            frames = self._frames[low:high]
            start = np.searchsorted(frames, frame - self._gap, "right")
            stop = np.searchsorted(frames, frame + self._gap, "left")
            self.free[self._order[low + start : low + stop]] = False
        person = int(self.faces.person[row])
        if person >= 0:
            self.of_person[person] += 1
            if self._most is not None and self.of_person[person] >= self._most:
                self.free[self.faces.person == person] = False

    def left(self, rows: Rows) -> Rows:
        """Those of some faces that can still be chosen."""
        there: Rows = rows[self.free[rows]]
        return there

    def best(self, rows: Rows, *before: npt.NDArray[np.int64]) -> int:
        """Of some faces the first, by what is told of each of them, at last by its key."""
        for place in range(len(before)):
            least = before[place] == before[place].min()
            rows, before = rows[least], tuple(numbers[least] for numbers in before)
        return int(rows[np.argmin(self.faces.keys[rows])])

    def crowding(self, rows: Rows) -> Numbers:
        """How many faces were chosen of the person of each of some faces."""
        person = self.faces.person[rows]
        if not len(self.of_person):
            return np.zeros(len(rows), dtype=np.int64)
        return np.where(person >= 0, self.of_person[person], 0)

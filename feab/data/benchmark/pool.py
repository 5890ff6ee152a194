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
        of_person: how many of each person were chosen; the last is of nobody known, and stays 0.
    """

    def __init__(self, faces: Faces, recipe: SourceRecipe, removed: Rows, on_take: Callable[[int], None]) -> None:
        """`removed`: faces that are not to be chosen; `on_take`: told how many are."""
        self.faces, self._on_take = faces, on_take
        self.free = faces.usable.copy()
        self.free[removed] = False
        self.taken: list[tuple[int, int]] = []
        self.of_person = np.zeros(len(faces.people) + 1, dtype=np.int64)
        self._most, self._gap = recipe.most_a_person, recipe.gap
        # By recording, then frame: the neighbours of a face are a slice.
        self._order = np.lexsort((faces.frame, faces.film)) if self._gap else np.zeros(0, dtype=np.int64)
        self._films = faces.film[self._order]
        self._frames = faces.frame[self._order]

    def rows(self) -> Rows:
        """The faces chosen so far."""
        return np.array([row for row, _ in self.taken], dtype=np.int64)

    def take(self, row: int, part: int) -> Rows:
        """Choose a face; returns those that can no longer be chosen from now on."""
        self.taken.append((row, part))
        self._on_take(len(self.taken))
        gone = [np.array([row]), self._neighbours(row)]
        person = int(self.faces.person[row])
        if person >= 0:
            self.of_person[person] += 1
            if self._most is not None and self.of_person[person] >= self._most:
                gone.append(np.flatnonzero(self.faces.person == person))
        rows: Rows = np.unique(np.concatenate(gone))
        rows = rows[self.free[rows]]
        self.free[rows] = False
        return rows

    def _neighbours(self, row: int) -> Rows:
        """The faces of its recording that are nearer to a face than the recipe allows."""
        if not self._gap:
            return np.zeros(0, dtype=np.int64)
        film, frame = self.faces.film[row], self.faces.frame[row]
        low, high = np.searchsorted(self._films, film, "left"), np.searchsorted(self._films, film, "right")
        frames = self._frames[low:high]
        start = np.searchsorted(frames, frame - self._gap, "right")
        stop = np.searchsorted(frames, frame + self._gap, "left")
        near: Rows = self._order[low + start : low + stop]
        return near


class Queue:
    """Some faces of a pool, in one line for each person and cell, those with the smallest keys first.

    Attributes:
        person: whose line it is, -1 where nobody knows.
        cell: of which cell.
    """

    def __init__(self, pool: Pool, rows: Rows) -> None:
        """`rows`: the faces."""
        faces = pool.faces
        pair = np.column_stack([faces.person[rows], faces.cell[rows]])
        lines, line = np.unique(pair, axis=0, return_inverse=True)
        line = line.ravel()
        order = np.lexsort((faces.keys[rows], line))
        self._pool, self._rows = pool, rows[order]
        self._next = np.searchsorted(line[order], np.arange(len(lines)), "left")
        self._end = np.searchsorted(line[order], np.arange(len(lines)), "right")
        self.person: Numbers = lines[:, 0]
        self.cell: Numbers = lines[:, 1]

    def best(self, *before: Numbers, only: npt.NDArray[np.bool_] | None = None) -> int | None:
        """The first face: of the line with the least numbers, one after the other, then with the smallest key.

        Args:
            before: numbers of the lines.
            only: which of the lines count; None for all.

        Returns:
            None where none is left.
        """
        self._advance()
        left = self._next < self._end
        lines = np.flatnonzero(left if only is None else left & only)
        if not len(lines):
            return None
        for numbers in before:
            there = numbers[lines]
            lines = lines[there == there.min()]
        heads = self._rows[self._next[lines]]
        return int(heads[np.argmin(self._pool.faces.keys[heads])])

    def _advance(self) -> None:
        """Pass over faces that can no longer be chosen."""
        waiting = np.flatnonzero(self._next < self._end)
        while len(waiting):
            waiting = waiting[~self._pool.free[self._rows[self._next[waiting]]]]
            self._next[waiting] += 1
            waiting = waiting[self._next[waiting] < self._end[waiting]]

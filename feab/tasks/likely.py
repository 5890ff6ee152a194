"""The probabilities of labels that predictions carry: kept as numbers, and one set for each face."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt


class LabelProbabilities:
    """Probabilities of a task's labels, of those lines that have any.

    Args:
        labels: the task's; probabilities of others are passed over.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        self._lines, self._values = array("i"), array("f")

    def add(self, line: int, given: Mapping[str, float]) -> None:
        """Take in what line number `line` gives; a label that it leaves out has 0."""
        self._lines.append(line)
        self._values.extend(given.get(label, 0.0) for label in self._labels)

    def of_faces(self, lines: npt.NDArray[np.intp], of: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.float64] | None:
        """Probabilities (n, labels) of n faces: the mean of a face's draws that have any, NaN without; None if all are.

        Args:
            lines: numbers of the lines that count.
            of: whose each of them is.
            n: how many faces there are.
        """
        if not self._lines:
            return None
        given = np.array(self._values, dtype=np.float64).reshape(-1, len(self._labels))
        place = np.full(max(int(lines.max(initial=0)), self._lines[-1]) + 1, -1, dtype=np.intp)
        place[np.array(self._lines)] = np.arange(len(given))
        found = place[lines]
        with_any = found >= 0
        found, of = found[with_any], of[with_any]
        count = np.bincount(of, minlength=n)
        sums = np.stack([np.bincount(of, weights=column[found], minlength=n) for column in given.T], axis=1)
        means: npt.NDArray[np.float64] = np.full(sums.shape, np.nan)
        return np.divide(sums, count[:, None], out=means, where=count[:, None] > 0)

"""Probabilities of answers, kept small while lines are read: four bytes an option."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from feab.schemas import LikelihoodInfo
from feab.tasks.task import Task


class Shares:
    """The probabilities of those lines of one task that have any."""

    def __init__(self, task: Task) -> None:
        self._options = task.options
        self._else = math.nan if task.kind == "action_units" else 0.0
        """Of an option that a line does not name: of a label nothing, of a unit nothing is known."""
        self._lines, self._values = array("q"), array("f")

    def add(self, line: int, probabilities: Mapping[str, float]) -> None:
        """Take in one line's; `line` is its number."""
        self._lines.append(line)
        self._values.extend(probabilities.get(option, self._else) for option in self._options)

    def means(self, place: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.float64] | None:
        """For each of `n` faces the mean over its lines, (n, options), NaN without any; None where no face has any.

        `place`: line -> face, -1 for lines that do not count.
        """
        of = place[np.array(self._lines, dtype=np.intp)]
        counted = of >= 0
        if not counted.any():
            return None
        values = np.array(self._values, dtype=np.float32).reshape(-1, len(self._options))[counted]
        lines = np.bincount(of[counted], minlength=n)[:, None]
        sums = np.stack([np.bincount(of[counted], weights=column, minlength=n) for column in values.T], axis=1)
        found: npt.NDArray[np.float64] = np.divide(sums, lines, out=np.full(sums.shape, np.nan), where=lines > 0)
        return np.clip(found, 0, 1)


def length_normalised(likelihoods: Mapping[str, LikelihoodInfo]) -> dict[str, float]:
    """Probabilities of labels in proportion to e to the power of their mean log-probability a token.

    They are no chances of events, as those from raw log-likelihoods are, but do not favour labels of few tokens.
    """
    logs = {name: one.logprob / one.tokens for name, one in likelihoods.items()}
    top = max(logs.values(), default=0.0)
    weights = {name: math.exp(log - top) for name, log in logs.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}

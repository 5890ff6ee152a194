"""The joint model for a source that codes only some AUs: a small table, for very many faces at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.knowledge.joint import JointModel

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """P(the coded AUs | expression), the other AUs summed out.

    Attributes:
        aus: the coded AUs' numbers; a state's first AU is its highest bit.
        states: (2^m, 8), each column summing to 1.
        prior: P(e), (8,).
    """

    aus: tuple[int, ...]
    states: Floats
    prior: Floats

    def expression(self, present: npt.ArrayLike) -> Floats:
        """P(expression | all coded AUs), (n, 8), of n faces: `present` is (n, m) of 0 and 1, in the AUs' order.

        Raises:
            FeabError: when something else than 0 and 1 is in it; an AU that is not known needs `posterior`.
        """
        given = np.asarray(present)
        if given.ndim != 2 or given.shape[1] != len(self.aus) or not np.isin(given, (0, 1)).all():
            raise FeabError(f"present must be (n, {len(self.aus)}) of 0 and 1")
        code = given.astype(int) @ (1 << np.arange(len(self.aus))[::-1])
        joint = self.states[code] * self.prior
        return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def coded(model: JointModel, aus: Sequence[int]) -> Coded:
    """The table of a source that codes only `aus`: 4,096 × 8 numbers for 12 AUs.

    Raises:
        FeabError: when an AU is not among the model's or comes twice, or the model is tempered.
    """
    if model.weight != 1:
        raise FeabError("a tempered model has no table of its own for some AUs: ask `posterior`")
    if len(set(aus)) != len(aus) or not set(aus) <= set(model.aus):
        raise FeabError(f"AUs must be different ones out of {', '.join(map(str, model.aus))}, got {list(aus)}")
    cube = model.states.reshape((2,) * len(model.aus) + (-1,))
    others = tuple(k for k, au in enumerate(model.aus) if au not in aus)
    kept = [au for au in model.aus if au in aus]
    summed = cube.sum(axis=others, dtype=np.float64)
    ordered = np.moveaxis(summed, [kept.index(au) for au in aus], range(len(aus)))
    return Coded(tuple(aus), np.ascontiguousarray(ordered).reshape(2 ** len(aus), -1), np.exp(model.log_prior))

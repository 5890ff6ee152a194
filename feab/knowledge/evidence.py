"""What is known of faces before knowledge is asked: labels that are certain, and log-weights for what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS, FEAB_17

Floats = npt.NDArray[np.floating]

GRID: Floats = np.linspace(-1, 1, 41)
"""The values of valence, and of arousal, that the joint model knows: steps of .05."""

STEP = 0.05


@dataclass(frozen=True, slots=True)
class Given:
    """Labels of one face that are certain. What is left out is unknown, and never taken as absent.

    Attributes:
        expression: one of the eight.
        action_units: AU -> present or not; only AUs that were coded.
        valence: in [-1, 1]; taken at the nearest point of the grid, at most .025 away.
        arousal: likewise.
    """

    expression: str | None = None
    action_units: Mapping[int, bool] = field(default_factory=dict)
    valence: float | None = None
    arousal: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Log-weights for n faces, level by level: log-likelihoods up to a constant, 0 everywhere where nothing is known.

    Adding two of them combines them: labels with what an annotator said, an annotator with a verifier.

    Attributes:
        expression: (n, 8), of each expression; -inf excludes it.
        action_units: (n, k), log-odds of present against absent; +inf and -inf are certain.
        valence: (n, 41), of each value of `GRID`; -inf excludes it.
        arousal: likewise.

    Raises:
        FeabError: when shapes differ, something is NaN, or nothing is left possible; the face is named by its number.
    """

    expression: Floats
    action_units: Floats
    valence: Floats
    arousal: Floats

    def __post_init__(self) -> None:
        n = len(self.expression)
        widths = {"expression": len(EXPRESSIONS), "valence": len(GRID), "arousal": len(GRID)}
        for name, width in widths.items():
            values = getattr(self, name)
            if values.shape != (n, width):
                raise FeabError(f"evidence: {name} has shape {values.shape}, not {(n, width)}")
            _refuse(np.isnan(values) | (values == np.inf), f"{name}: a log-weight that is NaN or +infinite")
            _refuse(~np.isfinite(values).any(axis=1, keepdims=True), f"{name}: every value is excluded")
        if self.action_units.ndim != 2 or len(self.action_units) != n:
            raise FeabError(f"evidence: action_units has shape {self.action_units.shape}, not ({n}, number of AUs)")
        _refuse(np.isnan(self.action_units), "action_units: log-odds that are NaN, or certain of two things")

    def __len__(self) -> int:
        return len(self.expression)

    def __add__(self, other: Evidence) -> Evidence:
        with np.errstate(invalid="ignore"):  # +inf and -inf make NaN, which is refused with words
            return Evidence(
                self.expression + other.expression,
                self.action_units + other.action_units,
                self.valence + other.valence,
                self.arousal + other.arousal,
            )


def _refuse(wrong: npt.NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise FeabError(f"evidence: face {int(np.argwhere(wrong)[0, 0])}: {what}")


def nothing(n: int, aus: Sequence[int] = FEAB_17) -> Evidence:
    """Evidence that says nothing about n faces."""
    axis = np.zeros((n, len(GRID)))
    return Evidence(np.zeros((n, len(EXPRESSIONS))), np.zeros((n, len(aus))), axis, axis)


def certain(faces: Sequence[Given], aus: Sequence[int] = FEAB_17) -> Evidence:
    """The evidence of labels that are certain. Coded AUs outside `aus` are left aside.

    Raises:
        FeabError: when an expression is unknown, an AU is neither present nor absent, or a number outside [-1, 1].
    """
    found = nothing(len(faces), aus)
    valence, arousal = found.valence.copy(), found.arousal.copy()
    for row, face in enumerate(faces):
        if face.expression is not None:
            if face.expression not in EXPRESSIONS:
                raise FeabError(f"unknown expression {face.expression!r}; known are {', '.join(EXPRESSIONS)}")
            found.expression[row] = -np.inf
            found.expression[row, EXPRESSIONS.index(face.expression)] = 0
        for column, au in enumerate(aus):
            if au in face.action_units:
                if face.action_units[au] not in (0, 1):  # NaN, a column's word for "not coded", would pass for present
                    raise FeabError(
                        f"AU {au} must be present or not, got {face.action_units[au]!r}: leave out the unknown"
                    )
                found.action_units[row, column] = np.inf if face.action_units[au] else -np.inf
        for weights, name, value in ((valence, "valence", face.valence), (arousal, "arousal", face.arousal)):
            if value is not None:
                weights[row] = -np.inf
                weights[row, nearest(name, value)] = 0
    return Evidence(found.expression, found.action_units, valence, arousal)


def nearest(name: str, value: float) -> int:
    """The position in `GRID` of the point nearest to a valence or arousal."""
    if not -1 <= value <= 1:
        raise FeabError(f"{name} must be from -1 to 1, got {value!r}")
    return round((value + 1) / STEP)


def gaussian(mean: npt.ArrayLike, sd: npt.ArrayLike) -> Floats:
    """Log-weights over `GRID` of a measurement with normal error: (n,) and (n,) -> (n, 41)."""
    centre, spread = np.atleast_1d(mean)[:, None], np.atleast_1d(sd)[:, None]
    return np.asarray(-0.5 * ((GRID - centre) / spread) ** 2)

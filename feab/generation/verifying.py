"""What a verifier's verdicts are worth: likelihood ratios with rates from labelled faces, never an oracle.

A verdict on an expression or AU multiplies the posterior by s where the candidate is right and by f where it is wrong
(confirm), or by 1 - s and 1 - f (refute): one that confirms everything has s = f and changes nothing.

Of valence and arousal a verdict on v̂ is "fits", "too low" or "too high". measurement.md 4.5 gives the last two as
w Φ(±(v - v̂)/.15) + (1 - w)/2, which leaves no chance for the first; we take two such judgements, Φ² for both saying
"too low", (1 - Φ)² for both "too high", else "fits", and instead of (1 - w)/2 the verifier's habit, how often it rules
so at all. Then the three sum to 1, and a verifier that always says "fits" has w = 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.generation.fitted import ASKED, AXES, Asked, Confirmed, ErrorModel, VerifierErrors
from feab.generation.record import FaceDraws, Ruling, Verdict
from feab.generation.tally import Floats, Tally
from feab.knowledge import GRID, Evidence, nothing
from feab.vocabulary import EXPRESSIONS

AGREEING = 0.75
"""Share of draws from which they agree with a candidate: the upper of the two bins (our choice)."""

SHARPNESS = 0.15
"""How far apart valences, or arousals, must lie to be told apart."""

RULINGS: tuple[Ruling, ...] = ("confirm", "too low", "too high")
_DECIMAL = re.compile(r"-?[01](\.[0-9]{1,6})?")
_HEEDS = np.linspace(0, 0.98, 50)


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict on an expression or AU, ready to count: of which face, on what, and said by how many of its draws.

    Attributes:
        row: the face.
        asked: which rates hold for it.
        column: of the expression or AU.
        bin: 1 where the draws agree with the candidate.
        confirmed: or refuted.
    """

    row: int
    asked: Asked
    column: int
    bin: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Gauge:
    """One verdict on a valence (axis 0) or arousal (axis 1): of which face, on which value, and the ruling's number."""

    row: int
    axis: int
    candidate: float
    ruling: int


def first_verdicts(face: FaceDraws) -> dict[str, Verdict]:
    """The first verdict on each thing: a second one by the same model on the same face is no second opinion."""
    found: dict[str, Verdict] = {}
    for verdict in face.verdicts:
        found.setdefault(verdict.about, verdict)
    return found


def checks(faces: Sequence[FaceDraws], said: Tally) -> Iterator[Check | Gauge]:
    """All verdicts that could be read, on what is known; others are no evidence."""
    column = {str(au): k for k, au in enumerate(said.aus)}
    shares = agreeing(said)
    for row, face in enumerate(faces):
        for verdict in first_verdicts(face).values():
            if verdict.ruling is None:
                continue
            if verdict.about == "expression" and verdict.candidate in EXPRESSIONS:
                at = EXPRESSIONS.index(verdict.candidate)
                yield Check(row, "expression", at, shares.expression_bin(row, at), verdict.ruling == "confirm")
            elif verdict.about in column and verdict.candidate in ("present", "absent"):
                at, asked = column[verdict.about], ASKED[1 if verdict.candidate == "present" else 2]
                yield Check(row, asked, at, shares.unit_bin(row, at, asked), verdict.ruling == "confirm")
            elif verdict.about in AXES and verdict.ruling in RULINGS and _DECIMAL.fullmatch(verdict.candidate):
                yield Gauge(row, AXES.index(verdict.about), float(verdict.candidate), RULINGS.index(verdict.ruling))


@dataclass(frozen=True, slots=True, eq=False)
class Agreeing:
    """Which share of a face's draws say each expression (n, 8), and name each AU (n, k)."""

    expressions: Floats
    units: Floats

    def expression_bin(self, row: int, column: int) -> int:
        """Of a candidate expression."""
        return int(self.expressions[row, column] >= AGREEING)

    def unit_bin(self, row: int, column: int, asked: Asked) -> int:
        """Of an AU's presence or absence."""
        share = self.units[row, column]
        return int((share if asked == "present" else 1 - share) >= AGREEING)


def agreeing(said: Tally) -> Agreeing:
    """The shares of draws behind every possible candidate."""
    expressions, named = said.expressions.sum(axis=1), said.named
    return Agreeing(
        expressions / np.maximum(expressions.sum(axis=-1, keepdims=True), 1),
        named[..., 0] / np.maximum(named.sum(axis=-1), 1),
    )


def verdicts_evidence(faces: Sequence[FaceDraws], said: Tally, model: ErrorModel) -> Evidence:
    """Log-weights of all verdicts on n faces."""
    found = nothing(len(faces), said.aus)
    affect = (found.valence.copy(), found.arousal.copy())
    for one in checks(faces, said):
        if isinstance(one, Gauge):
            affect[one.axis][one.row] += np.log(gauge_likelihood(model.verifier, one.axis, one.candidate)[one.ruling])
        else:
            s, f = model.verifier.confirmed[one.asked][one.bin].rates
            ratio = float(np.log(s / f) if one.confirmed else np.log((1 - s) / (1 - f)))
            if one.asked == "expression":
                found.expression[one.row, one.column] += ratio
            else:
                found.action_units[one.row, one.column] += ratio if one.asked == "present" else -ratio
    return Evidence(found.expression, found.action_units, *affect)


def gauge_likelihood(verifier: VerifierErrors, axis: int, candidate: float) -> Floats:
    """P("fits", "too low", "too high" | value) at every value of the grid, (3, 41)."""
    heed, habits = verifier.heed[AXES[axis]], np.array(verifier.habits[AXES[axis]])
    return np.asarray(heed * _judged(GRID - candidate) + (1 - heed) * habits[:, None])


def _judged(above: Floats) -> Floats:
    """(m,) how far the truth is above the candidate -> (3, m), the rulings of one that looks twice."""
    from scipy.special import ndtr

    low = ndtr(above / SHARPNESS)
    return np.stack((2 * low * (1 - low), low**2, (1 - low) ** 2))


def fit_verifier(
    faces: Sequence[FaceDraws],
    said: Tally,
    expression: npt.NDArray[np.integer],
    units: Floats,
    affect: Floats,
) -> VerifierErrors:
    """Rates of the verifier from the verdicts on labelled faces.

    Args:
        faces: n of them.
        said: their draws.
        expression: (n,), the true one's number; -1 where it is not known.
        units: (n, k), 1 present, 0 absent, NaN not known.
        affect: (n, 2), true valence and arousal, NaN where not known.
    """
    counts = {asked: np.zeros((2, 2, 2), int) for asked in ASKED}
    gauges: tuple[list[tuple[float, int]], list[tuple[float, int]]] = ([], [])
    for one in checks(faces, said):
        if isinstance(one, Gauge):
            if not np.isnan(affect[one.row, one.axis]):
                gauges[one.axis].append((affect[one.row, one.axis] - one.candidate, one.ruling))
        elif one.asked == "expression":
            if expression[one.row] >= 0:
                counts[one.asked][one.bin, int(expression[one.row] != one.column), int(not one.confirmed)] += 1
        elif not np.isnan(units[one.row, one.column]):
            wrong = (units[one.row, one.column] == 1) != (one.asked == "present")
            counts[one.asked][one.bin, int(wrong), int(not one.confirmed)] += 1
    fitted = [_fit_axis(found) for found in gauges]
    return VerifierErrors(
        confirmed={asked: (_confirmed(table[0]), _confirmed(table[1])) for asked, table in counts.items()},
        heed={"valence": fitted[0][0], "arousal": fitted[1][0]},
        habits={"valence": fitted[0][1], "arousal": fitted[1][1]},
    )


def _confirmed(table: npt.NDArray[np.integer]) -> Confirmed:
    (right_confirmed, right_refuted), (wrong_confirmed, wrong_refuted) = table.tolist()
    return Confirmed(
        right_confirmed=right_confirmed,
        right_refuted=right_refuted,
        wrong_confirmed=wrong_confirmed,
        wrong_refuted=wrong_refuted,
    )


def _fit_axis(found: Sequence[tuple[float, int]]) -> tuple[float, tuple[float, float, float]]:
    """The most likely w (0 without verdicts), and the habits: smoothed shares of the rulings."""
    rulings = np.array([ruling for _, ruling in found], int)
    habits = (np.bincount(rulings, minlength=3) + 1) / (len(rulings) + 3)
    judged = _judged(np.array([above for above, _ in found]))[rulings, np.arange(len(rulings))]
    likelihood = np.log(np.outer(_HEEDS, judged) + np.outer(1 - _HEEDS, habits[rulings]) + 1e-12).sum(axis=1)
    return float(_HEEDS[np.argmax(likelihood)]), (float(habits[0]), float(habits[1]), float(habits[2]))

"""Which candidate a verifier is to be shown, if its verdict could matter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, TypeAlias

import numpy as np

from feab.generation.fitted import AXES, Asked, ErrorModel
from feab.generation.record import Level
from feab.generation.settings import Settings
from feab.generation.standing import limit
from feab.generation.tally import Floats, Tally
from feab.generation.verifying import agreeing, gauge_likelihood
from feab.knowledge import GRID, Posterior
from feab.vocabulary import EXPRESSIONS

Step = Literal["ask", "verify", "stop"]
Candidate: TypeAlias = tuple[str, str, str]
"""(about, candidate, foil); of valence and arousal the foil is empty."""


def to_verify(
    said: Tally,
    found: Posterior,
    row: int,
    levels: Sequence[Level],
    asked: Collection[str],
    model: ErrorModel,
    settings: Settings,
) -> Candidate | None:
    """What of a face to show the verifier next; None where nothing is left that its verdict could change.

    Args:
        said: draws of all faces.
        found: their posterior.
        row: the face.
        levels: those that are not sure enough.
        asked: what it was asked about already: nothing is asked twice.
        model: the verifier's rates.
        settings: `verify`, `doubtful`, `most_unit_checks`.
    """
    if settings.verify == "never":
        return None
    finders: dict[Level, Callable[[], Candidate | None]] = {
        "expression": lambda: _expression(said, found, row, asked, model, settings),
        "valence_arousal": lambda: _affect(found, row, asked, model, settings),
        "action_units": lambda: _unit(said, found, row, asked, model, settings),
    }
    return next((one for level in levels if (one := finders[level]()) is not None), None)


def _after(p: float, rates: tuple[float, float]) -> tuple[float, float]:
    """A candidate's probability p -> after "confirm", and after "refute"."""
    s, f = rates
    confirm = p * s + (1 - p) * f
    return p * s / confirm, p * (1 - s) / (1 - confirm)


def _expression(
    said: Tally, found: Posterior, row: int, asked: Collection[str], model: ErrorModel, settings: Settings
) -> Candidate | None:
    if "expression" in asked:
        return None
    p = found.expression[row]
    second, first = np.argsort(p, kind="stable")[-2:]
    if settings.verify == "useful":
        part = said.take(slice(row, row + 1))
        rates = model.verifier.confirmed["expression"][agreeing(part).expression_bin(0, first)].rates
        confirmed, refuted = _after(float(p[first]), rates)
        overturned = p[second] * (1 - refuted) / max(1 - p[first], 1e-12) > refuted
        if confirmed < limit("expression", model, settings) and not overturned:
            return None
    return "expression", EXPRESSIONS[first], EXPRESSIONS[second]


def _unit(
    said: Tally, found: Posterior, row: int, asked: Collection[str], model: ErrorModel, settings: Settings
) -> Candidate | None:
    """The most doubtful AU whose verdict could settle it."""
    if sum(about.isdigit() for about in asked) >= settings.most_unit_checks:
        return None
    p, (low, high) = found.action_units[row], settings.doubtful
    part = said.take(slice(row, row + 1))
    for column in np.argsort(np.abs(p - 0.5), kind="stable"):
        if not low < p[column] < high:
            return None
        au, word = str(found.aus[column]), _word(p[column])
        if au not in asked and (
            settings.verify == "always" or _settles(float(p[column]), part, int(column), word, model, (low, high))
        ):
            return au, word, "absent" if word == "present" else "present"
    return None


def _word(p: float) -> Asked:
    return "present" if p > 0.5 else "absent"


def _settles(p: float, part: Tally, column: int, word: Asked, model: ErrorModel, doubtful: tuple[float, float]) -> bool:
    rates = model.verifier.confirmed[word][agreeing(part).unit_bin(0, column, word)].rates
    confirmed, refuted = _after(max(p, 1 - p), rates)
    return confirmed >= doubtful[1] or refuted < 0.5


def _affect(
    found: Posterior, row: int, asked: Collection[str], model: ErrorModel, settings: Settings
) -> Candidate | None:
    """The mean of the wider axis, to two decimals; of the other one when that was asked."""
    sds, most = found.sds[row] * model.widening, limit("valence_arousal", model, settings)
    for axis in np.argsort(-sds, kind="stable"):
        name, grid = AXES[axis], (found.valence, found.arousal)[axis][row]
        if name in asked or sds[axis] <= most:
            continue
        candidate = round(float(grid @ GRID), 2) + 0.0  # no -0.00
        fits = grid * gauge_likelihood(model.verifier, int(axis), candidate)[0]
        if settings.verify == "always" or _sd(fits) * model.widening[axis] <= most:
            return name, f"{candidate:.2f}", ""
    return None


def _sd(weights: Floats) -> float:
    p = weights / weights.sum()
    mean = p @ GRID
    return float(np.sqrt(max(p @ (GRID - mean) ** 2, 0)))

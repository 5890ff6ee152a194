"""Human labels that the annotator did not see, as arrays, and the numbers of an error model fitted on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feab.generation.dispersion import fit_dispersion
from feab.generation.fitted import (
    AffectErrors,
    BaseRates,
    ErrorModel,
    ExpressionErrors,
    Scaling,
    UnitErrors,
)
from feab.generation.posterior import answered, sampling_variance
from feab.generation.record import LEVELS, FaceDraws, Level
from feab.generation.settings import Settings
from feab.generation.tally import Floats, Tally, divided, tally
from feab.generation.uncertainty import of_values
from feab.generation.verifying import fit_verifier
from feab.knowledge import GRID, Given, JointModel, nothing, posterior
from feab.vocabulary import EXPRESSIONS

_KERNEL = 0.15
"""Width by which labelled valences and arousals are smoothed into base rates (our choice)."""
_SLOPE_SPREAD = 0.5
"""Prior of β, around 1: it counts only where labels hardly vary."""

GUESSED = MappingProxyType({"recall": 0.5, "concentration": 1.0, "hit": 0.6, "false_alarm": 0.15, "tau": 0.3})
"""What stands in for the rates of a level without labelled faces: a weak annotator (our choice)."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """n faces with labels.

    Attributes:
        faces: what was said of them.
        said: their draws, counted.
        given: what the annotator saw.
        expression: (n,), the true one's number, -1 where not known.
        units: (n, k), 1 present, 0 absent, NaN not coded.
        affect: (n, 2), valence and arousal, NaN where not known.
    """

    faces: Sequence[FaceDraws]
    said: Tally
    given: Sequence[Given]
    expression: npt.NDArray[np.intp]
    units: Floats
    affect: Floats

    def __len__(self) -> int:
        return len(self.expression)

    def take(self, rows: npt.NDArray[np.intp]) -> Labelled:
        """Some of them."""
        return Labelled(
            [self.faces[row] for row in rows],
            self.said.take(rows),
            [self.given[row] for row in rows],
            self.expression[rows],
            self.units[rows],
            self.affect[rows],
        )

    @property
    def told(self) -> Mapping[Level, npt.NDArray[np.bool_]]:
        """Level -> faces with a label of it that were annotated, (n,)."""
        return {
            "expression": (self.expression >= 0) & (self.said.expressions.sum(axis=(1, 2)) > 0),
            "valence_arousal": ~np.isnan(self.affect).any(axis=1) & (self.said.affect_reads.sum(axis=1) > 0),
            "action_units": ~np.isnan(self.units).all(axis=1) & (self.said.unit_reads.sum(axis=1) > 0),
        }


def labelled(
    faces: Sequence[FaceDraws], truths: Sequence[Given], given: Sequence[Given], aus: Sequence[int]
) -> Labelled:
    """Faces with the labels that were hidden from the annotator, and those that were not."""
    units = np.full((len(truths), len(aus)), np.nan)
    for row, one in enumerate(truths):
        for column, au in enumerate(aus):
            if au in one.action_units:
                units[row, column] = float(one.action_units[au])
    return Labelled(
        faces,
        tally(faces, aus),
        given,
        np.array([-1 if one.expression is None else EXPRESSIONS.index(one.expression) for one in truths], np.intp),
        units,
        np.array([(_number(one.valence), _number(one.arousal)) for one in truths], float).reshape(-1, 2),
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def fit_rates(faces: Labelled, knowledge: JointModel, settings: Settings) -> ErrorModel:
    """All that is estimated level by level; λ is 1 and nothing is accepted yet."""
    counted = {level: int(told.sum()) for level, told in faces.told.items()}
    calibrated = {level: counted[level] >= settings.least_labelled for level in LEVELS}
    axes = [_fit_affect(faces, axis, settings, calibrated["valence_arousal"]) for axis in (0, 1)]
    return ErrorModel(
        aus=faces.said.aus,
        labelled=counted,
        calibrated=calibrated,
        expression=_fit_expression(faces, calibrated["expression"]),
        action_units=_fit_units(faces, calibrated["action_units"]),
        valence=axes[0],
        arousal=axes[1],
        verifier=fit_verifier(faces.faces, faces.said, faces.expression, faces.units, faces.affect),
        base_rates=_base_rates(faces, knowledge, calibrated),
        lam=dict.fromkeys(LEVELS, 1.0),
        scaling=Scaling.none(len(faces.said.aus)),
        thresholds=dict.fromkeys(LEVELS),
    )


def _fit_expression(faces: Labelled, enough: bool) -> ExpressionErrors:
    classes = len(EXPRESSIONS)
    if not enough:
        rest = (1 - GUESSED["recall"]) / (classes - 1)
        confusion = np.full((classes, classes), rest) + (GUESSED["recall"] - rest) * np.eye(classes)
        return ExpressionErrors(confusion=_rows(confusion), concentration=GUESSED["concentration"])
    counts = faces.said.expressions.sum(axis=1)
    found = fit_dispersion(counts[None], faces.expression[None], classes)
    return ExpressionErrors(confusion=_rows(found.rates[0]), concentration=float(found.concentration[0]))


def _rows(table: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in table)


def _fit_units(faces: Labelled, enough: bool) -> UnitErrors:
    k = len(faces.said.aus)
    if not enough:
        guessed = ((GUESSED[name],) * k for name in ("hit", "false_alarm", "concentration"))
        hits, false_alarms, concentrations = guessed
        return UnitErrors(hits=hits, false_alarms=false_alarms, concentrations=concentrations)
    truth = np.where(np.isnan(faces.units), -1, faces.units).astype(int).T
    found = fit_dispersion(np.moveaxis(faces.said.named, 1, 0), truth, 2)
    return UnitErrors(
        hits=tuple(map(float, found.rates[:, 1, 0])),
        false_alarms=tuple(map(float, found.rates[:, 0, 0])),
        concentrations=tuple(map(float, found.concentration)),
    )


def _fit_affect(faces: Labelled, axis: int, settings: Settings, enough: bool) -> AffectErrors:
    between, within = _sampling(faces.said.first(settings.pilot_contexts), axis)
    if not enough:
        return AffectErrors(alpha=0, beta=1, tau=GUESSED["tau"], between=between, within=within)
    rows = np.flatnonzero(faces.told["valence_arousal"])
    said, true = faces.said.take(rows), faces.affect[rows, axis]
    alpha, beta, tau = _line(true, answered(said)[:, axis], sampling_variance(said, between, within))
    return AffectErrors(alpha=alpha, beta=beta, tau=tau, between=between, within=within)


def _sampling(said: Tally, axis: int) -> tuple[float, float]:
    """σ_b and σ_w, pooled over faces whose draws suffice; .1 each where none do (our choice)."""
    found = of_values(said)
    within, between = found.aleatoric[:, axis], found.epistemic[:, axis]
    fine = ~np.isnan(between)
    if not fine.any():
        return 0.1, 0.1
    return float(np.sqrt(max(0.0, between[fine].mean()))), float(np.sqrt(within[fine].mean()))


def _line(true: Floats, said: Floats, noise: Floats) -> tuple[float, float, float]:
    """α, β and τ: weighted least squares, with τ² so that squared misses match their variance (Paule & Mandel 1982)."""
    tau = 0.04
    for _ in range(50):
        weight = 1 / (tau + noise + 1e-6)
        design = np.stack((np.ones_like(true), true), axis=1)
        square = design.T @ (weight[:, None] * design) + np.diag((1e-9, _SLOPE_SPREAD**-2))
        alpha, beta = np.linalg.solve(square, design.T @ (weight * said) + np.array((0, _SLOPE_SPREAD**-2)))
        missed = (said - alpha - beta * true) ** 2
        new = max(0.0, tau + ((missed * weight).sum() - max(len(true) - 2, 1)) / (missed * weight**2).sum())
        moved, tau = abs(new - tau), new
        if moved < 1e-6:
            break
    return float(np.clip(alpha, -4, 4)), float(np.clip(beta, -4, 4)), float(np.sqrt(tau))


def _base_rates(faces: Labelled, knowledge: JointModel, calibrated: Mapping[Level, bool]) -> BaseRates:
    """Smoothed shares of the labels; where there are too few, those that knowledge has."""
    known = posterior(knowledge, nothing(1, knowledge.aus))
    expression, units = known.expression[0], known.action_units[0]
    affect = [known.valence[0], known.arousal[0]]
    if calibrated["expression"]:
        counts = np.bincount(faces.expression[faces.told["expression"]], minlength=len(EXPRESSIONS)) + 0.5
        expression = counts / counts.sum()
    if calibrated["action_units"]:
        units = (np.nansum(faces.units, axis=0) + 0.5) / ((~np.isnan(faces.units)).sum(axis=0) + 1)
    if calibrated["valence_arousal"]:
        values = faces.affect[faces.told["valence_arousal"]]
        near = np.exp(-0.5 * ((GRID[:, None, None] - values) / _KERNEL) ** 2)
        smooth = divided(near, near.sum(axis=0)).mean(axis=1)
        affect = [smooth[:, 0], smooth[:, 1]]
    spread = [0.99 * one / one.sum() + 0.01 / len(GRID) for one in affect]
    even = 0.999 * expression / expression.sum() + 0.001 / len(EXPRESSIONS)
    return BaseRates(
        expression=tuple(map(float, even)),
        action_units=tuple(map(float, np.clip(units, 0.001, 0.999))),
        valence=tuple(map(float, spread[0])),
        arousal=tuple(map(float, spread[1])),
    )

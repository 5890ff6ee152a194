"""Fitting an annotator's errors, the weight of knowledge, and what is accepted, on faces with labels it did not see.

The faces are divided into folds. The rates of four fifths judge the rest, and on these judgements, of faces that the
rates have not seen, are fitted: λ, the weight of knowledge, by log-loss; how much too sure they are; and from which
confidence on each level is accepted. In the end the rates are fitted on all faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.generation.fitted import ErrorModel, Scaling
from feab.generation.labelled import Labelled, fit_rates, labelled
from feab.generation.posterior import heard, judged
from feab.generation.record import LEVELS, FaceDraws, Level
from feab.generation.rescaling import fit_expression, fit_units, rescaled
from feab.generation.settings import Settings
from feab.generation.standing import confidence, largest_spread, least_confidence, upper_mean, widened
from feab.generation.tally import Floats
from feab.knowledge import Evidence, Given, JointModel, Posterior, certain
from feab.knowledge.evidence import nearest

__all__ = ["ErrorModel", "fit_error_model"]

_COARSE = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_FINE = 0.125
_LEAST_P = 1e-12


def fit_error_model(
    faces: Sequence[FaceDraws],
    truths: Sequence[Given],
    knowledge: JointModel,
    given: Sequence[Given],
    settings: Settings | None = None,
    *,
    clusters: Sequence[Any] | None = None,
    progress: Callable[[float], None] | None = None,
) -> ErrorModel:
    """All that turns draws and verdicts into probabilities, fitted on labelled faces.

    They should have gone through the same procedure as the faces to be annotated, and be at least 400, 30 of a class.

    Args:
        faces: what annotator and verifier said of them.
        truths: their labels that the annotator did not see; a level that is left out is not fitted by that face.
        knowledge: of what goes together, not tempered.
        given: the labels that it saw.
        settings: see there.
        clusters: who or what each face belongs to, None where that is not known: one subject's faces share a fold.
        progress: called now and then with the share that is done.

    Returns:
        Levels with fewer than `settings.least_labelled` labelled faces get weak rates, `calibrated` False, and no
        threshold.

    Raises:
        FeabError: when lengths differ, or labels or draws cannot be.
    """
    settings = settings or Settings()
    if not len(faces) == len(truths) == len(given):
        raise FeabError(f"{len(faces)} faces, {len(truths)} truths and {len(given)} given labels: they must be as many")
    everyone = labelled(faces, truths, given, knowledge.aus)
    rates = fit_rates(everyone, knowledge, settings)
    levels = [level for level, enough in rates.calibrated.items() if enough]
    if not levels:
        return rates
    folds = _Folds.fit(everyone, knowledge, settings, _folds(everyone, clusters, settings.folds))
    few = folds.take(_spread_out(len(everyone), settings.weighing_faces))
    losses = _weigh(few, settings.most_knowledge, progress)
    best = _best(losses)
    # A level without labels is judged with the weight of one that has some: with one of its own it would cost more.
    lam = {level: best[level if level in levels else levels[0]] for level in LEVELS}
    found = _accepting(folds, rates, lam, settings)
    if progress:
        progress(1.0)
    told = {level: {f"{at:g}": loss for at, loss in sorted(losses[level].items())} for level in levels}
    return found.model_copy(update={"lam": lam, "losses": told})


def _folds(faces: Labelled, clusters: Sequence[Any] | None, folds: int) -> npt.NDArray[np.intp]:
    """The fold of each face. Clusters are dealt out in the order of their first face's expression: classes spread."""
    known = [None] * len(faces) if clusters is None else list(clusters)
    if len(known) != len(faces):
        raise FeabError(f"{len(known)} clusters for {len(faces)} faces")
    names = [("face", row) if name is None else ("cluster", name) for row, name in enumerate(known)]
    first: dict[Any, int] = {}
    for row in np.argsort(faces.expression, kind="stable"):
        first.setdefault(names[row], len(first))
    return np.array([first[name] % folds for name in names], np.intp)


def _spread_out(n: int, most: int) -> npt.NDArray[np.intp]:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))


@dataclass(frozen=True, slots=True, eq=False)
class _Folds:
    """Labelled faces, each with what is known of it, weighed by rates that have not seen it."""

    faces: Labelled
    knowledge: JointModel
    models: Sequence[ErrorModel]
    fold: npt.NDArray[np.intp]
    known: Evidence

    @staticmethod
    def fit(faces: Labelled, knowledge: JointModel, settings: Settings, fold: npt.NDArray[np.intp]) -> _Folds:
        models, parts = [], []
        for number in range(settings.folds):
            model = fit_rates(faces.take(np.flatnonzero(fold != number)), knowledge, settings)
            own = faces.take(np.flatnonzero(fold == number))
            models.append(model)
            parts.append(heard(own.faces, own.said, model))
        order = np.argsort(np.argsort(fold, kind="stable"), kind="stable")
        known = _rows(_stacked(parts), order) + certain(faces.given, knowledge.aus)
        return _Folds(faces, knowledge, models, fold, known)

    def take(self, rows: npt.NDArray[np.intp]) -> _Folds:
        return _Folds(self.faces.take(rows), self.knowledge, self.models, self.fold[rows], _rows(self.known, rows))

    def judge(self, lam: Mapping[Level, float]) -> Posterior:
        """What each face shows, by rates that have not seen it."""
        parts = []
        for number, model in enumerate(self.models):
            rows = np.flatnonzero(self.fold == number)
            weighing = model.model_copy(update={"lam": lam})
            parts.append(judged(self.faces.said.take(rows), _rows(self.known, rows), weighing, self.knowledge))
        order = np.argsort(np.argsort(self.fold, kind="stable"), kind="stable")
        columns = ("expression", "action_units", "valence", "arousal", "log_evidence")
        stacked = (np.concatenate([getattr(part, name) for part in parts])[order] for name in columns)
        return Posterior(self.knowledge.aus, *stacked)

    def losses(self, lam: float) -> dict[Level, float]:
        """Level -> mean log-loss of a face's hidden labels, in nats; of several labels the sum of each by itself."""
        found, faces = self.judge(dict.fromkeys(LEVELS, lam)), self.faces
        rows = {level: np.flatnonzero(told) for level, told in faces.told.items()}
        expression, affect, units = (rows[level] for level in LEVELS)
        points = [[nearest("valence or arousal", value) for value in column] for column in faces.affect[affect].T]
        present = np.where(faces.units[units] == 1, found.action_units[units], 1 - found.action_units[units])
        return {
            "expression": _log_loss(found.expression[expression, faces.expression[expression], None]),
            "valence_arousal": _log_loss(
                np.stack((found.valence[affect, points[0]], found.arousal[affect, points[1]]), axis=1)
            ),
            "action_units": _log_loss(np.where(np.isnan(faces.units[units]), 1, present)),
        }


def _log_loss(p: Floats) -> float:
    """Of (n, labels) probabilities of what is so."""
    return -float(np.log(np.maximum(p, _LEAST_P)).sum() / max(len(p), 1))


def _weigh(folds: _Folds, most: float, progress: Callable[[float], None] | None) -> dict[Level, dict[float, float]]:
    """Level -> λ -> loss: in steps of 1/4, then 1/8 to both sides of each level's best."""
    losses: dict[Level, dict[float, float]] = {level: {} for level in LEVELS}
    coarse = [lam for lam in _COARSE if lam < most] + [most]

    def measure(weights: Iterable[float], done: float, share: float) -> None:
        todo = list(weights)
        for number, lam in enumerate(todo, start=1):
            for level, loss in folds.losses(lam).items():
                losses[level][lam] = loss
            if progress:
                progress(done + share * number / len(todo))

    measure(coarse, 0, 0.6)
    around = {best + step for best in _best(losses).values() for step in (-_FINE, _FINE)}
    measure(sorted(lam for lam in around if 0 <= lam <= most), 0.6, 0.3)
    return losses


def _best(losses: Mapping[Level, Mapping[float, float]]) -> dict[Level, float]:
    return {level: min(found, key=lambda lam: found[lam]) for level, found in losses.items()}


def _scaling(found: Posterior, faces: Labelled, rates: ErrorModel, rows: npt.NDArray[np.bool_]) -> Scaling:
    """What sets some faces' judgements right, of the levels that are calibrated."""
    scaling, told = rates.scaling, faces.told
    if rates.calibrated["expression"]:
        own = rows & told["expression"]
        slope, shift = fit_expression(found.expression[own], faces.expression[own])
        scaling = scaling.model_copy(update={"expression_slope": slope, "expression_shift": shift})
    if rates.calibrated["action_units"]:
        own = rows & told["action_units"]
        slope, shift = fit_units(found.action_units[own], faces.units[own])
        scaling = scaling.model_copy(update={"unit_slope": slope, "unit_shift": shift})
    return scaling


def _unseen(found: Posterior, faces: Labelled, fold: npt.NDArray[np.intp], rates: ErrorModel) -> Posterior:
    """Judgements set right by those of the other folds."""
    expression, units = found.expression.copy(), found.action_units.copy()
    for number in np.unique(fold):
        rows = fold == number
        right = rescaled(found, _scaling(found, faces, rates, ~rows))
        expression[rows], units[rows] = right.expression[rows], right.action_units[rows]
    return replace(found, expression=expression, action_units=units)


def _stacked(parts: Sequence[Evidence]) -> Evidence:
    names = ("expression", "action_units", "valence", "arousal")
    return Evidence(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _rows(given: Evidence, rows: npt.NDArray[np.intp]) -> Evidence:
    return Evidence(given.expression[rows], given.action_units[rows], given.valence[rows], given.arousal[rows])


def _accepting(folds: _Folds, rates: ErrorModel, lam: Mapping[Level, float], settings: Settings) -> ErrorModel:
    """The rates with the widths of valence and arousal and the thresholds that judgements of unseen faces ask for."""
    raw, faces = folds.judge(lam), folds.faces
    found = _unseen(raw, faces, folds.fold, rates)
    thresholds = dict(rates.thresholds)
    told = faces.told
    changes: dict[str, Any] = {"scaling": _scaling(raw, faces, rates, np.ones(len(faces), bool))}
    if rates.calibrated["expression"]:
        rows = told["expression"]
        sure = confidence(found, "expression", rates, settings)[rows]
        wrong = found.expression.argmax(axis=1)[rows] != faces.expression[rows]
        thresholds["expression"] = least_confidence(sure, wrong.astype(float), settings.target_error, 1)
    if rates.calibrated["action_units"]:
        rows = told["action_units"]
        sure = confidence(found, "action_units", rates, settings)[rows]
        coded = ~np.isnan(faces.units[rows])
        wrong_units = coded & ((found.action_units[rows] > 0.5) != (faces.units[rows] == 1))
        share = wrong_units.sum(axis=1) / coded.sum(axis=1)
        thresholds["action_units"] = least_confidence(sure, share, settings.target_error, len(rates.aus))
    if rates.calibrated["valence_arousal"]:
        rows = told["valence_arousal"]
        missed = found.means[rows] - faces.affect[rows]
        squares = (missed / np.maximum(found.sds[rows], 0.01)) ** 2
        width = np.clip(np.sqrt(upper_mean(squares)), 0.1, 10)
        changes["valence"] = rates.valence.model_copy(update={"widening": float(width[0])})
        changes["arousal"] = rates.arousal.model_copy(update={"widening": float(width[1])})
        wide = widened(found, rates.model_copy(update=changes))[rows]
        thresholds["valence_arousal"] = largest_spread(wide, missed, settings.va_sd)
    return rates.model_copy(update={**changes, "thresholds": thresholds})

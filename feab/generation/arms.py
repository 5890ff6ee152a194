"""Simpler ways to make annotations from draws, published or obvious: what SV-UAMC is compared with.

Each takes counted draws and gives a value and a confidence for every face. Confidences of different arms are on
different scales; only the order within one arm is compared (risk-coverage curves).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.generation.drawn import Answers
from feab.generation.fitted import ErrorModel
from feab.generation.posterior import answered
from feab.generation.record import Level
from feab.generation.tally import Floats, Tally


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """What an arm makes of n faces.

    Attributes:
        value: expressions' numbers (n,), AUs (n, k) 0 or 1, or valence and arousal (n, 2).
        confidence: (n,), larger is surer; in [0, 1].
        used: draws taken, (n,).
        decided: (n,), whether its own rule was met, where it has one.
    """

    value: Floats
    confidence: Floats
    used: Floats
    decided: npt.NDArray[np.bool_]


def plurality(said: Tally, level: Level) -> Arm:
    """Self-consistency with a fixed number of draws (Wang et al. 2023): the most frequent answer, AUs by majority.

    Confidence is the share of draws that agree, of AUs their mean; of valence and arousal, whose answer is the mean, it
    falls with the draws' standard deviation. Among equals the first label, and absence, is taken.
    """
    drawn, every = said.asked.sum(axis=1), np.ones(len(said), bool)
    if level == "expression":
        counts = said.expressions.sum(axis=1)
        return Arm(
            counts.argmax(axis=1).astype(float),
            counts.max(axis=1) / np.maximum(counts.sum(axis=1), 1),
            drawn,
            every,
        )
    if level == "action_units":
        named = said.named
        share = named[..., 0] / np.maximum(named.sum(axis=-1), 1)
        return Arm((share > 0.5).astype(float), np.maximum(share, 1 - share).mean(axis=1), drawn, every)
    spread = deviations(said).max(axis=1)
    return Arm(np.nan_to_num(answered(said)), np.exp(-np.nan_to_num(spread, nan=9.0)), drawn, every)


def deviations(said: Tally) -> Floats:
    """Standard deviation of all of a face's answers of valence and arousal, (n, 2); NaN below two."""
    reads = said.affect_reads.sum(axis=1)[:, None]
    total, squares = said.affect_sums.sum(axis=1), said.affect_squares.sum(axis=1)
    missed = np.maximum(squares - total**2 / np.maximum(reads, 1), 0)
    return np.where(reads >= 2, np.sqrt(missed / np.maximum(reads - 1, 1)), np.nan)


def beta_sure(first: Floats, second: Floats, threshold: float = 0.95) -> npt.NDArray[np.bool_]:
    """The Beta rule of adaptive consistency (Aggarwal et al. 2023): P(p > 1/2) under Beta(first + 1, second + 1)."""
    from scipy.special import betainc

    return np.asarray(1 - betainc(first + 1, second + 1, 0.5) >= threshold)


def adaptive_consistency(
    answers: Answers, level: Level, *, threshold: float = 0.95, most: int = 20, tolerance: float = 0.1
) -> Arm:
    """Draw by draw until the two most frequent answers are told apart, at most `most` draws; then `plurality`.

    Of AUs every one must be; of valence and arousal the standard errors of both means must be at most `tolerance`.
    Looks after every draw, as published.
    """
    there = answers.asked.sum(axis=(1, 2))
    used, live = np.minimum(there, most), np.ones(len(answers), bool)
    rule = _RULES[level]
    for taken in range(1, int(used.max(initial=0)) + 1):
        sure = live & (taken <= used) & rule(first_draws(answers, np.full(len(answers), taken)), threshold, tolerance)
        used[sure] = taken
        live &= ~sure
    found = plurality(first_draws(answers, used), level)
    return Arm(found.value, found.confidence, used.astype(float), ~live)


def first_draws(answers: Answers, taken: npt.NDArray[np.integer]) -> Tally:
    """The first draws of every face, counted: as many as `taken`, (n,), says."""
    return answers.first(taken).tally()


def _expression_rule(said: Tally, threshold: float, _tolerance: float) -> npt.NDArray[np.bool_]:
    counts = np.sort(said.expressions.sum(axis=1), axis=1)
    return beta_sure(counts[:, -1], counts[:, -2], threshold)


def _unit_rule(said: Tally, threshold: float, _tolerance: float) -> npt.NDArray[np.bool_]:
    counts = np.sort(said.named, axis=-1)
    return np.asarray(beta_sure(counts[..., 1], counts[..., 0], threshold).all(axis=1))


def _affect_rule(said: Tally, _threshold: float, tolerance: float) -> npt.NDArray[np.bool_]:
    reads = said.affect_reads.sum(axis=1)[:, None]
    errors = deviations(said) / np.sqrt(np.maximum(reads, 1))
    return np.asarray((errors <= tolerance).all(axis=1))


_RULES: dict[Level, Callable[[Tally, float, float], npt.NDArray[np.bool_]]] = {
    "expression": _expression_rule,
    "action_units": _unit_rule,
    "valence_arousal": _affect_rule,
}


def independent_draws(said: Tally, model: ErrorModel) -> Floats:
    """P(expression), (n, 8), by the confusion matrix alone, draws as independent (Dawid & Skene 1979): too sure."""
    log = said.expressions.sum(axis=1) @ np.log(np.array(model.expression.confusion)).T
    shares = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))

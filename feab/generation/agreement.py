"""Agreement of what was generated with human labels that the annotator did not see, and how true its confidence is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from feab.generation.outcomes import Bools, Floats, Hidden
from feab.metrics import (
    Estimate,
    action_unit_reliability,
    action_unit_scores,
    expression_scores,
    valence_arousal_scores,
)
from feab.plots import pieces
from feab.plots.histogram import curve_figure
from feab.plots.page import number, percent
from feab.plots.reliability import Bin, reliability_figure
from feab.runs.sections import Block, estimate_row
from feab.vocabulary import EXPRESSIONS, FEAB_17, Kind

_SHOWN: Mapping[Kind, Mapping[str, str]] = {
    "expression": {"accuracy": "accuracy", "macro_f1": "macro-F1", "kappa": "Cohen's κ"},
    "valence_arousal": {"ccc": "mean CCC", "ccc_valence": "CCC of valence", "ccc_arousal": "CCC of arousal"},
    "action_units": {"accuracy": "accuracy, mean over AUs", "f1": "F1, mean over AUs"},
}
_RIGHT: Mapping[Kind, str] = {
    "expression": "right",
    "valence_arousal": "both within the accepted error",
    "action_units": "action units right, mean share",
}
LEAST = 10
"""Faces below which nothing is scored."""


def scores(hidden: Hidden, which: Bools) -> dict[str, Estimate]:
    """The level's scores over some of the faces, with intervals by person; empty where there are too few."""
    if which.sum() < LEAST:
        return {}
    clusters = [name for name, there in zip(hidden.clusters, which, strict=True) if there]
    said = hidden.outcomes
    if said.level == "expression":
        truth = [word for word, there in zip(hidden.words, which, strict=True) if there]
        words = [word for word, there in zip(said.words, which, strict=True) if there]
        return expression_scores(truth, words, EXPRESSIONS, clusters=clusters)
    if said.level == "valence_arousal":
        return valence_arousal_scores(hidden.numbers[which], said.numbers[which], clusters=clusters)
    return action_unit_scores(hidden.numbers[which], said.numbers[which], FEAB_17, clusters=clusters)


def agreement_blocks(hidden: Hidden) -> Iterator[Block]:
    """How often it is right: of what was accepted, rejected, and all together."""
    level, accepted = hidden.outcomes.level, hidden.outcomes.accepted
    groups = {"accepted": accepted, "rejected": ~accepted, "all": np.ones(len(accepted), dtype=np.bool_)}
    rows, shares = [], []
    for name, which in groups.items():
        if which.any():
            shares.append([name, f"{int(which.sum()):,}", percent(float(hidden.right[which].mean()))])
        for key, estimate in scores(hidden, which).items():
            if key in _SHOWN[level]:
                rows.append(estimate_row(f"{_SHOWN[level][key]}, {name}", estimate, note=f"{int(which.sum()):,} faces"))
    found = [pieces.plain_table(f"Faces, and {_RIGHT[level]}", ["faces", "number", _RIGHT[level]], shares)]
    if rows:
        found.append(pieces.interval_table("Agreement with hidden human labels", rows, first="score, faces"))
    lead = (
        f"{len(accepted):,} faces carry a human label of this level that the annotator did not see. Rejection is worth "
        "something where what was accepted agrees better than what was rejected."
    )
    yield Block("Agreement with hidden human labels", lead, found)


def calibration_blocks(hidden: Hidden) -> Iterator[Block]:
    """Whether confidence is the share that is right, and what rejecting the unsure would do."""
    level, confidence = hidden.outcomes.level, hidden.outcomes.confidence
    name = level.replace("_", "-")
    known = ~np.isnan(confidence)
    if known.sum() < LEAST:
        return
    found = []
    if level == "action_units":
        likely = hidden.outcomes.likely
        judged = ~np.isnan(likely).all(axis=1)
        if judged.any():
            truth = np.where(np.isnan(likely), np.nan, hidden.numbers)[judged]
            found += _reliable(f"{name}-presence", truth, np.nan_to_num(likely[judged]), list(FEAB_17), "presence")
    else:
        # A judgement is the question whether the value is right; its confidence is the probability of yes.
        right, sure = hidden.right[known][:, None], confidence[known][:, None]
        found += _reliable(f"{name}-confidence", right, sure, [1], "being right")
    order = np.argsort(-confidence[known], kind="stable")
    errors = 1 - np.cumsum(hidden.right[known][order]) / np.arange(1, len(order) + 1)
    points = _thinned((np.arange(1, len(order) + 1) / len(order)), errors)
    words = (
        "Error among the surest faces, as more are kept. If confidence orders faces well, the line rises from left to "
        "right."
    )
    title = f"Risk and coverage of {level.replace('_', ' ')}, {len(order):,} faces"
    axes = ("share of faces kept, surest first", "share wrong")
    found.append(pieces.figure(curve_figure(f"{name}-risk", points, axes, title), words))
    lead = "Confidence is the posterior probability that the value is right, after draws, knowledge and verification."
    yield Block("Is its confidence true?", lead, found, grid=True)


def _reliable(name: str, truth: Floats, probabilities: Floats, columns: list[int], of: str) -> list[Any]:
    """The reliability diagram, and the calibration error beside what a perfectly calibrated annotator would have."""
    result = action_unit_reliability(truth, probabilities, columns)
    bins = [Bin(one["n"], one["confidence"], one["right"]) for one in result["bins"]]
    total = sum(one.n for one in bins)
    if not total:
        return []
    error = sum(one.n * abs(one.confidence - one.right) for one in bins) / total
    rows = [["expected calibration error", number(error)], ["of a perfect one", number(result["floor"]["ece_width"])]]
    words = (
        f"{total:,} probabilities of {of} in bins of like width; the larger a dot, the more. On the diagonal a "
        "probability is the share of times that it was so; below it, the annotator is too sure."
    )
    return [
        pieces.figure(reliability_figure(name, bins), words),
        pieces.plain_table("Calibration, 15 bins of like width", ["score", "value"], rows),
    ]


def _thinned(x: Floats, y: Floats, most: int = 200) -> list[tuple[float, float]]:
    """At most so many points of a line; the first few faces, whose error jumps, are left out where there are many."""
    first = min(len(x) - 1, max(len(x) // 50, 0))
    picked = np.unique(np.linspace(first, len(x) - 1, most).astype(int))
    return [(float(x[i]), float(y[i])) for i in picked]

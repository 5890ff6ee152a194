"""What the study of the reference baseline found: scores, how arms differ, and the share of the way each closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feab import metrics
from feab.metrics import ClusterSums, Drawn
from feab.runs.folder import load_run
from feab.runs.scoring import parts_of, sums_parts

OVERALL = "overall"
PAIRS = (("human", "base"), ("single", "human"), ("seke", "human"), ("seke", "single"), ("truth", "seke"))
"""The differences that are tested, on each score."""
RESAMPLES = 1000

Sums = Mapping[str, ClusterSums]
"""A run's sums, by task."""


def sums_of(run: Path) -> dict[str, ClusterSums]:
    """The sums of a run, which must be complete."""
    found = load_run(run)
    if not found.complete:
        raise SystemExit(f"{run}: incomplete; the same command goes on with it")
    return dict(sums_parts(found, parts_of(found, None)))


def pooled(seeds: Sequence[Sums]) -> dict[str, ClusterSums]:
    """The answers of all seeds together, as if one model had given them: each face counts once a seed."""
    return {
        task: replace(first, table=np.sum([one[task].table for one in seeds], axis=0))
        for task, first in seeds[0].items()
    }


def found(base: Sums, arms: Mapping[str, Sequence[Sums]]) -> dict[str, Any]:
    """All numbers of the study.

    Args:
        base: of the model that all begin from.
        arms: of each arm, seed by seed.

    Returns:
        Score -> `scores` (arm -> value and interval of the answers of all seeds together, and each seed's value),
        `differences` (paired over identities; p corrected by Holm over all tasks and pairs, for the overall score over
        its pairs) and `closed` (arm -> share of the way from human to truth).
    """
    seeds = {"base": [base], **{arm: list(each) for arm, each in arms.items()}}
    whole = {arm: pooled(each) for arm, each in seeds.items()}
    told: dict[str, Any] = {}
    for name in (*base, OVERALL):
        drawn = {arm: [_drawn(one, name) for one in each] for arm, each in seeds.items()}
        told[name] = {
            "scores": {
                arm: {**_estimate(whole[arm], name), "seeds": [one.score.value for one in each]}
                for arm, each in drawn.items()
            },
            "differences": [
                {"first": one, "second": other, **_difference(whole[one], whole[other], name)} for one, other in PAIRS
            ],
            "closed": shares({arm: drawn[arm] for arm in arms}),
        }
    for names in (list(base), [OVERALL]):
        pairs = [pair for name in names for pair in told[name]["differences"]]
        for pair, p in zip(pairs, metrics.holm([pair["p"] for pair in pairs]), strict=True):
            pair["p_corrected"] = p
    return told


def _estimate(sums: Sums, name: str) -> dict[str, Any]:
    if name == OVERALL:
        one = metrics.overall(list(sums.values()), resamples=RESAMPLES)
    else:
        one = metrics.estimates(sums[name])[sums[name].primary]
    return {"value": one.value, "low": one.low, "high": one.high}


def _difference(first: Sums, second: Sums, name: str) -> dict[str, Any]:
    if name == OVERALL:
        one = metrics.overall_difference(list(first.values()), list(second.values()), resamples=RESAMPLES)
    else:
        one = metrics.difference(first[name], second[name], resamples=RESAMPLES)
    return {"value": one.value, "low": one.low, "high": one.high, "p": one.p}


def _drawn(sums: Sums, name: str) -> Drawn:
    if name != OVERALL:
        return metrics.drawn(sums[name], resamples=RESAMPLES)
    one = metrics.overall_drawn(list(sums.values()), resamples=RESAMPLES)
    assert one is not None  # all three kinds are asked
    return one


def shares(arms: Mapping[str, Sequence[Drawn]]) -> dict[str, dict[str, Any]]:
    """Of `single` and `seke`, the share of the way from `human` to `truth`: of mean scores over the seeds.

    The interval is the middle 95 % of resamples of identities and, with them, of seeds (as many as there are, drawn
    with replacement). With three seeds their spread is hardly known, so the interval is too narrow rather than too
    wide. A resample without a way from human to truth says nothing and is counted in `none`.
    """
    n = len(arms["human"])
    draws = {arm: np.stack([one.draws for one in each]) for arm, each in arms.items()}
    chosen = np.random.default_rng(0).integers(n, size=(n, draws["human"].shape[1]))
    mean = {arm: np.take_along_axis(each, chosen, axis=0).mean(axis=0) for arm, each in draws.items()}
    value = {arm: float(np.mean([float(one.score.value or 0.0) for one in each])) for arm, each in arms.items()}
    way = mean["truth"] - mean["human"]
    there = way > 0
    found: dict[str, dict[str, Any]] = {}
    for arm in ("single", "seke"):
        drawn: npt.NDArray[np.float64] = (mean[arm] - mean["human"])[there] / way[there]
        low, high = np.percentile(drawn, [2.5, 97.5]) if there.any() else (None, None)
        whole = value["truth"] - value["human"]
        found[arm] = {
            "value": (value[arm] - value["human"]) / whole if whole > 0 else None,
            "low": None if low is None else float(low),
            "high": None if high is None else float(high),
            "none": int((~there).sum()),
        }
    return found


def table(told: Mapping[str, Any]) -> str:
    """Scores of the answers of all seeds, differences and shares, as Markdown."""
    arms = list(told[OVERALL]["scores"])
    lines = ["| score | " + " | ".join(arms) + " |", "|---" * (len(arms) + 1) + "|"]
    for name, one in told.items():
        lines.append(f"| {name} | " + " | ".join(_with_interval(one["scores"][arm]) for arm in arms) + " |")
    lines += ["", "| score | " + " | ".join(f"{one} − {other}" for one, other in PAIRS) + " |"]
    lines += ["|---" * (len(PAIRS) + 1) + "|"]
    for name, one in told.items():
        each = [f"{_with_interval(pair)}, p {_p(pair['p_corrected'])}" for pair in one["differences"]]
        lines.append(f"| {name} | " + " | ".join(each) + " |")
    lines += ["", "| score | closed by single | closed by seke |", "|---|---|---|"]
    for name, one in told.items():
        lines.append(
            f"| {name} | " + " | ".join(_with_interval(one["closed"][arm], 2) for arm in ("single", "seke")) + " |"
        )
    return "\n".join(lines)


def _with_interval(one: Mapping[str, Any], digits: int = 3) -> str:
    if one["value"] is None:
        return "–"
    value = f"{one['value']:.{digits}f}"
    return value if one["low"] is None else f"{value} ({one['low']:.{digits}f} to {one['high']:.{digits}f})"


def _p(value: float | None) -> str:
    return "–" if value is None else "< .001" if value < 0.001 else f"{value:.3f}"

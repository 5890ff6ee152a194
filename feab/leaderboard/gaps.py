"""How much a model's scores differ between groups of people, with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from feab.runs.detail import GroupDetail
from feab.schemas import EstimateModel


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference between two groups."""

    best: str
    worst: str
    estimate: EstimateModel
    """The score of the best group minus that of the worst."""


def largest_gap(groups: Mapping[str, GroupDetail], metric: str) -> Gap | None:
    """The gap between the group with the best and the one with the worst score, None with fewer than two scores.

    The largest of several differences is larger than nothing even where groups are alike: it is a thing to look into,
    not a finding. The groups must be of different people.
    """
    scores = {name: part.metrics[metric] for name, part in groups.items() if metric in part.metrics}
    known = {name: one.value for name, one in scores.items() if one.value is not None}
    if len(known) < 2:
        return None
    best, worst = max(known, key=lambda name: known[name]), min(known, key=lambda name: known[name])
    return None if best == worst else Gap(best, worst, difference_of(scores[best], scores[worst]))


def difference_of(one: EstimateModel, other: EstimateModel) -> EstimateModel:
    """The difference of two independent scores, with the interval that follows from theirs (Zou & Donner 2008).

    Theirs may be asymmetric; where one has none, the difference has none.
    """
    if one.value is None or other.value is None:
        return EstimateModel(value=None)
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return EstimateModel(value=value)
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    clusters = None if one.clusters is None or other.clusters is None else min(one.clusters, other.clusters)
    return EstimateModel(value=value, low=value - down, high=value + up, clusters=clusters)

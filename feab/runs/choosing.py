"""Which faces a gallery shows: mistakes first, spread over the expressions, and some that are right."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from feab.runs.faces import Faces, Result

MOST = 400
"""Faces in a gallery."""
AT_LEAST = 60
"""Of faces answered right, and of those answered partly right, as many are shown where there are so many: filters have
something to show, and a reader sees what the model can do (our choice)."""

_RANKS: Mapping[Result, int] = {"wrong": 0, "none": 0, "partly": 1, "right": 2, "failed": 3}
"""What comes first; a face is ranked by the least of its results."""

Place: TypeAlias = tuple[str, str]
"""A dataset's split as "name/split", and the id of a sample in it."""


def place_of(faces: Faces) -> str:
    """The dataset and split of a task, as "name/split"."""
    return f"{faces.task.dataset}/{faces.task.split}"


def choose(tops: Sequence[Faces], hidden: Mapping[str, frozenset[str]]) -> tuple[list[Place], int, int]:
    """At most `MOST` faces by the worst of their results: mistakes first, spread over classes, some right ones too.

    Args:
        tops: each task with the prompt that is its own.
        hidden: for each dataset ("name/split") the ids that are never shown.

    Returns:
        The faces chosen in the order shown, the number there was to choose from, and how many were hidden.
    """
    names = ["", *sorted({label for top in tops for label in top.truth.expression if label is not None})]
    codes = {name: code for code, name in enumerate(names)}
    # Of each face one number, rank times classes plus class: a dictionary of small numbers is all that grows with n.
    worst: dict[str, dict[str, int]] = {}
    for faces in tops:
        found = worst.setdefault(place_of(faces), {})
        rows = zip(
            faces.truth.ids, faces.distance().tolist(), faces.silent.tolist(), faces.truth.expression, strict=True
        )
        for sample, distance, silent, label in rows:
            rank = _RANKS[faces.result(distance, silent=silent)]
            before, known = divmod(found.get(sample, len(_RANKS) * len(names)), len(names))
            found[sample] = min(rank, before) * len(names) + (codes[label or ""] or known)
    withheld = 0
    for place, found in worst.items():
        for sample in hidden.get(place, ()):
            withheld += found.pop(sample, None) is not None
    groups: dict[int, list[Place]] = {}
    for code in sorted({code for found in worst.values() for code in found.values()}):
        members = ((place, sample) for place, found in worst.items() for sample, c in found.items() if c == code)
        groups[code] = heapq.nsmallest(MOST, members, key=_digest)
    wrong, partly, right, failed = (
        _in_turn([group for code, group in groups.items() if code // len(names) == rank]) for rank in range(4)
    )
    kept_right, kept_partly = min(AT_LEAST, len(right)), min(AT_LEAST, len(partly))
    chosen = wrong[: MOST - kept_right - kept_partly]
    chosen += partly[: MOST - len(chosen) - kept_right]
    chosen += right[: MOST - len(chosen)]
    chosen += failed[: MOST - len(chosen)]
    return chosen, sum(map(len, worst.values())), withheld


def _digest(place: Place) -> bytes:
    """The order within a class: by a hash of the id, the same on every machine."""
    return hashlib.sha256(f"{place[0]}:{place[1]}".encode("utf-8", "surrogatepass")).digest()


def _in_turn(groups: Sequence[Sequence[Place]]) -> list[Place]:
    """One of each group, then the next of each."""
    return [place for turn in itertools.zip_longest(*groups) for place in turn if place is not None]

"""Per-cluster sums: everything a score needs to know, so that intervals and tests are one matrix product.

Every score here is a smooth function of totals over faces (a confusion matrix, true and false positives, moments).
Totals are kept per cluster: the identity, subject or video whose faces err together. Deleting a cluster, drawing
clusters with replacement or swapping whole clusters between two models are then weighted sums of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.vocabulary import Kind

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.intp]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

Scale = Literal["fraction", "correlation", "distance"]
"""Where a score lives: [0, 1], [-1, 1] or [0, infinity)."""


class Formula(Protocol):
    """Turns totals into scores. Totals have shape (sources, m, columns): m resamples of every source."""

    def values(self, totals: FloatArray) -> FloatArray:
        """The scores, shape (m, metrics); NaN where undefined."""
        ...

    def chance(self, totals: FloatArray) -> FloatArray:
        """What a player without eyes gets on the primary, shape (m,); NaN where undefined."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """Sums per cluster of one model's answers to one task, and the formula that turns totals into scores.

    Tables of two models on the same task may be added and mixed row by row (`table` is linear in the answers), which
    is what paired tests need; `clusters`, `sources` and `support` depend on the truth alone.
    """

    kind: Kind
    primary: str
    """The metric that ranks."""
    names: tuple[str, ...]
    scales: tuple[Scale, ...]
    clusters: tuple[str, ...]
    """Cluster ids, sorted within each source; a cluster that occurs in two sources is listed twice."""
    sources: tuple[str, ...]
    """The source of each cluster, non-decreasing."""
    table: FloatArray
    """(clusters, columns)."""
    support: BoolArray
    """(clusters, metrics): whether the cluster has any face that the metric looks at."""
    formula: Formula

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """(source, cluster) of every row."""
        return tuple(zip(self.sources, self.clusters, strict=True))

    def column(self, name: str) -> int:
        """Where a metric stands in `values`."""
        return self.names.index(name)

    def totals(self, weights: FloatArray | None = None) -> FloatArray:
        """Totals per source, (sources, m, columns), with row weights of shape (m, clusters); None means all ones."""
        if weights is None:
            weights = np.ones((1, len(self.clusters)))
        return np.stack([weights[:, rows] @ self.table[rows] for rows in strata(self.sources)])

    def values(self, weights: FloatArray | None = None) -> FloatArray:
        """The scores, (m, metrics), under row weights of shape (m, clusters); NaN where undefined."""
        return self.formula.values(self.totals(weights))

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """Scores (clusters, metrics) and chance levels (clusters,) with one cluster deleted at a time."""
        full = self.totals()
        scores, chance = [], []
        for s, rows in enumerate(strata(self.sources)):
            part = self.table[rows]
            left = np.repeat(full, len(part), axis=1)
            left[s] -= part
            scores.append(self.formula.values(left))
            chance.append(self.formula.chance(left))
        return np.concatenate(scores), np.concatenate(chance)


def strata(sources: Sequence[str]) -> list[slice]:
    """The row ranges of equal neighbours in `sources`, in order; of no rows, one empty range."""
    changes = [i for i in range(1, len(sources)) if sources[i] != sources[i - 1]]
    return [slice(a, b) for a, b in zip([0, *changes], [*changes, len(sources)], strict=True)]


def bootstrap_weights(keys: Sequence[tuple[str, str]], resamples: int, seed: int) -> FloatArray:
    """How often each cluster is drawn: (resamples, clusters), clusters drawn with replacement within each source.

    `keys` are (source, cluster), sorted. The draws of a source depend on the seed, the source's name and its number
    of clusters only, so every model and task that shares the clusters sees the same draws, whatever other sources
    stand beside them.
    """
    if resamples < 1:
        raise FeabError(f"resamples must be at least 1, got {resamples}")
    if seed < 0:
        raise FeabError(f"seed must not be negative, got {seed}")
    names = [source for source, _ in keys]
    weights = np.empty((resamples, len(keys)))
    for rows in strata(names):
        g = rows.stop - rows.start
        name = int.from_bytes(hashlib.sha256(names[rows.start].encode()).digest()[:8], "big")
        rng = np.random.default_rng([seed, name])
        # Each resample counts in its own block of g bins: one bincount for all of them.
        drawn = rng.integers(0, g, size=(resamples, g), dtype=np.int32) + g * np.arange(resamples)[:, None]
        weights[:, rows] = np.bincount(drawn.ravel(), minlength=resamples * g).reshape(resamples, g)
    return weights


# ------------------------------------------------------------------------------------------------------------- inputs


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Which cluster, of which source, each face belongs to."""

    clusters: tuple[str, ...]
    sources: tuple[str, ...]
    """Both per cluster, sorted by (source, cluster)."""
    of_face: IntArray
    """Cluster row of each face."""

    @property
    def source_of_face(self) -> IntArray:
        """Index of each face's source, in the order of `strata`."""
        return self.source_of_cluster[self.of_face]

    @property
    def source_of_cluster(self) -> IntArray:
        """Index of each cluster's source, in the order of `strata`."""
        index = np.zeros(len(self.sources), dtype=np.intp)
        for s, rows in enumerate(strata(self.sources)):
            index[rows] = s
        return index

    def add_up(self, columns: FloatArray) -> FloatArray:
        """Sums of `columns` (faces, p) per cluster, (clusters, p)."""
        if not len(self.clusters):
            return np.zeros((0, columns.shape[1]))
        order = np.argsort(self.of_face, kind="stable")
        starts = np.searchsorted(self.of_face[order], np.arange(len(self.clusters)))
        sums: FloatArray = np.add.reduceat(columns[order], starts, axis=0)
        return sums


def group(n: int, clusters: Sequence[Any] | None, sources: Sequence[Any] | None) -> Grouping:
    """Sort n faces into clusters within sources.

    A face whose cluster is unknown (None or NaN, or no clusters given) is a cluster of its own.

    Raises:
        FeabError: when `clusters` or `sources` does not have n entries.
    """
    for what, given in (("clusters", clusters), ("sources", sources)):
        if given is not None and len(given) != n:
            raise FeabError(f"{what} has {len(given)} entries but there are {n} faces; give one per face")
    own = [f"face {i:09d}" for i in range(n)]
    cluster = own if clusters is None else [o if missing(c) else str(c) for o, c in zip(own, clusters, strict=True)]
    source = [""] * n if sources is None else ["" if missing(s) else str(s) for s in sources]
    keys = list(zip(source, cluster, strict=True))
    unique = sorted(set(keys))
    row = {key: i for i, key in enumerate(unique)}
    of_face = np.fromiter((row[key] for key in keys), dtype=np.intp, count=n)
    return Grouping(tuple(c for _, c in unique), tuple(s for s, _ in unique), of_face)


def matrix(values: npt.ArrayLike, what: str, columns: int) -> FloatArray:
    """`values` as float64 of shape (n, columns).

    Raises:
        FeabError: when the shape is another, or something in it is not a number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FeabError(f"{what} must be an array of numbers of shape (faces, {columns}): {error}") from None
    if array.size == 0:
        array = array.reshape(0, columns)
    if array.ndim != 2 or array.shape[1] != columns:
        raise FeabError(f"{what} must have shape (faces, {columns}), got {array.shape}")
    return array


def ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """The quotient, NaN where `bottom` is 0."""
    top, bottom = np.broadcast_arrays(top, bottom)
    quotient: FloatArray = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return quotient


def mean_defined(values: FloatArray, axis: int) -> FloatArray:
    """Mean over `axis` of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis), defined.sum(axis).astype(np.float64))


def missing(value: Any) -> bool:
    """Whether a value from a column means "nothing here": None, NaN, or pandas' NA."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))

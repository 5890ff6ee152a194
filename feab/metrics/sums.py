"""Per-cluster sums: everything a score needs to know, so that intervals and tests are one matrix product.

Every score here is a smooth function of totals over faces (a confusion matrix, true and false positives, moments).
Totals are kept per cluster: the identity, subject or video whose faces err together. Deleting a cluster, drawing
clusters with replacement or swapping whole clusters between two models are then weighted sums of rows.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
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

BLOCK = 2**16
"""Most numbers in the weights of one block of resamples: 0.5 MB, so that memory does not grow with the clusters."""

_LEFT_OUT = 256
"""Clusters deleted, each for itself, in one go."""


class Formula(Protocol):
    """Turns totals into scores. Totals have shape (sources, m, columns): m resamples of every source."""

    def values(self, totals: FloatArray) -> FloatArray:
        """The scores, shape (m, metrics); NaN where undefined."""
        ...

    def primary(self, totals: FloatArray) -> FloatArray:
        """The score that ranks, shape (m,): that column of `values`, without the work that the others take."""
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

    def drawn(self, resamples: int, seed: int) -> FloatArray:
        """The scores, (resamples, metrics), of the clusters that `bootstrap_weights` draws."""
        blocks = bootstrap_blocks(self.keys, resamples, seed)
        return self.formula.values(np.concatenate([self.totals(weights) for weights in blocks], axis=1))

    def left_out(self) -> Iterator[FloatArray]:
        """Totals with one cluster deleted at a time, in the order of the clusters, some of them in one go."""
        full = self.totals()
        for s, rows in enumerate(strata(self.sources)):
            for start in range(rows.start, max(rows.stop, rows.start + 1), _LEFT_OUT):
                part = self.table[start : min(start + _LEFT_OUT, rows.stop)]
                left = np.repeat(full, len(part), axis=1)
                left[s] -= part
                yield left

    def leave_one_out(self) -> FloatArray:
        """The scores, (clusters, metrics), with one cluster deleted at a time."""
        return np.concatenate([self.formula.values(left) for left in self.left_out()])


def strata(sources: Sequence[str]) -> list[slice]:
    """The row range of each source, from the sorted source of every row; of no rows, one empty range."""
    ranges = []
    start = 0
    while start < len(sources):
        stop = bisect_right(sources, sources[start], lo=start)
        ranges.append(slice(start, stop))
        start = stop
    return ranges or [slice(0, 0)]


def bootstrap_weights(keys: Sequence[tuple[str, str]], resamples: int, seed: int) -> FloatArray:
    """How often each cluster is drawn: (resamples, clusters), clusters drawn with replacement within each source.

    `keys` are (source, cluster), sorted. The draws of a source depend on the seed, the source's name and its number
    of clusters only, so every model and task that shares the clusters sees the same draws, whatever other sources
    stand beside them.
    """
    return np.concatenate(list(bootstrap_blocks(keys, resamples, seed)))


def bootstrap_blocks(keys: Sequence[tuple[str, str]], resamples: int, seed: int) -> Iterator[FloatArray]:
    """The rows of `bootstrap_weights`, a few at a time: never more than `BLOCK` numbers, or one row."""
    if resamples < 1:
        raise FeabError(f"resamples must be at least 1, got {resamples}")
    if seed < 0:
        raise FeabError(f"seed must not be negative, got {seed}")
    names = [source for source, _ in keys]
    of_source = []
    for rows in strata(names) if names else ():
        name = int.from_bytes(hashlib.sha256(names[rows.start].encode()).digest()[:8], "big")
        of_source.append((rows, np.random.default_rng([seed, name])))
    size = max(1, BLOCK // max(1, len(keys)))
    for start in range(0, resamples, size):
        m = min(size, resamples - start)
        weights = np.empty((m, len(keys)))
        for rows, rng in of_source:
            g = rows.stop - rows.start
            # Each resample counts in its own block of g bins: one bincount for all of them.
            drawn = rng.integers(0, g, size=(m, g), dtype=np.int32) + g * np.arange(m)[:, None]
            weights[:, rows] = np.bincount(drawn.ravel(), minlength=m * g).reshape(m, g)
        yield weights


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

    def add_up(self, columns: Iterable[npt.NDArray[Any]], number: int) -> FloatArray:
        """Sums per cluster of columns of shape (faces,), which are pulled one by one: (clusters, `number`)."""
        table = np.empty((len(self.clusters), number))
        for j, column in enumerate(columns):
            table[:, j] = np.bincount(self.of_face, weights=column, minlength=len(table))
        return table

    def add_up_classes(self, codes: IntArray, classes: int, weights: FloatArray | None = None) -> FloatArray:
        """Faces, or sums of `weights` (faces,), of each class 0 to `classes` - 1 per cluster: (clusters, classes)."""
        cells = len(self.clusters) * classes
        found = np.bincount(self.of_face * classes + codes, weights=weights, minlength=cells)
        return found.reshape(-1, classes).astype(np.float64, copy=False)


def group(n: int, clusters: Sequence[Any] | None, sources: Sequence[Any] | None) -> Grouping:
    """Sort n faces into clusters within sources.

    A face whose cluster is unknown (None or NaN, or no clusters given) is a cluster of its own.

    Raises:
        FeabError: when `clusters` or `sources` does not have n entries.
    """
    for what, given in (("clusters", clusters), ("sources", sources)):
        if given is not None and len(given) != n:
            raise FeabError(f"{what} has {len(given)} entries but there are {n} faces; give one per face")

    def keys() -> Iterator[tuple[str, str]]:  # gone through twice, because as a list they are larger than the sums
        for i in range(n):
            source = "" if sources is None or missing(sources[i]) else str(sources[i])
            alone = clusters is None or missing(clusters[i])
            yield source, f"face {i:09d}" if alone or clusters is None else str(clusters[i])

    unique = sorted(set(keys()))
    row = {key: i for i, key in enumerate(unique)}
    of_face = np.fromiter((row[key] for key in keys()), dtype=np.intp, count=n)
    return Grouping(tuple(c for _, c in unique), tuple(s for s, _ in unique), of_face)


def encode(classes: Sequence[Any]) -> tuple[IntArray, int]:
    """The number of each face's class, in the order of their names, and how many there are; missing is a class."""
    names = sorted({"" if missing(c) else str(c) for c in classes})
    number = {name: i for i, name in enumerate(names)}
    codes = (number["" if missing(c) else str(c)] for c in classes)
    return np.fromiter(codes, dtype=np.intp, count=len(classes)), len(names)


def matrix(values: npt.ArrayLike, what: str, columns: int, dtype: npt.DTypeLike = np.float64) -> FloatArray:
    """`values` as numbers of type `dtype` and shape (n, columns).

    Raises:
        FeabError: when the shape is another, or something in it is not a number.
    """
    try:
        array = np.asarray(values, dtype=dtype)
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
    if values.shape[axis] == 1:  # mostly, of one source
        one: FloatArray = np.take(values, 0, axis)
        return one
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis), defined.sum(axis).astype(np.float64))


def missing(value: Any) -> bool:
    """Whether a value from a column means "nothing here": None, NaN, or pandas' NA."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))

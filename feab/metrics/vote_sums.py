"""Sums over faces with votes, and the formula that turns them into the scores of `feab.metrics.vote_scores`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.expression import MIN_FACES
from feab.metrics.sums import (
    BoolArray,
    ClusterSums,
    FloatArray,
    Scale,
    group,
    matrix,
    mean_defined,
    missing,
    ratio,
    strata,
)
from feab.metrics.votes import LeftOut, Votes

FLOOR = 0.001
"""A smaller probability counts as this one in the cross-entropy, which would be infinite at 0 (our choice)."""
MIN_WITH_PROBABILITIES = 0.98
"""So large a share of the answers must come with probabilities for a cross-entropy (our choice)."""

PEOPLE = ("votes_accuracy_best", "votes_cross_entropy_best")
PEOPLE_LEFT_OUT = ("votes_accuracy_human", "votes_one_out_human", "votes_one_out_macro_f1_human")
MODEL = ("votes_accuracy", "votes_js_distance")
MODEL_LEFT_OUT = ("votes_one_out", "votes_one_out_macro_f1")
GAPS = ("votes_accuracy_gap", "votes_one_out_gap", "votes_one_out_macro_f1_gap")
_COUNTED = (*PEOPLE_LEFT_OUT, *MODEL_LEFT_OUT, *GAPS)
"""Scores that need counted raters, and look only at faces of at least two."""

_SINGLE = ("faces", "best", "entropy", "shared", "js", "cross_entropy", "left_out", "pair", "shared_left_out")
_EACH = ("target", "agreed", "voted", "hit", "said")
"""Columns of the sums: single numbers, then one for each label. Those of what is not there are 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a model answered about the faces with votes."""

    chosen: FloatArray
    """(faces, labels): 1 at the answer; a row of 0 for none."""
    likely: FloatArray
    """(faces, labels): the probabilities, or certainty of the answer."""
    probable: bool
    """Whether enough of the answers came with probabilities."""

    def take(self, faces: BoolArray) -> Said:
        """What was answered about some of the faces."""
        return Said(self.chosen[faces], self.likely[faces], self.probable)


def read_said(
    votes: Votes, predicted: Sequence[str | None], labels: Sequence[str], probabilities: npt.ArrayLike | None
) -> Said:
    """The answers about the faces with votes, checked.

    Raises:
        FeabError: as `feab.metrics.vote_scores.vote_scores`.
    """
    if len(predicted) != votes.given:
        raise FeabError(f"votes has {votes.given} faces but predicted has {len(predicted)}; give one answer per face")
    if not labels or len(set(labels)) != len(labels):
        raise FeabError(f"labels must be a non-empty list without repetition, got {list(labels)}")
    number = {label: i for i, label in enumerate(labels)}
    none, outside = len(labels), len(labels) + 1
    codes = np.full(len(votes.rows), none)
    for place, row in enumerate(votes.rows.tolist()):
        answer = predicted[row]
        if isinstance(answer, str):
            codes[place] = number.get(answer, outside)
        elif not missing(answer):
            raise FeabError(f"predicted[{row}] is {answer!r}; it must be a label, or None for no answer")
    chosen = (codes[:, None] == np.arange(none)).astype(np.float64)
    if probabilities is None:
        return Said(chosen, chosen, False)
    given = matrix(probabilities, "probabilities", len(labels))
    if len(given) != votes.given:
        raise FeabError(f"votes has {votes.given} faces but probabilities has {len(given)}; give one row per face")
    given = given[votes.rows]
    bare = np.isnan(given).all(1)
    wrong = np.flatnonzero(~bare & ~((given >= 0) & (given <= 1)).all(1))
    if len(wrong):
        raise FeabError(
            f"probabilities[{votes.rows[wrong[0]]}] is {given[wrong[0]].tolist()}; they are numbers from 0 to 1, or a "
            "row of NaN for a face without"
        )
    answered = codes != none
    use = answered & ~bare
    likely = np.where(use[:, None], given / np.maximum(given.sum(1), 1.0)[:, None], chosen)
    return Said(chosen, likely, bool(use.any() and use.sum() >= MIN_WITH_PROBABILITIES * answered.sum()))


def sums_of(
    votes: Votes,
    out: LeftOut | None,
    said: Said | None,
    clusters: Sequence[Any] | None,
    sources: Sequence[Any] | None,
) -> ClusterSums:
    """The sums of every cluster; `clusters` and `sources` are of all faces given, those without votes too.

    Without `said` they are those of people alone.
    """
    n, k = votes.shares.shape
    single: dict[str, FloatArray] = {"faces": np.ones(n), "best": votes.consensus, "entropy": _entropy(votes.shares)}
    each: dict[str, FloatArray] = {}
    names = [*PEOPLE]
    if said is not None:
        single |= {"shared": (votes.shares * said.chosen).sum(1), "js": js_distance(votes.shares, said.likely)}
        names += MODEL
        if said.probable:
            single["cross_entropy"] = cross_entropy(votes.shares, said.likely)
            names.append("votes_cross_entropy")
    if out is not None:
        single |= {"left_out": out.there, "pair": out.pair}
        each |= {"target": out.target, "agreed": out.agreed, "voted": votes.shares * out.there[:, None]}
        names += PEOPLE_LEFT_OUT
        if said is not None:
            single["shared_left_out"] = single["shared"] * out.there
            each |= {"hit": out.target * said.chosen, "said": said.chosen * out.there[:, None]}
            names += [*MODEL_LEFT_OUT, *GAPS]

    where = group(n, _pick(clusters, votes), _pick(sources, votes))
    columns = [single.get(name, np.zeros(n)) for name in _SINGLE]
    columns += [column for name in _EACH for column in each.get(name, np.zeros((n, k))).T]
    table = where.add_up(columns, len(columns))
    counted = table[:, _SINGLE.index("left_out")] > 0
    support = np.ones((len(table), len(names)), dtype=np.bool_)
    support[:, [name in _COUNTED for name in names]] = counted[:, None]
    target = _column(table, "target", k)
    faces = np.stack([target[rows].sum(0) for rows in strata(where.sources)])
    return ClusterSums(
        kind="expression",
        primary="votes_accuracy_best" if said is None else "votes_accuracy",
        names=tuple(names),
        scales=tuple(map(_scale, names)),
        clusters=where.clusters,
        sources=where.sources,
        table=table,
        support=support,
        formula=VoteFormula(tuple(names), faces >= MIN_FACES - 1e-9),
    )


@dataclass(frozen=True, slots=True, eq=False)
class VoteFormula:
    """Scores from sums over faces with votes."""

    names: tuple[str, ...]
    kept: BoolArray
    """(sources, labels): whether enough faces have the label as their target, decided by the votes alone."""

    def values(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        one = {name: totals[..., i] for i, name in enumerate(_SINGLE)}
        each = {name: _column(totals, name, self.kept.shape[1]) for name in _EACH}
        faces, left_out = one["faces"], one["left_out"]
        found = {
            "votes_accuracy": ratio(one["shared"], faces),
            "votes_accuracy_human": ratio(one["pair"], left_out),
            "votes_accuracy_best": ratio(one["best"], faces),
            "votes_one_out": ratio(each["hit"].sum(-1), left_out),
            "votes_one_out_human": ratio(each["agreed"].sum(-1), left_out),
            "votes_one_out_macro_f1": self._macro_f1(each["target"], each["hit"], each["said"]),
            "votes_one_out_macro_f1_human": self._macro_f1(each["target"], each["agreed"], each["voted"]),
            "votes_js_distance": ratio(one["js"], faces),
            "votes_cross_entropy": ratio(one["cross_entropy"], faces),
            "votes_cross_entropy_best": ratio(one["entropy"], faces),
        }
        found["votes_accuracy_gap"] = found["votes_accuracy_human"] - ratio(one["shared_left_out"], left_out)
        for name in MODEL_LEFT_OUT:
            found[f"{name}_gap"] = found[f"{name}_human"] - found[name]
        return mean_defined(np.stack([found[name] for name in self.names], -1), 0)

    def primary(self, totals: FloatArray) -> FloatArray:
        """See `Formula`."""
        best = "shared" if "votes_accuracy" in self.names else "best"
        found, faces = (totals[..., _SINGLE.index(name)] for name in (best, "faces"))
        return mean_defined(ratio(found, faces), 0)

    def _macro_f1(self, target: FloatArray, hit: FloatArray, said: FloatArray) -> FloatArray:
        # A label that is nobody's target in this resample is left out of it.
        there = self.kept[:, None, :] & (target > 1e-9)
        return mean_defined(np.where(there, ratio(2 * hit, target + said), np.nan), -1)

    def chance(self, totals: FloatArray) -> FloatArray:
        """How often a uniform guess is what a random rater said."""
        return np.full(totals.shape[1], 1 / max(self.kept.shape[1], 1))


def _column(table: FloatArray, name: str, labels: int) -> FloatArray:
    """The columns, one for each label, of one of `_EACH`."""
    start = len(_SINGLE) + labels * _EACH.index(name)
    return table[..., start : start + labels]


def _scale(name: str) -> Scale:
    if "cross_entropy" in name:
        return "distance"
    return "correlation" if name in GAPS else "fraction"


def _pick(column: Sequence[Any] | None, votes: Votes) -> list[Any] | None:
    """What a column of all faces says of those with votes."""
    if column is None:
        return None
    if len(column) != votes.given:
        raise FeabError(f"clusters and sources must have one entry per face: {votes.given}, got {len(column)}")
    return [column[row] for row in votes.rows.tolist()]


def _entropy(shares: FloatArray) -> FloatArray:
    """(faces,): in nats; 0 log 0 is 0."""
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(1))


def cross_entropy(shares: FloatArray, likely: FloatArray) -> FloatArray:
    """(faces,): of the votes under probabilities, in nats."""
    return np.asarray(-(shares * np.log(np.maximum(likely, FLOOR))).sum(1))


def js_distance(shares: FloatArray, likely: FloatArray) -> FloatArray:
    """(faces,): the Jensen-Shannon distance of votes and probabilities, 0 to 1; what is missing to 1 is no label's."""
    rest = np.maximum(1 - likely.sum(1, keepdims=True), 0.0)
    p, q = np.hstack([likely, rest]), np.hstack([shares, np.zeros_like(rest)])
    divergence = (_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2) / np.log(2)
    # The root would make 1e-8 of rounding that differs between machines.
    return np.asarray(np.sqrt(np.where(divergence < 1e-12, 0.0, np.minimum(divergence, 1.0))))

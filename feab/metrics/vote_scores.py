"""Scores against how people voted, and what one person reaches by the same measure.

Three questions are asked of an answer: how many people gave it too (a random rater), whether it is the plurality of all
people but one, and how far the model's probabilities lie from the votes. What one person reaches is measured on the
same faces and targets: each rater in turn is left out, and rater and model are compared with the plurality of the
others (`feab.metrics.votes`). That is a line to read a score beside, not an upper limit: a model can agree with the
many better than any one of them does.

No answer agrees with nobody, and is as far from the votes as an answer that nobody gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.metrics.intervals import Estimate, Method, estimates
from feab.metrics.sums import ClusterSums
from feab.metrics.vote_sums import Said, cross_entropy, js_distance, read_said, sums_of
from feab.metrics.votes import CONSENSUS_NAMES, Votes, leave_one_out, read_votes


def vote_scores(
    votes: npt.ArrayLike,
    predicted: Sequence[str | None],
    labels: Sequence[str],
    *,
    probabilities: npt.ArrayLike | None = None,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "jackknife",
) -> dict[str, Estimate]:
    """How well answers agree with the people who rated the faces, beside how well those agree with each other.

    Args:
        votes: (faces, labels): numbers of raters, or shares; a row of NaN is a face without votes, which is passed
            over. How the two are told apart, and what becomes of ties and single votes: `feab.metrics.votes`.
        predicted: the answer for each face; None (no answer) and anything outside `labels` agree with nobody.
        labels: the label of each column.
        probabilities: (faces, labels): the model's probability of each label; what is missing to 1 is on no label, a
            row that sums to more is divided by its sum, and a row of NaN is a face without. An answer without
            probabilities is taken as certain of its label (our choice). Ignored where there is no answer.
        clusters: whose face it is (identity, subject, video); None for a face stands for itself.
        sources: the data set of each face. Several sources are scored one by one and averaged.
        resamples: draws of the bootstrap; used by `method="bootstrap"` only.
        seed: seed of those draws.
        method: how intervals are made, see `feab.metrics.intervals`.

    Returns:
        * `votes_accuracy`: the chance that a rater drawn at random gave the answer; `_best`: what the commonest label
          of each face would get; `_human`: what another rater of the face gets; `_gap`: human minus model.
        * `votes_one_out`: the chance to hit the plurality of all raters but one; `_human`: of the one left out to hit
          it; `_gap`. And the same of macro-F1 (`votes_one_out_macro_f1`, `_human`, `_gap`), over the labels that are
          the target of at least 5 faces (per source).
        * `votes_js_distance`: mean Jensen-Shannon distance between probabilities and votes, 0 to 1: the root of the
          divergence to base 2.
        * `votes_cross_entropy`: of the votes under the probabilities, in nats, none counted below .001; `_best`: the
          votes' own entropy, which is what probabilities equal to the votes would get. Left out unless 98 % of the
          answers come with probabilities: of labels alone it would be `votes_accuracy` over again, in units that
          the smoothing sets.

        `human`, `one_out` and `gap` are there only if raters were counted, and look at the faces that at least two
        people rated. A gap lies in [-1, 1] and is positive where people agree better.

    Raises:
        FeabError: when lengths or shapes differ, or votes, answers or probabilities are none.
    """
    sums = vote_sums(votes, predicted, labels, probabilities=probabilities, clusters=clusters, sources=sources)
    return estimates(sums, method=method, resamples=resamples, seed=seed)


def human_ceiling(
    votes: npt.ArrayLike,
    *,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    method: Method = "jackknife",
) -> dict[str, Estimate]:
    """What one person reaches on faces that several people rated; no model is asked. Arguments as in `vote_scores`.

    Returns:
        `votes_accuracy_best` and `votes_cross_entropy_best`; and if raters were counted `votes_accuracy_human` (two
        raters agree), `votes_one_out_human` (one rater hits the plurality of the others) and
        `votes_one_out_macro_f1_human`.
    """
    read = read_votes(votes, _columns(votes))
    sums = sums_of(read, leave_one_out(read), None, clusters, sources)
    return estimates(sums, method=method, resamples=resamples, seed=seed)


def human_consensus(
    votes: npt.ArrayLike, *, clusters: Sequence[Any] | None = None, sources: Sequence[Any] | None = None
) -> dict[str, dict[str, Any]]:
    """`human_ceiling` for each consensus bin, as `vote_detail` gives it: {bin: {n, clusters, metrics}}."""
    return _by_consensus(read_votes(votes, _columns(votes)), None, clusters, sources)


def _columns(votes: npt.ArrayLike) -> int:
    shape = np.shape(votes)
    return shape[1] if len(shape) == 2 else 0


def vote_sums(
    votes: npt.ArrayLike,
    predicted: Sequence[str | None],
    labels: Sequence[str],
    *,
    probabilities: npt.ArrayLike | None = None,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> ClusterSums:
    """Sums over the faces with votes of every cluster; arguments as in `vote_scores`."""
    read = read_votes(votes, len(labels))
    return sums_of(read, leave_one_out(read), read_said(read, predicted, labels, probabilities), clusters, sources)


def vote_detail(
    votes: npt.ArrayLike,
    predicted: Sequence[str | None],
    labels: Sequence[str],
    *,
    probabilities: npt.ArrayLike | None = None,
    clusters: Sequence[Any] | None = None,
    sources: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """What stands behind `vote_scores`, as plain values for scores.json; arguments as there.

    Returns:
        `votes`: {`faces` that have any, `raters`: whether they were counted, `left_out`: faces of at least two raters,
        `majority`: the `votes_accuracy` of the best answer that is the same for all faces, `majority_one_out` likewise,
        `prior_js_distance` and `prior_cross_entropy`: what the mean votes of all faces get as the probabilities of
        each, `human_confusion`: expected numbers of faces, targets in rows, in columns the votes of those left out};
        and `consensus` {bin: {n, clusters, metrics}} by the share of a face's commonest label, for bins with faces.
        Where opinions are split, taking out one's own vote often turns the plurality: in the lowest bin people score
        low by construction.
    """
    read = read_votes(votes, len(labels))
    said, out = read_said(read, predicted, labels, probabilities), leave_one_out(read)
    facts: dict[str, Any] = {"faces": len(read.rows), "raters": out is not None}
    if len(read.rows):
        prior = read.shares.mean(0)
        facts["majority"] = float(prior.max())
        facts["prior_js_distance"] = float(js_distance(read.shares, np.tile(prior, (len(read.rows), 1))).mean())
        facts["prior_cross_entropy"] = float(cross_entropy(read.shares, prior).mean())
    if out is not None:
        faces = float(out.there.sum())
        facts["left_out"] = int(faces)
        facts["majority_one_out"] = float(out.target.sum(0).max() / faces)
        facts["human_confusion"] = out.confusion.tolist()
    return {"votes": facts, "consensus": _by_consensus(read, said, clusters, sources)}


def _by_consensus(
    votes: Votes, said: Said | None, clusters: Sequence[Any] | None, sources: Sequence[Any] | None
) -> dict[str, dict[str, Any]]:
    consensus = {}
    for i, name in enumerate(CONSENSUS_NAMES):
        inside = votes.bins == i
        if inside.any():
            part = votes.take(inside)
            answers = None if said is None else said.take(inside)
            sums = sums_of(part, leave_one_out(part), answers, clusters, sources)
            found = {metric: asdict(estimate) for metric, estimate in estimates(sums).items()}
            consensus[name] = {"n": len(part.rows), "clusters": len(sums.clusters), "metrics": found}
    return consensus

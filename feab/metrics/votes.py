"""How people voted: the tallies behind a label, and what is left of them when one rater is taken out.

Two forms are told apart by the numbers themselves. *Raters*: whole numbers, of which some face has more than one
(FERPlus: ten people looked at each face). *Shares*: anything else (RAF-DB publishes per face the shares of its
aggregated votes). Of shares the number of raters is unknown, so nobody can be left out of them. All faces of one call
are of one form: a single number that is not whole makes them all shares (our choice). Percentages would pass for a
hundred raters; divide them by 100.

* A face with no votes, or votes that sum to 0, is passed over: it was not rated, and that is no opinion.
* Of a face with a single vote nobody can be left out either; it still counts where all votes are looked at.
* Votes that are no label ("unknown", "not a face") are not among the columns: drop them first.
* Each face weighs the same, however many people rated it (our choice; so does the published FERPlus figure).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.sums import BoolArray, FloatArray, IntArray, matrix

CONSENSUS = (0.5, 0.7, 0.9)
"""Upper ends, included, of the consensus bins but the last, which ends at 1 (our choice; fixed for all datasets)."""
CONSENSUS_NAMES = ("<=0.5", "0.5-0.7", "0.7-0.9", ">0.9")
"""Bins of the share of a face's votes that its commonest label got."""

_NEARLY = 1e-6  # shares are stored as float32: .7 comes back as .699999988


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The votes of the faces that have any."""

    given: int
    """How many faces there were, with votes or without."""
    rows: IntArray
    """Which of the faces given they are, in rising order."""
    shares: FloatArray
    """(faces, labels): the share of each face's votes that each label got; every row sums to 1."""
    raters: FloatArray | None
    """(faces,): how many people voted; None where the votes are shares."""

    @property
    def consensus(self) -> FloatArray:
        """(faces,): the share of the commonest label, the most that any one answer can agree with."""
        return np.asarray(self.shares.max(1, initial=0.0))

    @property
    def bins(self) -> IntArray:
        """(faces,): the consensus bin of each face, an index into `CONSENSUS_NAMES`."""
        return np.searchsorted(CONSENSUS, self.consensus - _NEARLY)

    def take(self, faces: BoolArray) -> Votes:
        """Some of the faces with votes."""
        return Votes(
            self.given, self.rows[faces], self.shares[faces], None if self.raters is None else self.raters[faces]
        )


def read_votes(votes: npt.ArrayLike, labels: int) -> Votes:
    """Check votes and tell raters from shares.

    Args:
        votes: (faces, labels), numbers from 0; a row of NaN is a face without votes.
        labels: how many labels there are.

    Raises:
        FeabError: when the shape is another, or a vote is negative, infinite, or missing beside others that are there.
    """
    given = matrix(votes, "votes", labels)
    bare = np.isnan(given).all(1) if labels else np.ones(len(given), dtype=np.bool_)
    wrong = np.flatnonzero(~bare & ~(np.isfinite(given) & (given >= 0)).all(1))
    if len(wrong):
        raise FeabError(
            f"votes[{wrong[0]}] is {given[wrong[0]].tolist()}; votes are numbers from 0, or a row of NaN for none"
        )
    total = np.where(bare, 0.0, given.sum(1))
    rows = np.flatnonzero(total > 0)
    kept, number = given[rows], total[rows]
    counted = bool((kept == np.floor(kept)).all() and number.max(initial=0) > 1)
    return Votes(len(given), rows, kept / number[:, None], number if counted else None)


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Every rater in turn against the others: averages over the raters of each face, exact, nothing is drawn.

    The target of a rater is the plurality of all the *other* votes; labels that tie for it share it equally, so that
    an answer that is one of three gets a third of a hit (our choice; it is what drawing among them gives on average).
    """

    there: FloatArray
    """(faces,): 1 where at least two people voted; 0 elsewhere, and then 0 in everything below."""
    target: FloatArray
    """(faces, labels): how often each label is the target. An answer's score is the entry of its label."""
    agreed: FloatArray
    """(faces, labels): the share of raters who chose the label and agreed with their target."""
    pair: FloatArray
    """(faces,): how often two raters drawn from the face agree with each other."""
    confusion: FloatArray
    """(labels, labels): over all faces, targets in rows and in columns the votes of those left out."""


def leave_one_out(votes: Votes) -> LeftOut | None:
    """Take each rater out in turn; None where the votes are shares, from which nobody can be taken out."""
    if votes.raters is None:
        return None
    faces, labels = votes.shares.shape
    n = votes.raters[:, None]
    counts = np.rint(votes.shares * n)
    there = (votes.raters > 1).astype(np.float64)
    share = votes.shares * there[:, None]
    target, agreed, confusion = np.zeros((faces, labels)), np.zeros((faces, labels)), np.zeros((labels, labels))
    for k in range(labels):
        others = counts.copy()
        others[:, k] -= 1  # -1 where nobody chose k: such rows weigh nothing
        top = others == others.max(1, keepdims=True)
        weight = top * (share[:, k] / top.sum(1))[:, None]
        target += weight
        agreed[:, k] = weight[:, k]
        confusion[:, k] = weight.sum(0)
    pairs = np.divide((counts * (counts - 1)).sum(1), (n * (n - 1))[:, 0], out=np.zeros(faces), where=there > 0)
    return LeftOut(there, target, agreed, pairs, confusion)

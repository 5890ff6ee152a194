"""A simulated annotator: one that errs as real ones do, face by face and context by context.

Every face has its own answer distribution, Dirichlet(c π_truth): what is misread once is misread again. Every context
has its own around that, Dirichlet(κ p_face). So errors are shared by the draws of a face, and more by those of one
context, and repeated asking cannot remove them. Action units likewise (Beta), valence and arousal with normal errors
of face, context and draw. Its verifier is sycophantic: it confirms most of what it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.generation.drawn import Answers, Ints
from feab.generation.tally import Floats
from feab.knowledge import Given
from feab.vocabulary import EXPRESSIONS, FEAB_17


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """What n faces show: expression (n,), -1 where it has none; AUs (n, k) 0 or 1; valence and arousal (n, 2)."""

    expression: Ints
    units: Floats
    affect: Floats

    @staticmethod
    def of(faces: Sequence[Given], aus: Sequence[int] = FEAB_17) -> Truths:
        """From labels: AUs that are not coded are taken as absent, valence and arousal without a label as 0."""
        units = [[float(face.action_units.get(au, False)) for au in aus] for face in faces]
        return Truths(
            np.array([-1 if face.expression is None else EXPRESSIONS.index(face.expression) for face in faces], int),
            np.array(units, float).reshape(len(faces), len(aus)),
            np.array([(face.valence or 0.0, face.arousal or 0.0) for face in faces], float).reshape(-1, 2),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Leanings:
    """What an annotator tends to say of n faces: P(expression) (n, 8), P(AU named) (n, k), mean answer (n, 2)."""

    expression: Floats
    units: Floats
    affect: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """One draw of n faces: expression (n,), AUs (n, k) 0 or 1, valence and arousal (n, 2); -1 and NaN: nothing said."""

    expression: Ints
    units: Floats
    affect: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Annotator:
    """The numbers of a simulated annotator and verifier.

    Attributes:
        confusion: π, (8, 8), P(said | truth), rows summing to 1.
        hits, false_alarms: (k,), P(named | present) and P(named | absent).
        aus: the AUs' numbers.
        item: c, of expressions: small is "each face is read in its own way", large "errors are independent".
        context: κ: how alike contexts are.
        unit_item, unit_context: the same of AUs.
        shift, slope: answers of valence and arousal have mean shift + slope · truth.
        face_sd, context_sd, draw_sd: of their errors.
        halo: from 0 to 1: how far AUs, valence and arousal follow the expression it believes to see.
        shown, placed: what it believes of expressions, P(AU | e) (8, k) and (8, 2); used by the halo only.
        unreadable: share of answers that say nothing.
        confirms_right, confirms_wrong: P(confirm) of candidates; near each other: a sycophant.
        heeds: share of verdicts on valence or arousal that depend on the truth; the others say "fits".
    """

    confusion: Floats
    hits: Floats
    false_alarms: Floats
    aus: tuple[int, ...] = FEAB_17
    item: float = 1.5
    context: float = 5.0
    unit_item: float = 2.0
    unit_context: float = 10.0
    shift: tuple[float, float] = (0.0, 0.05)
    slope: tuple[float, float] = (0.8, 0.7)
    face_sd: float = 0.2
    context_sd: float = 0.08
    draw_sd: float = 0.1
    halo: float = 0.0
    shown: Floats | None = None
    placed: Floats | None = None
    unreadable: float = 0.0
    confirms_right: float = 0.88
    confirms_wrong: float = 0.60
    heeds: float = 0.4

    def of_faces(self, truths: Truths, rng: np.random.Generator) -> Leanings:
        """What it tends to say of each face. Of one without an expression: as of any."""
        rows = np.where(truths.expression >= 0, truths.expression, 0)
        row = np.where(truths.expression[:, None] >= 0, self.confusion[rows], self.confusion.mean(axis=0))
        named = np.where(truths.units > 0, self.hits, self.false_alarms)
        centre = np.array(self.shift) + np.array(self.slope) * truths.affect
        return Leanings(
            _dirichlet(self.item * row, rng),
            _beta(self.unit_item, named, rng),
            centre + self.face_sd * rng.standard_normal(centre.shape),
        )

    def in_context(self, faces: Leanings, rng: np.random.Generator) -> Leanings:
        """The same in one context of each face."""
        return Leanings(
            _dirichlet(self.context * faces.expression, rng),
            _beta(self.unit_context, faces.units, rng),
            faces.affect + self.context_sd * rng.standard_normal(faces.affect.shape),
        )

    def draw(self, leaning: Leanings, rng: np.random.Generator, seen: Ints | None = None) -> Said:
        """One draw. `seen`: expressions that it was told, (n,), which then decide the halo; -1 where it was not."""
        n = len(leaning.expression)
        chosen = (rng.random((n, 1)) > leaning.expression.cumsum(axis=1)).sum(axis=1).clip(0, len(EXPRESSIONS) - 1)
        believed = chosen if seen is None else np.where(seen >= 0, seen, chosen)
        named, centre = leaning.units, leaning.affect
        if self.halo and self.shown is not None and self.placed is not None:
            named = (1 - self.halo) * named + self.halo * self.shown[believed]
            centre = (1 - self.halo) * centre + self.halo * self.placed[believed]
        units = (rng.random(named.shape) < named).astype(float)
        affect = np.clip(centre + self.draw_sd * rng.standard_normal(centre.shape), -1, 1).round(2)
        silent = rng.random(n) < self.unreadable
        hidden = silent[:, None]
        return Said(np.where(silent, -1, chosen), np.where(hidden, np.nan, units), np.where(hidden, np.nan, affect))

    def confirms(self, right: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Verdicts on expressions or AUs, (n,)."""
        return np.asarray(rng.random(len(right)) < np.where(right, self.confirms_right, self.confirms_wrong))

    def rules(self, above: Floats, rng: np.random.Generator) -> Ints:
        """Verdicts on values, (n,), of which the truth is so far above: 0 fits, 1 too low, 2 too high."""
        looks = above + 0.2 * rng.standard_normal(len(above))
        heeded = rng.random(len(above)) < self.heeds
        return np.where(heeded, np.where(looks > 0.2, 1, np.where(looks < -0.2, 2, 0)), 0)


def _dirichlet(alpha: Floats, rng: np.random.Generator) -> Floats:
    drawn = np.maximum(rng.standard_gamma(np.maximum(alpha, 1e-9)), 1e-12)
    return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))


def _beta(concentration: float, mean: Floats, rng: np.random.Generator) -> Floats:
    return _dirichlet(concentration * np.stack((mean, 1 - mean), axis=-1), rng)[..., 0]


def simulate(
    annotator: Annotator, truths: Truths, *, contexts: int, draws: int, seed: int, seen: Ints | None = None
) -> Answers:
    """What an annotator says of n faces, all of them asked alike; an adaptive procedure takes the first it wants."""
    rng = np.random.default_rng(seed)
    faces = annotator.of_faces(truths, rng)
    said: list[list[Said]] = []
    for _ in range(contexts):
        leaning = annotator.in_context(faces, rng)
        said.append([annotator.draw(leaning, rng, seen) for _ in range(draws)])

    def stacked(name: str) -> npt.NDArray[Any]:
        return np.stack([np.stack([getattr(one, name) for one in context], axis=1) for context in said], axis=1)

    return Answers(
        annotator.aus,
        np.ones((len(truths.expression), contexts, draws), bool),
        stacked("expression"),
        stacked("units"),
        stacked("affect"),
    )

"""What passes between the parts of SEKE: contexts, draws, verdicts and annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from feab.vocabulary import Kind

Level: TypeAlias = Kind
"""Of an annotation: "expression", "valence_arousal" or "action_units"."""

LEVELS: tuple[Level, ...] = ("expression", "valence_arousal", "action_units")

Value: TypeAlias = str | tuple[float, float] | frozenset[int]
"""An expression; (valence, arousal) in [-1, 1]; the action units that are present."""


@dataclass(frozen=True, slots=True)
class Context:
    """One way of asking about a face: what Monte Carlo sampling draws from.

    Attributes:
        number: 0-based, in the order in which one face is asked.
        paraphrase: the template's name.
        knowledge: which part of the knowledge is put in words; "none" for no knowledge.
        order: seed of the order in which options are shown.
    """

    number: int
    paraphrase: str
    knowledge: str
    order: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What one draw in one context said of one face; a level is None where it was not asked or could not be read."""

    context: int
    draw: int
    expression: str | None = None
    valence_arousal: tuple[float, float] | None = None
    action_units: frozenset[int] | None = None


Ruling = Literal["confirm", "refute", "too low", "too high"]
"""Of a verifier. "too low" and "too high" are said of valence or arousal only, where "confirm" means "fits"."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier said of one candidate for one face.

    Attributes:
        about: "expression", "valence", "arousal", or the number of an action unit as text.
        candidate: the expression, the number as text (valence, arousal), or "present" or "absent".
        ruling: what was said; None where nothing could be read, which is no evidence.
    """

    about: str
    candidate: str
    ruling: Ruling | None


@dataclass(frozen=True, slots=True)
class FaceDraws:
    """All that an annotator and a verifier said of one face so far."""

    sample: str
    draws: tuple[Draw, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


Provenance = Literal["human", "generated", "rejected"]
"""Where a level comes from. Rejected: annotated, but not surely enough to be used; the value is kept for study."""


@dataclass(frozen=True, slots=True)
class LevelAnnotation:
    """One level of one face's annotation.

    Attributes:
        value: what holds; None where nothing could be said at all.
        source: human labels are never overwritten.
        confidence: probability in [0, 1] that the value is right (VA: that both lie within the accepted error);
            None for human labels.
        total_uncertainty, epistemic_uncertainty: over the draws (`feab.generation.uncertainty`); None without draws.
        samples: draws that were read for this level.
        verification: what the verifier said, by what it was asked about; empty where it was not asked.
        details: of action units, the probability of each, by number as text.
    """

    value: Value | None
    source: Provenance
    confidence: float | None = None
    total_uncertainty: float | None = None
    epistemic_uncertainty: float | None = None
    samples: int = 0
    verification: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotation:
    """All levels of one face."""

    sample: str
    levels: Mapping[Level, LevelAnnotation]

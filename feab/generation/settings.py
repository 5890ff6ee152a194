"""What SV-UAMC is set to: how often it asks, what a question may cost, and how wrong an accepted label may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from feab.errors import FeabError

Verifying = Literal["never", "useful", "always"]
"""When a level that is not sure enough is shown to the verifier: never, where its verdict could change what becomes of
the level, or always. Labelled faces, from which its rates are learnt, are verified always."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of SV-UAMC. All are ours: the paper says none of them.

    Attributes:
        pilot_contexts: contexts in which every face is asked, from 2: with one, sensitivity to it cannot be seen.
        draws: in each context, from 2: with one, the two kinds of uncertainty cannot be told apart.
        most_contexts: in which one face is asked.
        price: of one more context, in correct labels: it is asked where it promises more of them than this.
        target_error: share of accepted labels that may be wrong.
        va_sd: standard deviation of valence, and of arousal, up to which they are accepted.
        va_error: how far valence and arousal may be off and still count as right: annotators of AffectNet differ by a
            root mean square of .34 and .36 (Mollahosseini et al. 2019).
        doubtful: between these probabilities an AU is verified.
        most_unit_checks: AUs of one face that are verified.
        verify: when the verifier is asked.
        provisional: confidence at which asking ends while no threshold is fitted.
        unlabelled: confidence at which a level is accepted that no labelled face covers; None, the default: never.
        least_labelled: labelled faces from which a level counts as calibrated.
        folds: of cross-fitting.
        most_knowledge: the largest weight λ that knowledge may get; 0 is without it.
        weighing_faces: labelled faces on which the weight of knowledge is fitted, at most.

    Raises:
        FeabError: when a number is outside its range.
    """

    pilot_contexts: int = 2
    draws: int = 2
    most_contexts: int = 10
    price: float = 0.01
    target_error: float = 0.05
    va_sd: float = 0.20
    va_error: float = 0.35
    doubtful: tuple[float, float] = (0.2, 0.8)
    most_unit_checks: int = 3
    verify: Verifying = "useful"
    provisional: float = 0.9
    unlabelled: float | None = None
    least_labelled: int = 30
    folds: int = 5
    most_knowledge: float = 1.5
    weighing_faces: int = 400

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "pilot_contexts": (2, 100),
            "draws": (2, 100),
            "most_contexts": (self.pilot_contexts, 1000),
            "price": (0, 1),
            "target_error": (0.001, 0.5),
            "va_sd": (0.01, 1),
            "va_error": (0.01, 2),
            "most_unit_checks": (0, 100),
            "provisional": (0.5, 1),
            "least_labelled": (10, 100_000),
            "folds": (2, 20),
            "most_knowledge": (0, 1.5),
            "weighing_faces": (50, 100_000),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise FeabError(f"SEKE: {name} must be from {low:g} to {high:g}, got {getattr(self, name)!r}")
        low, high = self.doubtful
        if not 0 <= low < 0.5 < high <= 1:
            raise FeabError(f"SEKE: doubtful must be two probabilities around .5, got {self.doubtful!r}")
        if self.unlabelled is not None and not 0.5 <= self.unlabelled <= 1:
            raise FeabError(f"SEKE: unlabelled must be from .5 to 1 or left out, got {self.unlabelled!r}")

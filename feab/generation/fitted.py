"""What is known of an annotator's errors, and of its verifier's: numbers fitted on labelled faces, as plain JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from feab.generation.record import LEVELS, Level
from feab.generation.tally import Floats
from feab.jsonfile import validated
from feab.knowledge import GRID
from feab.schemas import Strict
from feab.vocabulary import EXPRESSIONS, FEAB_17

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Concentration = Annotated[float, Field(gt=0, le=1e6)]
Spread = Annotated[float, Field(ge=0, le=10)]
Number = Annotated[int, Field(ge=0, le=10_000_000)]
Asked = Literal["expression", "present", "absent"]
"""What a verifier is asked of: an expression, an AU's presence, or its absence."""
AxisName = Literal["valence", "arousal"]

ASKED: tuple[Asked, ...] = ("expression", "present", "absent")
AXES: tuple[AxisName, AxisName] = ("valence", "arousal")
Expressions = Annotated[tuple[Rate, ...], Field(min_length=len(EXPRESSIONS), max_length=len(EXPRESSIONS))]
OnGrid = Annotated[tuple[Rate, ...], Field(min_length=len(GRID), max_length=len(GRID))]
Units = Annotated[tuple[Rate, ...], Field(max_length=40)]


class ExpressionErrors(Strict):
    """How often each expression is said of each: `confusion[truth][said]`, rows summing to 1, and c."""

    confusion: Annotated[tuple[Expressions, ...], Field(min_length=len(EXPRESSIONS), max_length=len(EXPRESSIONS))]
    concentration: Concentration


class UnitErrors(Strict):
    """How often each AU is named when it is present (s) and when it is absent (f), and its c."""

    hits: Units
    false_alarms: Units
    concentrations: Annotated[tuple[Concentration, ...], Field(max_length=40)]


class AffectErrors(Strict):
    """Of valence or arousal v: the mean of what is said is normal around α + βv.

    Its variance is τ² + σ_b²/C + σ_w²/(Cr), from C contexts of r draws. τ is a floor that no sampling removes: errors
    that all answers of a face share.
    """

    alpha: Annotated[float, Field(ge=-4, le=4)]
    beta: Annotated[float, Field(ge=-4, le=4)]
    tau: Spread
    between: Spread
    """σ_b, the standard deviation between contexts."""
    within: Spread
    """σ_w, the one within a context."""
    widening: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    """Errors on labelled faces in standard deviations of the posterior: their root mean square, at its upper bound."""


class Confirmed(Strict):
    """How labelled faces fared with the verifier: candidates that were right, and wrong ones."""

    right_confirmed: Number = 0
    right_refuted: Number = 0
    wrong_confirmed: Number = 0
    wrong_refuted: Number = 0

    @property
    def rates(self) -> tuple[float, float]:
        """P(confirm | right), s, and P(confirm | wrong), f: means of Beta(1 + confirmed, 1 + refuted)."""
        right, wrong = self.right_confirmed + self.right_refuted, self.wrong_confirmed + self.wrong_refuted
        return (1 + self.right_confirmed) / (2 + right), (1 + self.wrong_confirmed) / (2 + wrong)


class VerifierErrors(Strict):
    """Rates of the verifier.

    Attributes:
        confirmed: what was asked -> for candidates that few, and that most draws said (two bins).
        heed: axis -> w, the share of its rulings on valence or arousal that depend on the truth; 0: none, or unknown.
        habits: axis -> what the others are: shares of "fits", "too low", "too high".
    """

    confirmed: dict[Asked, tuple[Confirmed, Confirmed]]
    heed: dict[AxisName, Share]
    habits: dict[AxisName, tuple[Rate, Rate, Rate]]


class BaseRates(Strict):
    """How often each label occurs, by itself: what is expected where knowledge counts for nothing."""

    expression: Expressions
    action_units: Units
    valence: OnGrid
    arousal: OnGrid


Shift = Annotated[float, Field(ge=-5, le=5)]


class Scaling(Strict):
    """How much too sure the posterior is: see `feab.generation.rescaling`. By default nothing is changed."""

    expression_slope: Annotated[float, Field(gt=0, le=10)] = 1.0
    expression_shift: Annotated[tuple[Shift, ...], Field(min_length=len(EXPRESSIONS), max_length=len(EXPRESSIONS))]
    unit_slope: Annotated[float, Field(gt=0, le=10)] = 1.0
    unit_shift: Annotated[tuple[Shift, ...], Field(max_length=40)]

    @staticmethod
    def none(units: int) -> Scaling:
        """The one that changes nothing."""
        return Scaling(expression_shift=(0.0,) * len(EXPRESSIONS), unit_shift=(0.0,) * units)


class ErrorModel(Strict):
    """All that is fitted on labelled faces; what the posterior of the truth is computed from.

    Attributes:
        aus: the AUs' numbers.
        labelled: level -> labelled faces that were annotated.
        calibrated: level -> whether they suffice. Where not, the numbers are weak guesses and nothing is accepted.
        lam: level -> λ, the weight of knowledge when it is judged: 0 is none.
        scaling: of the posterior's probabilities.
        losses: level -> λ -> mean log-loss of labelled faces by rates that have not seen them, in nats a face.
        thresholds: level -> from which confidence on it is accepted (of valence and arousal: up to which widened
            standard deviation); None: nothing is good enough, or nothing is known.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    aus: Annotated[tuple[int, ...], Field(max_length=40)] = FEAB_17
    labelled: dict[Level, Number]
    calibrated: dict[Level, bool]
    expression: ExpressionErrors
    action_units: UnitErrors
    valence: AffectErrors
    arousal: AffectErrors
    verifier: VerifierErrors
    base_rates: BaseRates
    lam: dict[Level, Annotated[float, Field(ge=0, le=1.5)]]
    losses: dict[Level, Annotated[dict[str, float], Field(max_length=100)]] = Field(default_factory=dict)
    scaling: Scaling
    thresholds: dict[Level, Annotated[float, Field(ge=0, le=10)] | None]

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    @model_validator(mode="after")
    def _consistent(self) -> ErrorModel:
        units = self.action_units
        lengths = {len(column) for column in (units.hits, units.false_alarms, units.concentrations)}
        lengths |= {len(self.base_rates.action_units), len(self.scaling.unit_shift)}
        if lengths != {len(self.aus)}:
            raise ValueError("action units: a rate for each of `aus`, no more and no fewer")
        if set(self.lam) != set(LEVELS) or set(self.thresholds) != set(LEVELS):
            raise ValueError("lam and thresholds: one for each level")
        if any(abs(sum(row) - 1) > 1e-6 for row in (*self.expression.confusion, self.base_rates.expression)):
            raise ValueError("expression: shares must sum to 1")
        return self

    @property
    def axes(self) -> tuple[AffectErrors, AffectErrors]:
        """Of valence and arousal."""
        return self.valence, self.arousal

    @property
    def widening(self) -> Floats:
        """(2,), of valence and arousal."""
        return np.array([axis.widening for axis in self.axes])

    def to_json(self) -> str:
        """One JSON object."""
        return self.model_dump_json(indent=1)

    @staticmethod
    def from_json(text: str | bytes, file: Path = Path("error model")) -> ErrorModel:
        """Read what `to_json` wrote.

        Raises:
            FeabError: with everything that is wrong with it; `file` is named.
        """
        return validated(ErrorModel, text.encode() if isinstance(text, str) else text, file, most=20_000)

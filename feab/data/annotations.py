"""annotations.jsonl: what SEKE says of each face, level by level, with where each level comes from.

One JSON object a line: `sample`, and for each level that was annotated its value, source (human, generated or
rejected), confidence, uncertainties, number of samples and verification. A rejected value is kept for study only:
whatever makes training data must pass it over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feab.data.fingerprint import Lines
from feab.errors import FeabError
from feab.jsonfile import validated
from feab.problems import FileError, Problem
from feab.schemas import Fraction, Name, VaValue, Versioned
from feab.vocabulary import EXPRESSIONS, Kind
from feab.yamlfile import NO_FOLLOW, open_plain

MAX_LINE = 64 * 1024
"""Longest line that is read, in bytes; ours have some 2,000."""

_MOST_VALUES = 500
_MOST_UNITS = 60  # FACS has fewer

Unit = Annotated[int, Field(ge=1, le=99)]
"""The number of an action unit."""

UnitName = Annotated[str, Field(pattern=r"^[1-9][0-9]?$")]
"""The number of an action unit as text."""

Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f<>]+$")]
Uncertainty = Annotated[float, Field(ge=-10, le=10)]
"""Of the unbiased estimators, which on a single face may be negative."""


class _Level(BaseModel):
    """What all levels have: see `feab.generation.record.LevelAnnotation`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    source: Literal["human", "generated", "rejected"]
    confidence: Fraction | None = None
    total_uncertainty: Uncertainty | None = None
    epistemic_uncertainty: Uncertainty | None = None
    samples: Annotated[int, Field(ge=0, le=100_000)] = 0
    verification: Annotated[dict[Word, Word], Field(max_length=_MOST_UNITS)] = {}
    """What was verified -> what the verifier said of it."""

    @model_validator(mode="after")
    def _consistent(self) -> _Level:
        if self.source != "rejected" and getattr(self, "value", None) is None:
            raise ValueError(f"source {self.source!r} needs a value; where nothing could be said it is 'rejected'")
        if self.source == "human" and self.confidence is not None:
            raise ValueError("human labels have no confidence; leave it out")
        if self.source == "generated" and self.confidence is None:
            raise ValueError("a generated value needs its confidence")
        return self


class ExpressionLevel(_Level):
    """The expression; a human label may be one that SEKE itself never gives, such as a compound one."""

    value: Word | None
    details: Annotated[dict[Word, Fraction], Field(max_length=_MOST_UNITS)] = {}
    """The probability of each expression, where known."""

    @model_validator(mode="after")
    def _known(self) -> ExpressionLevel:
        if self.source == "generated" and self.value not in EXPRESSIONS:
            raise ValueError(f"a generated expression must be one of {', '.join(EXPRESSIONS)}")
        return self


class ValenceArousalLevel(_Level):
    """Valence and arousal."""

    value: VaValue | None
    details: Annotated[dict[Word, Annotated[float, Field(ge=-10, le=10)]], Field(max_length=_MOST_UNITS)] = {}
    """Further numbers, such as the standard deviation of each."""


class ActionUnitsLevel(_Level):
    """The action units that are present."""

    value: Annotated[list[Unit], Field(max_length=_MOST_UNITS)] | None
    """In rising order; empty where none is present."""
    details: Annotated[dict[UnitName, Fraction], Field(max_length=_MOST_UNITS)] = {}
    """The probability that each is present. Of a generated level, these are all that were asked about."""

    @model_validator(mode="after")
    def _rising(self) -> ActionUnitsLevel:
        if self.value is not None and any(a >= b for a, b in zip(self.value, self.value[1:], strict=False)):
            raise ValueError("action units must be in rising order, each once")
        return self


class AnnotationLine(Versioned):
    """One line of annotations.jsonl: one face, and the levels of which anything can be said. Never an image."""

    sample: Name
    expression: ExpressionLevel | None = None
    valence_arousal: ValenceArousalLevel | None = None
    action_units: ActionUnitsLevel | None = None

    def level(self, kind: Kind) -> ExpressionLevel | ValenceArousalLevel | ActionUnitsLevel | None:
        """One of its levels; None where it was not annotated."""
        found: ExpressionLevel | ValenceArousalLevel | ActionUnitsLevel | None = getattr(self, kind)
        return found


def read_annotations(path: str | os.PathLike[str]) -> Iterator[AnnotationLine]:
    """Each annotation of a file in turn, validated; memory does not grow with their number.

    Raises:
        FeabError: naming file and line: not JSON, an unknown field, a value out of range or NaN, a line longer than
            `MAX_LINE`, a sample that occurs twice; or the file is missing, none, or a link.
    """
    file_path = Path(path)
    try:
        file = open_plain(file_path, links=False)
    except OSError as error:
        raise FeabError(f"{file_path}: cannot read it ({error.strerror})") from None
    seen = Lines()
    try:
        with file:
            number = 0
            while data := file.readline(MAX_LINE + 1):
                number += 1
                if len(data) > MAX_LINE:
                    raise FileError(Problem(file_path, f"the line is longer than {MAX_LINE:,} bytes", number))
                line = validated(AnnotationLine, data, file_path, number, most=_MOST_VALUES)
                if not seen.reserve(line.sample):
                    words = f"sample {line.sample!r} occurs a second time"
                    raise FileError(Problem(file_path, words, number, advice="keep one of the two"))
                yield line
    finally:
        seen.close()


def write_annotations(path: str | os.PathLike[str], lines: Iterable[AnnotationLine]) -> int:
    """Write annotations.jsonl, whole or not at all; returns how many lines it has.

    Raises:
        FeabError: when the disk refuses.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    count = 0
    try:
        temporary.unlink(missing_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW, 0o644), "wb") as file:  # noqa: PTH123
            for line in lines:
                file.write(line.model_dump_json().encode() + b"\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise FeabError(f"{target}: cannot write it ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return count

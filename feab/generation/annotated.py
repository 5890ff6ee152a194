"""Annotations as lines of annotations.jsonl."""

from __future__ import annotations

import math
from typing import Any

from feab.data.annotations import ActionUnitsLevel, AnnotationLine, ExpressionLevel, ValenceArousalLevel
from feab.generation.record import Annotation, LevelAnnotation
from feab.schemas import VaValue

_LEVELS = {
    "expression": ExpressionLevel,
    "valence_arousal": ValenceArousalLevel,
    "action_units": ActionUnitsLevel,
}


def annotation_line(annotation: Annotation) -> AnnotationLine:
    """An annotation as a line of annotations.jsonl; numbers that are NaN are left out.

    Raises:
        ValidationError: when it is none that the file may hold, such as a generated level without a confidence.
    """
    levels = {name: _LEVELS[name](**_fields(level)) for name, level in annotation.levels.items()}
    return AnnotationLine(sample=annotation.sample, **levels)


def _fields(level: LevelAnnotation) -> dict[str, Any]:
    value: Any = level.value
    if isinstance(value, tuple):
        value = VaValue(valence=value[0], arousal=value[1])
    elif isinstance(value, frozenset):
        value = sorted(value)
    return {
        "value": value,
        "source": level.source,
        "confidence": _number(level.confidence),
        "total_uncertainty": _number(level.total_uncertainty),
        "epistemic_uncertainty": _number(level.epistemic_uncertainty),
        "samples": level.samples,
        "verification": dict(level.verification),
        "details": {name: one for name, one in level.details.items() if not math.isnan(one)},
    }


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)

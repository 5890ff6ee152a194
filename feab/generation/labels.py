"""From a line of annotations.jsonl to the labels that instruction data may state: rejected levels are left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from feab.data.annotations import AnnotationLine
from feab.data.feid.record import FeidLabels, Origin
from feab.vocabulary import EXPRESSIONS, FEAB_17, Kind


def labels_of(line: AnnotationLine, coded: Collection[int]) -> FeidLabels:
    """What may be said of a face.

    An expression outside the eight is left out, and so are action units outside the 17. A generated level of action
    units knows those whose probability it holds, all 17 where it holds none.

    Args:
        line: of annotations.jsonl.
        coded: the action units that people coded of this face.
    """
    origins: dict[Kind, Origin] = {}
    confidences: dict[Kind, float] = {}
    for kind in ("expression", "valence_arousal", "action_units"):
        level = line.level(kind)
        if level is not None and level.source != "rejected" and level.value is not None:
            origins[kind] = level.source
            if level.confidence is not None:
                confidences[kind] = level.confidence
    expression = affect = units = None
    known: frozenset[int] = frozenset()
    if "expression" in origins and line.expression is not None:
        expression = line.expression.value if line.expression.value in EXPRESSIONS else None
    if "valence_arousal" in origins and line.valence_arousal is not None and line.valence_arousal.value is not None:
        affect = (line.valence_arousal.value.valence, line.valence_arousal.value.arousal)
    if "action_units" in origins and line.action_units is not None and line.action_units.value is not None:
        present = frozenset(line.action_units.value) & frozenset(FEAB_17)
        asked = frozenset(map(int, line.action_units.details)) or frozenset(FEAB_17)
        known = (frozenset(coded) if origins["action_units"] == "human" else asked) & frozenset(FEAB_17)
        units, known = (present, known | present) if known | present else (None, known)
    there: Mapping[Kind, bool] = {
        "expression": expression is not None,
        "valence_arousal": affect is not None,
        "action_units": units is not None,
    }
    return FeidLabels(
        expression=expression,
        valence_arousal=affect,
        action_units=units,
        coded=known,
        origins={kind: origin for kind, origin in origins.items() if there[kind]},
        confidences={kind: value for kind, value in confidences.items() if there[kind]},
    )

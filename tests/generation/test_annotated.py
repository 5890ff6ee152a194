"""Annotations become lines of annotations.jsonl."""

from __future__ import annotations

import math

from feab.generation.annotated import annotation_line
from feab.generation.record import Annotation, LevelAnnotation


def test_every_level_keeps_its_value_and_nan_is_left_out() -> None:
    line = annotation_line(
        Annotation(
            "a",
            {
                "expression": LevelAnnotation("fear", "human"),
                "valence_arousal": LevelAnnotation(
                    (0.25, -0.5), "generated", 0.9, 0.2, math.nan, 4, {"valence": "confirm"}
                ),
                "action_units": LevelAnnotation(
                    frozenset({12, 6}), "rejected", 0.3, details={"6": 0.6, "12": math.nan}
                ),
            },
        )
    )
    assert line.expression is not None
    assert (line.expression.value, line.expression.source, line.expression.confidence) == ("fear", "human", None)
    assert line.valence_arousal is not None
    assert line.valence_arousal.model_dump()["value"] == {"valence": 0.25, "arousal": -0.5}
    assert line.valence_arousal.epistemic_uncertainty is None
    assert line.valence_arousal.verification == {"valence": "confirm"}
    assert line.action_units is not None
    assert line.action_units.value == [6, 12]
    assert line.action_units.details == {"6": 0.6}


def test_levels_that_were_not_annotated_are_absent() -> None:
    line = annotation_line(Annotation("a", {"action_units": LevelAnnotation(None, "rejected")}))
    assert line.expression is None
    assert line.valence_arousal is None
    assert line.action_units is not None
    assert line.action_units.value is None

"""Conflicts between human labels and knowledge: reported, and never resolved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from feab.generation.faces import Face
from feab.knowledge import Given, JointModel, agreement

_KEPT = 4096
_TOLD = 500  # faces between two words about progress: some seconds


def conflicts(
    faces: Sequence[Face], model: JointModel, below: float, on_progress: Callable[[int, int], None] | None = None
) -> Iterator[str]:
    """Lines of conflicts.jsonl: a human label, and how probable it is by the tables and the face's other labels.

    Only faces of which people labelled two levels or more are looked at: their labels can be held against each other.

    Args:
        faces: their human labels.
        model: the tables.
        below: a label that is less probable is reported, in [0, 1].
        on_progress: called with faces looked at, and all of them, where that takes more than a moment.
    """

    @lru_cache(_KEPT)
    def found(
        expression: str | None, units: tuple[tuple[int, bool], ...], valence: float | None, arousal: float | None
    ) -> list[tuple[str, float]]:
        agreeing = agreement(model, Given(expression, dict(units), valence, arousal))
        return [(label, chance) for label, chance in agreeing.items() if chance < below]

    for done, face in enumerate(faces):
        if on_progress is not None and done and done % _TOLD == 0:
            on_progress(done, len(faces))
        given = face.given
        known = (given.expression is not None) + bool(given.action_units) + (given.valence is not None)
        if known >= 2:
            units = tuple(sorted(given.action_units.items()))
            for label, chance in found(given.expression, units, _near(given.valence), _near(given.arousal)):
                line = {"sample": face.sample, "label": label, "probability": round(chance, 6)}
                yield json.dumps(line) + "\n"


def _near(value: float | None) -> float | None:
    """On the grid of the model, so that faces share what is computed."""
    return None if value is None else round(value * 20) / 20

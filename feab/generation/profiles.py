"""Simulated annotators whose error rates come from published ones; what is not published is our choice, and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from feab.errors import FeabError
from feab.generation.annotator import Annotator
from feab.generation.tally import Floats
from feab.knowledge import Knowledge
from feab.vocabulary import EXPRESSIONS, FEAB_17

_RIVALS = {
    "neutral": "sadness",
    "happiness": "neutral",
    "sadness": "neutral",
    "surprise": "fear",
    "fear": "surprise",
    "disgust": "anger",
    "anger": "neutral",
    "contempt": "neutral",
}
"""What each is mostly taken for: the confusions that papers speak of, without numbers of their own."""

_MIDDLING = (0.80, 0.85, 0.60, 0.70, 0.40, 0.45, 0.55, 0.30)
"""Weights of the right answer, in the order of `EXPRESSIONS`: a middling recognizer (our choice)."""

_GPT4V_AFFECTNET = (0.80, 0.72, 0.45, 0.42, 0.33, 0.30, 0.388, 0.016)
"""Recalls of GPT-4V on AffectNet's eight classes. Published (recomputed from the raw answers behind "GPT-4V with
Emotion", Lian et al. 2023): their mean .428, contempt's .016, and that 35.5 % of all answers are "neutral". The others
are our choice within these three."""

_GPT4V_TO_NEUTRAL = 0.466
"""Share of the errors that say "neutral": what makes up the 35.5 %."""

_HITS: Mapping[int, tuple[float, float]] = MappingProxyType(
    {
        1: (0.65, 0.12), 2: (0.60, 0.10), 4: (0.70, 0.15), 5: (0.50, 0.10), 6: (0.70, 0.12), 7: (0.40, 0.10),
        9: (0.60, 0.05), 10: (0.50, 0.08), 12: (0.90, 0.08), 14: (0.30, 0.05), 15: (0.55, 0.08), 17: (0.50, 0.08),
        20: (0.40, 0.05), 23: (0.35, 0.05), 24: (0.45, 0.08), 25: (0.90, 0.15), 26: (0.70, 0.12),
    }
)  # fmt: skip
"""AU -> how often it is named when present, and when absent. No model publishes these for all 17: our choice, such that
the mean F1 is near what EmoLA (ECCV 2024) publishes, .56."""


def middling_confusion() -> Floats:
    """The confusion matrix behind the figures of measurement.md 4.6."""
    table = np.full((len(EXPRESSIONS), len(EXPRESSIONS)), 0.03)
    for row, (name, weight) in enumerate(zip(EXPRESSIONS, _MIDDLING, strict=True)):
        table[row, row] = weight
        table[row, EXPRESSIONS.index(_RIVALS[name])] += 0.15
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def gpt4v_confusion() -> Floats:
    """A confusion matrix with the published totals of GPT-4V on AffectNet."""
    table = np.zeros((len(EXPRESSIONS), len(EXPRESSIONS)))
    for row, (name, recall) in enumerate(zip(EXPRESSIONS, _GPT4V_AFFECTNET, strict=True)):
        neutral = 0.0 if name == "neutral" else _GPT4V_TO_NEUTRAL
        rival = "sadness" if name == "sadness" or _RIVALS[name] == "neutral" else _RIVALS[name]
        rest = (1 - recall) * (1 - neutral)
        others = [k for k, other in enumerate(EXPRESSIONS) if other not in (name, "neutral")]
        table[row, others] = 0.6 * rest / len(others)
        if rival != name:
            table[row, EXPRESSIONS.index(rival)] += 0.4 * rest
        else:
            table[row, others] += 0.4 * rest / len(others)
        table[row, 0] += (1 - recall) * neutral
        table[row, row] += recall
    return table


_CONFUSIONS = MappingProxyType({"middling": middling_confusion, "gpt4v-affectnet": gpt4v_confusion})


def profiles() -> tuple[str, ...]:
    """The names that `profile` knows."""
    return tuple(_CONFUSIONS)


def profile(name: str = "middling", beliefs: Knowledge | None = None, **changes: Any) -> Annotator:
    """A simulated annotator by name.

    Args:
        name: one of `profiles()`.
        beliefs: what it believes of expressions, for a halo.
        changes: fields of `Annotator` to set otherwise, as `halo=0.3`.

    Raises:
        FeabError: when there is no such profile.
    """
    if name not in _CONFUSIONS:
        raise FeabError(f"no simulated annotator {name!r}; there are {', '.join(_CONFUSIONS)}")
    rates = np.array([_HITS[au] for au in FEAB_17])
    found = Annotator(_CONFUSIONS[name](), rates[:, 0], rates[:, 1])
    if beliefs is not None:
        found = replace(found, shown=beliefs.displays, placed=beliefs.anchors)
    return replace(found, **changes)

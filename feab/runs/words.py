"""Answers and bins in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from feab.records import AnswerValue
from feab.vocabulary import ACTION_UNITS

CONSENSUS_WORDS: Mapping[str, str] = {
    "<=0.5": "up to 50 %",
    "0.5-0.7": "over 50 to 70 %",
    "0.7-0.9": "over 70 to 90 %",
    ">0.9": "over 90 %",
}
"""The share of a face's votes that its commonest label got, by the names of `feab.metrics.votes`."""


def value_in_words(value: AnswerValue) -> str:
    """An answer as a person would say it: "fear", "+0.10, -0.40", "AU4 brow lowerer, AU7 lid tightener", "none"."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"{value[0]:+.2f}, {value[1]:+.2f}"
    return units_in_words(value) or "none"


def units_in_words(aus: Iterable[int]) -> str:
    """Action units with their names, in rising order; nothing for none."""
    names = {au: ACTION_UNITS[au].name for au in ACTION_UNITS}
    return ", ".join(f"AU{au} {names.get(au, '')}".strip() for au in sorted(aus))

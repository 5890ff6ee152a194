"""Answers in words."""

from __future__ import annotations

from collections.abc import Iterable

from feab.records import AnswerValue
from feab.vocabulary import ACTION_UNITS


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

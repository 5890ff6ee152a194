"""Ages in years as the age groups that datasets have."""

from __future__ import annotations

import re
from bisect import bisect_right

from feab.vocabulary import AGE_GROUPS

OLDEST = 120
"""Years; a larger number is no age."""

_AGE = re.compile(r"-?\d{1,3}(?:[.,]\d{1,9})?", re.ASCII)
_UNKNOWN = (-9, -1, 999)
"""How tables say that an age is not known. 9 and 99, which say so of AUs, are ages."""

_STARTS = [int(group.rstrip("+").partition("-")[0]) for group in AGE_GROUPS]


def is_age(text: str) -> bool:
    """Whether a text is an age in years from 0 to 120, or a code that says that it is not known."""
    years = _years(text)
    return years is not None and (0 <= years <= OLDEST or years in _UNKNOWN)


def age_group(text: str) -> str | None:
    """The group of an age in whole or completed years: "23" and "39.9" -> "20-39"; None for all that is no age."""
    years = _years(text)
    return AGE_GROUPS[bisect_right(_STARTS, years) - 1] if years is not None and 0 <= years <= OLDEST else None


def _years(text: str) -> float | None:
    return float(text.replace(",", ".")) if _AGE.fullmatch(text) else None

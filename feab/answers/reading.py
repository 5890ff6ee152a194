"""What a reader hands back, and the interface the three readers share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeAlias

from feab.answers.page import Page
from feab.records import AnswerValue


class Unreadable(Enum):
    """A place where the answer should stand holds none, or more than one: nothing further down may replace it."""

    UNREADABLE = "unreadable"


UNREADABLE: Final = Unreadable.UNREADABLE


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and where on the page it was read."""

    value: AnswerValue
    start: int
    end: int
    ignored: frozenset[int] = frozenset()


Result: TypeAlias = Reading | Unreadable | None
"""None: nothing here that looks like an answer; look elsewhere."""


class Reader(Protocol):
    """Reads one kind of answer."""

    tags: frozenset[str]
    """Names of XML-like tags that hold this kind of answer, besides <answer> and its like."""
    whole_block: bool
    """Whether an answer may run over several lines (AU lists), so that one line alone must not be read first."""

    def text(self, page: Page, start: int, end: int) -> Result:
        """Read running text."""
        ...

    def data(self, value: object) -> Result:
        """Read a parsed JSON object or list; the caller sets the span."""
        ...


def agree(results: Iterable[Result]) -> Result:
    """The one value that all readable results share; unreadable if they differ or if the last one is unreadable."""
    last: Result = None
    first: Reading | None = None
    for result in results:
        if result is None:
            continue
        last = result
        if isinstance(result, Reading):
            if first is not None and first.value != result.value:
                return UNREADABLE
            first = first or result
    return last

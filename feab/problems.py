"""What is wrong with a file, and whether its reader stops there or goes on to find the rest.

Readers of files are written once. Given `RAISE` they stop at the first problem, which is how files are used; given a
`Gather` they note it and read on, which is how files are validated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, Protocol, TypeVar

from feab.errors import FeabError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

T = TypeVar("T")
S = TypeVar("S")
P = ParamSpec("P")
Severity = Literal["error", "warning"]

MAX_SHOWN = 200
"""Characters of a stranger's text that a message repeats."""

_ADVICE = {
    "missing": "add it",
    "extra_forbidden": "remove it, or correct its spelling",
    "finite_number": "write a finite number, or leave it out",
    "json_invalid": "write plain JSON (RFC 8259)",
}
_ADVICE_ELSE = "correct it"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file, where it stands, and what to do about it.

    An error is something that no use of the file should pass over; a warning may be as it was meant.
    """

    file: Path
    message: str
    line: int | None = None
    """Counted from 1; None where the file has no lines (Parquet) or the whole of it is meant."""
    where: str = ""
    """The field, row or key inside the file."""
    advice: str = ""
    """What to do, where the message does not say it already."""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line is not None else str(self.file)
        return ": ".join(part for part in (place, self.where, self.what) if part)

    @property
    def what(self) -> str:
        """What is wrong and what to do, in one line."""
        return f"{self.message}; {self.advice}" if self.advice else self.message


class FileError(FeabError):
    """Problems with a file, as a reader raises them; its text is the first of them, unless told otherwise."""

    def __init__(self, *problems: Problem, message: str | None = None) -> None:
        super().__init__(str(problems[0]) if message is None else message)
        self.problems = problems


class NotedError(FeabError):
    """Raised by a reader that has noted what is wrong and has nothing to give back."""


class Notes(Protocol):
    """What a reader does with the problems it finds."""

    def note(self, problem: Problem, message: str | None = None) -> None:
        """Tell of a problem; `message` is how a `FileError` about it reads, if not as the problem does."""
        ...

    def attempt(self, read: Callable[P, T], otherwise: S, *args: P.args, **kwargs: P.kwargs) -> T | S:
        """What `read` gives for the arguments; `otherwise` where it raised and this goes on."""
        ...

    def settle(self) -> None:
        """Called where what was read is put together, which needs all of it to be right.

        Raises:
            NotedError: when something was noted.
        """
        ...


class Raise:
    """The first error is raised; warnings are for validation."""

    __slots__ = ()

    def note(self, problem: Problem, message: str | None = None) -> None:
        """Raise it."""
        if problem.severity == "error":
            raise FileError(problem, message=message)

    def attempt(self, read: Callable[P, T], otherwise: S, *args: P.args, **kwargs: P.kwargs) -> T | S:
        """What `read` gives or raises."""
        return read(*args, **kwargs)

    def settle(self) -> None:
        """Nothing can have been noted."""


RAISE = Raise()


class Gather:
    """Problems are collected, each once and at most `most` of them; the others are counted."""

    __slots__ = ("_found", "_most", "file", "more")

    def __init__(self, file: Path, most: int = 500) -> None:
        """`file`: the one that is meant by errors that name none."""
        self.file = file
        self.more = 0
        """Problems beyond those kept."""
        self._most = most
        self._found: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, in the order found."""
        return tuple(self._found)

    @property
    def errors(self) -> bool:
        """Whether any of it is more than a warning."""
        return self.more > 0 or any(problem.severity == "error" for problem in self._found)

    def note(self, problem: Problem, message: str | None = None) -> None:
        """Keep it."""
        if problem in self._found:
            return
        if len(self._found) < self._most:
            self._found[problem] = None
        else:
            self.more += 1

    def attempt(self, read: Callable[P, T], otherwise: S, *args: P.args, **kwargs: P.kwargs) -> T | S:
        """What `read` gives, or `otherwise` with its problems kept."""
        try:
            return read(*args, **kwargs)
        except NotedError:
            pass
        except FeabError as error:
            for problem in problems_in(error, self.file):
                self.note(problem)
        return otherwise

    def settle(self) -> None:
        """Raise unless nothing but warnings was noted."""
        if self.errors:
            raise NotedError(f"{self.file}: has problems")


def problems_in(error: FeabError, file: Path) -> tuple[Problem, ...]:
    """The problems an error carries; one made of its text where it carries none."""
    if isinstance(error, FileError):
        return error.problems
    text = str(error)
    place = re.match(re.escape(str(file)) + r"(?:(?:, line |:)(\d+))?: ", text)
    if place is None:
        return (Problem(file, text),)
    return (Problem(file, text[place.end() :], None if place[1] is None else int(place[1])),)


def problems_of(
    error: ValidationError, file: Path, line_of: Callable[[Sequence[str | int]], int | None] = lambda path: None
) -> tuple[Problem, ...]:
    """Everything pydantic found wrong, each with its field; `line_of` says where a field stands."""
    return tuple(_of(item, file, line_of) for item in error.errors(include_url=False, include_input=False))


def _of(item: ErrorDetails, file: Path, line_of: Callable[[Sequence[str | int]], int | None]) -> Problem:
    where = ".".join(str(part)[:MAX_SHOWN] for part in item["loc"])
    line = line_of(item["loc"])
    stands = re.search(r" at line (\d+) column (\d+)$", item["msg"]) if item["type"] == "json_invalid" else None
    if stands is not None:
        line = int(stands[1])
    message, advice = item["msg"], _ADVICE.get(item["type"], "")
    if item["type"] == "value_error":  # our own words, which may say what to do after a semicolon
        message, _, advice = message.removeprefix("Value error, ").partition("; ")
    if stands is not None:
        message = f"{message[: stands.start()]} (column {stands[2]})"
    return Problem(file, message[:1].lower() + message[1:], line, where, advice or _ADVICE_ELSE)


@dataclass(frozen=True, slots=True)
class InFile:
    """Notes problems with the fields of one file."""

    notes: Notes
    file: Path
    line_of: Callable[[Sequence[str | int]], int | None]
    """From the path of a field to its line."""

    def note(self, place: Sequence[str | int], message: str, advice: str = "", *, severity: Severity = "error") -> None:
        """Note a problem with the field at `place`."""
        where = ".".join(str(part)[:MAX_SHOWN] for part in place)
        self.notes.note(Problem(self.file, message, self.line_of(place), where, advice, severity))


def warning(problem: Problem) -> Problem:
    """The same as a warning."""
    return replace(problem, severity="warning")

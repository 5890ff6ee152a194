"""Lines of predictions.jsonl: how they are written, read and told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from feab.errors import FeabError
from feab.journal.keys import KeySet, key_number
from feab.jsonfile import validated
from feab.problems import FileError, Problem
from feab.schemas import Prediction
from feab.yamlfile import open_plain

MAX_LINE = 8 * 2**20
"""Longest line read, in bytes: written answers have at most 1,000,000 characters, each of 6 bytes or less."""

MOST_VALUES = 5_000
"""Values that a line may hold; ours hold some 20, and two for each label or AU."""


_ONLY_WHERE_KEPT = ("likelihoods", "finish_reason")
"""Fields that came later: a line without them reads as it did before there were such."""


def to_line(prediction: Prediction) -> bytes:
    """One line of predictions.jsonl, with its newline."""
    left_out = {name for name in _ONLY_WHERE_KEPT if getattr(prediction, name) is None}
    return prediction.model_dump_json(exclude=left_out).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as it lies in the file."""

    data: bytes
    ended: bool
    """Whether it ends in a newline."""
    too_long: bool = False
    """Whether `data` is only its first `MAX_LINE` bytes."""

    def parse(self) -> Prediction | None:
        """The prediction, or None when the line is half, garbage, or does not validate.

        A beginning of a JSON object is never a JSON object, so a last line without a newline that validates is whole.
        """
        try:
            return self.prediction(Path(), 0)
        except FeabError:
            return None

    def prediction(self, path: Path, number: int) -> Prediction:
        """The prediction; `path` and `number`, counted from 1, are for messages.

        Raises:
            FileError: with everything that is wrong with the line.
        """
        if self.too_long:
            advice = "no answer is that long; have the model asked again"
            problem = Problem(path, f"the line is longer than {MAX_LINE} bytes", number, advice=advice)
            raise FileError(problem, message=f"{path}:{number}: {problem.message}")
        return validated(Prediction, self.data, path, number, most=MOST_VALUES)


def raw_lines(file: BinaryIO) -> Iterator[RawLine]:
    """The lines of an open file, never more than `MAX_LINE` bytes of one in memory."""
    while data := file.readline(MAX_LINE):
        ended = data.endswith(b"\n")
        too_long = not ended and len(data) == MAX_LINE
        while too_long and not ended and (rest := file.readline(MAX_LINE)):
            ended = rest.endswith(b"\n")
        yield RawLine(data, ended, too_long)


def read_predictions(path: Path) -> Iterator[Prediction]:
    """Each prediction of a file in turn, validated; a half last line (a run killed while writing) is passed over.

    Raises:
        FeabError: naming file and line, when a line does not validate or repeats a key; or the file is none, or a link.
    """
    seen = KeySet()
    try:
        file = open_plain(path, links=False)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FeabError(f"{path}: cannot read it ({error.strerror})") from None
    with file:
        for number, line in enumerate(raw_lines(file), start=1):
            if not line.ended and line.parse() is None:
                return
            prediction = line.prediction(path, number)
            if not seen.add(key_number(prediction.key)):
                raise FeabError(f"{path}:{number}: the key {prediction.key} occurs a second time")
            yield prediction

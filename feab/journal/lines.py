"""Lines of predictions.jsonl: how they are written, read and told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from feab.errors import FeabError
from feab.journal.keys import KeySet, key_number
from feab.schemas import Prediction

MAX_LINE = 16 * 2**20
"""Longest line read, in bytes; a longer one is not ours (answers are cut well below it when they are written)."""


def to_line(prediction: Prediction) -> bytes:
    """One line of predictions.jsonl, with its newline."""
    return prediction.model_dump_json().encode() + b"\n"


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
        if self.too_long:
            return None
        try:
            return Prediction.model_validate_json(self.data)
        except (ValueError, RecursionError):
            return None


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
        FeabError: naming file and line, when a line does not validate or repeats a key.
    """
    seen = KeySet()
    if path.exists() and not path.is_file():
        raise FeabError(f"{path}: not a file")  # a named pipe would never end
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(raw_lines(file), start=1):
            if not line.ended and line.parse() is None:
                return
            prediction = _validated(line, path, number)
            if not seen.add(key_number(prediction.key)):
                raise FeabError(f"{path}:{number}: the key {prediction.key} occurs a second time")
            yield prediction


def _validated(line: RawLine, path: Path, number: int) -> Prediction:
    if line.too_long:
        raise FeabError(f"{path}:{number}: the line is longer than {MAX_LINE} bytes")
    try:
        return Prediction.model_validate_json(line.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FeabError(f"{path}:{number}: {where + ': ' if where else ''}{first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise FeabError(f"{path}:{number}: not a prediction ({error})") from None

"""Draws in few bytes, and decided faces on disk: what annotating keeps of every face."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from math import isnan, nan
from pathlib import Path

from feab.generation.record import Draw
from feab.vocabulary import EXPRESSIONS

_DRAW = struct.Struct("<HHbddQ")
"""Context, draw, expression (-1: not read), valence and arousal (NaN: not read), action units."""

_READ = 1 << 63
"""Set where action units were read; below it stands one bit for each, by its number."""


def packed(draw: Draw) -> bytes:
    """One draw in 29 bytes; as an object it takes some 500. Its action units have numbers below 63."""
    said = -1 if draw.expression is None else EXPRESSIONS.index(draw.expression)
    units = 0 if draw.action_units is None else _READ | sum(1 << au for au in draw.action_units)
    return _DRAW.pack(draw.context, draw.draw, said, *(draw.valence_arousal or (nan, nan)), units)


def unpacked(data: bytes) -> Iterator[Draw]:
    """The draws that were packed, one behind the other."""
    for context, number, said, valence, arousal, units in _DRAW.iter_unpack(data):
        yield Draw(
            context,
            number,
            EXPRESSIONS[said] if said >= 0 else None,
            None if isnan(valence) else (valence, arousal),
            frozenset(_bits(units ^ _READ)) if units & _READ else None,
        )


def contexts_of(data: bytes) -> Iterator[int]:
    """The contexts of the draws that were packed."""
    return (context for context, *_ in _DRAW.iter_unpack(data))


def _bits(units: int) -> Iterator[int]:
    while units:
        yield (units & -units).bit_length() - 1
        units &= units - 1


class Shelf:
    """Texts that are put away in a temporary file, which goes when it is closed; each is had again by where it lies.

    Used by one thread at a time, which need not be the same.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: on the disk that is to hold them."""
        # It has no name; where a file must have one, it is hidden for the moment until it has none.
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".decided.")  # noqa: SIM115 - closed by `close`
        self._end = 0

    def put(self, text: bytes) -> int:
        """Put a text away, which holds no newline; where it lies."""
        at = self._end
        self._file.seek(at)
        self._end += self._file.write(text + b"\n")
        return at

    def get(self, at: int) -> bytes:
        """The text that lies there."""
        self._file.seek(at)
        return self._file.readline()[:-1]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

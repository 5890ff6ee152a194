"""Valence and arousal as lists of several datasets write them: two numbers, or a code where they were not given."""

from __future__ import annotations

from feab.data.columns import AFFECT
from feab.data.readers.record import Skip
from feab.data.readers.tree import number_in


def affect(
    words: tuple[str, str], not_given: float, file: str, line: int | None, skip: Skip
) -> dict[str, float | None] | None:
    """The two columns; None, and `skip` is told, where one holds neither a number in [-1, 1] nor the code.

    Args:
        words: valence and arousal, as the dataset writes them.
        not_given: the dataset's code for a value that was not given; such a value becomes null.
        file: where they stand, and in which row.
        line: its row.
        skip: told of what is wrong.
    """
    found: dict[str, float | None] = {}
    for name, word in zip(AFFECT, words, strict=True):
        value = number_in(word, -1, 1)
        if value is None and number_in(word, not_given, not_given) is None:
            skip(file, line, "out of range", f"{name} {word!r:.40} is neither in [-1, 1] nor {not_given:g}")
            return None
        found[name] = value
    return found

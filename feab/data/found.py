"""What was found in files of a user's own: labels, and where the pictures are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS, canonical_label

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_SHOWN = 30
_MANY = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Labels of pictures, before anything else is known of them."""

    path: Path
    """The file or folder that holds the labels."""
    root: Path
    """The folder in which the pictures lie."""
    labels: pa.Table
    """`id` and those label columns that are not empty."""
    paths: pa.ChunkedArray
    """The pictures' paths from `root`, row by row."""
    numbers: npt.NDArray[np.int32] | None
    """Row numbers in the file, where there is one."""
    notes: tuple[str, ...]
    """How it was understood and what was passed over, a line each."""
    form: str
    """What was read, in words."""
    voted: tuple[str, ...] = ()
    """The labels of the column `votes`, in order."""
    media: Literal["image", "clip"] = "image"
    """Whether the files are pictures, or videos of one clip each."""


class UnknownLabels:
    """Reads words as expression labels, and keeps account of those that are none."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._first: dict[str, int] = {}

    def label(self, word: str, row: int | None = None) -> str | None:
        """The label a word stands for, None for an unknown one, which is remembered with its first row."""
        known = self._labels.get(word)
        if known is not None:
            return known
        if word not in self._counts:
            try:
                self._labels[word] = canonical_label(word)
            except FeabError:
                pass
            else:
                return self._labels[word]
        if len(self._counts) < _MANY or word in self._counts:
            self._counts[word] += 1
            if row is not None:
                self._first.setdefault(word, row)
        return None

    def refuse(self, where: str) -> None:
        """Complain of every unknown word at once.

        Raises:
            FeabError: when there were any; with counts, the commonest first.
        """
        if not self._counts:
            return
        shown = [
            f"  {word!r:.60}: {n:,}" + (f" (first in row {self._first[word]:,})" if word in self._first else "")
            for word, n in self._counts.most_common(_SHOWN)
        ]
        more = len(self._counts) - len(shown)
        lines = "\n".join([*shown, *([f"  and {more:,} more"] if more else [])])
        raise FeabError(
            f"{where}: unknown expression labels:\n{lines}\nfeab knows {', '.join(EXPRESSIONS)}, other and their "
            "aliases (happy, angry, ...), and guesses none: rename them, or take them out"
        )

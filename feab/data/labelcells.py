"""The cells of one row of labels: what each says, and what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from feab.data.columns import AFFECT
from feab.data.found import UnknownLabels
from feab.data.headers import AGE, WORDS, Header
from feab.data.names import safe_id
from feab.data.years import age_group
from feab.errors import FeabError

if TYPE_CHECKING:
    from feab.data.readers.record import Why

_KEPT_NUMBERS = 10_000
_MAX_PATH = 4_096
MAX_WORD = 200
"""Characters of a word, such as a subject's name."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NOT_CODED = (-9, -1, 9, 99, 999)
"""How files of FACS codes say that an AU was not coded. None of them is an intensity."""


class CellError(FeabError):
    """A row that cannot be used: the kind of fault, and what is wrong without the place."""

    def __init__(self, where: str, why: Why, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.why: Why = why
        self.detail = detail


class LabelCells:
    """Reads the cells of one row after another.

    Attributes:
        words: columns of text -> their places in a row.
        floats: valence, arousal and votes, likewise.
        aus: action units, likewise.
        unknown: the expressions that no row may have.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        root: Path,
        *,
        comma: bool,
        lenient: bool,
        called: Callable[[int], str] | None,
    ) -> None:
        """As `LabelRows` takes them; `lenient`: an AU's code for "not coded" is not labelled, rather than refused."""
        self._path, self._header, self._root = path, header, root
        self._comma, self._lenient, self._called = comma, lenient, called
        self._roots = (root.absolute().as_posix(), root.resolve().as_posix())
        self.words = {name: header.plain[name] for name in (*WORDS, AGE) if name in header.plain}
        self.floats = {name: header.plain[name] for name in AFFECT if name in header.plain} | dict(header.votes)
        self.aus = {**header.coded, **{f"au{au:02d}": place for au, place in header.bare.items()}}
        self.unknown = UnknownLabels()
        self._numbers: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What `row` gives, in order."""
        return ("id", "path", "row", *self.words, *self.floats, *self.aus)

    def row(self, number: int, cells: Sequence[str]) -> list[Any]:
        """The values of a row, None for what is not labelled.

        Raises:
            CellError: naming what is wrong with it.
        """
        picture = self._inside(number, cells[self._header.plain["image"]]) if self._called is None else None
        if "id" in self._header.plain:
            given = cells[self._header.plain["id"]].strip()
        else:
            given = safe_id(picture or "") if self._called is None else self._called(number)
        if not given:
            raise self.wrong(number, "bad row", "the id is empty")
        row: list[Any] = [given, picture, number]
        row += [self._word(number, name, cells[place].strip()) for name, place in self.words.items()]
        row += [self._value(number, name, cells[place]) for name, place in self.floats.items()]
        self._whole_votes(number, cells)
        row += [self._coded(number, name, cells[place]) for name, place in self.aus.items()]
        return row

    def wrong(self, number: int, why: Why, detail: str) -> CellError:
        """What is wrong with a row, to be raised."""
        return CellError(f"{self._path}: row {number}", why, detail)

    def _whole_votes(self, number: int, cells: Sequence[str]) -> None:
        empty = [name for name, place in self._header.votes.items() if not cells[place].strip()]
        if 0 < len(empty) < len(self._header.votes):
            detail = f"column {empty[0]!r} is empty, and other labels have votes; write 0 for none"
            raise self.wrong(number, "bad row", detail)

    def _inside(self, number: int, cell: str) -> str:
        """The picture's path from the root, with / between its parts."""
        text = cell.strip().replace("\\", "/")
        said = f"image {cell.strip()!r:.200}"
        if not text:
            raise self.wrong(number, "missing picture", "the image is empty")
        if "://" in text:
            raise self.wrong(number, "bad row", f"{said}: feab downloads nothing; give the path of a file")
        path = PurePosixPath(text)
        if path.is_absolute():
            root = next((root for root in self._roots if path.is_relative_to(root)), None)
            path = path if root is None else path.relative_to(root)
        relative = path.as_posix()
        if path.is_absolute() or ".." in path.parts or "\x00" in text or len(text) > _MAX_PATH or relative == ".":
            option = "--pictures" if self._lenient else "--images"  # of the verbs that read, and that prepare
            detail = f"{said}: must lie inside {self._root}; {option} DIR says where paths start from"
            raise self.wrong(number, "bad row", detail)
        return relative

    def _word(self, number: int, name: str, text: str) -> str | None:
        if not text:
            return None
        if name == "expression":
            label = self.unknown.label(text, number)
            if label is None and self._lenient:
                raise self.wrong(number, "unknown code", f"column 'expression': {text!r:.60} names no expression")
            return label
        if name == AGE:
            return text[:MAX_WORD]  # all of them together show whether they are years
        if name == "age_group":
            return age_group(text) or text
        if len(text) > MAX_WORD:
            raise self.wrong(number, "bad row", f"column {name!r}: longer than {MAX_WORD} characters")
        return text.lower() if name.startswith("perceived_") else text

    def _coded(self, number: int, name: str, cell: str) -> float | None:
        value = self._value(number, name, cell)
        if value not in _NOT_CODED:
            return value
        if self._lenient:
            return None
        detail = f"column {name!r}: {value:g} is no intensity; leave the cell empty where an AU was not coded"
        raise self.wrong(number, "unknown code", detail)

    def _value(self, number: int, name: str, cell: str) -> float | None:
        text = cell.strip()
        if not text:
            return None
        value = self._numbers.get(text)
        if value is None:
            written = text.replace(",", ".") if self._comma else text
            value = float(written) if _NUMBER.fullmatch(written) else math.nan
            if not math.isfinite(value):
                detail = f"column {name!r}: {text!r:.80} is no number; an empty cell says that there is no label"
                raise self.wrong(number, "bad row", detail)
            if len(self._numbers) < _KEPT_NUMBERS:
                self._numbers[text] = value
        return value

"""Reading CSV files that people made: bounded, row by row, whatever program wrote them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from feab.errors import FeabError

if TYPE_CHECKING:
    from feab.data.labelrows import SkipRow

CSV_ENDINGS = (".csv", ".tsv")
MAX_CSV = 512 * 2**20
"""Largest file read, in bytes."""
MAX_ROWS = 2_000_000
MAX_COLUMNS = 1_000
MAX_LINE = 2**20
"""Longest line, in characters. A cell may have 131,072, which is Python's own limit."""

_SEPARATORS = (",", ";", "\t")
_EXCEL = 'In Excel: Save As, "CSV UTF-8 (Comma delimited)"'


def csv_files(folder: Path) -> list[Path]:
    """The CSV files right in a folder, by name; hidden ones and links that lead out of it are none of them.

    Raises:
        FeabError: when the folder cannot be read.
    """
    root = folder.resolve()
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in CSV_ENDINGS
            and not path.name.startswith(".")
            and path.is_file()
            and path.resolve().is_relative_to(root)
        )
    except OSError as error:
        raise FeabError(f"{folder}: cannot be read ({error.strerror or error})") from None


@dataclass(frozen=True, slots=True)
class CsvFile:
    """An open CSV file: its header, and its rows as often as they are pulled."""

    path: Path
    separator: str
    header: tuple[str, ...]
    """The column names, without spaces around them."""
    rows: Iterator[tuple[int, list[str]]]
    """Row number, as a spreadsheet counts (the header is row 1), and the cells; rows of empty cells are left out."""


@contextmanager
def open_csv(path: Path, skip: SkipRow | None = None) -> Iterator[CsvFile]:
    """A UTF-8 file with a header row, cells separated by comma, semicolon or tab, whichever its header uses.

    Args:
        path: the file.
        skip: told of rows of another length than the header, which are passed over; by default they are refused.

    Raises:
        FeabError: on opening or while rows are pulled, naming file and row: for other encodings, rows of another
            length than the header, unbalanced quotes, repeated column names, or more than feab reads.
    """
    try:
        if path.exists() and not path.is_file():
            raise FeabError(f"{path}: not a file")  # a named pipe would never end
        if path.stat().st_size > MAX_CSV:
            raise FeabError(f"{path}: larger than {MAX_CSV // 2**20} MiB")
        with path.open("rb") as raw:
            if raw.read(2) in (b"\xff\xfe", b"\xfe\xff"):
                raise FeabError(f"{path}: is UTF-16, not UTF-8. {_EXCEL}")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield _opened(path, file, skip)
    except UnicodeDecodeError:
        raise FeabError(f"{path}: is not UTF-8 text. {_EXCEL}") from None
    except OSError as error:
        raise FeabError(f"{path}: cannot be read ({error.strerror or error})") from None


def _opened(path: Path, file: TextIO, skip: SkipRow | None) -> CsvFile:
    lines = text_lines(path, file)
    first = next(lines, "")
    told = first.lower().removeprefix("sep=").rstrip("\r\n")
    if first.lower().startswith("sep=") and told in (*_SEPARATORS, "|"):  # Excel's own first line
        separator, before = told, 2
    else:
        separator, before = _separator(first), 1
        lines = _again(first, lines)
    rows = _rows(path, csv.reader(lines, delimiter=separator, strict=True), before)
    number, header = next(rows, (1, []))
    names = tuple(name.strip() for name in header)
    while names and not names[-1]:
        names = names[:-1]  # spreadsheets leave empty columns at the right
    if not names:
        raise FeabError(f"{path}: is empty; its first row must hold the names of its columns")
    if len(names) > MAX_COLUMNS:
        raise FeabError(f"{path}: has {len(names):,} columns; feab reads at most {MAX_COLUMNS:,}")
    repeated = next((name for place, name in enumerate(names) if name and name in names[:place]), None)
    if repeated is not None:
        raise FeabError(f"{path}: row {number}: two columns are named {repeated!r:.80}")
    return CsvFile(path, separator, names, _whole(path, rows, len(names), skip))


def text_lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of an open file, with their ends.

    Raises:
        FeabError: for a line that is longer than feab reads.
    """
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise FeabError(f"{path}: holds a line of more than {MAX_LINE:,} characters")
        yield line


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _separator(header: str) -> str:
    """The separator that cuts the header into most cells, a comma where none does."""

    def cells(separator: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=separator), ()))
        except csv.Error:
            return 0

    return max(_SEPARATORS, key=cells)


def _rows(path: Path, reader: Iterator[list[str]], first: int) -> Iterator[tuple[int, list[str]]]:
    number = first - 1
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FeabError(f"{path}: row {number}: not CSV ({error})") from None
        if number > MAX_ROWS:
            raise FeabError(f"{path}: has more than {MAX_ROWS:,} rows")
        if any(cell and not cell.isspace() for cell in cells):
            yield number, cells


def _whole(
    path: Path, rows: Iterator[tuple[int, list[str]]], width: int, skip: SkipRow | None
) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if len(cells) >= width and not any(cell.strip() for cell in cells[width:]):
            yield number, cells
        elif skip is not None:
            skip(number, "bad row", f"has {len(cells)} cells, the header {width}")
        else:
            raise FeabError(f"{path}: row {number} has {len(cells)} cells, the header {width}")

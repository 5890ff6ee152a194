"""The folder of a dataset as it was delivered: read inside its bounds, whatever it holds."""

from __future__ import annotations

import csv
import fnmatch
import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from feab.data.readers.sheet import ENDING, sheet_cells
from feab.data.write import inside
from feab.errors import FeabError
from feab.pictures import PICTURE_ENDINGS
from feab.yamlfile import open_plain, read_bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_FILE = 4 * 2**30
"""Largest list of labels read, in bytes; it is read line by line."""
MAX_LINE = 2**20
"""Longest line, in characters."""
MAX_SMALL = 16 * 2**20
"""Largest file that is read whole, in bytes."""
MAX_NAMES = 2_000_000
"""Files of one folder."""


class Tree:
    """A folder whose files are read by their paths from it, with / between the parts; none outside is opened.

    Raises:
        FeabError: by every method, naming the file, when it is missing, leads out of the folder, is larger than such
            a file may be, or is not of the form asked for.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._above = f"{root}{os.sep}"
        self._folders: dict[str, bool] = {}  # whether a folder is inside, links resolved: looked up once for each

    def path(self, relative: str) -> Path:
        """The file or folder itself; a link is followed where it stays inside."""
        if not self._is_inside(relative):
            raise FeabError(f"{self.root}: {relative!r:.300} leads out of the folder")
        return self.root / relative

    def _is_inside(self, relative: str) -> bool:
        above, _, name = relative.rpartition("/")
        if name in ("", ".", "..") or "\x00" in relative or relative.startswith("/"):
            return False
        known = self._folders.get(above)
        if known is None:
            known = self._folders[above] = not above or self._resolves(above)
        try:
            return known and (not stat.S_ISLNK(os.lstat(self._above + relative).st_mode) or self._resolves(relative))
        except OSError:
            return known  # it is not there, which opening it will tell

    def _resolves(self, relative: str) -> bool:
        try:
            inside(self.root, relative, "")
        except (FeabError, OSError, RuntimeError):  # a loop of links is an OSError, before Python 3.13 a RuntimeError
            return False
        return True

    def open(self, relative: str) -> BinaryIO:
        """The file, open for reading; a named pipe or device is none. Raises also `OSError`."""
        return open_plain(self.path(relative))

    def size(self, relative: str) -> int:
        """Bytes of a file; 0 of one that is not to be had, which opening it will tell."""
        try:
            return self.path(relative).stat().st_size
        except (FeabError, OSError):
            return 0

    def has(self, relative: str) -> bool:
        """Whether a file or folder is there (and not outside); in its last part, * stands for anything."""
        above, _, name = relative.rpartition("/")
        try:
            if "*" in name:
                return any(
                    fnmatch.fnmatchcase(there, name) for there in [*self.files(above, ("",)), *self.folders(above)]
                )
            return self.path(relative).exists()
        except FeabError:
            return False

    def first(self, *relatives: str) -> str:
        """The first of some paths that is there."""
        found = next((relative for relative in relatives if self.has(relative)), None)
        if found is None:
            raise FeabError(f"{self.root}: holds no {' or '.join(relatives)}")
        return found

    def lines(self, relative: str) -> Iterator[tuple[int, str]]:
        """Line numbers from 1 and lines without their ends, blank ones left out. What is not UTF-8 becomes �."""
        path = self.root / relative
        try:
            with io.TextIOWrapper(self.open(relative), encoding="utf-8-sig", errors="replace") as file:
                if os.fstat(file.fileno()).st_size > MAX_FILE:
                    raise FeabError(f"{path}: larger than {MAX_FILE // 2**30} GiB")
                number = 0
                while line := file.readline(MAX_LINE + 1):
                    number += 1
                    if len(line) > MAX_LINE:
                        raise FeabError(f"{path}: line {number} has more than {MAX_LINE:,} characters")
                    if line.strip():
                        yield number, line.rstrip("\r\n")
        except OSError as error:
            raise FeabError(f"{path}: cannot be read ({error.strerror or error})") from None

    def cells(self, relative: str, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
        """Line numbers and cells, stripped, of a file of separated values, or of the first sheet of an .xlsx file.

        Cells may be quoted, within one line.
        """
        if relative.lower().endswith(ENDING):
            yield from sheet_cells(self.bytes(relative), str(self.root / relative))
            return
        for number, line in self.lines(relative):
            try:
                row = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
            except (csv.Error, StopIteration):
                row = [line]
            yield number, [cell.strip() for cell in row]

    def table(
        self, relative: str, columns: Sequence[str], separator: str = ","
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Line numbers and rows of a file with a header, as {column: cell}; upper case does not matter in its names.

        A row that is shorter than the header lacks its last columns. Raises when one of `columns` is not there.
        """
        rows = self.cells(relative, separator)
        _, header = next(rows, (1, []))
        names = [name.casefold() for name in header]
        missing = [column for column in columns if column.casefold() not in names]
        if missing:
            raise FeabError(f"{self.root / relative}: no column {missing[0]!r}; it has {', '.join(header)[:500]}")
        for number, cells in rows:
            yield number, dict(zip(names, cells, strict=False))

    def text(self, relative: str, limit: int = MAX_SMALL) -> str:
        """The whole of a small file. What is not UTF-8 becomes �."""
        return self.bytes(relative, limit).decode("utf-8-sig", errors="replace")

    def bytes(self, relative: str, limit: int = MAX_SMALL) -> bytes:
        """The bytes of a small file."""
        return read_bytes(self.path(relative), limit)

    def array(self, relative: str, limit: int = MAX_SMALL) -> npt.NDArray[np.generic]:
        """What a .npy file holds. Arrays of Python objects are refused: reading them would run what they hold."""
        import numpy as np

        data = self.bytes(relative, limit)
        try:
            found: npt.NDArray[np.generic] = np.load(io.BytesIO(data), allow_pickle=False)
        except Exception as error:  # numpy's reader raises nearly anything on a broken header
            raise FeabError(f"{self.root / relative}: not a plain .npy file ({str(error)[:200]})") from None
        if not isinstance(found, np.ndarray):
            raise FeabError(f"{self.root / relative}: not a plain .npy file")
        return found

    def files(self, relative: str = "", endings: Sequence[str] = tuple(PICTURE_ENDINGS)) -> list[str]:
        """Names of the files right in a folder with one of some endings (pictures), sorted; hidden ones left out."""
        wanted = tuple(endings)
        return self._names(relative, folders=False, endings=wanted)

    def folders(self, relative: str = "") -> list[str]:
        """Names of the folders right in a folder, sorted; hidden ones and links left out."""
        return self._names(relative, folders=True, endings=("",))

    def _names(self, relative: str, *, folders: bool, endings: tuple[str, ...]) -> list[str]:
        folder = self.path(relative) if relative else self.root
        found: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for count, entry in enumerate(entries):
                    if count >= MAX_NAMES:
                        raise FeabError(f"{folder}: holds more than {MAX_NAMES:,} files")
                    fits = entry.is_dir(follow_symlinks=False) if folders else not _is_folder(entry)
                    if fits and not entry.name.startswith(".") and entry.name.lower().endswith(endings):
                        found.append(entry.name)
        except OSError as error:
            raise FeabError(f"{folder}: cannot be read ({error.strerror or error})") from None
        return sorted(found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def number_in(text: str, low: float, high: float) -> float | None:
    """The finite number that a text is, if it lies in [low, high]; None otherwise."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if low <= value <= high else None


def whole_in(text: str, allowed: Any) -> int | None:
    """The whole number that a text is ("3", also "3.0"), if it is in `allowed`; None otherwise."""
    value = number_in(text, -1e9, 1e9)
    return int(value) if value is not None and value == int(value) and int(value) in allowed else None

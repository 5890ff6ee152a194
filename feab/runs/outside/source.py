"""A stranger's file, read once: bounded, hashed and counted on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from feab.errors import FeabError
from feab.journal.lines import MAX_LINE, raw_lines
from feab.yamlfile import read_bytes

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all."""

MAX_DOCUMENT = 64 * 2**20
"""Largest file, in bytes, that is read as one JSON document. Files of lines are read line by line, however long."""

_MARK = "\ufeff"
"""What spreadsheets put in front of a file of UTF-8."""

_STEP = 4 * 2**20
"""Bytes between two calls of `Progress`, which a smaller file is read too fast for."""

_AS_TEXT = (
    "convert it where you trust it, as text: "
    'json.dump({name: label, ...}, open("answers.json", "w")), then import answers.json'
)
_BINARY = {
    b"\x93NUMPY": f"a NumPy array, which can hold pickled objects that run code; {_AS_TEXT}",
    b"PK\x03\x04": f"a zip archive (.npz, .xlsx); {_AS_TEXT}",
    b"\x80": f"a Python pickle, which can run code when it is read; {_AS_TEXT}",
    b"\x1f\x8b": "compressed; unpack it first (gunzip)",
    b"PAR1": f"a Parquet file; {_AS_TEXT}",
}


class Source:
    """The bytes of some files, one after the other.

    Attributes:
        digest: sha256 over all that was read.
    """

    def __init__(self, files: Sequence[Path], on_progress: Progress | None = None) -> None:
        """Look at each file without reading it.

        Raises:
            FeabError: for one that is missing, no file, or of a binary kind that is not read.
        """
        for file in files:
            check_file(file)
        self.digest = hashlib.sha256()
        self._on_progress = on_progress
        self._total = sum(file.stat().st_size for file in files)
        self._done = self._told = 0

    def lines(self, file: Path) -> Iterator[tuple[int, str]]:
        """Line numbers, from 1, and lines with their ends.

        Raises:
            FeabError: for a line that is no UTF-8 text or longer than 16 MiB.
        """
        with file.open("rb") as opened:
            for number, line in enumerate(raw_lines(opened), start=1):
                if line.too_long:
                    raise FeabError(f"{file}:{number}: the line is longer than {MAX_LINE:,} bytes")
                self._count(line.data)
                text = self._text(line.data, f"{file}:{number}")
                yield number, text.removeprefix(_MARK) if number == 1 else text

    def document(self, file: Path) -> str:
        """The whole text of a file.

        Raises:
            FeabError: when it is larger than 64 MiB or no UTF-8 text.
        """
        data = read_bytes(file, MAX_DOCUMENT)
        self._count(data)
        return self._text(data, str(file)).removeprefix(_MARK)

    def _text(self, data: bytes, where: str) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FeabError(f"{where}: is not UTF-8 text (byte {error.start}); save the file as UTF-8") from None

    def _count(self, data: bytes) -> None:
        self.digest.update(data)
        self._done += len(data)
        ended = self._told > 0 and self._done == self._total
        if self._on_progress is not None and (ended or self._done - self._told >= _STEP):
            self._told = self._done
            self._on_progress(self._done, self._total)


def check_file(file: Path) -> None:
    """Look at the first bytes of a file.

    Raises:
        FeabError: when it is missing, no file, or of a binary kind that is not read, with what to do instead.
    """
    if not file.exists():
        raise FeabError(f"{file}: no such file")
    if not file.is_file():
        raise FeabError(f"{file}: not a file")  # a named pipe would never end
    try:
        with file.open("rb") as opened:
            start = opened.read(8)
    except OSError as error:
        raise FeabError(f"{file}: cannot read it ({error.strerror or error})") from None
    for magic, what in _BINARY.items():
        if start.startswith(magic):
            raise FeabError(f"{file}: is {what}")

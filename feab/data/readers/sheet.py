"""Excel's .xlsx files as a stranger may have packed them: the cells of the first sheet, as text.

Such a file is a ZIP archive of XML. It is read by the standard library, bounded in every respect: bytes packed and
unpacked, rows and columns; XML that declares entities, which can stand for gigabytes or for other files, is refused.
Formulas are not worked out: the value that was stored with them is taken.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from feab.errors import FeabError

ENDING = ".xlsx"
MAX_UNPACKED = 64 * 2**20
"""Largest part of the archive that is read, unpacked, in bytes."""
MAX_COLUMNS = 512
MAX_CELLS = 4_000_000
_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_STRINGS = "xl/sharedStrings.xml"
_START = "http://schemas.openxmlformats.org"


def sheet_cells(data: bytes, where: str) -> list[tuple[int, list[str]]]:
    """Row numbers (the first is 1) and cells of the first sheet, stripped; rows without any text are left out.

    Args:
        data: the file's bytes.
        where: the file, as errors name it.

    Raises:
        FeabError: when it is no .xlsx file, is damaged, or unpacks to more than such a list may hold.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            strings = _Strings()
            if _STRINGS in archive.NameToInfo:
                _parse(_part(archive, _STRINGS), strings.start, strings.end, strings.text)
            cells = _Cells(strings.found)
            _parse(_part(archive, _first_sheet(archive)), cells.start, cells.end, cells.text)
    except FeabError as error:
        raise FeabError(f"{where}: {error}") from None
    except Exception as error:  # what the unpackers raise on broken or locked archives has no common kind
        words = str(error)[:200] or type(error).__name__
        raise FeabError(f"{where}: not an {ENDING} file that can be read ({words})") from None
    return cells.rows


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of the archive, unpacked; what its header says of its size is not believed."""
    with archive.open(name) as file:
        data = file.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED:
        raise FeabError(f"{name} unpacks to more than {MAX_UNPACKED // 2**20} MiB")
    return data


def _first_sheet(archive: zipfile.ZipFile) -> str:
    """The name of the first sheet's file, by the workbook's own order."""
    sheets: list[str] = []
    targets: dict[str, str] = {}

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            sheets.append(next((value for name, value in attributes.items() if name.endswith(":id")), ""))

    def target(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    _parse(_part(archive, _WORKBOOK), sheet)
    _parse(_part(archive, _RELATIONS), target)
    if not sheets or sheets[0] not in targets:
        raise FeabError("holds no sheet")
    path = targets[sheets[0]]
    return path.lstrip("/") if path.startswith("/") else f"xl/{path}"


def _parse(
    data: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Go through XML; names come without what stands before their colon.

    Raises:
        FeabError: when it is no XML, or declares a document type (and with it, entities).
    """

    def declared(*_: Any) -> None:
        raise FeabError("its XML declares a document type, which no spreadsheet does")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = declared
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise FeabError(f"its XML is damaged ({error})") from None


@dataclass(slots=True)
class _Strings:
    """The texts that cells point to by their number; readings of Chinese or Japanese words (rPh) are left out."""

    found: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _reads: bool = False
    _aside: bool = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "si":
            self._open = []
        elif tag == "rPh":
            self._aside = True
        self._reads = tag == "t" and not self._aside

    def end(self, tag: str) -> None:
        self._reads = False
        if tag == "rPh":
            self._aside = False
        elif tag == "si":
            self.found.append("".join(self._open))

    def text(self, words: str) -> None:
        if self._reads:
            self._open.append(words)


@dataclass(slots=True)
class _Cells:
    """The rows of a sheet."""

    strings: Sequence[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    _row: list[str] = field(default_factory=list)
    _number: int = 0
    _column: int = 0
    _kind: str = ""
    _open: list[str] = field(default_factory=list)
    _reads: bool = False
    _count: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self._row = []
            self._number = _whole(attributes.get("r"), self._number + 1)
            self._column = 0
        elif tag == "c":
            self._column = _column(attributes.get("r", "")) or self._column + 1
            self._kind = attributes.get("t", "n")
            self._open = []
        self._reads = tag in ("v", "t")

    def end(self, tag: str) -> None:
        self._reads = False
        if tag == "c":
            self._put("".join(self._open).strip())
        elif tag == "row" and any(self._row):
            self.rows.append((self._number, self._row))

    def text(self, words: str) -> None:
        if self._reads:
            self._open.append(words)

    def _put(self, word: str) -> None:
        if self._kind == "s" and word:
            place = _whole(word, -1)
            if not 0 <= place < len(self.strings):
                raise FeabError(f"a cell of row {self._number} points to a text that is not there")
            word = self.strings[place].strip()
        if self._column > MAX_COLUMNS:
            raise FeabError(f"row {self._number} has more than {MAX_COLUMNS} columns")
        missing = self._column - len(self._row)
        self._count += max(missing, 1)
        if self._count > MAX_CELLS:
            raise FeabError(f"has more than {MAX_CELLS:,} cells")
        self._row.extend([""] * missing)
        self._row[self._column - 1] = word


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _column(reference: str) -> int:
    """The number of a cell's column, the first is 1: of "C7" 3; 0 where it does not say."""
    number = 0
    for letter in reference.upper()[:4]:
        if not "A" <= letter <= "Z":
            break
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def as_sheet(rows: Iterable[Sequence[str | float | None]]) -> bytes:
    """A small .xlsx file with one sheet: texts, numbers, None for empty cells. The same rows give the same bytes."""
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(f"{_letters(column)}{number}", value) for column, value in enumerate(row, 1))
        lines.append(f'<row r="{number}">{cells}</row>')
    main, relations = f"{_START}/spreadsheetml/2006/main", f"{_START}/officeDocument/2006/relationships"
    packages, head = f"{_START}/package/2006", '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        _WORKBOOK: f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        _RELATIONS: f'<Relationships xmlns="{packages}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name), head + text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _cell(place: str, value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value:g}</v></c>'


def _letters(column: int) -> str:
    word = ""
    while column:
        column, letter = divmod(column - 1, 26)
        word = chr(ord("A") + letter) + word
    return word

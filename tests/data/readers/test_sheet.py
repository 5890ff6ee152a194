"""Spreadsheets as datasets deliver them, and as a stranger may have packed them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.data.readers import sheet
from feab.data.readers.sheet import as_sheet, sheet_cells
from feab.data.readers.tree import Tree
from feab.errors import FeabError

SHEET, STRINGS, WORKBOOK = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def repacked(change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A small sheet whose parts were changed."""
    with zipfile.ZipFile(io.BytesIO(as_sheet([["a", "b"], [1, 2.5]]))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def with_part(name: str, text: str | bytes) -> bytes:
    return repacked(lambda parts: parts.update({name: text if isinstance(text, bytes) else text.encode()}))


def with_rows(rows: str) -> bytes:
    return with_part(SHEET, f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>")


CELLS = st.one_of(
    st.none(),
    st.integers(-99_999, 99_999).map(float),
    st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=9),
)


@given(st.lists(st.lists(CELLS, max_size=30), max_size=9))
def test_what_is_written_is_read(rows: list[list[str | float | None]]) -> None:
    def word(value: str | float | None) -> str:
        return "" if value is None else value.strip() if isinstance(value, str) else f"{value:g}"

    def plain(row: list[str]) -> list[str]:
        return row[: max((place for place, cell in enumerate(row, 1) if cell), default=0)]

    found = sheet_cells(as_sheet(rows), "a.xlsx")
    wanted = [(number, [word(value) for value in row]) for number, row in enumerate(rows, 1)]
    assert [(number, plain(row)) for number, row in found] == [
        (number, plain(row)) for number, row in wanted if any(row)
    ]


def test_the_same_rows_give_the_same_bytes() -> None:
    assert as_sheet([["a", 1], [None, 0.5]]) == as_sheet([["a", 1], [None, 0.5]])


def test_texts_that_cells_share_and_cells_that_are_missing() -> None:
    strings = (
        f"<sst {MAIN}><si><t>Subject</t></si><si><r><t>Est</t></r><r><t xml:space='preserve'>imated </t></r></si>"
        "<si><t>漢</t><rPh sb='0' eb='1'><t>かん</t></rPh></si></sst>"
    )
    rows = (
        "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='C1' t='s'><v>1</v></c></row><row r='2'/>"
        "<row r='7'><c t='s'><v>2</v></c><c><f>1+1</f><v>2</v></c><c r='AA7' t='b'><v>1</v></c>"
        "<c t='str'><v> x </v></c><c t='e'><v>#N/A</v></c></row>"
    )

    def change(parts: dict[str, bytes]) -> None:
        parts[STRINGS] = strings.encode()
        parts[SHEET] = f"<x:worksheet xmlns:x='m'><x:sheetData>{rows}</x:sheetData></x:worksheet>".encode()

    found = sheet_cells(repacked(change), "a.xlsx")
    assert found == [(1, ["Subject", "", "Estimated"]), (7, ["漢", "2", *[""] * 24, "1", "x", "#N/A"])]


def test_the_first_sheet_is_that_of_the_workbook() -> None:
    def change(parts: dict[str, bytes]) -> None:
        relations = parts["xl/_rels/workbook.xml.rels"].replace(b"worksheets/sheet1.xml", b"/xl/other/one.xml")
        parts["xl/_rels/workbook.xml.rels"] = relations
        parts["xl/other/one.xml"] = parts.pop(SHEET)

    assert sheet_cells(repacked(change), "a.xlsx") == [(1, ["a", "b"]), (2, ["1", "2.5"])]


def test_a_sheet_of_another_program_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["clip", None, "anger & <fear>"])
    book.active.append(["00025.mp4", 3, 0.1])
    book.create_sheet("second").append(["no"])
    book.save(tmp_path / "a.xlsx")
    assert list(Tree(tmp_path).table("a.xlsx", ("Clip",))) == [
        (2, {"clip": "00025.mp4", "": "3", "anger & <fear>": "0.1"})
    ]


BOMB = b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;&b;'>]><worksheet>&c;</worksheet>"
OUTSIDE = b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><worksheet><row><c><v>&b;</v></c></row></worksheet>"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not an .xlsx file"),
        (b"PK\x03\x04 and no more", "not an .xlsx file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old or locked one", "not an .xlsx file"),
        (with_part(SHEET, BOMB), "declares a document type"),
        (with_part(SHEET, OUTSIDE), "declares a document type"),
        (with_part(STRINGS, BOMB), "declares a document type"),
        (with_part(SHEET, "<worksheet>"), "XML is damaged"),
        (with_part(WORKBOOK, "<workbook/>"), "holds no sheet"),
        (repacked(lambda parts: parts.__delitem__(SHEET)), "not an .xlsx file"),
        (with_rows("<row r='1'><c t='s'><v>7</v></c></row>"), "row 1 points to a text that is not there"),
        (with_rows("<row r='3'><c r='ZZZ3'><v>7</v></c></row>"), "row 3 has more than 512 columns"),
    ],
)
def test_what_is_no_sheet_is_told(data: bytes, said: str) -> None:
    with pytest.raises(FeabError, match=rf"^a\.xlsx: .*{said}"):
        sheet_cells(data, "a.xlsx")


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MAX_UNPACKED", 100_000)
    packed = with_rows("<row/>" * 100_000)
    assert len(packed) < 10_000
    with pytest.raises(FeabError, match="unpacks to more than"):
        sheet_cells(packed, "a.xlsx")
    monkeypatch.setattr(sheet, "MAX_CELLS", 1000)
    with pytest.raises(FeabError, match="has more than 1,000 cells"):
        sheet_cells(with_rows("<row><c r='SR1'><v>1</v></c></row>" * 3), "a.xlsx")


@given(st.binary(max_size=300))
def test_any_bytes_are_cells_or_refused(data: bytes) -> None:
    with suppress(FeabError):
        sheet_cells(data, "a.xlsx")
    with suppress(FeabError):
        sheet_cells(with_part(SHEET, data), "a.xlsx")


def test_a_large_or_missing_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.XLSX").write_bytes(as_sheet([["a"]]))
    assert list(Tree(tmp_path).cells("a.XLSX")) == [(1, ["a"])]
    with pytest.raises(FeabError, match="No such file"):
        list(Tree(tmp_path).cells("b.xlsx"))

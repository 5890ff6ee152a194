"""Whatever cell of whatever list of whatever dataset is none: it is named by file and row, and never becomes a label.

Other tests plant faults that somebody thought of; here every column of every list has its turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from feab.data.columns import AFFECT, au_of
from feab.data.readers import mimic, names, reader_of
from feab.data.readers.emotionet import AUS as EMOTIONET
from feab.data.readers.record import Fault, Reader, Why
from feab.data.readers.sheet import as_sheet, sheet_cells
from feab.data.readers.tree import Tree
from feab.errors import FeabError

JUNK = "?!"
"""No code, number, name or path of any dataset."""
WITHOUT_LISTS = ("jaffe", "kdef", "sfew", "emonet_face_hq")
"""Their labels are in the names of files and folders, or in Parquet: other tests spoil those."""
LABELS = ("expression", "votes", *AFFECT, "age_group", "perceived_gender", "perceived_race")
UNREAD = {
    "afewva": {"json: actor", "json: video_id"},
    "affectnet": {f"csv: {name}" for name in ("face_x", "face_y", "face_width", "face_height", "facial_landmarks")},
    "bp4d": {"csv: 27"},
    "dfew": {"xlsx: label"},
    "emotionet": {"csv: URL orig", *(f"csv: 'AU {au}'" for au in range(1, 61) if au not in EMOTIONET)},
    "ferplus": {"csv: emotion"},
    "mafw": {"xlsx: invalid"},
}
"""Dataset -> kinds of lists and their columns that no label is read from, so that nothing can be wrong with them."""


@dataclass(frozen=True)
class Cell:
    """One cell of a list, and how the file reads with something else in its place."""

    column: str
    line: int | None
    spoilt: bytes


def cells(path: Path) -> Iterator[Cell]:
    """Every cell of the last line but one (a header never is) of a list, or of its only line."""
    if path.suffix == ".xlsx":
        yield from _of_sheet(path)
    elif path.suffix == ".json":
        text = path.read_text()
        for found in re.finditer(r'"(\w+)": (?=["\d-])("[^"]*"|[^,}]+)', text):
            yield Cell(found[1], None, f'{text[: found.start(2)]}"{JUNK}"{text[found.end(2) :]}'.encode())
    else:
        lines = path.read_text().splitlines()
        number = len(lines) - (len(lines) > 2)
        header, line = lines[0].split(","), lines[number - 1]
        for place, found in enumerate(re.finditer(r"[^,]+" if "," in line else r"\S+", line)):
            changed = line[: found.start()] + JUNK + line[found.end() :]
            column = header[place] if number > 1 and len(header) > place else str(place)
            yield Cell(column, number, "\n".join([*lines[: number - 1], changed, *lines[number:], ""]).encode())


def _of_sheet(path: Path) -> Iterator[Cell]:
    rows: list[list[str]] = [row for _, row in sheet_cells(path.read_bytes(), path.name)]
    number = len(rows) - 1
    for place, cell in enumerate(rows[number - 1]):
        if cell:
            changed: Sequence[str] = [*rows[number - 1][:place], JUNK, *rows[number - 1][place + 1 :]]
            yield Cell(rows[0][place], number, as_sheet([*rows[: number - 1], changed, *rows[number:]]))


def read(reader: Reader, root: Path) -> tuple[dict[tuple[str, str], dict[str, object]], set[tuple[str, object]]]:
    """(Split, id) -> labels of the rows; and (file, row) of what was passed over, by the reader or for its picture."""
    tree, rows = Tree(root), {}
    told: set[tuple[str, object]] = set()

    def skip(file: str, line: int | str | None, why: Why, detail: str) -> None:
        assert str(Fault(file, line, why, detail)).startswith(file)
        told.add((file, line))

    for split in reader.splits:
        for row in reader.read(tree, split, skip):
            labels = {n: v for n, v in row.labels.items() if v is not None and (n in LABELS or au_of(n))}
            gone = any(isinstance(path, str) and not tree.has(path) for path in (row.image, row.clip))
            if labels and gone:
                told.add((row.file, row.line))
            elif labels:
                rows[split, row.id] = labels
    return rows, told


@pytest.mark.parametrize("name", [name for name in names() if name not in WITHOUT_LISTS])
def test_a_cell_that_is_none_is_named_and_never_a_label(name: str, tmp_path: Path) -> None:
    mimic(name, tmp_path / "as-delivered", 8)
    reader = reader_of(name)
    root = next(
        root
        for above in reader.roots
        if (root := tmp_path / "as-delivered" / above).exists()
        and any(Tree(root).has(file) for files in reader.splits.values() for file in files)
    )
    clean, nothing = read(reader, root)
    assert clean
    assert not nothing
    files = [path for path in sorted(root.rglob("*")) if path.suffix in (".csv", ".txt", ".lst", ".json", ".xlsx")]
    kinds = {re.sub(r"\d+", "#", path.relative_to(root).as_posix()): path for path in reversed(files)}
    unread = set()
    for path in kinds.values():
        file, whole = path.relative_to(root).as_posix(), path.read_bytes()
        for cell in cells(path):
            path.write_bytes(cell.spoilt)
            try:
                rows, told = read(reader, root)
            except FeabError as error:  # two lists that do not belong together
                if path.name not in str(error):
                    raise
                continue
            for key, labels in clean.items():  # a wrong one is none, and never another
                assert all(labels[n] == value for n, value in rows.get(key, {}).items()), (file, cell.column)
            if rows == clean and not told:
                unread.add(f"{path.suffix[1:]}: {cell.column}")
            elif not any(JUNK in sample for _, sample in rows):  # whatever it may be: of a name, it is the name
                assert {where for where, _ in told} == {file}, (file, cell.column)
                assert cell.line in {None, *(line for _, line in told)} or {line for _, line in told} == {None}
        path.write_bytes(whole)
    assert unread == UNREAD.get(name, set())

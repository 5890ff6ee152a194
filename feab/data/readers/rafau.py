"""RAF-AU: action units of faces from the web, some with compound expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.columns import au_column
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree
from feab.vocabulary import FEAB_17

AUS = tuple(sorted({*FEAB_17, 16, 18, 27}))
"""Which of the units in the list are taken (our choice): FEAB's, and three more that a mouth shows."""
_LIST = "RAFAU_label.txt"
_UNIT = re.compile(r"[LR]?(\d{1,2})")


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows of the list. A unit on one side ("L10") is there; units that a row does not name are absent."""
    there_are = set(tree.files("aligned"))
    for number, line in tree.lines(_LIST):
        words = line.split()
        there = set() if words[1:] == ["null"] else units_in("".join(words[1:2]))
        if len(words) != 2 or there is None:
            skip(_LIST, number, "bad row", f"{line.strip()!r:.100} is no name with units such as 1+2+L10, or null")
            continue
        labels: dict[str, Any] = {au_column(au, "presence"): float(au in there) for au in AUS}
        stem = words[0].rpartition(".")[0] or words[0]
        name = words[0] if words[0] in there_are else f"{stem}_aligned.jpg"
        yield Row(stem, f"aligned/{name}", _LIST, number, labels)


def units_in(text: str) -> set[int] | None:
    """The units of a word such as "1+2+L10", those on one side among them; None where it is no such word."""
    units = [_UNIT.fullmatch(unit.strip()) for unit in text.split("+")]
    return {int(unit[1]) for unit in units if unit} if all(units) else None


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The list and aligned faces of 100 pixels."""
    lines = []
    for number in range(1, n + 1):
        face = faces.any(number)
        units = [f"{'L' if au == 10 else ''}{au}" for au, grade in sorted(face.au_intensity.items()) if grade >= 2]
        lines.append(f"{number:04d}.jpg {'+'.join(units) or 'null'}")
        write(root, f"aligned/{number:04d}_aligned.jpg", as_picture(face, (100, 100)))
    write(root, _LIST, "\n".join(lines) + "\n")


READERS = (
    Reader(
        name="rafau",
        title="RAF-AU",
        version="1",
        splits=MappingProxyType({"test": (_LIST,)}),
        roots=("", "RAF-AU"),
        layout="""
RAFAU_label.txt               0001.jpg 1+2+L10, or 0001.jpg null
aligned/0001_aligned.jpg      or aligned/0001.jpg
""",
        licence="RAF-DB terms: non-commercial research, by agreement; no redistribution",
        source="Yan, Li, Que, Pei & Deng 2020, RAF-AU database: in-the-wild facial expressions, ACCV",
        read=read,
        mimic=mimic,
        aus=AUS,
        notes="The whole set is one split, as feab knows of no official one. Units on one side count as there.",
    ),
)

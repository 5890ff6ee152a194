"""EmotioNet: action units of faces from the web, coded by people as there or not; the pictures come by their URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.columns import au_column
from feab.data.names import safe_id
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError

AUS = (1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43)
"""The units of the face among those that its makers have coded (our choice: without turns of the head and eyes)."""
NOT_CODED = 999
_NAME, _ENDINGS = "emotionet_facs", (".csv", ".xlsx")
_ABOVE = ("", "labels")
_LISTS = tuple(
    f"{above}/{name}*{ending}".lstrip("/")
    for above in _ABOVE
    for name in ("EmotioNet_FACS", _NAME)
    for ending in _ENDINGS
)
_PICTURES = ("imgs", "img", "images", "Images", "")
_QUOTES = "'\" "
"""What stands around names and URLs in the official file."""
_AU = re.compile(r"AU ?(\d{1,2})")


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows of the list. Pictures are looked for by the last part of their URL, or by the last two.

    Raises:
        FeabError: when the list names no URL, or not all of the units.
    """
    file = _list(tree)
    rows = ((number, [cell.strip(_QUOTES) for cell in cells]) for number, cells in tree.cells(file))
    _, header = next(rows, (1, []))
    places = {int(found[1]): place for place, name in enumerate(header) if (found := _AU.fullmatch(name))}
    missing = [f"AU {au}" for au in AUS if au not in places] or ["URL"] * (header[:1] != ["URL"])
    if missing:
        raise FeabError(f"{tree.root / file}: no column {missing[0]!r}; it has {', '.join(header)[:300]}")
    folders = [folder for folder in _PICTURES if not folder or tree.has(folder)]
    for number, cells in rows:
        codes = {au: whole_in(cells[places[au]], (0, 1, NOT_CODED)) for au in AUS if places[au] < len(cells)}
        wrong = [au for au in AUS if codes.get(au) is None]
        above, _, name = cells[0].rpartition("/")
        if not name or name in (".", ".."):
            skip(file, number, "bad row", f"{cells[0]!r:.100} is no URL of a picture")
        elif wrong:
            skip(file, number, "unknown code", f"AU {wrong[0]} is none of 0, 1 and 999")
        else:
            labels: dict[str, Any] = {
                au_column(au, "presence"): None if code == NOT_CODED else float(code or 0) for au, code in codes.items()
            }
            yield Row(
                safe_id(name.rpartition(".")[0] or name), _picture(tree, folders, above, name), file, number, labels
            )


def _list(tree: Tree) -> str:
    """The list, whose name says its year and number of pictures; where it was saved as CSV too, that."""
    folders = [above for above in _ABOVE if not above or tree.has(above)]
    found = [
        f"{above}/{name}".lstrip("/")
        for ending in _ENDINGS
        for above in folders
        for name in tree.files(above, (ending,))
        if name.lower().startswith(_NAME)
    ]
    if len(found) > 1 and found[1].endswith(_ENDINGS[0]):
        raise FeabError(f"{tree.root}: holds several lists ({', '.join(found[:3])}); leave one of them there")
    return found[0]


def _picture(tree: Tree, folders: list[str], above: str, name: str) -> str:
    """Where a picture is: it may lie flat in a folder, or in one that its URL names."""
    nested = f"{above.rpartition('/')[2]}/{name}"
    paths = [f"{folder}/{path}".lstrip("/") for folder in folders for path in (name, nested)]
    return next((path for path in paths if tree.has(path)), paths[0])


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The list, with a unit that nobody coded in every fourth row, and pictures flat in a folder."""
    header = ["URL", "URL orig", *(f"'AU {au}'" for au in range(1, 61))]
    lines = [",".join(header)]
    for number in range(1, n + 1):
        face, name = faces.any(number), f"N_0000000001_{number:05d}.jpg"
        there = {au for au, grade in face.au_intensity.items() if grade >= 2}
        codes = [int(au in there) if au in AUS else NOT_CODED for au in range(1, 61)]
        codes[9] = NOT_CODED if number % 4 == 0 else codes[9]
        url = f"'https://emotionet.example/Images/N_0000000001/{name}'"
        lines.append(",".join([url, f"'https://web.example/{number}.jpg'", *map(str, codes)]))
        write(root, f"{_PICTURES[0]}/{name}", as_picture(face))
    write(root, "EmotioNet_FACS_aws_2020_24600.csv", "\n".join(lines) + "\n")


READERS = (
    Reader(
        name="emotionet",
        title="EmotioNet (coded by people)",
        version="1",
        splits=MappingProxyType({"test": _LISTS}),
        roots=("", "EmotioNet"),
        layout="""
EmotioNet_FACS_aws_2020_24600.xlsx    or .csv, also in labels/: URL, URL orig, 'AU 1', ..., 'AU 60'; 0, 1, or 999 for
                                      not coded
imgs/N_0000000001_00001.jpg           pictures by the last part of their URL; also in img/, images/ or beside the list
""",
        licence="EmotioNet terms: research, by agreement; no redistribution",
        source=(
            "Fabian Benitez-Quiroz, Srinivasan & Martinez 2016, EmotioNet: an accurate, real-time algorithm for the "
            "automatic annotation of a million facial expressions in the wild, CVPR"
        ),
        read=read,
        mimic=mimic,
        aus=AUS,
        notes=(
            "The whole set is one split, as feab knows of no official one. 999 is not coded, never absent. Pictures "
            "whose URL is dead are counted as missing. The lists of a million faces are machine-made: not read."
        ),
    ),
)

"""BP4D: twelve action units of 41 people in eight tasks, coded as there or not, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.columns import au_column
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.framefolders import numbered
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in

AUS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
UNKNOWN = 9
"""The code of an AU that could not be coded: null, never absence."""
PARTS: Mapping[int, tuple[str, ...]] = MappingProxyType({
    1: ("F001", "M007", "F018", "F008", "F002", "M004", "F010", "F009", "M012", "M001", "F016", "M014", "F023", "M008"),
    2: ("M011", "F003", "M010", "M002", "F005", "F022", "M018", "M017", "F013", "M016", "F020", "F011", "M013", "M005"),
    3: ("F007", "F015", "F006", "F019", "M006", "M009", "F012", "M003", "F004", "F021", "F017", "M015", "F014"),
})  # fmt: skip
"""The customary three parts (facts: ME-GraphAU); fold 1 is tested on part 3, fold 2 on 2, fold 3 on 1."""
FOLDS: Mapping[str, int] = MappingProxyType(
    {subject: 4 - part for part, subjects in PARTS.items() for subject in subjects}
)
GENDERS: Mapping[str, str] = MappingProxyType({"F": "female", "M": "male"})
"""The letter that a person's name begins with: 23 women and 18 men."""
_CODES = ("AUCoding/AU_OCC", "AU_OCC")
_PICTURES = ("", "images/", "2D/", "BP4D-training/")
_FILE = re.compile(r"([FM]\d{3})_(T\d)\.csv")


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The coded frames of every subject and task."""
    folder = tree.first(*_CODES)
    for name in tree.files(folder, (".csv",)):
        found = _FILE.fullmatch(name)
        if found is None:
            skip(f"{folder}/{name}", None, "bad row", "its name is none like F001_T1.csv")
            continue
        yield from _of(tree, f"{folder}/{name}", found[1], found[2], skip)


def _of(tree: Tree, file: str, subject: str, task: str, skip: Skip) -> Iterator[Row]:
    rows = tree.cells(file)
    _, header = next(rows, (1, []))
    places = {au: place for place, text in enumerate(header) if place and (au := whole_in(text, AUS)) is not None}
    missing = [au for au in AUS if au not in places]
    if missing:
        skip(file, 1, "bad row", f"its first row does not name AU {', '.join(map(str, missing))}")
        return
    above = next((f"{above}{subject}/{task}" for above in _PICTURES if tree.has(f"{above}{subject}/{task}")), None)
    if above is None:
        skip(file, None, "missing file", f"there is no folder {subject}/{task} with its pictures")
        return
    pictures = numbered(tree, above)
    for number, cells in rows:
        frame = whole_in(cells[0], range(10**7))
        codes = {au: whole_in(cells[place], (0, 1, UNKNOWN)) for au, place in places.items() if place < len(cells)}
        wrong = [au for au in AUS if codes.get(au) is None]
        if frame is None:
            skip(file, number, "bad row", f"{cells[0]!r:.40} is no frame")
        elif wrong:
            skip(file, number, "unknown code", f"AU {wrong[0]} is none of 0, 1 and 9")
        else:
            labels: dict[str, Any] = {
                au_column(au, "presence"): None if code == UNKNOWN else float(code or 0) for au, code in codes.items()
            }
            labels |= {"subject": subject, "task": task, "frame": frame, "fold": FOLDS.get(subject)}
            labels |= {"perceived_gender": GENDERS[subject[0]], "attributes_source": "file names"}
            picture = pictures.get(frame, f"{above}/{frame}.jpg")
            yield Row(f"{subject}_{task}_{frame}", picture, file, number, labels)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Three people, one of each part, in two tasks; one AU in one frame could not be coded."""
    people = ("F001", "M011", "F007")
    each = -(-n // (2 * len(people)))
    for place, subject in enumerate(people):
        for task in (1, 2):
            lines = [",".join(map(str, [0, *AUS, 27]))]
            for frame in range(each):
                face = faces.any(48 * place + 24 * task + frame)
                codes = [int((face.au_intensity.get(au) or 0) >= 1) for au in AUS]
                if frame == 0:
                    codes[0] = UNKNOWN
                lines.append(",".join(map(str, [2440 + frame, *codes, 0])))
                write(root, f"{subject}/T{task}/{2440 + frame}.jpg", as_picture(face))
            write(root, f"{_CODES[0]}/{subject}_T{task}.csv", "\n".join(lines) + "\n")


READERS = (
    Reader(
        name="bp4d",
        title="BP4D-Spontaneous",
        version="2",
        splits=MappingProxyType({"test": _CODES}),
        roots=("", "BP4D"),
        layout="""
AUCoding/AU_OCC/F001_T1.csv    its first row holds AU numbers, its first column frames; 9 is unknown
F001/T1/2440.jpg               also in images/, 2D/ or BP4D-training/
""",
        licence="BP4D agreement: signed by the institution; no redistribution",
        source=(
            "Zhang, Yin, Cohn, Canavan, Reale, Horowitz, Liu & Girard 2014, BP4D-Spontaneous: a high-resolution "
            "spontaneous 3D dynamic facial expression database, Image and Vision Computing 32(10)"
        ),
        read=read,
        mimic=mimic,
        aus=AUS,
        extra=MappingProxyType({"task": "text", "frame": "integer", "fold": "integer"}),
        notes="`fold` is the one of the customary three folds (by subject) that is tested on a person.",
    ),
)

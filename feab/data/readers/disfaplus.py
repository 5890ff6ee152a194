"""DISFA+: twelve action units of nine people of DISFA, graded 0 to 5 in every frame of short, mostly posed trials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.columns import au_column
from feab.data.readers.disfa import AUS
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in

_LABELS, _IMAGES = "Labels", "Images"
_SUBJECT = re.compile(r"SN\d{3}")
_FRAME = re.compile(r"(\d{1,8})\.\w{3,4}")
_HEADER = 2
"""Lines that stand before the first frame of a file of labels."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The frames of every trial of every subject, joined with the twelve files of labels by the frames' names."""
    for subject in tree.folders(_LABELS):
        if _SUBJECT.fullmatch(subject):
            above = _inner(tree, f"{_LABELS}/{subject}", subject)
            for trial in tree.folders(above):
                yield from _of(tree, f"{above}/{trial}", subject, trial, skip)


def _inner(tree: Tree, above: str, subject: str) -> str:
    """The folder of a subject's trials; unpacking some copies puts them one folder deeper, of the same name."""
    return f"{above}/{subject}" if tree.has(f"{above}/{subject}") else above


def _of(tree: Tree, place: str, subject: str, trial: str, skip: Skip) -> Iterator[Row]:
    coded: dict[str, dict[str, float]] = {}
    for au in AUS:  # the AU is in the file's name; the order of a listing is not to be trusted
        file = f"{place}/AU{au}.txt"
        if not tree.has(file):
            skip(file, None, "missing file", f"AU {au} of {subject}, {trial}, is not coded")
            continue
        for number, line in tree.lines(file):
            name, *cells = line.split()
            if number <= _HEADER and _FRAME.fullmatch(name) is None:
                continue
            grade = whole_in(cells[0], range(6)) if len(cells) == 1 else None
            if _FRAME.fullmatch(name) is None or grade is None:
                skip(file, number, "bad row", f"{line.strip()!r:.60} is no frame (000.jpg) with an intensity of 0 to 5")
            else:
                coded.setdefault(name, {})[au_column(au, "intensity")] = float(grade)
    pictures = f"{_inner(tree, f'{_IMAGES}/{subject}', subject)}/{trial}"
    if not tree.has(pictures):
        skip(pictures, None, "missing file", f"there is no folder with the frames of {place}")
        return
    for name in sorted(coded, key=lambda name: (len(name), name)):
        labels: dict[str, Any] = {**coded[name], "subject": subject, "trial": trial}
        stem = name.partition(".")[0]
        labels["frame"] = int(stem)
        yield Row(f"{subject}_{trial}_{stem}", f"{pictures}/{name}", place, name, labels)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Three people in two trials each, with the two lines that stand before the labels."""
    people, trials = ("SN001", "SN003", "SN004"), ("A1_AU1_TrailNo_1", "Y_HappyDescribed_TrailNo_1")
    each = -(-n // (len(people) * len(trials)))
    for place, subject in enumerate(people):
        for turn, trial in enumerate(trials):
            shown = [faces.any(48 * place + 24 * turn + number) for number in range(each)]
            for au in AUS:
                grades = [face.au_intensity.get(au) or 0.0 for face in shown]
                lines = "".join(f"{frame:03d}.jpg     {grade:.0f}\n" for frame, grade in enumerate(grades))
                write(root, f"{_LABELS}/{subject}/{trial}/AU{au}.txt", f"AU{au}\nImage     Intensity\n{lines}")
            for frame, face in enumerate(shown):
                write(root, f"{_IMAGES}/{subject}/{trial}/{frame:03d}.jpg", as_picture(face))


READERS = (
    Reader(
        name="disfaplus",
        title="DISFA+",
        version="1",
        splits=MappingProxyType({"test": (_LABELS,)}),
        roots=("", "DISFA+", "DISFAPlus"),
        layout="""
Labels/SN001/A1_AU1_TrailNo_1/AU1.txt ... AU26.txt    two lines of header, then 000.jpg and an intensity a line
Images/SN001/A1_AU1_TrailNo_1/000.jpg                 both also one folder deeper: Labels/SN001/SN001/...
""",
        licence="DISFA+ agreement: signed, non-commercial research; no redistribution",
        source=(
            "Mavadati, Sanger & Mahoor 2016, Extended DISFA dataset: investigating posed and spontaneous facial "
            "expressions, CVPR Workshops"
        ),
        read=read,
        mimic=mimic,
        aus=AUS,
        extra=MappingProxyType({"trial": "text", "frame": "integer"}),
        notes="Nine people, all of whom are in DISFA too: a model that was trained on DISFA has seen them.",
    ),
)

"""RAF-DB, basic expressions: the aligned faces of the official delivery, with perceived age, gender and race."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError
from feab.vocabulary import AGE_GROUPS

CODES: Mapping[int, str] = MappingProxyType(
    {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}
)
LIST = "EmoLabel/list_patition_label.txt"
"""Spelled so by its makers."""
GENDERS: Mapping[int, str | None] = MappingProxyType({0: "male", 1: "female", 2: None})
"""2 is "unsure": not labelled, never a group of its own."""
RACES: Mapping[int, str] = MappingProxyType({0: "caucasian", 1: "african-american", 2: "asian"})
_LANDMARKS = 5


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows of the list whose names start as the split does; the list names "train_00001.jpg" without _aligned."""
    yield from read_list(tree, split, skip, CODES, attributes=True)


def read_list(tree: Tree, split: str, skip: Skip, codes: Mapping[int, str], *, attributes: bool) -> Iterator[Row]:
    """The rows of one split of a list of names and codes, as RAF-DB's basic and compound sets have it."""
    for number, line in tree.lines(LIST):
        words = line.split()
        stem = words[0].rpartition(".")[0] or words[0]
        named = stem.partition("_")[0]
        if named not in ("train", "test") or len(words) != 2:
            if split == "train":  # told once, of both splits
                skip(LIST, number, "bad row", f"{line.strip()!r:.100} is no name of a train or test picture and a code")
            continue
        if named != split:
            continue
        code = whole_in(words[1], codes)
        if code is None:
            skip(LIST, number, "unknown code", f"{words[1]!r:.40} is none of {min(codes)} to {max(codes)}")
            continue
        labels: dict[str, Any] = {"expression": codes[code]}
        if attributes:
            labels |= _attributes(tree, stem)
        yield Row(stem, f"Image/aligned/{stem}_aligned.jpg", LIST, number, labels)


def _attributes(tree: Tree, stem: str) -> dict[str, Any]:
    """Perceived gender, race and age group, as annotators saw them; nothing where the file is missing or odd."""
    try:
        lines = tree.text(f"Annotation/manual/{stem}_manu_attri.txt").split("\n")
    except FeabError:
        return {}
    values = [line.strip() for line in lines if line.strip()][_LANDMARKS:]
    codes = [whole_in(value, range(5)) for value in values[:3]]
    if len(codes) < 3:
        return {}
    gender, race, age = codes
    return {
        "perceived_gender": GENDERS.get(-1 if gender is None else gender),
        "perceived_race": RACES.get(-1 if race is None else race),
        "age_group": None if age is None else AGE_GROUPS[age],
        "attributes_source": "annotators",
    }


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The list, aligned faces of 100 pixels, and the attribute files."""
    lines = []
    for split, digits in (("train", 5), ("test", 4)):
        for number, face in enumerate(faces.cycle(tuple(CODES.values()), n), 1):
            stem = f"{split}_{number:0{digits}d}"
            code = next(code for code, label in CODES.items() if label == face.expression)
            lines.append(f"{stem}.jpg {code}")
            write(root, f"Image/aligned/{stem}_aligned.jpg", as_picture(face, (100, 100)))
            points = "".join(f"{30 + 10 * point}.0\t{50 + 5 * point}.0\n" for point in range(_LANDMARKS))
            age = AGE_GROUPS.index(face.age_group or "20-39")
            write(root, f"Annotation/manual/{stem}_manu_attri.txt", f"{points}{number % 3}\n{number % 3}\n{age}\n")
    write(root, LIST, "\n".join(lines) + "\n")


READERS = (
    Reader(
        name="rafdb",
        title="RAF-DB (basic expressions)",
        version="1",
        splits=MappingProxyType({"train": (LIST,), "test": (LIST,)}),
        roots=("", "basic"),
        layout="""
EmoLabel/list_patition_label.txt          train_00001.jpg 5
Image/aligned/train_00001_aligned.jpg     faces of 100 x 100 pixels
Annotation/manual/train_00001_manu_attri.txt   (optional) gender, race, age
""",
        licence="RAF-DB terms: non-commercial research, by agreement; no redistribution",
        source=(
            "Li, Deng & Du 2017, Reliable crowdsourcing and deep locality-preserving learning for expression "
            "recognition in the wild, CVPR"
        ),
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        notes="Perceived age, gender and race are annotators' guesses from the picture; gender 2 (unsure) is null.",
    ),
)

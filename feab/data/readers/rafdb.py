"""RAF-DB, basic and compound expressions: the aligned faces, with perceived age, gender and race where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, number_in, whole_in
from feab.errors import FeabError
from feab.vocabulary import AGE_GROUPS

CODES: Mapping[int, str] = MappingProxyType(
    {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}
)
COMPOUND: Mapping[int, str] = MappingProxyType({
    1: "happily surprised", 2: "happily disgusted", 3: "sadly fearful", 4: "sadly angry", 5: "sadly surprised",
    6: "sadly disgusted", 7: "fearfully angry", 8: "fearfully surprised", 9: "angrily surprised",
    10: "angrily disgusted", 11: "disgustedly surprised",
})  # fmt: skip
_SHOWN: Mapping[int, str] = MappingProxyType(
    {1: "happiness", 2: "disgust", 3: "fear", 4: "anger", 5: "sadness", 6: "disgust", 7: "fear", 8: "surprise",
     9: "anger", 10: "disgust", 11: "surprise"}
)  # fmt: skip
"""Code -> the basic expression of the rendered face that stands for it in a miniature."""
LIST = "EmoLabel/list_patition_label.txt"
"""Spelled so by its makers."""
GENDERS: Mapping[int, str | None] = MappingProxyType({0: "male", 1: "female", 2: None})
"""2 is "unsure": not labelled, never a group of its own."""
RACES: Mapping[int, str] = MappingProxyType({0: "caucasian", 1: "african-american", 2: "asian"})
_ATTRIBUTES: Mapping[str, Mapping[int, str | None]] = MappingProxyType({
    "perceived_gender": GENDERS, "perceived_race": RACES, "age_group": dict(enumerate(AGE_GROUPS)),
})  # fmt: skip
"""Column -> its codes, in the order of their lines."""
_SPLITS: Mapping[str, tuple[str, ...]] = MappingProxyType({"train": (LIST,), "test": (LIST,)})
"""Split -> the file that names its pictures, which begin with its name."""
_MANUAL = "Annotation/manual"
_LANDMARKS = 5
_ROUNDED = 0.02
"""How far shares may be from a sum of 1."""
_SHARES = ("EmoLabel/distribution_basic.txt", "distribution_basic.txt")
"""Where the shares of annotators' votes are, in those deliveries that have them."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The basic set's rows of one split.

    Raises:
        FeabError: when the list is the compound set's, whose codes 1 to 7 mean something else.
    """
    if set(COMPOUND) - set(CODES) <= _codes(tree):
        raise FeabError(f"{tree.root / LIST}: has codes up to 11, so this is RAF-DB's compound set: rafdb_compound")
    shares = _shares(tree, split, skip)
    for row in _rows(tree, split, skip, CODES):
        yield replace(row, labels={**row.labels, "votes": shares[row.id]}) if row.id in shares else row


def read_compound(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The compound set's rows of one split.

    Raises:
        FeabError: when the list is the basic set's, whose codes mean something else.
    """
    if max(_codes(tree), default=max(COMPOUND)) <= max(CODES):
        raise FeabError(f"{tree.root / LIST}: has no code above 7, so this is RAF-DB's basic set: rafdb")
    yield from _rows(tree, split, skip, COMPOUND)


def _shares(tree: Tree, split: str, skip: Skip) -> dict[str, list[float]]:
    """Picture -> the shares of the votes for the seven expressions, in the order of their codes.

    Raises:
        FeabError: when most of them do not agree with the labels: then they stand in another order.
    """
    file = next((file for file in _SHARES if tree.has(file)), None)
    found: dict[str, list[float]] = {}
    for number, line in () if file is None else tree.lines(file):
        name, *words = line.split()
        stem = name.rpartition(".")[0].removesuffix("_aligned") or name
        named = stem.partition("_")[0]
        if named not in _SPLITS and split == "train":  # told once, of both splits
            skip(str(file), number, "bad row", f"{name!r:.100} is no name of a train or test picture")
        if named != split:
            continue
        values = [value for word in words if (value := number_in(word, 0, 1)) is not None]
        if len(values) == len(words) == len(CODES) and abs(sum(values) - 1) < _ROUNDED:
            found[stem] = values
        else:
            skip(str(file), number, "bad row", f"{line.strip()!r:.100} is no name with seven shares that sum to 1")
    labels = (line.split() for _, line in tree.lines(LIST))
    shown = {words[0].rpartition(".")[0]: words[-1] for words in labels}
    agree = [str(1 + values.index(max(values))) == shown[stem] for stem, values in found.items() if stem in shown]
    if 2 * sum(agree) < len(agree):
        raise FeabError(
            f"{tree.root / str(file)}: most of its shares contradict the labels of {LIST}: not in their order?"
        )
    return found


def _codes(tree: Tree) -> set[int]:
    """The codes that occur in the list."""
    words = (line.split()[-1] for _, line in tree.lines(LIST))
    return {code for word in words if (code := whole_in(word, COMPOUND)) is not None}


def _rows(tree: Tree, split: str, skip: Skip, codes: Mapping[int, str]) -> Iterator[Row]:
    """The rows whose names start as the split does; the list names "train_00001.jpg", without _aligned."""
    described = tree.has(_MANUAL)
    for number, line in tree.lines(LIST):
        words = line.split()
        stem = words[0].rpartition(".")[0] or words[0]
        named = stem.partition("_")[0]
        if named not in _SPLITS or len(words) != 2:
            if split == "train":  # told once, of both splits
                skip(LIST, number, "bad row", f"{line.strip()!r:.100} is no name of a train or test picture and a code")
            continue
        if named != split:
            continue
        code = whole_in(words[1], codes)
        if code is None:
            skip(LIST, number, "unknown code", f"{words[1]!r:.40} is none of {min(codes)} to {max(codes)}")
            continue
        labels = {"expression": codes[code], **(_attributes(tree, stem, skip) if described else {})}
        yield Row(stem, f"Image/aligned/{stem}_aligned.jpg", LIST, number, labels)


def _attributes(tree: Tree, stem: str, skip: Skip) -> dict[str, Any]:
    """Perceived gender, race and age group, as annotators saw them; nothing where there is no file.

    What is wrong in the file is told, and leaves the face without that attribute; its expression does not depend on it.
    """
    file = f"{_MANUAL}/{stem}_manu_attri.txt"
    if not tree.has(file):
        return {}
    try:
        lines = list(tree.lines(file))[_LANDMARKS:]
    except FeabError as error:
        skip(file, None, "bad row", str(error).removeprefix(f"{tree.root / file}: "))
        return {}
    if len(lines) < len(_ATTRIBUTES):
        skip(file, None, "bad row", f"holds no {', '.join(_ATTRIBUTES)} below {_LANDMARKS} landmarks")
        return {}
    found: dict[str, Any] = {"attributes_source": "annotators"}
    for (number, line), (name, words) in zip(lines, _ATTRIBUTES.items(), strict=False):
        code = whole_in(line, words)
        if code is None:
            skip(file, number, "unknown code", f"{name} {line.strip()!r:.40} is none of 0 to {max(words)}")
        else:
            found[name] = words[code]
    return found


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The list, aligned faces of 100 pixels, and the attribute files."""
    _mimic(root, faces, n, CODES)
    shares = []
    for split, digits in (("train", 5), ("test", 4)):
        for number in range(1, n + 1):
            points = "".join(f"{30 + 10 * point}.0\t{50 + 5 * point}.0\n" for point in range(_LANDMARKS))
            path = f"{_MANUAL}/{split}_{number:0{digits}d}_manu_attri.txt"
            write(root, path, f"{points}{number % 3}\n{number % 3}\n{2 + number % 3}\n")
            votes = [0.7 if code == (number - 1) % len(CODES) else 0.05 for code in range(len(CODES))]
            shares.append(" ".join([f"{split}_{number:0{digits}d}.jpg", *(f"{vote:.2f}" for vote in votes)]))
    write(root, _SHARES[0], "\n".join(shares) + "\n")


def mimic_compound(root: Path, faces: Faces, n: int) -> None:
    """The list and aligned faces of 100 pixels, which display one expression of the two."""
    _mimic(root / "compound", faces, max(n, len(COMPOUND)), _SHOWN)


def _mimic(root: Path, faces: Faces, n: int, shown: Mapping[int, str]) -> None:
    lines = []
    for split, digits in (("train", 5), ("test", 4)):
        for number in range(1, n + 1):
            stem, code = f"{split}_{number:0{digits}d}", 1 + (number - 1) % len(shown)
            lines.append(f"{stem}.jpg {code}")
            face = faces.of(shown[code], number)
            write(root, f"Image/aligned/{stem}_aligned.jpg", as_picture(face, (100, 100)))
    write(root, LIST, "\n".join(lines) + "\n")


_LICENCE = "RAF-DB terms: non-commercial research, by agreement; no redistribution"
_SOURCE = (
    "Li, Deng & Du 2017, Reliable crowdsourcing and deep locality-preserving learning for expression recognition in "
    "the wild, CVPR"
)
_GUESSES = "Perceived age, gender and race are annotators' guesses from the picture; gender 2 (unsure) is null."
READERS = (
    Reader(
        name="rafdb",
        title="RAF-DB (basic expressions)",
        version="1",
        splits=_SPLITS,
        roots=("", "basic"),
        layout="""
EmoLabel/list_patition_label.txt               train_00001.jpg 5
Image/aligned/train_00001_aligned.jpg          faces of 100 x 100 pixels
Annotation/manual/train_00001_manu_attri.txt   (where there) gender, race, age
EmoLabel/distribution_basic.txt                (where there) train_00001.jpg and seven shares of the votes
""",
        licence=_LICENCE,
        source=_SOURCE,
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        notes=f"{_GUESSES} `votes` holds shares of the votes, not their numbers.",
    ),
    Reader(
        name="rafdb_compound",
        title="RAF-DB (compound expressions)",
        version="1",
        splits=_SPLITS,
        roots=("compound", ""),
        layout="""
compound/EmoLabel/list_patition_label.txt      test_385.jpg 11
compound/Image/aligned/test_385_aligned.jpg    faces of 100 x 100 pixels
""",
        licence=_LICENCE,
        source=_SOURCE,
        read=read_compound,
        mimic=mimic_compound,
        labels=tuple(COMPOUND.values()),
        notes=_GUESSES,
    ),
)

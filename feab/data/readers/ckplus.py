"""CK+: posed expressions of 123 people, filmed from neutral to the peak, with FACS codes of the peak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.columns import au_column
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip, untold
from feab.data.readers.tree import Tree, number_in, whole_in
from feab.errors import FeabError

CODES: Mapping[int, str] = MappingProxyType({
    0: "neutral", 1: "anger", 2: "contempt", 3: "disgust", 4: "fear", 5: "happiness", 6: "sadness", 7: "surprise",
})  # fmt: skip
AUS = (
    1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 23, 24, 25, 26, 27, 28, 29, 31, 34, 38, 39, 43,
)  # fmt: skip
"""Those of Lucey et al. 2010; codes of head, eyes and gross behaviour are passed over."""
_IMAGES = "cohn-kanade-images"
_EMOTION = ("Emotion", "Emotion_labels")
_FACS = ("FACS", "FACS_labels")
LAST = 3
"""Frames at the end of a labelled sequence that are customarily taken."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """One row for the last frame of every sequence ("test"), or the last three of the labelled ones ("last_three")."""
    emotions = next((name for name in _EMOTION if tree.has(name)), _EMOTION[0])
    codes = next((name for name in _FACS if tree.has(name)), _FACS[0])
    for subject in tree.folders(_IMAGES):
        for take in tree.folders(f"{_IMAGES}/{subject}"):
            folder = f"{subject}/{take}"
            frames = tree.files(f"{_IMAGES}/{folder}")
            if not frames:
                skip(f"{_IMAGES}/{folder}", None, "missing picture", "the sequence has no frames")
                continue
            # In both splits, as the same file is wrong for both; it is told of in the first.
            told = skip if split == "test" else untold
            expression = _expression(tree, f"{emotions}/{folder}", told)
            if split == "test":
                labels = {"expression": expression, **_units(tree, f"{codes}/{folder}", skip)}
                chosen = frames[-1:]
            else:
                labels, chosen = {"expression": expression}, frames[-LAST:] if expression else []
            for frame in chosen:
                stem = frame.rpartition(".")[0]
                place = f"{_IMAGES}/{folder}/{frame}"
                yield Row(stem, place, place, None, {**labels, "subject": subject, "sequence": f"{subject}_{take}"})


def _file(tree: Tree, folder: str) -> str | None:
    """The one text file of a folder; most sequences have none that tells an emotion."""
    if not tree.has(folder):
        return None
    files = tree.files(folder, (".txt",))
    return f"{folder}/{files[0]}" if files else None


def _expression(tree: Tree, folder: str, skip: Skip) -> str | None:
    file = _file(tree, folder)
    if file is None:
        return None
    text = tree.text(file, 10_000).strip()
    code = whole_in(text, CODES)
    if code is None:
        skip(file, 1, "unknown code", f"{text!r:.40} is none of 0 to 7")
        return None
    return CODES[code]


def _units(tree: Tree, folder: str, skip: Skip) -> dict[str, Any]:
    """Presence and, where it was graded, intensity of the peak's AUs; what is not listed is absent.

    An intensity of 0 says that the AU is there and was not graded.
    """
    file = _file(tree, folder)
    if file is None:
        return {}
    found: dict[str, Any] = {au_column(au, what): 0.0 for au in AUS for what in ("presence", "intensity")}
    try:
        lines = list(tree.lines(file))
    except FeabError as error:
        skip(file, None, "bad row", str(error))
        return {}
    for number, line in lines:
        cells = line.split()
        au = whole_in(cells[0], range(1, 100))
        grade = number_in(cells[1], 0, 5) if len(cells) == 2 else None
        if au is None or grade is None:
            skip(file, number, "bad row", f"{line.strip()!r:.60} is no AU with an intensity of 0 to 5")
            return {}
        if au in AUS:
            found |= {au_column(au, "presence"): 1.0, au_column(au, "intensity"): grade or None}
    return found


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Sequences of four frames of one person, two in three with an emotion file, all with FACS codes."""
    labels = [label for label in CODES.values() if label != "neutral"]
    for number in range(n):
        label = labels[number % len(labels)]
        face = faces.of(label, number)
        subject, take = f"S{5 + number // 4:03d}", f"{1 + number % 4:03d}"
        for frame in range(1, 5):
            shown = faces.of("neutral", number) if frame == 1 else face
            path = f"{_IMAGES}/{subject}/{take}/{subject}_{take}_{frame:08d}.png"
            write(root, path, as_picture(shown, (128, 128), "PNG", "L"))
        stem = f"{subject}/{take}/{subject}_{take}_00000004"
        if number % 3 < 2 or number < len(labels):
            shown_as = next(code for code, word in CODES.items() if word == label)
            write(root, f"Emotion/{stem}_emotion.txt", f"   {shown_as:.7e}\n")
        units = [(au, grade if au % 2 else 0.0) for au, grade in face.au_intensity.items() if grade >= 2]
        write(root, f"FACS/{stem}_facs.txt", "".join(f"   {au:.7e}   {grade:.7e}\n" for au, grade in units))


READERS = (
    Reader(
        name="ckplus",
        title="CK+ (extended Cohn-Kanade)",
        version="1",
        splits=MappingProxyType({"test": (_IMAGES,), "last_three": (_IMAGES,)}),
        roots=("", "CK+", "extended-cohn-kanade-images"),
        layout="""
cohn-kanade-images/S005/001/S005_001_00000001.png ... the last one is the peak
Emotion/S005/001/S005_001_00000011_emotion.txt        3.0000000e+00
FACS/S005/001/S005_001_00000011_facs.txt              AU and intensity a line
""",
        licence="CK+ agreement: signed, non-commercial; only some of the people may be shown in print",
        source=(
            "Lucey, Cohn, Kanade, Saragih, Ambadar & Matthews 2010, The extended Cohn-Kanade dataset (CK+), CVPR "
            "Workshops"
        ),
        read=read,
        mimic=mimic,
        labels=tuple(label for label in CODES.values()),
        aus=AUS,
        extra=MappingProxyType({"sequence": "text"}),
        notes=(
            "Split test: the last frame of every sequence. Split last_three: the last three of the labelled ones, "
            "which are customary. No task asks about split last_three: neighbouring frames add faces, but no "
            "information. First frames are not taken as neutral: nobody labelled them so."
        ),
    ),
)

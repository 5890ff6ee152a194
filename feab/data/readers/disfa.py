"""DISFA: twelve action units of 27 people watching a film, graded 0 to 5 in every frame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.columns import au_column
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.framefolders import from_one, numbered, video_frames
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in

AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
_LABELS = "ActionUnit_Labels"
PARTS: Mapping[int, tuple[int, ...]] = MappingProxyType({
    1: (2, 10, 1, 26, 27, 32, 30, 9, 16),
    2: (13, 18, 11, 28, 12, 6, 31, 21, 24),
    3: (3, 29, 23, 25, 8, 5, 7, 17, 4),
})  # fmt: skip
"""The customary three parts (facts: ME-GraphAU); fold 1 is tested on part 3, fold 2 on 2, fold 3 on 1."""
FOLDS: Mapping[str, int] = MappingProxyType(
    {f"SN{subject:03d}": 4 - part for part, subjects in PARTS.items() for subject in subjects}
)
"""Subject -> the fold that is tested on them."""
_SUBJECT = re.compile(r"SN\d{3}")
_VIDEO_FOLDERS = ("", "Videos_LeftCamera/", "Video_LeftCamera/")


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The frames of every subject in order, joined with the twelve label files by frame number."""
    for subject in tree.folders(_LABELS):
        if _SUBJECT.fullmatch(subject):
            yield from _of(tree, subject, skip)


def _of(tree: Tree, subject: str, skip: Skip) -> Iterator[Row]:
    coded: dict[int, dict[str, float]] = {}
    for au in AUS:  # the AU is in the file's name; the order of a listing is not to be trusted
        file = f"{_LABELS}/{subject}/{subject}_au{au}.txt"
        if not tree.has(file):
            skip(file, None, "missing file", f"AU {au} of {subject} is not coded")
            continue
        for number, cells in tree.cells(file):
            frame = whole_in(cells[0], range(1, 10**6))
            grade = whole_in(cells[1], range(6)) if len(cells) == 2 else None
            if frame is None or grade is None:
                skip(file, number, "bad row", f"{','.join(cells)!r:.60} is no frame with an intensity of 0 to 5")
            else:
                coded.setdefault(frame, {})[au_column(au, "intensity")] = float(grade)
    place, last = f"{_LABELS}/{subject}", max(coded, default=0)
    frames = _frames(tree, subject, last, skip)
    if frames is None:
        return
    for frame, picture in frames:
        labels: dict[str, Any] = {**coded.pop(frame, {}), "subject": subject, "frame": frame}
        if subject in FOLDS:
            labels["fold"] = FOLDS[subject]
        yield Row(f"{subject}_{frame:05d}", picture, place, f"frame {frame}", labels)
    if list(coded) == [last]:
        return  # some videos end one frame before their labels
    for frame in sorted(coded):
        skip(place, f"frame {frame}", "missing picture", "is coded, and there is no such frame")


def _frames(tree: Tree, subject: str, last: int, skip: Skip) -> Iterator[tuple[int, str | bytes]] | None:
    """Frame numbers from 1 and pictures of the left camera: a folder of frames, else the video; None without both."""
    stems = [f"{above}LeftVideo{subject}_comp" for above in _VIDEO_FOLDERS]
    folder = next((stem for stem in stems if tree.has(stem)), None)
    if folder is not None:
        return iter(sorted(from_one(numbered(tree, folder)).items()))
    video = next((f"{stem}.avi" for stem in stems if tree.has(f"{stem}.avi")), None)
    if video is None:
        skip(f"{stems[0]}.avi", None, "missing file", f"there are neither frames nor a video of {subject}")
        return None
    return islice(video_frames(tree.path(video)), last)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Three people, one of each part, with frames in a folder as the video would hold them."""
    people = ("SN002", "SN013", "SN003")
    for place, subject in enumerate(people):
        shown = [faces.any(24 * place + number) for number in range(-(-n // len(people)))]
        for au in AUS:
            grades = [face.au_intensity.get(au) or 0.0 for face in shown]
            lines = "".join(f"{frame},{grade:.0f}\n" for frame, grade in enumerate(grades, 1))
            write(root, f"{_LABELS}/{subject}/{subject}_au{au}.txt", lines)
        for frame, face in enumerate(shown, 1):
            write(root, f"LeftVideo{subject}_comp/{frame:05d}.jpg", as_picture(face))


READERS = (
    Reader(
        name="disfa",
        title="DISFA",
        version="2",
        splits=MappingProxyType({"test": (_LABELS,)}),
        roots=("", "DISFA"),
        layout="""
ActionUnit_Labels/SN001/SN001_au1.txt ... _au26.txt   frame,intensity a line
LeftVideoSN001_comp.avi                               also in Videos_LeftCamera/ (needs feab[video]), or
LeftVideoSN001_comp/00001.jpg                         its frames, counted from 1 (or all from 0)
""",
        licence="DISFA agreement: signed, non-commercial research; no redistribution",
        source=(
            "Mavadati, Mahoor, Bartlett, Trinh & Cohn 2013, DISFA: a spontaneous facial action intensity database, "
            "IEEE Transactions on Affective Computing 4(2)"
        ),
        read=read,
        mimic=mimic,
        aus=AUS,
        extra=MappingProxyType({"frame": "integer", "fold": "integer"}),
        notes="`fold` is the one of the customary three folds (by subject) that is tested on a person.",
    ),
)

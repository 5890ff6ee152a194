"""DFEW: clips of faces from films, seven expressions, five folds, and the votes of ten people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from feab.data.readers.faces import Faces, write
from feab.data.readers.framefolders import clip_frames
from feab.data.readers.moving import write_frames
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.sheet import as_sheet
from feab.data.readers.tree import Tree, whole_in
from feab.data.readers.votefile import clip_key, votes_beside

CODES: Mapping[int, str] = MappingProxyType(
    {1: "happiness", 2: "sadness", 3: "neutral", 4: "anger", 5: "surprise", 6: "disgust", 7: "fear"}
)
LABELS = tuple(CODES.values())
FOLDS = range(1, 6)
"""Fold k (fd1 to fd5) is tested on the clips of set_k."""
_RATERS = 10
_LISTS = tuple(f"EmoLabel_DataSplit/{name}" for name in ("test(single-labeled)", "test(single_labeled)", "test"))
"""How the folder of the test lists is spelled, by its makers and by those who unpacked it."""
_CLIPS: Mapping[str, str] = MappingProxyType(
    {"test": "Clip/clip_224x224", "sixteen": "Clip/clip_224x224_16f", "original": "Clip/original"}
)
_VOTES = ("Annotation/annotation.xlsx", "Annotation/annotation.csv")
_COLUMNS = ("1happy", "2sad", "3neutral", "4angry", "5surprise", "6disgust", "7fear")


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The clips of the five test lists, which are all single-labelled ones, in one of the three forms of delivery."""
    rows = list(_listed(tree, skip))
    places = {clip_key(row.id): LABELS.index(row.labels["expression"]) for row in rows}
    votes = votes_beside(tree, _VOTES, "order", _COLUMNS, _RATERS, places, skip)
    for row in rows:
        labels = {**row.labels, "votes": votes.get(clip_key(row.id))}
        if split == "original":
            yield replace(row, labels=labels, clip=_video(tree, row.id))
        elif frames := clip_frames(tree, f"{_CLIPS[split]}/{row.id}", row.file, row.line, skip):
            yield replace(row, labels=labels, frames=tuple(path for _, path in frames))


def _listed(tree: Tree, skip: Skip) -> Iterator[Row]:
    """The rows of the lists, without their clips."""
    folder = tree.first(*_LISTS)
    for fold in FOLDS:
        file = f"{folder}/set_{fold}.csv"
        if not tree.has(file):
            skip(file, None, "missing file", f"the clips that fold {fold} is tested on are not known")
            continue
        for number, row in tree.table(file, ("video_name", "label")):
            clip, code = whole_in(row.get("video_name", ""), range(1, 10**5)), whole_in(row.get("label", ""), CODES)
            if clip is None:
                skip(file, number, "bad row", f"{row.get('video_name', '')!r:.40} is no number of a clip")
            elif code is None:
                skip(file, number, "unknown code", f"{row.get('label', '')!r:.40} is none of 1 to 7")
            else:
                yield Row(f"{clip:05d}", None, file, number, {"expression": CODES[code], "fold": fold})


def _video(tree: Tree, name: str) -> str:
    """The file of a clip as it was cut from its film: 1.mp4, or with zeros before it."""
    plain = f"{_CLIPS['original']}/{clip_key(name)}.mp4"
    return plain if tree.has(plain) else f"{_CLIPS['original']}/{name}.mp4"


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Clips in all three forms, the five test lists, and the sheet of votes."""
    lines: dict[int, list[str]] = {fold: ["video_name,label"] for fold in FOLDS}
    sheet: list[list[str | float | None]] = [[*_COLUMNS, "order", "label"]]
    for number in range(1, n + 1):
        code = 1 + (number - 1) % len(CODES)
        face = faces.moving.of(CODES[code], number // len(CODES))
        lines[1 + number % len(FOLDS)].append(f"{number},{code}")
        sheet.append([*(7 if k == code else 3 if k == code % len(CODES) + 1 else 0 for k in CODES), number, code])
        write_frames(root, f"{_CLIPS['test']}/{number:05d}", face.frames, f"{number:05d}_{{:05d}}.jpg")
        write_frames(root, f"{_CLIPS['sixteen']}/{number:05d}", face.frames, "{}.jpg")
        write(root, f"{_CLIPS['original']}/{number}.mp4", faces.moving.video(face))
    for fold, rows in lines.items():
        write(root, f"{_LISTS[0]}/set_{fold}.csv", "\n".join(rows) + "\n")
    write(root, _VOTES[0], as_sheet(sheet))


READERS = (
    Reader(
        name="dfew",
        title="DFEW",
        version="1",
        splits=MappingProxyType({split: (folder,) for split, folder in _CLIPS.items()}),
        roots=("", "DFEW", "DFEW-part2"),
        layout="""
EmoLabel_DataSplit/test(single-labeled)/set_1.csv ... set_5.csv   video_name,label
Clip/clip_224x224/00001/00001_00001.jpg                           aligned faces (split test)
Clip/clip_224x224_16f/00001/1.jpg                                 the same at sixteen moments (split sixteen)
Clip/original/1.mp4                                               as cut from the films (split original)
Annotation/annotation.xlsx                                        (where there) ten people's votes: 1happy,...,order
""",
        licence="DFEW terms: non-commercial research and education, by agreement; no redistribution",
        source=(
            "Jiang, Zong, Zheng, Tang, Xia, Lu & Liu 2020, DFEW: a large-scale database for recognizing dynamic facial "
            "expressions in the wild, ACM Multimedia"
        ),
        read=read,
        mimic=mimic,
        labels=LABELS,
        extra=MappingProxyType({"fold": "integer"}),
        clips=("frames", "clip"),
        notes=(
            "Every split holds all single-labelled clips whose face was found; `fold` is the one of the five folds "
            "(fd1 to fd5) that is tested on a clip. `votes` are numbers of people. Frames a second are not told. No "
            "task asks about split sixteen: it is a choice of frames, and --frames uniform:16 makes one of split test."
        ),
    ),
)

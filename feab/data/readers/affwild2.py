"""Aff-Wild2, as the ABAW challenges give it: expression, valence and arousal, and action units of people on video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from feab.data.columns import au_column
from feab.data.readers.affect import affect
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.framefolders import numbered
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in
from feab.records import Sample

CODES: Mapping[int, str] = MappingProxyType({
    0: "neutral", 1: "anger", 2: "disgust", 3: "fear", 4: "happiness", 5: "sadness", 6: "surprise", 7: "other",
})  # fmt: skip
"""7 is a label of Aff-Wild2's own: any expression but these seven. It is none of feab's eight."""
AUS = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
NOT_GIVEN = -1
"""The code of an expression or AU that was not annotated."""
NO_AFFECT = -5.0
"""Valence or arousal that was not annotated."""
MAX_FRAMES = 200_000
"""Of one video: nearly two hours at 30 a second. The labels of one video are in memory at a time."""

ABOVE = (
    "annotations/", "Annotations/", "ABAW Annotations/", "Third ABAW Annotations/", "5th_ABAW_Annotations/",
    "6th ABAW Annotations/", "",
)  # fmt: skip
"""What the folder of the lists is called in the deliveries of several years."""
CROPS = tuple(
    f"{above}{folder}"
    for above in ("", "cropped_aligned_images/", "batch1/", "batch2/")
    for folder in ("cropped_aligned", "cropped_aligned_new_50_vids")
)
"""Where the faces are: the second folder holds those of fifty videos that were added later."""
_SETS: Mapping[str, str] = MappingProxyType({"train": "Train_Set", "validation": "Validation_Set"})
_SIDES = ("_left", "_right")

Labels: TypeAlias = dict[str, Any]


def expression(cells: Sequence[str], file: str, line: int, skip: Skip) -> Labels | None:
    """The label of a code, None where it is no code."""
    code = whole_in(cells[0], (NOT_GIVEN, *CODES))
    if code is None:
        skip(file, line, "unknown code", f"expression {cells[0]!r:.40} is none of -1 to 7")
        return None
    return {"expression": CODES.get(code)}


def valence_arousal(cells: Sequence[str], file: str, line: int, skip: Skip) -> Labels | None:
    """Valence and arousal, None where one is none."""
    return affect((cells[0], cells[1]), NO_AFFECT, file, line, skip)


def action_units(cells: Sequence[str], file: str, line: int, skip: Skip) -> Labels | None:
    """The twelve AUs, there or not, None where one has no code."""
    codes = {au: whole_in(cell, (NOT_GIVEN, 0, 1)) for au, cell in zip(AUS, cells, strict=True)}
    for au, code in codes.items():
        if code is None:
            skip(file, line, "unknown code", f"AU {au} is none of -1, 0 and 1")
            return None
    return {au_column(au, "presence"): None if code == NOT_GIVEN else float(code or 0) for au, code in codes.items()}


@dataclass(frozen=True, slots=True)
class _Challenge:
    """One challenge's lists: a file for each video, whose row i after the header is that of frame i."""

    folders: tuple[str, ...]
    header: tuple[str, ...]
    width: int
    """Cells of a row."""
    labels: Callable[[Sequence[str], str, int, Skip], Labels | None]

    def places(self, split: str) -> tuple[str, ...]:
        """The folders that may hold the lists of one split."""
        return tuple(f"{above}{folder}/{_SETS[split]}" for above in ABOVE for folder in self.folders)


_CHALLENGES = (
    _Challenge(
        folders=("EXPR_Classification_Challenge", "EXPR_Recognition_Challenge"),
        header=tuple(label.capitalize() for label in CODES.values()),
        width=1,
        labels=expression,
    ),
    _Challenge(("VA_Estimation_Challenge",), ("valence", "arousal"), 2, valence_arousal),
    _Challenge(("AU_Detection_Challenge",), tuple(f"AU{au}" for au in AUS), len(AUS), action_units),
)


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The frames that a list of any of the three challenges annotates in its split, video by video."""
    found = ((kind, next(filter(tree.has, kind.places(split)), None)) for kind in _CHALLENGES)
    lists = [(kind, folder, frozenset(tree.files(folder, (".txt",)))) for kind, folder in found if folder is not None]
    for name in sorted(frozenset[str]().union(*(names for _, _, names in lists))):
        files = [(kind, f"{folder}/{name}") for kind, folder, names in lists if name in names]
        yield from _of(tree, name[: -len(".txt")], files, skip)


def _of(tree: Tree, video: str, files: Sequence[tuple[_Challenge, str]], skip: Skip) -> Iterator[Row]:
    """One video's frames. Row i is frame i, however many frames before it have no face and so no picture."""
    above = crops(tree, video)
    if above is None:
        skip(files[0][1], None, "missing file", f"there is no folder {CROPS[0]}/{video} with its faces")
        return
    coded: dict[int, tuple[str, Labels]] = {}
    for kind, file in files:
        for line, labels in _rows(tree, kind, file, skip):
            coded.setdefault(line, (file, {}))[1].update(labels)
    pictures = numbered(tree, above)
    for line, (file, labels) in sorted(coded.items()):
        frame = line - 1
        picture = pictures.get(frame, f"{above}/{frame:05d}.jpg")
        yield Row(f"{video}/{frame:05d}", picture, file, line, labels | place(video, frame))


def _rows(tree: Tree, kind: _Challenge, file: str, skip: Skip) -> Iterator[tuple[int, Labels]]:
    """Line numbers and labels of one video's list."""
    rows = tree.cells(file)
    last, header = next(rows, (0, []))
    if last != 1 or [name.casefold() for name in header] != [name.casefold() for name in kind.header]:
        skip(file, 1, "bad row", f"is not {','.join(kind.header)}: the list of another challenge?")
        return
    for line, cells in rows:
        if line > MAX_FRAMES + 1:
            skip(file, line, "bad row", f"no video has more than {MAX_FRAMES:,} frames")
            return
        if line > last + 1:
            skip(file, last + 1, "bad row", f"is blank, up to row {line - 1}")
        last = line
        if len(cells) != kind.width:
            skip(file, line, "bad row", f"has {len(cells)} cells, not {kind.width}")
            continue
        labels = kind.labels(cells, file, line, skip)
        if labels is not None:
            yield line, labels


def crops(tree: Tree, video: str) -> str | None:
    """The folder of a video's faces, None where there is none."""
    return next(filter(tree.has, (f"{above}/{video}" for above in CROPS)), None)


def place(video: str, frame: int) -> Labels:
    """The columns that say where a face was. Two people who are seen in one video are one cluster."""
    side = next((side for side in _SIDES if video.endswith(side)), "")
    return {"video": video.removesuffix(side), "frame": frame}


# ----------------------------------------------------------------------------------------------------------- miniatures

_VIDEOS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "train": ("1-30-1280x720", "2-30-640x360", "3-24-720x480", "4-30-1280x720", "5_left", "5_right"),
    "validation": ("11-30-1280x720", "12-30-640x360", "13-24-720x480", "14-30-1280x720", "15_left", "15_right"),
})  # fmt: skip


def filmed(root: Path, faces: Faces, split: str, n: int) -> Iterator[tuple[str, int, int, Sample]]:
    """Write the faces of a split, those of the last video in the folder of the later ones.

    Nobody has a face in frame 1. The expressions come in turn; contempt, which Aff-Wild2 does not name, stands for
    the other ones.

    Yields:
        video, frame, code of the expression, and the face.
    """
    videos = _VIDEOS[split]
    each = -(-n // len(videos))
    for number in range(each * len(videos)):
        video, frame, code = videos[number // each], 2 + number % each, number % len(CODES)
        face = faces.of("contempt" if CODES[code] == "other" else CODES[code], number)
        above = CROPS[int(video == videos[-1])]
        write(root, f"{above}/{video}/{frame:05d}.jpg", as_picture(face, (112, 112)))
        yield video, frame, code, face


def presences(face: Sample) -> list[int]:
    """The twelve AUs of a rendered face as Aff-Wild2 writes them."""
    return [int((face.au_intensity.get(au) or 0) >= 1) for au in AUS]


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Six videos a split, of which each challenge's lists have others; nothing is annotated in frame 1."""
    for split, videos in _VIDEOS.items():
        rows: dict[tuple[int, str], list[str]] = {}
        for video, _, code, face in filmed(root, faces, split, n):
            said = (f"{code}", f"{face.valence:.3f},{face.arousal:.3f}", ",".join(map(str, presences(face))))
            for number, text in enumerate(said):
                rows.setdefault((number, video), []).append(text)
        for (number, video), lines in rows.items():
            if number and video == videos[-number]:
                continue  # valence and arousal are not given in the last one, AUs not in the one before
            kind = _CHALLENGES[number]
            nothing = ",".join([f"{NO_AFFECT if kind.width == 2 else NOT_GIVEN:g}"] * kind.width)
            text = "\n".join([",".join(kind.header), nothing, *lines])
            write(root, f"{kind.places(split)[0]}/{video}.txt", f"{text}\n")


NOTES = (
    "`video`, without _left and _right, is the cluster of intervals, as people are not named. Code 7, other, is a "
    "label of Aff-Wild2's own. Expression and AU codes -1, and valence or arousal -5, are not labelled. Labels of the "
    "test videos are not public."
)

READERS = (
    Reader(
        name="affwild2",
        title="Aff-Wild2 (lists of the single challenges)",
        version="1",
        splits=MappingProxyType(
            {split: tuple(folder for kind in _CHALLENGES for folder in kind.places(split)) for split in _SETS}
        ),
        roots=("", "Aff-Wild2", "AffWild2"),
        layout="""
annotations/EXPR_Classification_Challenge/Train_Set/<video>.txt    also EXPR_Recognition_Challenge
annotations/VA_Estimation_Challenge/Train_Set/<video>.txt          and Validation_Set; <video> may end in _left, _right
annotations/AU_Detection_Challenge/Train_Set/<video>.txt           row 1 names columns, row i + 1 is frame i
cropped_aligned/<video>/00001.jpg                                  also in cropped_aligned_new_50_vids/
""",
        licence="Aff-Wild2 agreement (EULA), signed by an academic: non-commercial research; no redistribution",
        source=(
            "Kollias & Zafeiriou 2019, Expression, affect, action unit recognition: Aff-Wild2, multi-task learning and "
            "ArcFace, BMVC; Kollias 2022, ABAW: valence-arousal estimation, expression recognition, action unit "
            "detection & multi-task learning challenges, CVPRW"
        ),
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        aus=AUS,
        extra=MappingProxyType({"video": "text", "frame": "integer"}),
        notes=(
            f"{NOTES} Annotated frames in which no face was found have no crop, and are passed over as missing "
            "pictures. Each challenge has its own partition: one may train on a video that another validates on."
        ),
    ),
)

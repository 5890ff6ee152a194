"""CASME II: micro-expressions, filmed at 200 frames a second, with their onset, apex and offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.clips.showing import CLIP_COLUMNS
from feab.data.columns import au_column
from feab.data.readers.faces import Faces, write
from feab.data.readers.framefolders import clip_frames
from feab.data.readers.moving import write_frames
from feab.data.readers.rafau import units_in
from feab.data.readers.record import Reader, Row, Skip, Why
from feab.data.readers.sheet import as_sheet
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError
from feab.vocabulary import FEAB_17

LABELS = ("happiness", "surprise", "disgust", "repression", "other", "sadness", "fear")
_EMOTIONS: Mapping[str, str] = MappingProxyType({"others" if label == "other" else label: label for label in LABELS})
"""The sheet's word -> the label."""
_SHOWN: Mapping[str, str] = MappingProxyType({"repression": "contempt", "other": "anger"})
"""Label -> the expression of the rendered face that stands for it in a miniature, where that is another."""
FPS = 200.0
AUS = FEAB_17
"""Of the units that are coded, those that feab asks for (our choice); the others are passed over."""
_SHEET, _ENDINGS = "CASME2-coding", (".xlsx", ".csv")
_CLIPS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "test": ("Cropped/Cropped", "Cropped"),
    "raw": ("CASME2_RAW_selected/CASME2_RAW_selected", "CASME2_RAW_selected", "CASME2-RAW"),
})  # fmt: skip
"""Split -> where its clips may be; a folder within one of its name is how some unpack the archive."""
_COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Estimated Emotion")
_FRAMES = range(10**6)
_UNTOLD = ("", "/")
"""What stands in the sheet for an apex that was not found."""


@dataclass(frozen=True, slots=True)
class _Coded:
    """A row of the sheet: whose clip, what it is called and labelled, and its first and last frame."""

    person: str
    name: str
    label: str
    onset: int
    offset: int


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The clips of the coding sheet: their frames from onset to offset, and which of them is the apex.

    Raises:
        FeabError: when there is no coding sheet.
    """
    sheets = [name for ending in _ENDINGS for name in tree.files("", (ending,)) if name.startswith(_SHEET)]
    if not sheets:
        raise FeabError(f"{tree.root}: holds no {_SHEET}-....xlsx, nor that sheet saved as .csv")
    file, above = sheets[0], tree.first(*_CLIPS[split])
    for line, row in tree.table(file, _COLUMNS):
        coded = _coded(row)
        if not isinstance(coded, _Coded):
            skip(file, line, *coded)
            continue
        folder = f"{above}/{coded.person}/{coded.name}"
        found = clip_frames(tree, folder, file, line, skip)
        frames = {frame: path for frame, path in found if frame is not None and coded.onset <= frame <= coded.offset}
        missing = [frame for frame in (coded.onset, coded.offset) if frame not in frames]
        if missing and found:
            skip(file, line, "missing picture", f"{folder}: holds no frame {missing[0]}")
        if missing:
            continue
        places = {frame: place for place, frame in enumerate(frames)}
        labels = {
            "expression": coded.label, "subject": coded.person, "fps": FPS, "first_frame": coded.onset, "onset": 0,
            "apex": _apex(row["apexframe"], places, file, line, skip), "offset": len(frames) - 1,
            **_units(row.get("action units", ""), file, line, skip),
        }  # fmt: skip
        yield Row(f"{coded.person}_{coded.name}", None, file, line, labels, frames=tuple(frames.values()))


def _coded(row: Mapping[str, str]) -> _Coded | tuple[Why, str]:
    """What a row says, or what is wrong with it."""
    subject, name = whole_in(row.get("subject", ""), range(1, 100)), row.get("filename", "")
    emotion = row.get("estimated emotion", "")
    onset, offset = (whole_in(row.get(f"{mark}frame", ""), _FRAMES) for mark in ("onset", "offset"))
    if subject is None or not name:
        return "bad row", "there is no subject with the name of a clip"
    if emotion.casefold() not in _EMOTIONS:
        return "unknown code", f"{emotion!r:.40} is none of {', '.join(_EMOTIONS)}"
    if onset is None or offset is None or onset >= offset:
        return "out of range", "onset and offset are no two frames, one after the other"
    return _Coded(f"sub{subject:02d}", name, _EMOTIONS[emotion.casefold()], onset, offset)


def _apex(told: str, places: Mapping[int, int], file: str, line: int, skip: Skip) -> int | None:
    """The place of the apex among a clip's frames; None where it was not found, or is none of them."""
    if told in _UNTOLD:
        return None
    frame = whole_in(told, _FRAMES)
    if frame is None or frame not in places:
        skip(file, line, "out of range", f"the apex {told!r:.40} is no frame of the clip, so it is not known")
        return None
    return places[frame]


def _units(told: str, file: str, line: int, skip: Skip) -> dict[str, Any]:
    """Presence of the units: what is not listed is absent; nothing where none are told, or not as they should be."""
    there = units_in(told) if told else None
    if there is None:
        if told:
            skip(file, line, "bad row", f"action units {told!r:.60} are none such as 4+L10, so they are not coded")
        return {}
    return {au_column(au, "presence"): float(au in there) for au in AUS}


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The coding sheet and clips, cropped and (with more around them) raw; one apex was not found."""
    header = ["Subject", "Filename", None, *(f"{mark}Frame" for mark in ("Onset", "Apex", "Offset")), None]
    rows: list[list[str | float | None]] = [[*header, "Action Units", "Estimated Emotion"]]
    emotions = {label: word for word, label in _EMOTIONS.items()}
    for number in range(n):
        label = LABELS[number % len(LABELS)]
        face = faces.moving.of(_SHOWN.get(label, label), number // len(LABELS))
        subject, name, first = f"{1 + number % 12:02d}", f"EP{1 + number // 12:02d}_{1 + number:02d}f", 40 + number
        apex, offset = first + face.apex - face.onset, first + face.offset - face.onset
        marks = (first, "/" if number == 1 else apex, offset)
        rows.append([subject, name, None, *marks, None, "4+L10" if number % 2 else "12", emotions[label]])
        folder = f"sub{subject}/{name}"
        shown = face.frames[face.onset : face.offset + 1]
        write_frames(root, f"Cropped/{folder}", shown, "reg_img{}.jpg", first)
        write_frames(root, f"CASME2_RAW_selected/{folder}", face.frames, "img{}.jpg", first - face.onset)
    write(root, f"{_SHEET}-20140508.xlsx", as_sheet(rows))


READERS = (
    Reader(
        name="casme2",
        title="CASME II",
        version="1",
        splits=MappingProxyType(_CLIPS),
        roots=("", "CASME2", "CASMEII"),
        layout="""
CASME2-coding-20140508.xlsx                     or that sheet saved as .csv: Subject,Filename,,OnsetFrame,ApexFrame,...
Cropped/sub01/EP02_01f/reg_img46.jpg            (split test)
CASME2_RAW_selected/sub01/EP02_01f/img46.jpg    (split raw)
""",
        licence="CASME II release agreement: signed, non-commercial research; no redistribution",
        source=(
            "Yan, Li, Wang, Zhao, Liu, Chen & Fu 2014, CASME II: an improved spontaneous micro-expression database and "
            "the baseline evaluation, PLoS ONE 9(1)"
        ),
        read=read,
        mimic=mimic,
        labels=LABELS,
        aus=AUS,
        extra=MappingProxyType({**CLIP_COLUMNS, "first_frame": "integer"}),
        clips=("frames",),
        notes=(
            "A clip is what is between onset and offset (our choice: all deliveries then hold the same frames); "
            "`first_frame` is the dataset's number of the onset. An apex that was not found is null. Units that are "
            "not listed are absent. No task asks about split raw: it is the same clips with more around the face, "
            "whose place is not told, and the cropped frames are customary."
        ),
    ),
)

"""KDEF: posed expressions of seventy actors from five angles, named in the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree

_NAME = re.compile(r"([AB])([FM])(\d\d)(AF|AN|DI|HA|NE|SA|SU)(S|HL|HR|FL|FR)\.(?i:jpg)")
CODES: Mapping[str, str] = MappingProxyType({
    "AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happiness", "NE": "neutral", "SA": "sadness",
    "SU": "surprise",
})  # fmt: skip
VIEWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"test": ("S",), "half_profile": ("HL", "HR"), "profile": ("FL", "FR")}
)
"""Split -> angles: straight; half left and right; full left and right."""
_FOLDERS = ("KDEF/[AB][FM][0-9]*", "[AB][FM][0-9]*")


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The pictures of one view. A few names of the official set are off the pattern: counted, and passed over."""
    above = "KDEF/" if tree.has("KDEF") else ""
    for folder in tree.folders(above.rstrip("/")):
        for name in tree.files(f"{above}{folder}"):
            path = f"{above}{folder}/{name}"
            found = _NAME.fullmatch(name)
            if found is None:
                if split == "test":  # told once
                    skip(path, None, "unknown code", "its name is none like AF01ANS.JPG")
                continue
            session, gender, person, code, view = found.groups()
            if view in VIEWS[split]:
                labels: dict[str, Any] = {
                    "expression": CODES[code],
                    "subject": f"{gender}{person}",
                    "perceived_gender": "female" if gender == "F" else "male",
                    "attributes_source": "file names",
                    "session": session,
                    "view": view,
                }
                yield Row(name.rpartition(".")[0], path, path, None, labels)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Pictures of 562 x 762 pixels of some actors, all shown from the front whatever the name says."""
    for views in VIEWS.values():
        for number in range(n):
            code, person = tuple(CODES)[number % len(CODES)], number // len(CODES) % 35
            actor = f"A{'FM'[person % 2]}{1 + person // 2:02d}"
            face = as_picture(faces.of(CODES[code], number), (562, 762))
            write(root, f"KDEF/{actor}/{actor}{code}{views[number % len(views)]}.JPG", face)


READERS = (
    Reader(
        name="kdef",
        title="KDEF",
        version="1",
        splits=MappingProxyType(dict.fromkeys(VIEWS, _FOLDERS)),
        roots=("", "KDEF_and_AKDEF"),
        layout="""
KDEF/AF01/AF01ANS.JPG      <session A or B><F or M><person><AF, AN, DI, HA, NE, SA or SU><S, HL, HR, FL or FR>.JPG
""",
        licence="KDEF terms: non-commercial research; no redistribution",
        source="Lundqvist, Flykt & Öhman 1998, The Karolinska Directed Emotional Faces (KDEF), Karolinska Institutet",
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        extra=MappingProxyType({"session": "text", "view": "text"}),
        notes="Split test: seen from the front; half_profile and profile: the other angles (our choice).",
    ),
)

"""Datasets whose labels are in the names of their files and folders: SFEW 2.0, JAFFE, KDEF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.names import safe_id
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree
from feab.vocabulary import canonical_label

# ----------------------------------------------------------------------------------------------------------------- SFEW

SFEW_CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
SFEW = tuple(canonical_label(word) for word in SFEW_CLASSES)
_SFEW_FOLDERS: Mapping[str, str] = MappingProxyType(
    {"train": "Train/Train_Aligned_Faces", "validation": "Val/Val_Aligned_Faces"}
)


def read_sfew(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The aligned faces of one split; the first part of a name is the film."""
    above = _SFEW_FOLDERS[split]
    for folder in tree.folders(above):
        if folder not in SFEW_CLASSES:
            skip(f"{above}/{folder}", None, "unknown code", f"the folder is none of {', '.join(SFEW_CLASSES)}")
            continue
        for name in tree.files(f"{above}/{folder}"):
            path = f"{above}/{folder}/{name}"
            labels = {"expression": canonical_label(folder), "video": name.rpartition(".")[0].rsplit("_", 2)[0]}
            yield Row(safe_id(f"{folder}/{name}"), path, path, None, labels)


def mimic_sfew(root: Path, faces: Faces, n: int) -> None:
    """Aligned faces in class folders."""
    for above in _SFEW_FOLDERS.values():
        for number in range(n):
            folder = SFEW_CLASSES[number % len(SFEW_CLASSES)]
            face = faces.of(canonical_label(folder), number)
            path = f"{above}/{folder}/Film{number % 4}_{number:06d}440_{number:08d}.png"
            write(root, path, as_picture(face, (143, 181), "PNG"))


# ---------------------------------------------------------------------------------------------------------------- JAFFE

_JAFFE_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})\d*\.\d+\.tiff?")
JAFFE: Mapping[str, str] = MappingProxyType({
    "AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness", "NE": "neutral", "SA": "sadness",
    "SU": "surprise",
})  # fmt: skip


def read_jaffe(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The pictures of the folder."""
    for name in tree.files():
        found = _JAFFE_NAME.fullmatch(name)
        if found is None or found[2] not in JAFFE:
            skip(name, None, "unknown code", "its name is none like KA.AN1.39.tiff")
            continue
        labels = {"expression": JAFFE[found[2]], "subject": found[1]}
        yield Row(name.rpartition(".")[0], name, name, None, labels)


def mimic_jaffe(root: Path, faces: Faces, n: int) -> None:
    """Grey TIFF files of four women."""
    for number in range(n):
        code = tuple(JAFFE)[number % len(JAFFE)]
        subject = ("KA", "KL", "MK", "YM")[number // len(JAFFE) % 4]
        face = as_picture(faces.of(JAFFE[code], number), (256, 256), "TIFF", "L")
        write(root, f"{subject}.{code}{1 + number // 28}.{number + 1}.tiff", face)


# ----------------------------------------------------------------------------------------------------------------- KDEF

_KDEF_NAME = re.compile(r"([AB])([FM])(\d\d)(AF|AN|DI|HA|NE|SA|SU)(S|HL|HR|FL|FR)\.(?i:jpg)")
KDEF: Mapping[str, str] = MappingProxyType({
    "AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happiness", "NE": "neutral", "SA": "sadness",
    "SU": "surprise",
})  # fmt: skip
VIEWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"test": ("S",), "half_profile": ("HL", "HR"), "profile": ("FL", "FR")}
)
"""Split -> angles: straight; half left and right; full left and right."""
_KDEF_FOLDERS = ("KDEF/[AB][FM][0-9]*", "[AB][FM][0-9]*")


def read_kdef(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The pictures of one view. A few names of the official set are off the pattern: counted, and passed over."""
    above = "KDEF/" if tree.has("KDEF") else ""
    for folder in tree.folders(above.rstrip("/")):
        for name in tree.files(f"{above}{folder}"):
            path = f"{above}{folder}/{name}"
            found = _KDEF_NAME.fullmatch(name)
            if found is None:
                if split == "test":  # told once
                    skip(path, None, "unknown code", "its name is none like AF01ANS.JPG")
                continue
            session, gender, person, code, view = found.groups()
            if view in VIEWS[split]:
                labels: dict[str, Any] = {
                    "expression": KDEF[code],
                    "subject": f"{gender}{person}",
                    "perceived_gender": "female" if gender == "F" else "male",
                    "attributes_source": "file names",
                    "session": session,
                    "view": view,
                }
                yield Row(name.rpartition(".")[0], path, path, None, labels)


def mimic_kdef(root: Path, faces: Faces, n: int) -> None:
    """Pictures of 562 x 762 pixels of some actors, all shown from the front whatever the name says."""
    for views in VIEWS.values():
        for number in range(n):
            code, person = tuple(KDEF)[number % len(KDEF)], number // len(KDEF) % 35
            actor = f"A{'FM'[person % 2]}{1 + person // 2:02d}"
            face = as_picture(faces.of(KDEF[code], number), (562, 762))
            write(root, f"KDEF/{actor}/{actor}{code}{views[number % len(views)]}.JPG", face)


_NO_COPIES = "non-commercial research; no redistribution"

READERS = (
    Reader(
        name="sfew",
        title="SFEW 2.0",
        version="1",
        splits=MappingProxyType({split: (folder,) for split, folder in _SFEW_FOLDERS.items()}),
        roots=("", "SFEW_2.0", "SFEW"),
        layout="""
Train/Train_Aligned_Faces/Angry/<film>_<time>_<frame>.png    also Disgust, Fear, Happy, Neutral, Sad, Surprise
Val/Val_Aligned_Faces/Angry/<film>_<time>_<frame>.png
""",
        licence="SFEW end-user agreement (ANU), by e-mail: research; no redistribution",
        source="Dhall, Goecke, Lucey & Gedeon 2011, Static facial expression analysis in tough conditions, ICCVW",
        read=read_sfew,
        mimic=mimic_sfew,
        labels=SFEW,
        extra=MappingProxyType({"video": "text"}),
        notes="`video` is the film, the cluster of intervals. The test split's labels are not public.",
    ),
    Reader(
        name="jaffe",
        title="JAFFE",
        version="1",
        splits=MappingProxyType({"test": ("[A-Z][A-Z].[A-Z][A-Z]*.tif*",)}),
        roots=("", "jaffe", "jaffedbase"),
        layout="""
KA.AN1.39.tiff      <person>.<AN, DI, FE, HA, NE, SA or SU><take>.<number>.tiff
""",
        licence=f"JAFFE terms: {_NO_COPIES}",
        source="Lyons, Akamatsu, Kamachi & Gyoba 1998, Coding facial expressions with Gabor wavelets, FG",
        read=read_jaffe,
        mimic=mimic_jaffe,
        labels=tuple(JAFFE.values()),
    ),
    Reader(
        name="kdef",
        title="KDEF",
        version="1",
        splits=MappingProxyType(dict.fromkeys(VIEWS, _KDEF_FOLDERS)),
        roots=("", "KDEF_and_AKDEF"),
        layout="""
KDEF/AF01/AF01ANS.JPG      <session A or B><F or M><person><AF, AN, DI, HA, NE, SA or SU><S, HL, HR, FL or FR>.JPG
""",
        licence=f"KDEF terms: {_NO_COPIES}",
        source="Lundqvist, Flykt & Öhman 1998, The Karolinska Directed Emotional Faces (KDEF), Karolinska Institutet",
        read=read_kdef,
        mimic=mimic_kdef,
        labels=tuple(KDEF.values()),
        extra=MappingProxyType({"session": "text", "view": "text"}),
        notes="Split test: seen from the front; half_profile and profile: the other angles (our choice).",
    ),
)

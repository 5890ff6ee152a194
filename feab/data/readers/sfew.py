"""SFEW 2.0: faces from films in folders of their expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from feab.data.names import safe_id
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree
from feab.vocabulary import canonical_label

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
LABELS = tuple(canonical_label(word) for word in CLASSES)
_FOLDERS: Mapping[str, str] = MappingProxyType(
    {"train": "Train/Train_Aligned_Faces", "validation": "Val/Val_Aligned_Faces"}
)


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The aligned faces of one split; the first part of a name is the film."""
    above = _FOLDERS[split]
    for folder in tree.folders(above):
        if folder not in CLASSES:
            skip(f"{above}/{folder}", None, "unknown code", f"the folder is none of {', '.join(CLASSES)}")
            continue
        for name in tree.files(f"{above}/{folder}"):
            path = f"{above}/{folder}/{name}"
            labels = {"expression": canonical_label(folder), "video": name.rpartition(".")[0].rsplit("_", 2)[0]}
            yield Row(safe_id(f"{folder}/{name}"), path, path, None, labels)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Aligned faces in class folders."""
    for above in _FOLDERS.values():
        for number in range(n):
            folder = CLASSES[number % len(CLASSES)]
            face = faces.of(canonical_label(folder), number)
            path = f"{above}/{folder}/Film{number % 4}_{number:06d}440_{number:08d}.png"
            write(root, path, as_picture(face, (143, 181), "PNG"))


READERS = (
    Reader(
        name="sfew",
        title="SFEW 2.0",
        version="1",
        splits=MappingProxyType({split: (folder,) for split, folder in _FOLDERS.items()}),
        roots=("", "SFEW_2.0", "SFEW"),
        layout="""
Train/Train_Aligned_Faces/Angry/<film>_<time>_<frame>.png    also Disgust, Fear, Happy, Neutral, Sad, Surprise
Val/Val_Aligned_Faces/Angry/<film>_<time>_<frame>.png
""",
        licence="SFEW end-user agreement (ANU), by e-mail: research; no redistribution",
        source="Dhall, Goecke, Lucey & Gedeon 2011, Static facial expression analysis in tough conditions, ICCVW",
        read=read,
        mimic=mimic,
        labels=LABELS,
        extra=MappingProxyType({"video": "text"}),
        notes="`video` is the film, the cluster of intervals. The test split's labels are not public.",
    ),
)

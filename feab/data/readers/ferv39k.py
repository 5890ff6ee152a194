"""FERV39k: clips of faces from 22 kinds of scenes, seven expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from feab.data.names import safe_id
from feab.data.readers.faces import Faces, write
from feab.data.readers.framefolders import clip_frames
from feab.data.readers.moving import write_frames
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree
from feab.vocabulary import canonical_label

CLASSES = ("Happy", "Sad", "Neutral", "Angry", "Surprise", "Disgust", "Fear")
"""In the order in which results on it are printed."""
LABELS = tuple(canonical_label(word) for word in CLASSES)
_LISTS: Mapping[str, str] = MappingProxyType(
    {split: f"4_setups/All_scenes/{split}_All.csv" for split in ("train", "test")}
)
_CLIPS = "2_ClipsforFaceCrop"
_SCENES = ("Action", "DailyLife", "Interview", "Talkshow")
_PARTS = 3


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The clips of one list, whose lines name a folder (scene, expression, number) and the label."""
    file = _LISTS[split]
    inner = f"{_CLIPS}/{_CLIPS}"  # where the archive was unpacked into a folder of its name
    above = inner if tree.has(inner) else _CLIPS
    for number, line in tree.lines(file):
        words = line.split()
        parts = words[0].split("/")
        if len(words) != 2 or len(parts) != _PARTS or not all(parts):
            skip(file, number, "bad row", f"{line.strip()!r:.100} is no scene/expression/number with a label")
        elif words[1] not in CLASSES:
            skip(file, number, "unknown code", f"{words[1]!r:.40} is none of {', '.join(CLASSES)}")
        elif frames := clip_frames(tree, f"{above}/{words[0]}", file, number, skip):
            labels = {"expression": canonical_label(words[1]), "scene": parts[0]}
            yield Row(safe_id(words[0]), None, file, number, labels, frames=tuple(path for _, path in frames))


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Both lists, and clips in folders of scene and expression."""
    for place, file in enumerate(_LISTS.values()):
        lines = []
        for number in range(n):
            word = CLASSES[number % len(CLASSES)]
            clip = f"{_SCENES[number % len(_SCENES)]}/{word}/{n * place + number:04d}"
            face = faces.moving.of(canonical_label(word), number // len(CLASSES))
            write_frames(root, f"{_CLIPS}/{clip}", face.frames, "{:05d}.jpg")
            lines.append(f"{clip} {word}")
        write(root, file, "\n".join(lines) + "\n")


READERS = (
    Reader(
        name="ferv39k",
        title="FERV39k",
        version="1",
        splits=MappingProxyType({split: (file,) for split, file in _LISTS.items()}),
        roots=("", "FERV39k", "FERV39K"),
        layout="""
4_setups/All_scenes/train_All.csv                a line a clip: Action/Happy/0267 Happy
4_setups/All_scenes/test_All.csv
2_ClipsforFaceCrop/Action/Happy/0267/<frame>.jpg
""",
        licence="FERV39k terms: non-commercial research, by e-mail from a university; no redistribution",
        source=(
            "Wang, Sun, Huang, Liu, Gao, Zhang, Ge & Zhang 2022, FERV39k: a large-scale multi-scene dataset for facial "
            "expression recognition in videos, CVPR"
        ),
        read=read,
        mimic=mimic,
        labels=LABELS,
        extra=MappingProxyType({"scene": "text"}),
        clips=("frames",),
        notes="`scene` is the kind of scene. Which film a clip is from, and its frames a second, are not told.",
    ),
)

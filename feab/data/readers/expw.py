"""ExpW: expressions of faces in pictures from the web, with the boxes of a face detector and its confidence."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from feab.data.names import safe_id
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, number_in, whole_in

CODES: Mapping[int, str] = MappingProxyType(
    {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}
)
_LISTS = ("label/label.lst", "label.lst")
_PICTURES = ("image/origin", "origin", "data/image/origin")
_NUMBERS = 7
"""Cells behind the name of a picture: face, top, left, right, bottom, confidence, label."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows of the list: one a face, of which a picture may have several."""
    file = tree.first(*_LISTS)
    folder = next((folder for folder in _PICTURES if tree.has(folder)), _PICTURES[0])
    for number, line in tree.lines(file):
        name, *cells = line.strip().rsplit(maxsplit=_NUMBERS)
        if len(cells) < _NUMBERS:
            skip(file, number, "bad row", f"{line.strip()!r:.100} is no name with seven numbers")
            continue
        face = whole_in(cells[0], range(10**4))
        top, left, right, bottom = (number_in(cell, -1e6, 1e6) for cell in cells[1:5])
        confidence, code = number_in(cells[5], -1e6, 1e6), whole_in(cells[6], CODES)
        if code is None:
            skip(file, number, "unknown code", f"label {cells[6]!r:.40} is none of 0 to 6")
        elif face is None or confidence is None or top is None or left is None or right is None or bottom is None:
            skip(file, number, "bad row", f"{' '.join(cells)!r:.100} are no face, box and confidence")
        elif right <= left or bottom <= top:
            skip(
                file,
                number,
                "out of range",
                f"top {top:g}, left {left:g}, right {right:g}, bottom {bottom:g} is no box",
            )
        else:
            stem = name.rpartition(".")[0] or name
            labels = {
                "expression": CODES[code],
                "face": [left, top, right - left, bottom - top],
                "box_confidence": confidence,
                "video": stem,
            }
            yield Row(safe_id(f"{stem}_{face}"), f"{folder}/{name}", file, number, labels)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The list, and pictures of two faces each, side by side."""
    lines = []
    for number in range(0, n, 2):
        shown = [faces.of(CODES[face % len(CODES)], face) for face in (number, number + 1)]
        name = f"{CODES[number % len(CODES)]}_actor_{number}.jpg"
        write(root, f"{_PICTURES[0]}/{name}", _beside(as_picture(shown[0]), as_picture(shown[1])))
        for face in range(len(shown)):
            code = (number + face) % len(CODES)
            lines.append(f"{name} {face} 10 {224 * face + 20} {224 * face + 204} 210 {60 - 0.5 * face:.4f} {code}")
    write(root, _LISTS[0], "\n".join(lines) + "\n")


def _beside(first: bytes, second: bytes) -> bytes:
    """Two pictures as one, the second at the right."""
    from PIL import Image

    with Image.open(io.BytesIO(first)) as left, Image.open(io.BytesIO(second)) as right:
        both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)))
        both.paste(left, (0, 0))
        both.paste(right, (left.width, 0))
    buffer = io.BytesIO()
    both.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


READERS = (
    Reader(
        name="expw",
        title="ExpW (Expression in-the-Wild)",
        version="1",
        splits=MappingProxyType({"test": _LISTS}),
        roots=("", "ExpW"),
        layout="""
label/label.lst                       angry_actor_104.jpg 0 28 113 226 141 22.9362 0
                                      (picture, face, top, left, right, bottom, confidence, label)
image/origin/angry_actor_104.jpg      also in origin/ or data/image/origin/
""",
        licence="ExpW terms: non-commercial research; no redistribution",
        source=(
            "Zhang, Luo, Loy & Tang 2018, From facial expression recognition to interpersonal relation prediction, "
            "International Journal of Computer Vision 126(5)"
        ),
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        extra=MappingProxyType({"box_confidence": "float", "video": "text"}),
        notes=(
            "The whole set is one split, as feab knows of no official one. `box_confidence` is the face detector's; "
            "boxes of low confidence are often no faces. `video` is the picture, the cluster of intervals: faces of "
            "one picture are not independent."
        ),
    ),
)

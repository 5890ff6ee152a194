"""AFEW-VA: valence and arousal of people in films, frame by frame, with where the face is."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeGuard

from feab.data.columns import AFFECT
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.framefolders import numbered
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError
from feab.jsonfile import load_json

SCALE = 10
"""Annotators gave whole numbers from -10 to 10; divided by this they are in [-1, 1], as feab's columns are."""
POINTS = 68
"""Landmarks of a face: its outline from ear to ear by the chin, brows, nose, eyes, mouth."""
FOREHEAD = 0.25
"""Share of the landmarks' height that is added above them, as they end at the brows (our choice)."""
FARTHEST = 100_000
"""Pixels from the corner of a picture that a landmark may be; far more than any picture has."""
_CLIP = re.compile(r"\d{3}")
_PART = re.compile(r"\d{2}")
_FIRST = tuple(f"{clip:03d}/{clip:03d}.json" for clip in range(1, 601, 50))
"""The first clip of each of the twelve parts that the set is delivered in."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The annotated frames of every clip."""
    parts = [f"{part}/" for part in tree.folders() if _PART.fullmatch(part)]
    for above in ("", *parts):
        for clip in tree.folders(above.rstrip("/")):
            if _CLIP.fullmatch(clip):
                yield from _of(tree, clip, f"{above}{clip}", skip)


def _of(tree: Tree, clip: str, folder: str, skip: Skip) -> Iterator[Row]:
    file = f"{folder}/{clip}.json"
    if not tree.has(file):
        skip(file, None, "missing file", f"clip {clip} is not annotated")
        return
    try:
        said = load_json(tree.text(file), file)
    except FeabError as error:
        skip(file, None, "bad row", str(error).removeprefix(f"{tree.root}/").removeprefix(f"{file}: "))
        return
    frames = said.get("frames") if isinstance(said, dict) else None
    if not isinstance(frames, dict):
        skip(file, None, "bad row", "holds no frames")
        return
    where = {"subject": _person(said.get("actor")), "video": clip}
    pictures = numbered(tree, folder)
    for name in sorted(frames):
        frame, line = whole_in(name, range(10**6)), f"frame {name:.40}"
        if frame is None or not isinstance(frames[name], dict):
            skip(file, line, "bad row", "is no number of a frame, or holds no values")
            continue
        labels = _labels(frames[name], file, line, skip)
        if labels is not None:
            picture = pictures.get(frame, f"{folder}/{frame:05d}.png")
            yield Row(f"{clip}/{frame:05d}", picture, file, line, {**labels, **where, "frame": frame})


def _person(name: object) -> str | None:
    """Tells one actor from another without their name, which is of no use here."""
    if not isinstance(name, str) or not name.strip():
        return None
    return "actor-" + hashlib.sha256(name.strip().casefold().encode("utf-8", "replace")).hexdigest()[:12]


def _labels(values: dict[str, Any], file: str, line: str, skip: Skip) -> dict[str, Any] | None:
    """Valence, arousal and the box of the face, None where one is none."""
    labels: dict[str, Any] = {}
    for name in AFFECT:
        value: Any = values.get(name)
        if not _is_number(value) or not -SCALE <= value <= SCALE:
            skip(file, line, "out of range", f"{name} {value!r:.40} is no number from -10 to 10")
            return None
        labels[name] = value / SCALE
    points = values.get("landmarks")
    if points:
        labels["face"] = _box(points)
        if labels["face"] is None:
            skip(file, line, "bad row", f"its landmarks are no {POINTS} points: whose face is meant?")
            return None
    return labels


def _box(points: Any) -> list[float] | None:
    """x, y, width and height of the face that has these landmarks, with its forehead; None where they are none."""
    if not isinstance(points, list) or len(points) != POINTS:
        return None
    if not all(isinstance(point, list) and len(point) == 2 and all(map(_is_place, point)) for point in points):
        return None
    left, top = (min(point[axis] for point in points) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in points) for axis in (0, 1))
    if left == right or top == bottom:
        return None
    above = FOREHEAD * (bottom - top)
    return [float(left), top - above, float(right - left), bottom - top + above]


def _is_place(value: object) -> bool:
    return _is_number(value) and abs(value) < FARTHEST


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Clips of three people in two parts. The faces fill their frames, which the frames of films do not."""
    clips = (("01", "001", "A"), ("01", "002", "B"), ("02", "051", "A"), ("02", "052", "C"))
    each = -(-n // len(clips))
    for place, (part, clip, actor) in enumerate(clips):
        frames = {}
        for frame in range(each):
            face = faces.any(7 * (each * place + frame))
            turns = [2 * math.pi * point / POINTS for point in range(POINTS)]
            frames[f"{frame:05d}"] = {
                "landmarks": [[round(112 + 60 * math.cos(t), 2), round(130 + 70 * math.sin(t), 2)] for t in turns],
                **{name: round(SCALE * (getattr(face, name) or 0)) for name in AFFECT},
            }
            write(root, f"{part}/{clip}/{frame:05d}.png", as_picture(face, form="PNG"))
        said = {"actor": f"Actor {actor}", "frames": frames, "video_id": clip}
        write(root, f"{part}/{clip}/{clip}.json", json.dumps(said))


READERS = (
    Reader(
        name="afewva",
        title="AFEW-VA",
        version="1",
        splits=MappingProxyType({"test": (*(f"{part:02d}/{file}" for part, file in enumerate(_FIRST, 1)), *_FIRST)}),
        roots=("", "AFEW-VA"),
        layout="""
01/001/001.json     {"actor": ..., "frames": {"00000": {"landmarks": 68 points, "valence": -10 to 10, "arousal": ...}}}
01/001/00000.png    also without the folders 01 to 12 above the clips
""",
        licence="AFEW-VA agreement: non-commercial research; no redistribution",
        source=(
            "Kossaifi, Tzimiropoulos, Todorovic & Pantic 2017, AFEW-VA database for valence and arousal estimation "
            "in-the-wild, Image and Vision Computing 65"
        ),
        read=read,
        mimic=mimic,
        extra=MappingProxyType({"video": "text", "frame": "integer"}),
        notes=(
            "Valence and arousal were given from -10 to 10 and are divided by 10. `face` is the box of the landmarks "
            "and a quarter of its height above it, for the forehead (our choice). `subject` stands for an actor, whose "
            "name is not taken over. The whole set is one split, as feab knows of no official one."
        ),
    ),
)

"""FER2013, and FERPlus: ten people's votes on the same 48 x 48 pixel faces."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.names import safe_id
from feab.data.readers.faces import Faces, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError
from feab.records import Sample

CODES: Mapping[int, str] = MappingProxyType(
    {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}
)
USAGES: Mapping[str, str] = MappingProxyType({"Training": "train", "PublicTest": "validation", "PrivateTest": "test"})
VOTED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
"""The expressions of FERPlus in the order of its columns."""

_PIXELS, _VOTES = "fer2013.csv", "fer2013new.csv"
_FOLDERS: Mapping[str, str] = MappingProxyType(
    {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}
)
_COLUMNS = ("Usage", "Image name", *VOTED, "unknown", "NF")
_EDGE = 48
_RATERS = 10


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows of one split, whose ids are their row numbers; labels are read by their codes."""
    for number, row in tree.table(_PIXELS, ("emotion", "pixels", "Usage")):
        usage = row.get("usage", "")
        if usage not in USAGES:
            if split == "train":  # told once
                skip(_PIXELS, number, "unknown code", f"Usage {usage!r:.40} is none of {', '.join(USAGES)}")
            continue
        if USAGES[usage] != split:
            continue
        code = whole_in(row["emotion"], CODES)
        picture = _picture(row["pixels"])
        if code is None:
            skip(_PIXELS, number, "unknown code", f"emotion {row['emotion']!r:.40} is none of 0 to 6")
        elif picture is None:
            skip(_PIXELS, number, "bad picture", f"pixels are not {_EDGE * _EDGE} numbers from 0 to 255")
        else:
            yield Row(f"{number - 2:05d}", picture, _PIXELS, number, {"expression": CODES[code]})


def read_plus(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The voted rows of one split, with pictures from fer2013.csv (row by row) or from the folders of FERPlus' tool.

    Rows without an image name are those that FERPlus' own tool leaves out.

    Raises:
        FeabError: when there are no pictures, or the two files do not belong together.
    """
    pixels: Iterator[tuple[int, dict[str, str]]] | None = None
    if tree.has(_PIXELS):
        pixels = tree.table(_PIXELS, ("pixels", "Usage"))
    folder = next((f for f in (f"data/{_FOLDERS[split]}", _FOLDERS[split]) if tree.has(f)), None)
    if pixels is None and folder is None:
        raise FeabError(f"{tree.root}: the votes are there, but neither {_PIXELS} nor a folder {_FOLDERS[split]}/")
    for number, row in tree.table(_VOTES, _COLUMNS):
        beside = None if pixels is None else next(pixels, (0, {}))[1]
        usage, name = row.get("usage", ""), row.get("image name", "")
        if usage not in USAGES:
            if split == "train":
                skip(_VOTES, number, "unknown code", f"Usage {usage!r:.40} is none of {', '.join(USAGES)}")
            continue
        if USAGES[usage] != split or not name:
            continue
        if beside is not None and beside.get("usage") != usage:
            raise FeabError(
                f"{tree.root / _VOTES}: row {number} is {usage}, but that row of {_PIXELS} is not: they differ"
            )
        picture = f"{folder}/{name}" if beside is None else _picture(beside["pixels"])
        votes = [whole_in(row.get(column.casefold(), ""), range(_RATERS + 1)) for column in _COLUMNS[2:]]
        if any(vote is None for vote in votes) or not 1 <= sum(filter(None, votes)) <= _RATERS:
            skip(_VOTES, number, "out of range", f"the votes are not whole numbers that sum to at most {_RATERS}")
        elif picture is None:
            skip(_PIXELS, number, "bad picture", f"pixels are not {_EDGE * _EDGE} numbers from 0 to 255")
        else:
            sample = safe_id(name.rpartition(".")[0] or name)
            yield Row(sample, picture, _VOTES, number, voted([vote or 0 for vote in votes]))


def voted(votes: Sequence[int]) -> dict[str, Any]:
    """The labels that ten votes give: `expression` as FERPlus' own "majority" mode has it, None where there is none.

    Args:
        votes: for the eight expressions in the order of `VOTED`, for "unknown", and for "not a face".

    A class that one person alone voted for is dropped; the expression with more than half of the votes left (those
    for unknown and not-a-face among them) is the label. On the official file that keeps 25,060 / 3,199 / 3,153 faces.
    """
    kept = [vote if vote > 1 else 0 for vote in votes]
    most = max(kept)
    label = VOTED[kept.index(most)] if 2 * most > sum(kept) and kept.index(most) < len(VOTED) else None
    return {
        "expression": label,
        "votes": [float(vote) for vote in votes[: len(VOTED)]],
        "votes_unknown": votes[len(VOTED)],
        "votes_no_face": votes[len(VOTED) + 1],
    }


def _picture(pixels: str) -> bytes | None:
    """The grey levels, written as numbers, as a PNG file; None where they are not what they should be."""
    try:
        values = bytes(map(int, pixels.split()))
    except ValueError:
        return None
    return grey_png(values, _EDGE) if len(values) == _EDGE * _EDGE else None


def grey_png(levels: bytes, edge: int) -> bytes:
    """A square grey PNG, stored without compression: the same levels give the same bytes with any library."""
    lines = b"".join(b"\0" + levels[start : start + edge] for start in range(0, edge * edge, edge))
    size = len(lines)
    stored = b"\x78\x01\x01" + struct.pack("<HH", size, 0xFFFF - size) + lines + struct.pack(">I", zlib.adler32(lines))
    header = struct.pack(">IIBBBBB", edge, edge, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", stored), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# ----------------------------------------------------------------------------------------------------------- miniatures


def mimic(root: Path, faces: Faces, n: int) -> None:
    """fer2013.csv."""
    lines = ["emotion,pixels,Usage"]
    for usage in USAGES:
        for number in range(n):
            code = number % len(CODES)
            lines.append(f"{code},{_levels(faces.of(CODES[code], number))},{usage}")
    write(root, _PIXELS, "\n".join(lines) + "\n")


def mimic_plus(root: Path, faces: Faces, n: int) -> None:
    """fer2013.csv, and fer2013new.csv with votes: eight or six of ten for what the face displays."""
    pixels, votes = ["emotion,pixels,Usage"], [",".join(_COLUMNS)]
    names = itertools.count()
    for usage in USAGES:
        for number in range(n):
            place = number % len(VOTED)
            face = faces.of(VOTED[place], number)
            pixels.append(f"6,{_levels(face)},{usage}")
            given = [0] * (len(VOTED) + 2)
            given[place] += 8 if number % 2 else 6
            given[(place + 1) % len(VOTED)] += _RATERS - sum(given)
            votes.append(f"{usage},fer{next(names):07d}.png,{','.join(map(str, given))}")
    write(root, _PIXELS, "\n".join(pixels) + "\n")
    write(root, _VOTES, "\n".join(votes) + "\n")


def _levels(face: Sample) -> str:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(face.media.read())) as picture:
        small = picture.convert("L").resize((_EDGE, _EDGE), Image.Resampling.BILINEAR)
    return " ".join(map(str, small.tobytes()))


READERS = (
    Reader(
        name="fer2013",
        title="FER2013",
        version="1",
        splits=MappingProxyType(dict.fromkeys(USAGES.values(), (_PIXELS,))),
        layout="""
fer2013.csv     emotion,pixels,Usage; Usage is Training, PublicTest (validation) or PrivateTest (test)
""",
        licence="none stated for the pictures, which were collected from the web",
        source="Goodfellow et al. 2013, Challenges in representation learning: three machine learning contests, ICONIP",
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
    ),
    Reader(
        name="ferplus",
        title="FERPlus",
        version="1",
        splits=MappingProxyType(dict.fromkeys(USAGES.values(), (_VOTES,))),
        layout="""
fer2013new.csv  Usage,Image name,neutral,happiness,...: ten votes
fer2013.csv     the pictures, row by row; or the folders FER2013Train, FER2013Valid, FER2013Test of its tool
""",
        licence="labels MIT (Microsoft); none stated for the pictures, which were collected from the web",
        source=(
            "Barsoum, Zhang, Canton Ferrer & Zhang 2016, Training deep networks for facial expression recognition "
            "with crowd-sourced label distribution, ICMI"
        ),
        read=read_plus,
        mimic=mimic_plus,
        labels=VOTED,
        extra=MappingProxyType({"votes_unknown": "integer", "votes_no_face": "integer"}),
        notes=(
            "`expression` is the majority of the votes as FERPlus' own tool takes it, null where there is none; "
            "`votes` leaves out those for unknown and not-a-face."
        ),
    ),
)

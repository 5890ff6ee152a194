"""JAFFE: posed expressions of ten Japanese women, named in the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.tree import Tree

_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})\d*\.\d+\.tiff?")
CODES: Mapping[str, str] = MappingProxyType({
    "AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness", "NE": "neutral", "SA": "sadness",
    "SU": "surprise",
})  # fmt: skip
PEOPLE: Mapping[str, str] = MappingProxyType({
    "perceived_gender": "female", "perceived_race": "japanese", "attributes_source": "description of the dataset",
})  # fmt: skip
"""What is true of all ten: "10 Japanese female expressers" (the set's own description, zenodo.org/records/3451524)."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The pictures of the folder."""
    for name in tree.files():
        found = _NAME.fullmatch(name)
        if found is None or found[2] not in CODES:
            skip(name, None, "unknown code", "its name is none like KA.AN1.39.tiff")
            continue
        labels = {"expression": CODES[found[2]], "subject": found[1], **PEOPLE}
        yield Row(name.rpartition(".")[0], name, name, None, labels)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Grey TIFF files of four women."""
    for number in range(n):
        code = tuple(CODES)[number % len(CODES)]
        subject = ("KA", "KL", "MK", "YM")[number // len(CODES) % 4]
        face = as_picture(faces.of(CODES[code], number), (256, 256), "TIFF", "L")
        write(root, f"{subject}.{code}{1 + number // 28}.{number + 1}.tiff", face)


READERS = (
    Reader(
        name="jaffe",
        title="JAFFE",
        version="2",
        splits=MappingProxyType({"test": ("[A-Z][A-Z].[A-Z][A-Z]*.tif*",)}),
        roots=("", "jaffe", "jaffedbase"),
        layout="""
KA.AN1.39.tiff      <person>.<AN, DI, FE, HA, NE, SA or SU><take>.<number>.tiff
""",
        licence="JAFFE terms: non-commercial research; no redistribution",
        source="Lyons, Akamatsu, Kamachi & Gyoba 1998, Coding facial expressions with Gabor wavelets, FG",
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        notes="That all ten are Japanese women is in no file: the dataset's description says so, and every row has it.",
    ),
)

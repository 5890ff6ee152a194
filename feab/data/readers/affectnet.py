"""AffectNet, full (CSV files) and reduced (.npy files): expression, valence and arousal of faces from the web."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.names import safe_id
from feab.data.readers.affect import affect
from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.record import Reader, Row, Skip, Why
from feab.data.readers.tree import Tree, number_in, whole_in
from feab.errors import FeabError
from feab.records import Sample

CODES: Mapping[int, str] = MappingProxyType({
    0: "neutral", 1: "happiness", 2: "sadness", 3: "surprise", 4: "fear", 5: "disgust", 6: "anger", 7: "contempt",
})  # fmt: skip
NOT_LABELLED = (8, 9, 10)
"""None (of these), Uncertain, Non-Face: no expression label. None faces have valence and arousal all the same."""
INVALID = -2.0
"""Valence or arousal that was not given."""

COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression",
    "valence", "arousal",
)  # fmt: skip
_LISTS = "Manually_Annotated_file_lists"
_IMAGES = "Manually_Annotated_Images"
_FULL: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "train": (f"{_LISTS}/training.csv", "training.csv"),
    "validation": (f"{_LISTS}/validation.csv", "validation.csv"),
})  # fmt: skip
_REDUCED: Mapping[str, str] = MappingProxyType({"train": "train_set", "validation": "val_set"})


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The rows of one split, in whichever of the two forms it is there."""
    for file in _FULL[split]:
        if tree.has(file):
            yield from _read_full(tree, file, skip)
            return
    yield from _read_reduced(tree, _REDUCED[split], skip)


def _read_full(tree: Tree, file: str, skip: Skip) -> Iterator[Row]:
    """The rows of a CSV file; some copies were delivered without its header."""
    for number, cells in tree.cells(file):
        if number == 1 and cells[0] == COLUMNS[0]:
            if cells[: len(COLUMNS)] != list(COLUMNS):
                raise FeabError(
                    f"{tree.root / file}: its columns are {', '.join(cells)[:300]}, not {', '.join(COLUMNS)}"
                )
            continue
        if len(cells) < len(COLUMNS):
            skip(file, number, "bad row", f"has {len(cells)} cells, not {len(COLUMNS)}")
            continue
        row = dict(zip(COLUMNS, cells, strict=False))
        labels = _labels(file, number, row["expression"], row["valence"], row["arousal"], skip)
        if labels is None:
            continue
        box = [number_in(row[name], -1e6, 1e6) for name in COLUMNS[1:5]]
        if all(value is not None for value in box) and box[2] and box[3]:
            labels["face"] = box  # in pixels of the whole picture
        path = row["subDirectory_filePath"].replace("\\", "/")
        yield Row(safe_id(path), f"{_IMAGES}/{path}", file, number, labels)


def _read_reduced(tree: Tree, folder: str, skip: Skip) -> Iterator[Row]:
    """The faces that have an annotation, by number."""
    names = tree.files(f"{folder}/annotations", (".npy", ".pkl", ".pickle"))
    for name in names:
        if not name.endswith(".npy"):
            skip(f"{folder}/annotations/{name}", None, "bad row", "is a pickle, which could run programs: not opened")
    ids = [name.removesuffix("_exp.npy") for name in names if name.endswith("_exp.npy")]
    pictures = {name.rpartition(".")[0]: name for name in reversed(tree.files(f"{folder}/images"))}
    for sample in sorted(ids, key=lambda text: (len(text), text)):
        stem = f"{folder}/annotations/{sample}"
        try:
            expression, valence, arousal = (_scalar(tree, f"{stem}_{what}.npy") for what in ("exp", "val", "aro"))
        except FeabError as error:
            why: Why = "missing file" if "No such file" in str(error) else "bad row"
            skip(f"{stem}_exp.npy", None, why, str(error).removeprefix(f"{tree.root}/"))
            continue
        labels = _labels(f"{stem}_exp.npy", None, expression, valence, arousal, skip)
        if labels is not None:
            image = f"{folder}/images/{pictures.get(sample, f'{sample}.jpg')}"
            yield Row(safe_id(sample), image, f"{stem}_exp.npy", None, labels)


def _scalar(tree: Tree, file: str) -> str:
    """The one value of a .npy file, as text: some copies hold numbers, some words."""
    found = tree.array(file, 100_000)
    if found.size != 1:
        raise FeabError(f"{file}: holds {found.size} values, not one")
    return str(found.reshape(-1)[0])


def _labels(
    file: str, number: int | None, expression: str, valence: str, arousal: str, skip: Skip
) -> dict[str, Any] | None:
    """The labels of one row, None where a value is none that AffectNet has."""
    code = whole_in(expression, (*CODES, *NOT_LABELLED))
    if code is None:
        skip(file, number, "unknown code", f"expression {expression!r:.40} is none of 0 to 10")
        return None
    given = affect((valence, arousal), INVALID, file, number, skip)
    return None if given is None else {"expression": CODES.get(code), **given}


# ----------------------------------------------------------------------------------------------------------- miniatures


def mimic(root: Path, faces: Faces, n: int) -> None:
    """The full form, with its header: the CSV files, and faces in folders of hashed names."""
    for split, files in _FULL.items():
        lines = [",".join(COLUMNS)]
        for number in range(n):
            face = faces.of(CODES[number % len(CODES)], number)
            path = f"{number % 3 + 1}/{split}{number:032x}.jpg"
            write(root, f"{_IMAGES}/{path}", as_picture(face))
            points = ";".join(f"{100 + point}.0" for point in range(136))
            lines.append(f"{path},20,20,180,180,{points},{number % len(CODES)},{face.valence:.6f},{face.arousal:.6f}")
        lines.append(lines[-1].rsplit(",", 3)[0] + f",10,{INVALID:g},{INVALID:g}")  # a Non-Face: nothing is labelled
        write(root, files[0], "\n".join(lines) + "\n")


def mimic_reduced(root: Path, faces: Faces, n: int) -> None:
    """The reduced form: faces of 224 pixels, and four .npy files for each."""
    for folder in _REDUCED.values():
        for number in range(n):
            face = faces.of(CODES[number % len(CODES)], number)
            write(root, f"{folder}/images/{number}.jpg", as_picture(face, (224, 224)))
            write_annotation(root / folder / "annotations", number, number % len(CODES), face)


def write_annotation(folder: Path, number: int, code: int, face: Sample) -> None:
    """The four files of one face; the values are words, as in the official ones."""
    import numpy as np

    landmarks = np.arange(136, dtype=np.float64)
    values = {"exp": str(code), "val": f"{face.valence:.6f}", "aro": f"{face.arousal:.6f}", "lnd": landmarks}
    for what, value in values.items():
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(value), allow_pickle=False)
        write(folder, f"{number}_{what}.npy", buffer.getvalue())


READERS = (
    Reader(
        name="affectnet",
        title="AffectNet",
        version="1",
        splits=MappingProxyType({split: (*_FULL[split], f"{_REDUCED[split]}/annotations") for split in _FULL}),
        roots=("", "AffectNet", "Manually_Annotated"),
        layout="""
the full set:
Manually_Annotated_file_lists/training.csv, validation.csv   with or without their header
Manually_Annotated_Images/103/29a31ebf...jpg
or the reduced one:
train_set/images/0.jpg, val_set/images/0.jpg                 faces of 224 x 224 pixels
train_set/annotations/0_exp.npy, 0_val.npy, 0_aro.npy
""",
        licence="AffectNet terms: research only, signed by the head of a university lab; no redistribution",
        source=(
            "Mollahosseini, Hasani & Mahoor 2019, AffectNet: a database for facial expression, valence, and arousal "
            "computing in the wild, IEEE Transactions on Affective Computing 10(1)"
        ),
        read=read,
        mimic=mimic,
        labels=tuple(CODES.values()),
        notes="Expression codes 8 (None), 9 (Uncertain), 10 (Non-Face) and valence or arousal -2 are not labelled.",
    ),
)

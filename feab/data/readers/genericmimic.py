"""Miniatures of the forms in which data of one's own is prepared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.data.readers.faces import Faces, as_picture, write
from feab.data.readers.stored import as_stored
from feab.records import Sample
from feab.vocabulary import EXPRESSIONS

LAYOUT = """
happy/1.jpg, Anger/old/7.png            class folders, or folders train, validation and test that hold them; or
faces.csv (.tsv, .jsonl)                a table with columns image, expression, valence, arousal, au01, ...; or
data/test-00000-of-00001.parquet        what Hugging Face's datasets writes, also its .arrow files
"""
FOLDERS, CSV, JSONL, PARQUET = "folders", "csv", "jsonl", "parquet"
FORMS: Mapping[str, tuple[str, str]] = MappingProxyType({
    FOLDERS: ("class folders of two splits, such as test/happiness/0001.jpg", ""),
    CSV: ("a CSV file of labels", ""),
    JSONL: ("a JSON Lines file of labels", ""),
    PARQUET: ("a Parquet file, as Hugging Face's datasets writes it", " --column expression=label"),
})  # fmt: skip
"""The folders of a miniature: what each holds, and what else its preparing takes."""

_AUS = (1, 4, 12, 25)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """A folder of each form: class folders of two splits, a CSV file, a JSON Lines file, and a Parquet file."""
    shown = list(faces.cycle(EXPRESSIONS, n))
    for number, face in enumerate(shown):
        for above in (f"{FOLDERS}/train/{face.expression}", f"{FOLDERS}/test/{face.expression}", CSV, JSONL):
            write(root, f"{above}/{_named(number)}", as_picture(face))
    rows = [_row(number, face) for number, face in enumerate(shown)]
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    write(root, f"{CSV}/faces.csv", "\n".join(lines) + "\n")
    write(root, f"{JSONL}/faces.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write(root, f"{PARQUET}/data/test-00000-of-00001.parquet", stored(shown))


def _named(number: int) -> str:
    return f"{number:04d}.jpg"


def _row(number: int, face: Sample) -> dict[str, Any]:
    return {
        "image": _named(number),
        "expression": face.expression,
        "valence": face.valence,
        "arousal": face.arousal,
        **{f"au{au:02d}_intensity": face.au_intensity.get(au, 0.0) for au in _AUS},
        "subject": face.subject,
    }


def stored(faces: Sequence[Sample], names: Sequence[str] = EXPRESSIONS) -> bytes:
    """A Parquet file of some faces, with numbers of classes whose names stand beside."""
    pictures = [{"bytes": face.media.read(), "path": f"{number}.jpg"} for number, face in enumerate(faces)]
    labels = [None if face.expression is None else names.index(face.expression) for face in faces]
    return as_stored("image", {"image": pictures, "label": labels}, {"label": names})

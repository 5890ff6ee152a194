"""Own data written out for tests: pictures in class folders, and CSV files beside them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from samples import jpeg


def picture(folder: Path, path: str, shade: int = 0) -> None:
    """One picture at a path below a folder."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(jpeg(shade % 256))


def table(folder: Path, rows: Sequence[Sequence[object]], name: str = "labels.csv", **form: str) -> Path:
    """A CSV file, and a picture for every path in its column `image` that stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    header = [str(cell) for cell in rows[0]]
    if "image" in header:
        for number, row in enumerate(rows[1:]):
            path = str(row[header.index("image")])
            if path and not path.startswith("/") and ".." not in path and "\\" not in path:
                picture(folder, path, number)
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **form).writerows(rows)
    return folder / name

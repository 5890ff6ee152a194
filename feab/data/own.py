"""Data of a user's own, as it lies there: class folders or a CSV file, read without being copied."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from feab.data.classes import class_folders, read_classes, split_folders
from feab.data.columns import au_of, check_labels
from feab.data.csvfile import CSV_ENDINGS, csv_files
from feab.data.csvlabels import read_csv_labels
from feab.data.dataset import Dataset
from feab.data.digests import SIZE, picture_digests
from feab.data.fingerprint import canonical_line
from feab.data.found import Found
from feab.data.names import safe_name
from feab.data.source import Source
from feab.errors import FeabError
from feab.schemas import DatasetInfo, SplitInfo
from feab.vocabulary import LABELS

_WORDS = {"image": "picture", "clip": "video"}
_BLOCK = 256  # rows that are made into records at a time
_LINES = 4096  # rows that are put into the fingerprint at a time


class OwnFiles(Source):
    """Labels from class folders or a CSV file, and pictures (or videos) in files of their own."""

    def __init__(
        self,
        found: Found,
        name: str,
        columns: Mapping[str, str],
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        """`on_progress`: called with (done, total) pictures while the fingerprint is computed.

        Raises:
            FeabError: naming file and row of a label outside its range, or of an id that occurs twice.
        """
        info = _info(found, name)
        numbers = None if found.numbers is None else found.numbers.tolist()
        check_labels(found.labels, info, str(found.path), numbers=numbers)
        rows = len(found.labels)
        super().__init__(found.path, found.root, info, found.labels, [*range(0, rows, _BLOCK), rows])
        self.notes, self.columns, self.media = found.notes, columns, (found.media,)
        self._found, self._on_progress = found, on_progress
        self._fingerprint: str | None = None

    def fingerprint(self, split: str) -> str:
        """The fingerprint, for which every picture is read; computed when first asked for.

        Raises:
            FeabError: when pictures are missing or are none.
        """
        if self._fingerprint is None:
            paths, numbers, found = self._found.paths, self._found.numbers, self._found.media
            shas = picture_digests(
                self.folder,
                paths,
                name=lambda place: f"{_WORDS[found]} {place + 1}" if numbers is None else f"row {numbers[place]}",
                where=str(self.path),
                videos=found == "clip",
                on_progress=self._on_progress,
            )
            self._fingerprint = self._combined(shas)
        return self._fingerprint

    def _combined(self, shas: bytes) -> str:
        """The fingerprint from the pictures' digests, some lines at a time."""
        ids = self.labels.column("id").to_pylist()
        order = sorted(range(len(ids)), key=ids.__getitem__)
        digest = hashlib.sha256()
        for start in range(0, len(order), _LINES):
            places = order[start : start + _LINES]
            for place, row in zip(places, self.labels.take(places).to_pylist(), strict=True):
                sha256 = shas[SIZE * place : SIZE * (place + 1)].hex()
                digest.update(canonical_line(row, sha256s={self._found.media: sha256}))
        return digest.hexdigest()

    def _read(self, start: int, stop: int, block: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.labels.slice(start, stop - start).to_pylist()
        for row, path in zip(rows, self._found.paths.slice(start, stop - start).to_pylist(), strict=True):
            row[self._found.media] = {"bytes": None, "path": path}
        return rows


def _info(found: Found, name: str) -> DatasetInfo:
    """What dataset.json would say. Nobody has said what may be done with the faces, so nothing is taken for granted."""
    there = set(found.labels.column("expression").unique().to_pylist()) if _has(found, "expression") else set()
    return DatasetInfo(
        name=name,
        version="as found",
        splits={},
        licence="not stated",
        images_may_be_shared=False,
        third_party="ask",
        labels=list(found.voted) or [label for label in LABELS if label in there],
        aus=sorted({au for column in found.labels.column_names if (au := au_of(column)) is not None}),
        source=found.form,
    )


def _has(found: Found, column: str) -> bool:
    return column in found.labels.column_names


def with_split(dataset: Dataset) -> DatasetInfo:
    """What dataset.json would say of data of a user's own, its split and fingerprint with it.

    Raises:
        FeabError: when pictures are missing or are none.
    """
    split = SplitInfo(n=len(dataset), fingerprint=dataset.fingerprint, pinned=False)
    return dataset.info.model_copy(update={"splits": {dataset.split: split}})


def is_own(path: Path) -> bool:
    """Whether a path is to be read as data of a user's own: any file, and any folder but a dataset folder."""
    return path.is_file() or (path.is_dir() and not (path / "dataset.json").is_file())


def open_own(
    path: Path,
    split: str = "test",
    *,
    columns: Mapping[str, str] | None = None,
    images: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Class folders, a CSV file, or a folder that holds one, as a dataset. Labels are read, pictures are not.

    Args:
        path: the file or folder. A folder with exactly one CSV file in it stands for that file.
        split: chooses among folders named train, validation (val) and test that hold class folders; otherwise it is
            only a name.
        columns: columns of feab's -> names in the CSV file, where those differ.
        images: the folder from which paths in the CSV file start; by default the file's own.
        on_progress: called with (done, total) pictures while the fingerprint is computed.

    Raises:
        FeabError: when nothing of the kind is there, or a label cannot be understood (file and row are named).
    """
    root = None if images is None else Path(images).expanduser()
    if root is not None and not root.is_dir():
        raise FeabError(f"--images {root}: no such folder")
    told = dict(columns or {})
    file = _csv(path)
    if file is not None:
        found = read_csv_labels(file, told, root)
    elif told or root is not None:
        raise FeabError(f"{path}: --column and --images go with a CSV file; here folders are the labels")
    else:
        found = _classes(path, split)
    name = safe_name(path.stem if path.is_file() else path.resolve().name)
    return Dataset(OwnFiles(found, name, told, on_progress), split, name)


def _csv(path: Path) -> Path | None:
    """The CSV file that a path stands for, None where class folders are meant."""
    if path.is_file():
        if path.suffix.lower() not in CSV_ENDINGS:
            endings = " or ".join(CSV_ENDINGS)
            raise FeabError(f"{path}: its name does not end in {endings}; save the table as CSV (UTF-8)")
        return path
    files = csv_files(path)
    if len(files) > 1 and not _has_classes(path):
        names = ", ".join(file.name for file in files[:5])
        raise FeabError(f"{path}: holds {len(files)} CSV files ({names}); say which: --data {files[0]}")
    return files[0] if len(files) == 1 else None


def _classes(path: Path, split: str) -> Found:
    if class_folders(path) or not (splits := split_folders(path)):
        found = read_classes(path)
        unused = [f"not used: {len(csv_files(path))} CSV files beside the class folders"] if csv_files(path) else []
        return replace(found, notes=(*found.notes, *unused))
    if split not in splits:
        names = ", ".join(splits.values())
        raise FeabError(f"{path}: holds {names}, and none of them is {split!r}; give one of them as --data")
    found = read_classes(path / splits[split])
    others = ", ".join(name for word, name in splits.items() if word != split)
    return replace(found, notes=(f"taken: {splits[split]}/" + (f", not {others}" if others else ""), *found.notes))


def _has_classes(path: Path) -> bool:
    return bool(class_folders(path) or split_folders(path))

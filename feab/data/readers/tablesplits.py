"""Tables of labels (CSV, JSON Lines, Parquet, Arrow), a file or several for each split, as rows."""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from feab.data.classes import SPLIT_FOLDERS, SPLITS
from feab.data.csvfile import CSV_ENDINGS
from feab.data.csvlabels import FORM, csv_rows
from feab.data.found import Found
from feab.data.jsonlines import JSONL_ENDINGS, jsonl_rows
from feab.data.labelrows import SkipRow, Taking, Understanding
from feab.data.readers.prepare import Progress
from feab.data.readers.record import Row, Skip
from feab.data.readers.stored import STORED_ENDINGS, open_stored, stored_pictures, stored_rows
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.yamlfile import open_plain

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from feab.data.readers.record import Why

FORMS: Mapping[str, str] = MappingProxyType({
    **dict.fromkeys(CSV_ENDINGS, FORM), **dict.fromkeys(JSONL_ENDINGS, "a JSON Lines file of labels"),
    **dict.fromkeys(STORED_ENDINGS, "files of Hugging Face's datasets"),
})  # fmt: skip
"""How the name of a table ends, in lower case -> what it is, in words."""

_WORDS: Mapping[str, str] = MappingProxyType({word: split for split, words in SPLIT_FOLDERS.items() for word in words})
_BLOCK = 256
_END = 2**20
"""Bytes of the end of a Parquet or Arrow file by which it is known again."""
_DEEPEST = 3
"""Folders in folders that are looked through for Parquet and Arrow files."""


# -------------------------------------------------------------------------------------------------- files and splits


def split_files(path: Path) -> dict[str, tuple[Path, ...]]:
    """Split -> the tables that hold it; empty for a folder without any. A single file is the split test.

    Of a folder, CSV and JSON Lines files right in it are taken, else Parquet and Arrow files in it and its folders. A
    split is what a file's name begins with, or what its folder is called: train-00000-of-00002.parquet,
    test/0000.parquet, val.csv; one file that says none is the split test.

    Raises:
        FeabError: when it is not clear which file is which split.
    """
    if path.is_file():
        return {"test": (path,)}
    found: dict[str, list[Path]] = {}
    for file in _tables(path):
        found.setdefault(_split_of(file, path), []).append(file)
    unsaid = found.pop("", [])
    if unsaid and (found or len(unsaid) > 1):
        names = ", ".join(file.relative_to(path).as_posix() for file in unsaid[:5])
        raise FeabError(f"{path}: holds several tables, and of {names} it is not clear which split: --from FILE")
    for split, files in found.items():
        sets = sorted({_set_of(file) for file in files})
        one = len(files) > 1 and files[0].suffix.lower() not in STORED_ENDINGS
        if len(sets) > 1 or one:
            names = ", ".join(str(file) for file in (sets if len(sets) > 1 else files)[:5])
            raise FeabError(f"{path}: holds {split} more than once; give one of them as --from: {names}")
    if unsaid:
        return {"test": tuple(unsaid)}
    return {split: tuple(found[split]) for split in SPLITS if split in found}


def _tables(folder: Path) -> list[Path]:
    """Tables of a folder, in an order of names; hidden ones and links that lead out of it left out."""
    bounds, tree = _bounds(folder.resolve()), Tree(folder.resolve())
    found = [folder / name for name in tree.files("", (*CSV_ENDINGS, *JSONL_ENDINGS))]
    found = found or [folder / name for name in _stored_in(tree, "", 0)]
    return [file for file in found if file.is_file() and file.resolve().is_relative_to(bounds)]


def _bounds(folder: Path) -> Path:
    """The folder that links may not lead out of: itself, but the hub's cache links from its snapshots to its blobs."""
    above = next((above for above in (folder, *folder.parents) if above.parent.name == "snapshots"), None)
    return folder if above is None else above.parent.parent


def _stored_in(tree: Tree, above: str, depth: int) -> Iterator[str]:
    before = f"{above}/" if above else ""
    for name in tree.files(above, STORED_ENDINGS):
        yield before + name
    for name in tree.folders(above) if depth < _DEEPEST else ():
        yield from _stored_in(tree, before + name, depth + 1)


def _split_of(file: Path, root: Path) -> str:
    said = _WORDS.get(re.split(r"[-_.]", file.name.lower(), maxsplit=1)[0])
    if said is None and file.parent != root:
        said = _WORDS.get(file.parent.name.lower())
    return said or ""


def _set_of(file: Path) -> Path:
    """The folder of a set of files: one above a folder that is a split."""
    return file.parent.parent if file.parent.name.lower() in _WORDS else file.parent


def digest(splits: Mapping[str, Sequence[Path]]) -> str:
    """Twelve hex digits that are others when the tables are: of text all of it, of others its size and its end.

    The end of a Parquet file describes all that it holds.
    """
    found = hashlib.sha256()
    for split, files in splits.items():
        for file in files:
            try:
                with open_plain(file) as opened:
                    size = os.fstat(opened.fileno()).st_size
                    opened.seek(max(size - _END, 0) if file.suffix.lower() in STORED_ENDINGS else 0)
                    found.update(f"{split} {size} ".encode())
                    while piece := opened.read(_END):
                        found.update(piece)
            except OSError as error:
                raise FeabError(f"{file}: cannot be read ({error.strerror or error})") from None
    return found.hexdigest()[:12]


# ------------------------------------------------------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True)
class Part:
    """One split of a dataset that is a table: its labels, read; its pictures, still to be read."""

    found: Found
    faults: Sequence[tuple[int, Why, str]]
    """Number of a row that cannot be used, kind of fault, and what is wrong."""
    files: tuple[str, ...]
    """The tables' names, for messages."""
    starts: Sequence[int]
    """Rows before each file; numbers of rows run through all of them."""
    pictures: Callable[[], Iterator[bytes | str | None]] | None
    """The pictures of all rows, those that cannot be used among them, where the files hold them."""

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions that occur."""
        labels = self.found.labels
        there = labels.column("expression").unique().to_pylist() if "expression" in labels.column_names else ()
        return tuple(filter(None, there))

    def rows(self, skip: Skip) -> Iterator[Row]:
        """The rows, with what was wrong with others told first."""
        for number, why, detail in self.faults:
            skip(*self._place(number), why, detail)
        found, numbers = self.found, self.found.numbers
        assert numbers is not None
        held = None if self.pictures is None else _chosen(self.pictures(), numbers)
        for start in range(0, len(found.labels), _BLOCK):
            labels = found.labels.slice(start, _BLOCK).to_pylist()
            paths = found.paths.slice(start, _BLOCK).to_pylist()
            for row, path, number in zip(labels, paths, numbers[start : start + _BLOCK].tolist(), strict=True):
                image = path if held is None else next(held)
                yield Row(row.pop("id"), image, *self._place(number), row)

    def _place(self, number: int) -> tuple[str, int]:
        at = bisect_left(self.starts, number) - 1
        return self.files[at], number - self.starts[at]


def _chosen(pictures: Iterator[bytes | str | None], numbers: npt.NDArray[np.int32]) -> Iterator[bytes | str | None]:
    """Those of some rows, counted from 1."""
    wanted = iter(numbers.tolist())
    number = next(wanted, None)
    for place, picture in enumerate(pictures, 1):
        if place == number:
            yield picture
            number = next(wanted, None)


def read_splits(
    splits: Mapping[str, Sequence[Path]],
    told: Mapping[str, str],
    pictures: Path,
    root: Path,
    on_progress: Progress | None = None,
) -> dict[str, Part]:
    """The labels of all splits, read alike: AUs are intensities in all of them where any value of one is above 1.

    Args:
        splits: their files.
        told: columns of feab's -> names in the files, where those differ.
        pictures: the folder that paths in the files start from.
        root: the folder that messages name the files from.
        on_progress: called every few thousand rows.

    Raises:
        FeabError: when a file cannot be read, holds no labels or no row that can be used, or two splits have votes
            for different labels.
    """
    drafts = []
    for split, files in splits.items():
        faults: list[tuple[int, Why, str]] = []
        taking = Taking(
            skip=_into(faults), on_rows=None if on_progress is None else partial(on_progress, f"labels of {split}")
        )
        held, starts = None, [0]
        ending = files[0].suffix.lower()
        if ending in STORED_ENDINGS:
            stored = open_stored(files)
            rows, starts, column = stored_rows(stored, told, pictures, taking, split)
            held = None if column is None else partial(stored_pictures, stored, column)
        elif ending in JSONL_ENDINGS:
            rows = jsonl_rows(files[0], told, pictures, taking)
        else:
            rows = csv_rows(files[0], told, pictures, taking)
        names = tuple(file.relative_to(root).as_posix() for file in files)
        drafts.append((split, rows, faults, names, starts, held))
    together = Understanding.of_all([rows.understanding() for _, rows, *_ in drafts])
    parts = {}
    for split, rows, faults, names, starts, held in drafts:
        found = rows.finish(FORMS[splits[split][0].suffix.lower()], together)
        parts[split] = Part(found, faults, names, starts, held)
    voted = {part.found.voted for part in parts.values() if part.found.voted}
    if len(voted) > 1:
        raise FeabError(f"{root}: its splits have votes for different labels: {' and '.join(map(str, sorted(voted)))}")
    return parts


def _into(faults: list[tuple[int, Why, str]]) -> SkipRow:
    return lambda number, why, detail: faults.append((number, why, detail))

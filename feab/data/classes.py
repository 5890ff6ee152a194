"""Labels that are names of folders: `faces/happy/1.jpg`, `faces/Anger/old/7.png`; or of videos, `clips/happy/1.mp4`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from feab.clips.video import VIDEO_ENDINGS
from feab.data.found import Found, UnknownLabels
from feab.data.names import is_utf8, safe_id
from feab.errors import FeabError
from feab.pictures import PICTURE_ENDINGS
from feab.vocabulary import canonical_label

MAX_ENTRIES = 2_000_000
"""Files and folders that are gone through: `--data /` should fail, not hang."""
MAX_DEPTH = 32
"""Folders in folders that are gone through."""

SPLIT_FOLDERS = {"test": ("test",), "validation": ("validation", "valid", "val"), "train": ("train", "training")}
"""Split -> what a folder that holds its class folders may be called, in lower case."""

SPLITS = ("train", "validation", "test")
"""The splits in the order in which they are prepared."""

_OTHERS, _LINKS, _OUTSIDE = "files that are no {0}", "links to folders", "{0} outside class folders"
_KEPT = {"image": "pictures", "clip": "videos"}


def class_folders(folder: Path) -> list[str]:
    """Names of the folders in it that stand for an expression."""
    return [name for name in _folders(folder) if _is_label(name)]


def split_folders(folder: Path) -> dict[str, str]:
    """Split -> the folder in it that holds the split's class folders; empty unless one holds class folders."""
    here = {name.casefold(): name for name in _folders(folder)}
    found = {split: here[word] for split, words in SPLIT_FOLDERS.items() for word in reversed(words) if word in here}
    return found if any(class_folders(folder / name) for name in found.values()) else {}


def read_classes(folder: Path) -> Found:
    """The pictures in a folder of class folders, each labelled with the name of the topmost folder it lies in.

    Where there is no picture, but there are video files, those are read, each as a clip. Hidden files are passed over,
    and so are files that do not end as pictures (or videos) do, which are counted. Ids are the files' paths.

    Raises:
        FeabError: naming every folder that holds pictures and stands for no expression, a link that leads out of the
            folder, or a name that is not UTF-8; when there are no pictures, or too many.
    """
    import pyarrow as pa

    skipped: Counter[str] = Counter()
    paths = sorted(_files(folder, PICTURE_ENDINGS, skipped))
    media: Literal["image", "clip"] = "image" if paths or not skipped[_OTHERS] else "clip"
    if media == "clip":
        skipped.clear()
        paths = sorted(_files(folder, VIDEO_ENDINGS, skipped))
    unknown = UnknownLabels()
    names = [path.partition("/")[0] for path in paths]
    labels = [unknown.label(name) for name in names]
    unknown.refuse(f"{folder}: folders")
    if not paths:
        raise FeabError(
            f"{folder}: holds no dataset.json, no CSV file and no pictures in class folders, such as happy/1.jpg, or "
            "videos, such as happy/1.mp4"
        )
    table = pa.table({"id": pa.array(map(safe_id, paths), pa.string()), "expression": pa.array(labels, pa.string())})
    kept = _KEPT[media]
    notes = [f"passed over: {count:,} {what.format(kept)}" for what, count in sorted(skipped.items())]
    form = "class folders" if media == "image" else "class folders of videos"
    return Found(folder, folder, table, pa.chunked_array([paths], pa.string()), None, tuple(notes), form, media=media)


def _is_label(name: str) -> bool:
    try:
        canonical_label(name)
    except FeabError:
        return False
    return True


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise FeabError(f"{folder}: cannot be read ({error.strerror or error})") from None


def _files(folder: Path, endings: Collection[str], skipped: Counter[str]) -> Iterator[str]:
    """Paths of the files below a folder whose names end so, in no order, with / between their parts."""
    root = folder.resolve()
    open_folders = [""]
    found = 0
    while open_folders:
        above = open_folders.pop()
        try:
            with os.scandir(folder / above) as entries:
                inside = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            raise FeabError(f"{folder / above}: cannot be read ({error.strerror or error})") from None
        found += len(inside)
        if found > MAX_ENTRIES:
            raise FeabError(f"{folder}: holds more than {MAX_ENTRIES:,} files; give the folder of the class folders")
        for entry in inside:
            path = f"{above}/{entry.name}" if above else entry.name
            if not entry.name.isprintable() and not is_utf8(entry.name):
                raise FeabError(f"{folder}: the name {entry.name!r:.200} is not UTF-8; rename it")
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
                raise FeabError(f"{entry.path}: is a link that leads out of {folder}; feab follows none of those")
            if entry.is_dir():
                if entry.is_symlink():
                    skipped[_LINKS] += 1
                elif path.count("/") >= MAX_DEPTH:
                    raise FeabError(f"{entry.path}: more than {MAX_DEPTH} folders deep")
                else:
                    open_folders.append(path)
            elif not entry.is_file() or os.path.splitext(entry.name)[1].lower() not in endings:  # noqa: PTH122
                skipped[_OTHERS] += 1
            elif not above:
                skipped[_OUTSIDE] += 1
            else:
                yield path

"""Pictures (or videos) in class folders, as rows: each has the name of the topmost folder it lies in as its label."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from feab.clips.video import VIDEO_ENDINGS
from feab.data.classes import MAX_DEPTH, SPLITS, class_folders, split_folders
from feab.data.names import safe_id
from feab.data.readers.record import Row, Skip, untold
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.pictures import PICTURE_ENDINGS
from feab.vocabulary import LABELS, canonical_label

_PICTURES = tuple(PICTURE_ENDINGS)


def class_splits(folder: Path) -> dict[str, str]:
    """Split -> the folder that holds its class folders, "" for the given one itself; empty where there are none."""
    if class_folders(folder):
        return {"test": ""}
    found = split_folders(folder)
    return {split: found[split] for split in SPLITS if split in found}


def class_labels(folder: Path, splits: Mapping[str, str]) -> tuple[str, ...]:
    """The expressions that the folders of all splits stand for, in the vocabulary's order."""
    there = {canonical_label(name) for above in splits.values() for name in class_folders(folder / above)}
    return tuple(label for label in LABELS if label in there)


def are_clips(tree: Tree, splits: Mapping[str, str]) -> bool:
    """Whether the class folders hold no picture, but video files."""
    folders = [f"{above}/{name}".lstrip("/") for above in splits.values() for name in tree.folders(above)]

    def there(endings: Sequence[str]) -> bool:
        return any(next(_files(tree, folder, endings), None) is not None for folder in folders)

    return not there(_PICTURES) and there(VIDEO_ENDINGS)


def class_rows(tree: Tree, above: str, skip: Skip, *, clips: bool = False) -> Iterator[Row]:
    """The pictures, or with `clips` the videos, below one split's class folders. Ids are their paths from there.

    Passed over are a folder that holds some and stands for no expression, and those outside class folders.
    """
    endings = VIDEO_ENDINGS if clips else _PICTURES
    before = f"{above}/" if above else ""
    for name in tree.files(above, endings):
        skip(f"{before}{name}", None, "bad row", "lies in no class folder, so it has no label")
    for folder in tree.folders(above):
        try:
            label = canonical_label(folder)
        except FeabError:
            if next(_files(tree, f"{before}{folder}", endings), None) is not None:
                skip(f"{before}{folder}", None, "unknown code", "the folder's name stands for no expression")
            continue
        for path in _files(tree, f"{before}{folder}", endings):
            image, clip = (None, path) if clips else (path, None)
            yield Row(safe_id(path.removeprefix(before)), image, path, None, {"expression": label}, clip=clip)


def class_digest(tree: Tree, splits: Mapping[str, str], *, clips: bool) -> str:
    """Twelve hex digits that are others when the folders hold other pictures (or videos), by their paths."""
    found = hashlib.sha256()
    for split, above in splits.items():
        for row in class_rows(tree, above, untold, clips=clips):
            found.update(f"{split}/{row.file}\n".encode(errors="surrogateescape"))
    return found.hexdigest()[:12]


def _files(tree: Tree, above: str, endings: Sequence[str]) -> Iterator[str]:
    """Paths of the files below a folder whose names end so, those right in it first, in an order of names."""
    if above.count("/") >= MAX_DEPTH:
        raise FeabError(f"{tree.root / above}: more than {MAX_DEPTH} folders deep")
    for name in tree.files(above, endings):
        yield f"{above}/{name}"
    for folder in tree.folders(above):
        yield from _files(tree, f"{above}/{folder}", endings)

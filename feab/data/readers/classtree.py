"""Pictures in class folders, as rows: each is labelled with the name of the topmost folder it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from feab.data.classes import MAX_DEPTH, class_folders, split_folders
from feab.data.names import safe_id
from feab.data.readers.record import Row, Skip
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS, canonical_label


def class_splits(folder: Path) -> dict[str, str]:
    """Split -> the folder that holds its class folders, "" for the given one itself; empty where there are none."""
    if class_folders(folder):
        return {"test": ""}
    found = split_folders(folder)
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def class_labels(folder: Path, splits: Mapping[str, str]) -> tuple[str, ...]:
    """The expressions that the folders of all splits stand for, in the vocabulary's order."""
    there = {canonical_label(name) for above in splits.values() for name in class_folders(folder / above)}
    return tuple(label for label in (*EXPRESSIONS, "other") if label in there)


def class_rows(tree: Tree, above: str, skip: Skip) -> Iterator[Row]:
    """The pictures below one split's class folders. Ids are their paths from there.

    Passed over are a folder that holds pictures and stands for no expression, and pictures outside class folders.
    """
    before = f"{above}/" if above else ""
    for name in tree.files(above):
        skip(f"{before}{name}", None, "bad row", "lies in no class folder, so it has no label")
    for folder in tree.folders(above):
        try:
            label = canonical_label(folder)
        except FeabError:
            if next(_pictures(tree, f"{before}{folder}"), None) is not None:
                skip(f"{before}{folder}", None, "unknown code", "the folder's name stands for no expression")
            continue
        for path in _pictures(tree, f"{before}{folder}"):
            yield Row(safe_id(path.removeprefix(before)), path, path, None, {"expression": label})


def _pictures(tree: Tree, above: str) -> Iterator[str]:
    """Paths of the pictures below a folder, those right in it first, in an order of names."""
    if above.count("/") >= MAX_DEPTH:
        raise FeabError(f"{tree.root / above}: more than {MAX_DEPTH} folders deep")
    for name in tree.files(above):
        yield f"{above}/{name}"
    for folder in tree.folders(above):
        yield from _pictures(tree, f"{above}/{folder}")

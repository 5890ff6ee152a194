"""From a dataset as it was delivered to a dataset folder of feab's: what is the same for all datasets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from feab.content import data_home
from feab.data.readers.record import Reader
from feab.data.readers.splitting import How, Images, OneSplit, Progress, called, limited
from feab.data.readers.summary import PREPARED, SplitSummary, read_prepared, write_prepared
from feab.data.readers.table import reader_of
from feab.data.readers.tree import Tree
from feab.data.roots import known_root, remember_root
from feab.data.write import read_info
from feab.errors import FeabError
from feab.faces.render_split import available_cores
from feab.schemas import DatasetInfo

__all__ = ["Images", "Prepared", "Progress", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset folder that was made from a dataset as it was delivered."""

    folder: Path
    info: DatasetInfo
    splits: Mapping[str, SplitSummary]
    kept: tuple[str, ...]
    """Splits that were there already."""
    absent: Mapping[str, tuple[str, ...]]
    """Splits that the folder does not hold -> the files it would take."""


def prepare(
    name: str | Reader,
    source: str | os.PathLike[str],
    to: str | os.PathLike[str] | None = None,
    *,
    images: Images = "paths",
    strict: bool = False,
    again: bool = False,
    limit: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Prepared:
    """Read a dataset as it was delivered into a dataset folder of feab's, split by split.

    A split's file appears when it is complete. Broken off, the same call goes on with the splits that are missing; a
    split that is there is not written again. Memory does not grow with the number of rows.

    Args:
        name: of the dataset, as `names` lists them, or a reader.
        source: the folder as it was delivered. Nothing in it is changed, nothing outside it is read.
        to: the dataset folder to make; by default `<FEAB_DATA>/<name>`, where tasks look for it.
        images: "paths" leaves the pictures where they are, and remembers on this machine where that is; "bytes"
            copies them as they are stored, so that the folder can be moved.
        strict: stop at the first row that cannot be used, rather than pass over it and report it.
        again: write splits anew that are there.
        limit: at most so many labelled rows of each split, a seeded spread as `feab.data.spread.mark` has it, to try
            things out. Only their pictures are opened; those of them that cannot be used are not replaced.
        seed: of that spread.
        workers: threads that open pictures; None is one for each core.
        on_progress: called every few hundred rows.

    Raises:
        FeabError: when the folder holds none of the dataset's splits, `to` holds something else, or, with `strict`,
            for the first row that cannot be used.
    """
    reader = name if isinstance(name, Reader) else reader_of(name)
    given = Path(source).expanduser()
    if not given.is_dir():
        raise FeabError(f"{given}: no such folder")
    if images not in ("paths", "bytes"):
        raise FeabError(f"images {images!r}: must be paths or bytes")
    if limit is not None and limit < 1:
        raise FeabError(f"limit {limit}: must be at least 1")
    if limit is not None and to is None and isinstance(name, str):
        raise FeabError(f"--limit: a part of {reader.name} must not stand where tasks look for all of it; say --to DIR")
    how = How(images, strict, limit, seed if limit is not None else 0)
    root, tree = _find(reader, given)
    folder = (data_home() / reader.name if to is None else Path(to).expanduser()).absolute()
    done = _standing(reader, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_prepared(folder, done)
    there = {split for split, files in reader.splits.items() if any(tree.has(file) for file in files)}
    kept: list[str] = []
    for split in (split for split in reader.splits if split in there):
        if split in done and not again:
            _same(done[split], reader, how, root, folder, split)
            _same_place(known_root(folder, split, done[split].fingerprint), tree.root, folder, split)
            kept.append(split)
            continue
        with OneSplit(reader, tree, folder, split, how) as job:
            done[split] = job.write(root, workers or available_cores(), on_progress)
        write_prepared(folder, done)
        remember_root(folder, split, done[split].fingerprint, tree.root)
    absent = {split: files for split, files in reader.splits.items() if split not in there}
    return Prepared(folder, read_info(folder), done, tuple(kept), absent)


def _find(reader: Reader, folder: Path) -> tuple[str, Tree]:
    """Where in the folder the dataset's files start."""
    for root in reader.roots:
        tree = Tree((folder / root).resolve())
        inside = tree.root.is_relative_to(folder.resolve())
        if inside and any(tree.has(file) for files in reader.splits.values() for file in files):
            return root, tree
    looked = "\n".join(f"  {line}" for line in reader.layout.strip().splitlines())
    raise FeabError(f"{folder}: this is not {reader.title} as feab knows it, which is laid out so:\n{looked}")


def _standing(reader: Reader, folder: Path) -> dict[str, SplitSummary]:
    """The splits that an earlier call finished."""
    if not (folder / "dataset.json").exists():
        ours = (folder / PREPARED).is_file()  # of a call that was killed before its first split was there
        empty = folder.is_dir() and all(file.name.startswith(".") for file in folder.iterdir())
        if folder.exists() and not (ours or empty):
            raise FeabError(f"{folder}: holds something else; choose another folder with --to")
        return {}
    info = read_info(folder)
    if info.name != reader.name:
        raise FeabError(f"{folder}: holds the dataset {info.name}; choose another folder with --to")
    return {
        split: summary
        for split, summary in read_prepared(folder).items()
        if split in info.splits
        and info.splits[split].fingerprint == summary.fingerprint
        and (folder / f"{split}.parquet").is_file()
    }


def _same(done: SplitSummary, reader: Reader, how: How, root: str, folder: Path, split: str) -> None:
    """Whether a split that is there was prepared as it would be now."""
    for before, now, what in (
        (done.reader, called(reader), "by another reader"),
        (done.images, how.images, "with other --images"),
        (limited(done.limit, done.seed), limited(how.limit, how.seed), "with another --limit or --seed"),
        (done.root, root, "from another folder"),
    ):
        if before != now:
            raise FeabError(
                f"{folder}: split {split} was prepared {what} ({before!r}, now {now!r}); --again writes it anew"
            )


def _same_place(before: Path | None, now: Path, folder: Path, split: str) -> None:
    """Whether a split that is there was prepared from the folder given now, where this machine remembers that."""
    if before is not None and before != now:
        raise FeabError(
            f"{folder}: split {split} was prepared from {before}, now it is {now}; --again writes it anew, and another "
            "folder is made with --to"
        )

"""From a dataset as it was delivered to a dataset folder of feab's: what is the same for all datasets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from feab.content import data_home
from feab.data.columns import MEDIA, au_of
from feab.data.fingerprint import canonical_line
from feab.data.names import is_utf8
from feab.data.readers.pictures import Pictures, Seen
from feab.data.readers.record import Reader, Row
from feab.data.readers.summary import PREPARED, Counts, Faults, SplitSummary, read_prepared, write_prepared
from feab.data.readers.table import reader_of
from feab.data.readers.tree import Tree
from feab.data.roots import known_root, remember_root
from feab.data.rows import groups
from feab.data.write import ROW_GROUP, SplitWriter, read_info
from feab.errors import FeabError
from feab.faces.render_split import available_cores
from feab.schemas import DatasetInfo

if TYPE_CHECKING:
    import pyarrow as pa

Images = Literal["paths", "bytes"]
Progress = Callable[[str, int], None]
"""Called with the split and the number of its rows that are done."""

_LABELS = ("expression", "votes", "valence", "arousal")


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
    root, tree = _find(reader, given)
    folder = (data_home() / reader.name if to is None else Path(to).expanduser()).absolute()
    done = _standing(reader, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_prepared(folder, done)
    there = {split for split, files in reader.splits.items() if any(tree.has(file) for file in files)}
    kept: list[str] = []
    for split in (split for split in reader.splits if split in there):
        if split in done and not again:
            _same(done[split], reader, images, root, folder, split)
            _same_place(known_root(folder, split, done[split].fingerprint), tree.root, folder, split)
            kept.append(split)
            continue
        with _Split(reader, tree, folder, split, images=images, strict=strict) as job:
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


def _same(done: SplitSummary, reader: Reader, images: Images, root: str, folder: Path, split: str) -> None:
    """Whether a split that is there was prepared as it would be now."""
    for before, now, what in (
        (done.reader, _called(reader), "by another reader"),
        (done.images, images, "with other --images"),
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


def _called(reader: Reader) -> str:
    return f"{reader.name} {reader.version}"


def _info(reader: Reader) -> DatasetInfo:
    return DatasetInfo(
        name=reader.name,
        version=f"reader {reader.version}",
        splits={},
        licence=reader.licence,
        images_may_be_shared=reader.images_may_be_shared,
        third_party=reader.third_party,
        labels=list(reader.labels),
        aus=list(reader.aus),
        source=reader.source,
        notes=reader.notes,
    )


class _Split:
    """One split on its way from rows to a file."""

    def __init__(self, reader: Reader, tree: Tree, folder: Path, split: str, *, images: Images, strict: bool) -> None:
        self._reader, self._tree, self._folder, self._name, self._images = reader, tree, folder, split, images
        for left in folder.glob(f".{split}.*"):  # of a call that was killed
            left.unlink(missing_ok=True)
        self._skip = Faults(folder, split, strict=strict)
        self._writer = SplitWriter(folder, split, _info(reader), reader.extra, clips=reader.clips)
        self._unlabelled = 0
        self._counts = Counts(reader.aus)

    def __enter__(self) -> _Split:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)
        self._skip.close()

    def write(self, root: str, workers: int, on_progress: Progress | None) -> SplitSummary:
        """Everything, from the first row to the summary."""
        pictures = Pictures(self._tree, keep=self._images == "bytes")
        rows = self._labelled(self._reader.read(self._tree, self._name, self._skip))
        done = 0
        for chunk in groups(self._usable(pictures.see(rows, workers)), ROW_GROUP):
            tables = list(self._tables(chunk))
            if tables:
                self._add(tables)
            done += len(chunk)
            if on_progress is not None:
                on_progress(self._name, done)
        self._skip.keep()
        info = self._writer.finish(pinned=True)
        counts = self._counts
        return SplitSummary(
            reader=_called(self._reader),
            images=self._images,
            root=root,
            samples=self._writer.rows,
            fingerprint=info.splits[self._name].fingerprint,
            expressions={label: counts.expressions[label] for label in info.labels if counts.expressions[label]},
            valence_arousal=counts.affect,
            votes=counts.votes,
            aus={str(au): {"coded": n, "present": there} for au, (n, there) in counts.coded.items()},
            subjects=len(counts.subjects),
            attributes={name: dict(sorted(found.items())) for name, found in counts.attributes.items()},
            unlabelled=self._unlabelled,
            skipped=dict(sorted(self._skip.counts.items())),
        )

    def _labelled(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that carry a label and an id of their own; no picture of the others is opened."""
        for row in rows:
            own = self._reader.own_labels
            if not any(value is not None for name, value in row.labels.items() if _is_label(name) or name in own):
                self._unlabelled += 1
            elif not all(is_utf8(name) for name in (row.id, row.image, row.clip, *row.frames) if isinstance(name, str)):
                self._skip(row.file, row.line, "bad row", "a name is not UTF-8; rename the file")
            elif not self._writer.lines.reserve(row.id):
                self._skip(row.file, row.line, "same id", f"the id {row.id!r} occurs already")
            else:
                yield row

    def _usable(self, seen: Iterable[Seen]) -> Iterator[Mapping[str, Any]]:
        """The rows whose pictures can be used, as columns; behind `_` names, what is not one."""
        for item in seen:
            if item.wrong is not None:
                self._skip(item.row.file, item.row.line, *item.wrong)
                continue
            columns: dict[str, Any] = {**item.row.labels, "id": item.row.id, "_seen": item}
            columns["image"] = None if item.image is None else item.image.column
            if item.frames:
                columns["frames"] = [frame.column for frame in item.frames]
            if item.clip is not None:
                columns["clip"] = item.clip.column
            yield columns

    def _tables(self, rows: list[Mapping[str, Any]]) -> Iterator[tuple[list[Mapping[str, Any]], pa.Table]]:
        """The rows as tables. Where a value of one is wrong, it is found by halving, and passed over."""
        plain = [{name: value for name, value in row.items() if name != "_seen"} for row in rows]
        try:
            yield rows, self._writer.typed(plain)
        except FeabError as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                yield from self._tables(rows[:middle])
                yield from self._tables(rows[middle:])
            else:
                seen: Seen = rows[0]["_seen"]
                detail = re.sub(r"^.*?(?=column '|id ')", "", str(error), flags=re.DOTALL)
                self._skip(seen.row.file, seen.row.line, "out of range", detail)

    def _add(self, tables: list[tuple[list[Mapping[str, Any]], pa.Table]]) -> None:
        import pyarrow as pa

        table = pa.concat_tables([table for _, table in tables]).combine_chunks()
        seen: list[Seen] = [row["_seen"] for rows, _ in tables for row in rows]
        labels = table.drop_columns([name for name in MEDIA if name in table.column_names])
        there = [name for name in labels.column_names if labels.column(name).null_count < len(labels)]
        for item, row in zip(seen, labels.select(there).to_pylist(), strict=True):
            whole = {name: one.sha256 for name, one in (("image", item.image), ("clip", item.clip)) if one is not None}
            line = canonical_line(row, sha256s=whole, frames_sha256=[frame.sha256 for frame in item.frames])
            self._writer.lines.put(row["id"], line)
        self._writer.add(table)
        self._counts.add(labels)


def _is_label(column: str) -> bool:
    return column in _LABELS or au_of(column) is not None

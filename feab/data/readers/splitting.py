"""One split on its way from rows as a reader gives them to a file of a dataset folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from feab.data.columns import MEDIA, au_of
from feab.data.fingerprint import canonical_line
from feab.data.names import is_utf8
from feab.data.readers.pictures import Pictures, Seen
from feab.data.readers.record import Reader, Row, untold
from feab.data.readers.summary import Counts, Faults, SplitSummary
from feab.data.readers.tree import Tree
from feab.data.rows import groups
from feab.data.spread import mark, smallest
from feab.data.write import ROW_GROUP, SplitWriter
from feab.errors import FeabError
from feab.schemas import DatasetInfo

if TYPE_CHECKING:
    import pyarrow as pa

Images = Literal["paths", "bytes"]
Progress = Callable[[str, int], None]
"""Called with the split and the number of its rows that are done."""

_LABELS = ("expression", "votes", "valence", "arousal")


@dataclass(frozen=True, slots=True)
class How:
    """What the caller of `feab.data.readers.prepare` chose."""

    images: Images
    strict: bool
    limit: int | None
    """At most so many labelled rows; None: all."""
    seed: int
    """Of the spread that `limit` takes."""


def called(reader: Reader) -> str:
    """A reader's name and version."""
    return f"{reader.name} {reader.version}"


def limited(limit: int | None, seed: int) -> str:
    """How many samples were taken, in words."""
    return "all samples" if limit is None else f"at most {limit} samples, seed {seed}"


def _info(reader: Reader, how: How) -> DatasetInfo:
    part = "" if how.limit is None else f", {limited(how.limit, how.seed)}"
    return DatasetInfo(
        name=reader.name,
        version=f"reader {reader.version}{part}",
        splits={},
        licence=reader.licence,
        images_may_be_shared=reader.images_may_be_shared,
        third_party=reader.third_party,
        labels=list(reader.labels),
        aus=list(reader.aus),
        source=reader.source,
        notes=reader.notes,
    )


class OneSplit:
    """One split on its way from rows to a file."""

    def __init__(self, reader: Reader, tree: Tree, folder: Path, split: str, how: How) -> None:
        self._reader, self._tree, self._folder, self._name, self._how = reader, tree, folder, split, how
        for left in folder.glob(f".{split}.*"):  # of a call that was killed
            left.unlink(missing_ok=True)
        self._skip = Faults(folder, split, strict=how.strict)
        self._writer = SplitWriter(folder, split, _info(reader, how), reader.extra, clips=reader.clips)
        self._unlabelled = 0
        self._counts = Counts(reader.aus)

    def __enter__(self) -> OneSplit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)
        self._skip.close()

    def write(self, root: str, workers: int, on_progress: Progress | None) -> SplitSummary:
        """Everything, from the first row to the summary."""
        pictures = Pictures(self._tree, keep=self._how.images == "bytes")
        rows = self._labelled(self._reader.read(self._tree, self._name, self._skip))
        if self._how.limit is not None:
            chosen = smallest(self._ids(on_progress), self._how.limit, self._how.seed)
            rows = (row for row in rows if mark(row.id, self._how.seed) in chosen)
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
            reader=called(self._reader),
            images=self._how.images,
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
            limit=self._how.limit,
            seed=self._how.seed,
        )

    def _labelled(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that carry a label and an id of their own; no picture of the others is opened."""
        for row in rows:
            if not self._has_label(row):
                self._unlabelled += 1
            elif not _is_storable(row):
                self._skip(row.file, row.line, "bad row", "a name is not UTF-8; rename the file")
            elif not self._writer.lines.reserve(row.id):
                self._skip(row.file, row.line, "same id", f"the id {row.id!r} occurs already")
            else:
                yield row

    def _has_label(self, row: Row) -> bool:
        own = self._reader.own_labels
        return any(value is not None for name, value in row.labels.items() if _is_label(name) or name in own)

    def _ids(self, on_progress: Progress | None) -> Iterator[str]:
        """The ids that `_labelled` lets through, and those of second rows; faults are told when rows are read again."""
        for number, row in enumerate(self._reader.read(self._tree, self._name, untold), 1):
            if on_progress is not None and number % ROW_GROUP == 0:
                on_progress(f"choosing of {self._name}", number)
            if self._has_label(row) and _is_storable(row):
                yield row.id

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


def _is_storable(row: Row) -> bool:
    return all(is_utf8(name) for name in (row.id, row.image, row.clip, *row.frames) if isinstance(name, str))


def _is_label(column: str) -> bool:
    return column in _LABELS or au_of(column) is not None

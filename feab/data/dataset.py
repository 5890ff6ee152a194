"""A dataset: a sequence of samples whose images are read when they are asked for; and reading a dataset folder."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from feab.data.columns import check_labels
from feab.data.parquetfile import ParquetSplit
from feab.data.roots import root_of
from feab.data.source import Source
from feab.data.write import read_info
from feab.errors import FeabError
from feab.problems import RAISE, Notes
from feab.records import Sample
from feab.schemas import DatasetInfo

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


class SplitFile(Source):
    """One Parquet file: its labels in memory, its images read by row group, of which a few are kept.

    It holds no open file, so that it may be used by several threads and processes.
    """

    def __init__(self, folder: Path, split: str, info: DatasetInfo, notes: Notes = RAISE) -> None:
        """Read and check the labels.

        Raises:
            FeabError: naming file and row of what is wrong. What `notes` takes is not raised, but what makes the rest
                unreadable is.
        """
        import pyarrow as pa

        self._file = file = ParquetSplit(folder, split, info, notes)
        parts = list(file.batches(file.wanted))
        kept = [name for name in file.wanted if all(name in part.column_names for part in parts)]
        labels = pa.concat_tables([part.select(kept) for part in parts])
        if "id" in kept:
            check_labels(labels, info, str(file.path), notes=notes)
        self.media = file.media
        root = root_of(folder, split, info.splits[split].fingerprint)
        super().__init__(file.path, root, info, labels, file.starts)

    def fingerprint(self, split: str) -> str:
        """The fingerprint that was stored when the split was written."""
        return self.info.splits[split].fingerprint

    def _read(self, start: int, stop: int, block: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.labels.slice(start, stop - start).to_pylist()
        media = self._file.group(block, self.media)
        for name in self.media:
            for row, value in zip(rows, media.column(name).to_pylist(), strict=True):
                row[name] = value
        return rows


class Dataset(Sequence[Sample]):
    """The samples of one split, in stored order: labels in memory, images read when a sample is asked for.

    Memory does not grow with the number of images: a few blocks of rows are kept. A slice is a Dataset over the same
    source.

    Attributes:
        info: what is known of it: dataset.json of its folder, or what was read from your own files.
        folder: where it lies.
        split: name of the split.
        name: name of the dataset, or of the subset where one was asked for.
    """

    def __init__(self, source: Source, split: str, name: str, rows: Sequence[int] | None = None) -> None:
        self._source, self.split, self.name = source, split, name
        self._rows: Sequence[int] = range(len(source.labels)) if rows is None else rows

    @property
    def info(self) -> DatasetInfo:
        """What is known of it: dataset.json of its folder, or what was read from your own files."""
        return self._source.info

    @property
    def folder(self) -> Path:
        """The dataset folder, or the folder its pictures lie in."""
        return self._source.folder

    @property
    def path(self) -> Path:
        """The file or folder that the labels were read from."""
        return self._source.path

    @property
    def media(self) -> Sequence[str]:
        """Which of the columns `image`, `frames` (of clips) and `clip` (video files) its samples have."""
        return self._source.media

    @property
    def has_clips(self) -> bool:
        """Whether its samples can be clips."""
        return bool({"frames", "clip"}.intersection(self.media))

    @property
    def notes(self) -> Sequence[str]:
        """How files of your own were understood, and what was passed over, a line each; empty for dataset folders."""
        return self._source.notes

    @property
    def columns(self) -> Mapping[str, str]:
        """Which column of a CSV file stands for which of feab's, where `load_dataset` was told so."""
        return self._source.columns

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the whole split (also for a subset or slice of it).

        Stored in a dataset folder. Of your own files it is computed when first asked for, which reads every picture.

        Raises:
            FeabError: naming pictures of your own that are missing or cannot be read.
        """
        return self._source.fingerprint(self.split)

    @property
    def ids(self) -> list[str]:
        """The ids in order, without reading any image."""
        column = self._source.labels.column("id").to_pylist()
        return [column[row] for row in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> Sample | Dataset:
        if isinstance(index, slice):
            return Dataset(self._source, self.split, self.name, self._rows[index])
        return self._source.sample(self._rows[index])

    def __iter__(self) -> Iterator[Sample]:
        for row in self._rows:
            yield self._source.sample(row)

    def labels(self, columns: Collection[str] | None = None) -> pd.DataFrame:
        """All columns but the images, one row a sample, in order; null is NaN or None. A copy each time.

        With `columns`, those of them that are there, which costs less memory.
        """
        import pyarrow as pa

        table = self._source.labels
        if columns is not None:
            table = table.select([name for name in table.column_names if name in columns])
        if not isinstance(self._rows, range) or self._rows != range(len(table)):
            table = table.take(pa.array(list(self._rows), pa.int64()))
        frame: pd.DataFrame = table.to_pandas(use_threads=False)  # each thread would keep memory of its own
        return frame

    def votes(self, labels: Collection[str] | None = None) -> npt.NDArray[np.float32] | None:
        """How people voted, (samples, labels): numbers of raters or shares; a row of NaN where nobody did.

        The columns are those of `info.labels`, or of the `labels` asked for: 0 for one that nobody could vote for,
        and without the votes for others. None where no sample has votes.
        """
        import numpy as np

        if "votes" not in self._source.labels.column_names:
            return None
        column = self._source.labels.column("votes")
        if column.null_count == len(column):
            return None
        known = self.info.labels
        cast = np.full((len(column), len(known)), np.nan, dtype=np.float32)
        cast[column.is_valid().to_numpy()] = column.combine_chunks().flatten().to_numpy().reshape(-1, len(known))
        cast = cast[np.fromiter(self._rows, dtype=np.intp, count=len(self._rows))]
        if labels is None:
            return cast
        none = np.where(np.isnan(cast[:, :1]), cast[:, :1], np.float32(0))
        return np.hstack([cast[:, [known.index(x)]] if x in known else none for x in labels])

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, split={self.split!r}, n={len(self)})"


def open_split(folder: Path, split: str, subset: str | None = None) -> Dataset:
    """The split of a dataset folder, or a named subset of it.

    Raises:
        FeabError: naming file and row, when the folder does not hold what its dataset.json says.
    """
    info = read_info(folder)
    if split not in info.splits:
        known = ", ".join(sorted(info.splits)) or "none"
        raise FeabError(f"{folder / 'dataset.json'}: no split {split!r}; known are {known}")
    if subset is None:
        return Dataset(SplitFile(folder, split, info), split, info.name)
    definition = info.subsets.get(subset)
    if definition is None:
        known = ", ".join(sorted(info.subsets)) or "none"
        raise FeabError(f"{folder / 'dataset.json'}: no subset {subset!r}; known are {known}")
    if definition.get("split", split) != split:
        raise FeabError(f"subset {subset!r} belongs to split {definition['split']!r}, not {split!r}")
    file = SplitFile(folder, split, info)
    column = str(definition.get("column"))
    if column not in file.labels.column_names or str(file.labels.column(column).type) != "bool":
        raise FeabError(f"{file.path}: subset {subset!r} needs a true/false column {column!r}")
    rows = [row for row, chosen in enumerate(file.labels.column(column).to_pylist()) if chosen]
    return Dataset(file, split, subset, rows)

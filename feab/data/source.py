"""Where a dataset's rows come from: labels in memory, images read when they are asked for."""

from __future__ import annotations

import bisect
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from feab.clips.showing import still_of
from feab.data.columns import AFFECT, ATTRIBUTES, TEXT, au_of, is_extra
from feab.data.write import inside
from feab.errors import FeabError
from feab.records import Media, Sample
from feab.schemas import DatasetInfo

if TYPE_CHECKING:
    import pyarrow as pa

_KEPT_BLOCKS = 3  # blocks of rows held in memory at a time


class Source(ABC):
    """The rows of one split, block by block, of which a few are kept. May be used by several threads.

    Attributes:
        path: the file (or folder of class folders) that errors name.
        folder: where images stored as paths lie; none outside it is opened.
        info: what dataset.json says, or would say.
        labels: every column but the images, as a `pyarrow.Table`.
        media: which of the columns `image`, `frames` and `clip` its rows have.
        notes: what a reader of files of the user's own must know of how they were read, a line each.
        columns: which column of the file stands for which of feab's, where the user said so.
    """

    media: Sequence[str] = ("image",)
    notes: Sequence[str] = ()
    columns: Mapping[str, str] = MappingProxyType({})

    def __init__(self, path: Path, folder: Path, info: DatasetInfo, labels: pa.Table, starts: Sequence[int]) -> None:
        """`starts`: the first row of each block, and behind them the number of rows."""
        self.path, self.folder, self.info, self.labels = path, folder, info, labels
        self._starts = starts
        names: list[str] = labels.column_names
        self._extra = [name for name in names if is_extra(name)]
        coded = [(au, name) for name in names if (au := au_of(name)) is not None]
        # Presence, then intensity.
        self._aus = [[(au, name) for au, name in coded if name.endswith(end)] for end in ("presence", "intensity")]
        self._kept: OrderedDict[int, list[dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """The fingerprint of the split."""

    @abstractmethod
    def _read(self, start: int, stop: int, block: int) -> list[dict[str, Any]]:
        """All columns of the rows of a block, images as {bytes, path}."""

    def row(self, index: int) -> dict[str, Any]:
        """All columns of one row, images as {bytes, path}."""
        block = bisect.bisect_right(self._starts, index) - 1
        with self._lock:
            if block not in self._kept:
                self._kept[block] = self._read(self._starts[block], self._starts[block + 1], block)
                while len(self._kept) > _KEPT_BLOCKS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(block)
            found: dict[str, Any] = self._kept[block][index - self._starts[block]]
        return found

    def sample(self, index: int) -> Sample:
        """One row as a record."""
        row = self.row(index)
        where = f"{self.path}: row {index} (id {row['id']!r})"
        image, video = row.get("image"), row.get("clip")
        frames = tuple(self._media_of(frame, where) for frame in row.get("frames") or ())
        clip = None if video is None else self._media_of(video, where)
        if image is None and not frames and clip is None:
            raise FeabError(f"{where}: column 'image' is null")
        presence, intensity = (
            {au: row[name] for au, name in columns if row[name] is not None} for columns in self._aus
        )
        extra = {name: row[name] for name in self._extra if row[name] is not None}
        face, votes = row.get("face"), row.get("votes")
        return Sample(
            id=row["id"],
            media=still_of(frames, clip, extra) if image is None else self._media_of(image, where),
            frames=frames,
            clip=clip,
            face=None if face is None else (face[0], face[1], face[2], face[3]),
            votes=None if votes is None else tuple(votes),
            au_presence=MappingProxyType(presence),
            au_intensity=MappingProxyType(intensity),
            extra=MappingProxyType(extra),
            **{name: row.get(name) for name in (*TEXT, *AFFECT, *ATTRIBUTES)},
        )

    def _media_of(self, stored: Mapping[str, Any], where: str) -> Media:
        if stored.get("bytes") is not None:
            return Media(data=stored["bytes"])
        if stored.get("path") is None:
            raise FeabError(f"{where}: the image has neither bytes nor a path")
        return Media(path=str(inside(self.folder, stored["path"], where)))

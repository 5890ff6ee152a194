"""Rendered faces for miniatures of datasets: the embedded ones, with labels that a miniature can be written from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.records import Sample

if TYPE_CHECKING:
    from feab.data.dataset import Dataset
    from feab.data.readers.moving import MovingFaces


class Faces:
    """The embedded faces, in an order that runs through all expressions and people; and a few that move."""

    def __init__(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """`on_progress`: called with frames done and frames in all, where moving faces are still to be rendered."""
        self._on_progress = on_progress

    @cached_property
    def moving(self) -> MovingFaces:
        """The faces that move."""
        from feab.data.readers.moving import MovingFaces  # which imports this module

        return MovingFaces(self._on_progress)

    @cached_property
    def _set(self) -> Dataset:
        from feab.data.places import EMBEDDED, load_dataset

        return load_dataset(EMBEDDED)

    @cached_property
    def _by_expression(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, label in enumerate(self._set.labels(["id", "expression"])["expression"].tolist()):
            if isinstance(label, str):
                found.setdefault(label, []).append(row)
        return found

    @cached_property
    def _kept(self) -> dict[int, Sample]:
        return {}  # 13 MB when it holds all

    def any(self, number: int) -> Sample:
        """The number-th face of all, some of which display no expression; beyond their number it starts again."""
        row = number % len(self._set)
        if row not in self._kept:
            self._kept[row] = self._set[row]
        return self._kept[row]

    def of(self, expression: str, number: int) -> Sample:
        """The number-th face that displays an expression; beyond their number it starts again.

        Raises:
            FeabError: for an expression that no rendered face displays.
        """
        rows = self._by_expression.get(expression)
        if rows is None:
            raise FeabError(f"no rendered face displays {expression!r}")
        return self.any(rows[number % len(rows)])

    def cycle(self, expressions: Sequence[str], n: int) -> Iterator[Sample]:
        """`n` faces that display the given expressions in turn."""
        for number in range(n):
            yield self.of(expressions[number % len(expressions)], number // len(expressions))


def write(root: Path, relative: str, content: bytes | str) -> None:
    """Write a file of a miniature, with the folders above it."""
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def as_picture(face: Sample, size: tuple[int, int] | None = None, form: str = "JPEG", mode: str = "RGB") -> bytes:
    """A face as another kind of picture: its size in pixels, Pillow's name of the format, and "RGB" or "L" (grey)."""
    data = face.media.read()
    if size is None and form == "JPEG" and mode == "RGB":
        return data
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        changed = picture.convert(mode)
        if size is not None:
            changed = changed.resize(size, Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        changed.save(buffer, form)
    return buffer.getvalue()

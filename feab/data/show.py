"""A contact sheet of a dataset, so that a person can look."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feab.data.dataset import Dataset
from feab.data.places import load_dataset
from feab.errors import FeabError
from feab.records import Sample


def show(
    name: str | os.PathLike[str] | Dataset,
    out: str | os.PathLike[str],
    *,
    split: str = "test",
    n: int = 48,
    ids: Sequence[str] | None = None,
    where: Mapping[str, str] | None = None,
    seed: int = 0,
    columns: int = 8,
    size: int = 160,
) -> Path:
    """Write a PNG with pictures of a dataset and their labels below, for looking at on this machine.

    The sheet stays where you put it; that is fine for licensed sets too, but passing it on is what a dataset's
    `images_may_be_shared` is about.

    Args:
        name: a dataset's name, its folder, or a loaded one.
        out: the PNG to write.
        split: which split, where a name or folder is given.
        n: how many pictures; drawn at random, in stored order.
        ids: these samples instead, in this order.
        where: only rows whose columns have these values, e.g. {"expression": "fear", "au12_presence": "1"}.
        seed: fixes the random choice.
        columns: pictures side by side.
        size: pixels of each picture's cell.

    Raises:
        FeabError: for an unknown id or column, or when no row is left.
    """
    from feab.faces.sheets import contact_sheet

    data = name if isinstance(name, Dataset) else load_dataset(name, split)
    rows = _by_id(data, ids) if ids is not None else _drawn(data, n, where or {}, seed)
    pictures = [(sample.media.read(), caption(sample)) for sample in (data[row] for row in rows)]
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"{data.name}/{data.split}: {len(rows)} of {len(data)}"
    path.write_bytes(contact_sheet(pictures, columns=columns, size=size, title=title))
    return path


def caption(sample: Sample) -> str:
    """Three lines: id; expression and strength or form; valence, arousal; AUs present with their intensity letter."""
    display = " ".join(str(w) for w in (sample.expression or "(no expression)", sample.extra.get("strength", "")) if w)
    affect = "" if sample.valence is None or sample.arousal is None else f" {sample.valence:+.2f} {sample.arousal:+.2f}"
    present = sorted(au for au, value in sample.au_presence.items() if value == 1)
    letters = {au: "_ABCDE"[round(grade)] for au, grade in sample.au_intensity.items() if round(grade) >= 1}
    return f"{sample.id}\n{display}{affect}\n" + " ".join(f"{au}{letters.get(au, '')}" for au in present)


def _by_id(data: Dataset, ids: Sequence[str]) -> list[int]:
    place = {sample: row for row, sample in enumerate(data.ids)}
    unknown = [sample for sample in ids if sample not in place]
    if unknown:
        raise FeabError(f"{data.name}/{data.split} has no sample {unknown[0]!r}")
    return [place[sample] for sample in ids]


def _drawn(data: Dataset, n: int, where: Mapping[str, str], seed: int) -> list[int]:
    if n < 1:
        raise FeabError(f"a contact sheet shows at least 1 picture, got {n}")
    labels = data.labels()
    rows = list(range(len(data)))
    for column, wanted in where.items():
        if column not in labels.columns:
            raise FeabError(f"{data.name}/{data.split} has no column {column!r}; it has {', '.join(labels.columns)}")
        values = labels[column].tolist()
        rows = [row for row in rows if _is(values[row], wanted)]
    if not rows:
        raise FeabError(f"{data.name}/{data.split}: no picture is left to show ({dict(where)})")
    return sorted(random.Random(seed).sample(rows, min(n, len(rows))))


def _is(value: Any, wanted: str) -> bool:
    """Whether a cell has the value a user typed: numbers as numbers, true/false and text without regard to case."""
    if isinstance(value, float):
        try:
            return value == float(wanted)
        except ValueError:
            return False
    return str(value).casefold() == wanted.casefold()

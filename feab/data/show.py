"""A contact sheet of a dataset, so that a person can look."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.data.ages import MINORS, minors
from feab.data.dataset import Dataset
from feab.data.places import load_dataset
from feab.errors import FeabError
from feab.records import Sample

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet that was written."""

    path: Path
    shown: int
    """Pictures on it."""
    left_out: int
    """Pictures that were not shown, because of the age group they are in."""


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
    private: bool = False,
) -> Sheet:
    """Write one picture with faces of a dataset and their labels below.

    Faces in an age group that can hold people under 18 are never shown.

    Args:
        name: a dataset's name, its folder, or a loaded one.
        out: the file to write, .png, .jpg or .webp; its folder is made.
        split: which split, where a name or folder is given.
        n: how many pictures; drawn at random, in stored order.
        ids: these samples instead, in this order.
        where: only rows whose columns have these values, e.g. {"expression": "fear", "au12_presence": "1"}.
        seed: fixes the random choice.
        columns: pictures side by side.
        size: pixels of each picture's cell.
        private: you alone will see the sheet: a dataset whose `images_may_be_shared` is false is shown only then.

    Raises:
        FeabError: for another file ending, when the licence does not let the faces be passed on and the sheet is not
            private, for an unknown id or column, when no row is left, or when the file cannot be written.
    """
    from feab.faces.sheets import contact_sheet

    path = Path(out)
    if path.suffix.lower() not in _FORMATS:
        raise FeabError(
            f"{path}: cannot write {path.suffix or 'a name without an ending'}; end it in {', '.join(_FORMATS)}"
        )
    data = name if isinstance(name, Dataset) else load_dataset(name, split)
    if not (data.info.images_may_be_shared or private):
        raise FeabError(
            f"the licence of {data.info.name} ({data.info.licence or 'none given'}) does not let its faces be passed "
            "on; for your own eyes only: feab data show --private"
        )
    young = set(minors(data))
    wanted = _by_id(data, ids) if ids is not None else _matching(data, where or {})
    rows = [row for row in wanted if row not in young]
    left_out = len(wanted) - len(rows)
    if not rows:
        why = f"; {left_out} left out, of the age groups {' and '.join(MINORS)}" if left_out else ""
        raise FeabError(f"{data.name}/{data.split}: no picture is left to show{why}")
    if ids is None:
        rows = _drawn(rows, n, seed)
    try:
        pictures = [(sample.media.read(), caption(sample)) for sample in (data[row] for row in rows)]
    except OSError as error:
        raise FeabError(f"{error.filename}: cannot be read ({error.strerror or error})") from None
    title = f"{data.name}/{data.split}: {len(rows)} of {len(data):,}"
    png = contact_sheet(pictures, columns=columns, size=size, title=title)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_encoded(png, _FORMATS[path.suffix.lower()]))
    except OSError as error:
        raise FeabError(f"{path}: cannot be written ({error.strerror})") from None
    return Sheet(path, len(rows), left_out)


def _encoded(png: bytes, form: str) -> bytes:
    if form == "PNG":
        return png
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(file, form, quality=88)
    return file.getvalue()


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


def _matching(data: Dataset, where: Mapping[str, str]) -> list[int]:
    rows = list(range(len(data)))
    if not where:
        return rows
    labels = data.labels()
    for column, wanted in where.items():
        if column not in labels.columns:
            raise FeabError(f"{data.name}/{data.split} has no column {column!r}; it has {', '.join(labels.columns)}")
        values = labels[column].tolist()
        rows = [row for row in rows if _is(values[row], wanted)]
    return rows


def _drawn(rows: Sequence[int], n: int, seed: int) -> list[int]:
    if n < 1:
        raise FeabError(f"a contact sheet shows at least 1 picture, got {n}")
    return sorted(random.Random(seed).sample(rows, min(n, len(rows))))


def _is(value: Any, wanted: str) -> bool:
    """Whether a cell has the value a user typed: numbers as numbers, true/false and text without regard to case."""
    if isinstance(value, float):
        try:
            return value == float(wanted)
        except ValueError:
            return False
    return str(value).casefold() == wanted.casefold()

"""Checking a dataset folder from end to end: every value, every image decoded, every fingerprint."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any

from feab.clips.showing import clip_fault
from feab.clips.video import MAX_VIDEO, require_av
from feab.data.dataset import SplitFile
from feab.data.fingerprint import canonical_line, combine
from feab.data.write import inside, read_info, stored_media
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, MAX_PIXELS, PICTURE_FORMATS
from feab.problems import RAISE, Notes, Problem, problems_in, warning
from feab.schemas import DatasetInfo
from feab.yamlfile import read_bytes

Progress = Callable[[int, int], None]
"""Called with samples checked and samples in all."""

_CHUNK = 256
"""Rows whose images are in memory at a time."""


def validate_dataset(folder: str | os.PathLike[str]) -> DatasetInfo:
    """Read a dataset folder completely, decode its images, compute its fingerprints anew; returns its dataset.json.

    Raises:
        FeabError: naming file and row of the first wrong value, an image that cannot be had, or the split whose
            fingerprint is not the stored one (its files were changed after they were written).
    """
    check_dataset(Path(folder), RAISE)
    return read_info(Path(folder))


def check_dataset(folder: Path, notes: Notes, on_progress: Progress | None = None) -> str:
    """Note everything that is wrong with a dataset folder; returns what it is, in a few words.

    Args:
        folder: holds a dataset.json.
        notes: takes the problems.
        on_progress: called with samples checked and samples in all.
    """
    info = notes.attempt(read_info, None, folder)
    if info is None:
        return "dataset"
    where = folder / "dataset.json"
    if not info.splits:
        notes.note(Problem(where, "lists no split", where="splits", advice="add one"), f"{where}: lists no split")
    _check_info(where, info, notes)
    total = sum(split.n for split in info.splits.values())
    done = 0
    for name in info.splits:
        file = notes.attempt(SplitFile, None, folder, name, info, notes)
        if file is None or "id" not in file.labels.column_names:
            continue
        before = done

        def tell(rows: int, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before + rows, max(total, before + rows))

        notes.attempt(_check_split, None, file, name, notes, tell)
        done += len(file.labels)
    faces = sum(split.n for split in info.splits.values())
    return f"dataset {info.name}, {faces:,} faces in {', '.join(info.splits) or 'no split'}"


def _check_info(where: Path, info: DatasetInfo, notes: Notes) -> None:
    for field, values in (("labels", info.labels), ("aus", info.aus)):
        if len(set(values)) != len(values):
            notes.note(Problem(where, "names something twice", where=field, advice="name each once"))
    for name, subset in info.subsets.items():
        split = subset.get("split")
        if split is not None and split not in info.splits:
            words = f"is of split {str(split)[:100]!r}, which is not there"
            notes.note(Problem(where, words, where=f"subsets.{name}", advice="correct it, or remove the subset"))


@dataclass(frozen=True, slots=True)
class _Checked:
    """What one row gave."""

    line: tuple[str, bytes] | None
    """Its part of the fingerprint; None where an image cannot be had, or the row has no id."""
    problems: tuple[Problem, ...]


def _check_split(file: SplitFile, split: str, notes: Notes, tell: Callable[[int], None]) -> None:
    rows = range(len(file.labels))
    if "clip" in file.media:
        require_av()
    lines: list[tuple[str, bytes]] = []
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="feab-decode") as pool:
        warnings.simplefilter("ignore")  # Pillow warns of large pictures, which are refused here
        for start in range(0, len(rows), _CHUNK):
            part = [file.row(index) for index in rows[start : start + _CHUNK]]
            for checked in pool.map(_check_row, part, range(start, start + len(part)), repeat(file)):
                for problem in checked.problems:
                    notes.note(problem, ": ".join((str(problem.file), problem.where, problem.message)))
                if checked.line is not None:
                    lines.append(checked.line)
            tell(start + len(part))
    if len(lines) < len(rows):
        return  # something is missing, so the fingerprint cannot be right, and that was told
    found, stored = combine(lines), file.info.splits[split].fingerprint
    if found != stored:
        message = f"fingerprint is {found}, dataset.json says {stored}"
        advice = "the file was changed after it was written: take the original, or prepare the dataset again"
        notes.note(Problem(file.path, message, where="fingerprint", advice=advice), f"{file.path}: {message}")


def _check_row(row: Mapping[str, Any], number: int, file: SplitFile) -> _Checked:
    """Runs in a thread: decoding lets other threads run."""
    place = f"row {number} (id {row['id']!r})"
    where = f"{file.path}: {place}"
    pictures: list[bytes] = []
    videos: list[bytes] = []
    video_path = (row.get("clip") or {}).get("path")

    def read(relative: str) -> bytes:
        path = inside(file.folder, relative, where)
        try:
            return read_bytes(path, MAX_VIDEO if relative == video_path else MAX_PICTURE)
        except FeabError as error:
            raise FeabError(f"{where}: image {relative!r}: {problems_in(error, path)[0].message}") from error

    found: list[Problem] = []
    line: tuple[str, bytes] | None = None
    try:
        for stored in stored_media(row, where):
            data = stored.get("bytes")
            if data is None and stored.get("path") is None:
                raise FeabError(f"{where}: an image has neither bytes nor a path")
            (videos if stored is row.get("clip") else pictures).append(read(stored["path"]) if data is None else data)
        line = (row["id"], canonical_line(row, read)) if isinstance(row["id"], str) else None
    except FeabError as error:
        message = str(error).removeprefix(f"{where}: ")
        found.append(Problem(file.path, message, where=place, advice="put the picture there, or leave the row out"))
    for picture in pictures:
        size, why = decoded(picture)
        if why:
            advice = "replace the picture, or leave the row out"
            found.append(Problem(file.path, f"image {why}", where=place, advice=advice))
        elif (box := row.get("face")) is not None and row.get("image") is not None:
            found += _outside(box, size, file.path, place)
    if row.get("frames") or videos:
        why = clip_fault(row, videos)
        found += [Problem(file.path, f"clip: {why}", where=place, advice="correct it, or leave it out")] if why else []
    return _Checked(line, tuple(found))


def decoded(data: bytes) -> tuple[tuple[int, int], str]:
    """Width and height of a picture, and why it cannot be decoded: nothing where it can."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data), formats=PICTURE_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return picture.size, f"has {picture.width} × {picture.height} pixels, more than {MAX_PIXELS:,}"
            picture.load()
            return picture.size, ""
    except UnidentifiedImageError:
        return (0, 0), f"is none of {', '.join(PICTURE_FORMATS)}"
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file
        return (0, 0), f"cannot be decoded ({str(error)[:200] or type(error).__name__})"


def _outside(box: Sequence[float], size: tuple[int, int], path: Path, place: str) -> list[Problem]:
    """A face box that lies wholly outside its picture is one in other units, or of another picture."""
    if len(box) != 4 or (box[0] < size[0] and box[1] < size[1] and box[0] + box[2] > 0 and box[1] + box[3] > 0):
        return []
    words = (
        f"column 'face': {[round(value, 1) for value in box]} lies outside the picture of {size[0]} × {size[1]} pixels"
    )
    return [warning(Problem(path, words, where=place, advice="write x, y, width, height in pixels"))]

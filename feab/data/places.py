"""Where datasets lie: the embedded set, prepared ones under FEAB_DATA, and folders of your own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from feab.content import data_home
from feab.data.dataset import Dataset, open_split
from feab.data.own import is_own, open_own
from feab.data.write import read_info
from feab.errors import FeabError
from feab.schemas import DatasetInfo

EMBEDDED = "synth"
"""The dataset that travels with feab. A folder of that name under FEAB_DATA is reached by its path only."""

EMBEDDED_SUBSETS = ("synth_mini",)
"""Subsets of the embedded set's test split, which are names by themselves."""

DYNAMIC = "synth_dynamic"
"""The rendered clips. They are in no folder until they are asked for, and then in the cache."""

Progress = Callable[[int, int], None]
"""Called with pictures done and pictures in all."""


def embedded_folder() -> Path:
    """The folder of the embedded dataset."""
    return Path(__file__).resolve().parent / EMBEDDED


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A dataset that was found: its name, its folder, and dataset.json, or why that cannot be used."""

    name: str
    folder: Path
    embedded: bool
    info: DatasetInfo | None
    error: str | None = None


def list_datasets() -> list[DatasetEntry]:
    """The embedded set, then every folder under FEAB_DATA with a dataset.json, by name; broken ones carry an error."""
    found = [_entry(EMBEDDED, embedded_folder(), embedded=True)] if _is_dataset(embedded_folder()) else []
    home = data_home()
    if home.is_dir():
        folders = sorted(path for path in home.iterdir() if _is_dataset(path))
        found += [_entry(path.name, path, embedded=False) for path in folders]
    return found


def _is_dataset(folder: Path) -> bool:
    return (folder / "dataset.json").is_file()


def _entry(name: str, folder: Path, *, embedded: bool) -> DatasetEntry:
    try:
        return DatasetEntry(name, folder, embedded, read_info(folder))
    except FeabError as error:
        return DatasetEntry(name, folder, embedded, None, str(error))


def is_dynamic(data: object) -> bool:
    """Whether what was given as a dataset is the name of the rendered clips."""
    return isinstance(data, str) and data == DYNAMIC


def is_embedded(data: object) -> bool:
    """Whether what was given as a dataset is the name of the embedded set, or of a subset of it."""
    return isinstance(data, str) and data in (EMBEDDED, *EMBEDDED_SUBSETS)


def own_path(name_or_folder: str | os.PathLike[str]) -> Path | None:
    """The path of data of the user's own (class folders, a CSV file); None for dataset folders and known names."""
    text = os.fspath(name_or_folder)
    path = Path(text).expanduser()
    if isinstance(name_or_folder, str) and (is_dynamic(text) or named(text) is not None):
        return None
    return path if is_own(path) else None


def _locate(name_or_folder: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Folder and subset: a name first, else a path."""
    text = os.fspath(name_or_folder)
    path = Path(text).expanduser()
    known = named(text) if isinstance(name_or_folder, str) else None
    if known is not None:
        return known, text if text in EMBEDDED_SUBSETS else None
    if _is_dataset(path):
        return path, None
    if is_own(path):
        raise FeabError(f"{path}: holds no dataset.json, so it is no dataset folder")
    names = ", ".join([*(entry.name for entry in list_datasets()), DYNAMIC])
    raise FeabError(
        f"no dataset {text!r}: known names are {names} (FEAB_DATA is {data_home()}), or give a folder or a CSV file"
    )


def named(name: str) -> Path | None:
    """The folder of the dataset that a bare name stands for: "synth", its subsets, one under FEAB_DATA; else None.

    For names that a stranger wrote: never a path, and nothing in the working directory.
    """
    if Path(name).name != name or name in (".", ".."):
        return None
    if name == EMBEDDED or name in EMBEDDED_SUBSETS:
        return embedded_folder()
    return data_home() / name if _is_dataset(data_home() / name) else None


def resolve(
    name_or_folder: str | os.PathLike[str], split: str = "test", *, on_progress: Progress | None = None
) -> Path:
    """The dataset folder that holds a split; splits of the embedded set that are not shipped are rendered first.

    Rendering goes into the cache (FEAB_CACHE), can be interrupted, and goes on where it stopped.

    Raises:
        FeabError: when there is no such dataset.
    """
    if is_dynamic(name_or_folder):
        from feab.data.rendered_clips import cached_clips  # which imports this module

        return cached_clips(split, on_progress=on_progress)
    folder, _ = _locate(name_or_folder)
    if folder == embedded_folder() and not (_is_dataset(folder) and split in read_info(folder).splits):
        from feab.data.rendered import cached_split  # which imports this module

        return cached_split(split, on_progress=on_progress)
    return folder


def load_dataset(
    name_or_folder: str | os.PathLike[str],
    split: str = "test",
    subset: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    images: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
) -> Dataset:
    """A dataset's samples, in order, images unread: a name ("synth", "synth_mini", one under FEAB_DATA) or a path.

    Args:
        name_or_folder: a name ("synth_dynamic" are clips), else the path of a dataset folder, of a folder of class
            folders (`happy/1.jpg`), of a CSV file (columns image, expression, valence, arousal, au01, ...), or of a
            folder that holds one.
        split: "test" by default. "train" and "validation" of "synth", and all of "synth_dynamic", are rendered when
            first asked for.
        subset: a subset that its dataset.json names; "synth_mini" is also a name by itself.
        columns: which column of a CSV file stands for which of feab's, such as {"expression": "emotion"}.
        images: the folder from which the paths in a CSV file start; by default the file's own.
        on_progress: called with (done, total) pictures while a split is being rendered, or while the fingerprint of
            your own pictures is computed for more than two seconds.

    Raises:
        FeabError: when there is no such dataset, split or subset, or a file is wrong (file and row are named).
    """
    own = own_path(name_or_folder)
    if own is not None:
        if subset is not None:
            raise FeabError(f"{own}: has no subset {subset!r}; subsets are named in a dataset.json")
        return open_own(own, split, columns=columns, images=images, on_progress=on_progress)
    folder, known = (Path(DYNAMIC), None) if is_dynamic(name_or_folder) else _locate(name_or_folder)
    if columns or images is not None:
        raise FeabError(f"{folder}: --column and --images go with a CSV file, and this is a dataset folder")
    return open_split(resolve(name_or_folder, split, on_progress=on_progress), split, subset or known)

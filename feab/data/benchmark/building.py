"""Building a set: its rows are written beside the place where it is to be, and moved there."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from feab.content import data_home
from feab.data.benchmark.jobs import Chosen, Counts, Named
from feab.data.benchmark.manifest import Manifest, write_manifest
from feab.data.benchmark.recipe import SetRecipe, load_recipe
from feab.data.benchmark.select import Progress
from feab.data.benchmark.sources import EXTRA
from feab.data.write import read_info, write_split
from feab.errors import FeabError
from feab.schemas import DatasetInfo

MANIFEST = ".manifest.json"
"""How the name of a set's manifest ends; it lies in the set's folder."""


@dataclass(frozen=True, slots=True)
class Built:
    """A set that was built."""

    folder: Path
    info: DatasetInfo
    recipe: SetRecipe
    manifest: Manifest
    manifest_file: Path
    counts: Counts

    @property
    def whole(self) -> bool:
        """Whether nothing is lacking."""
        return self.manifest.set == self.recipe.set


def build(
    name: str,
    root: str | os.PathLike[str] | None = None,
    to: str | os.PathLike[str] | None = None,
    *,
    manifest: str | os.PathLike[str] | None = None,
    again: bool = False,
    on_progress: Progress | None = None,
) -> Built:
    """Put a set together from prepared datasets, by its recipe or from a manifest.

    The same datasets give the same set, wherever they lie and in whatever order their rows are. Where a dataset is
    missing, or has too few faces, the set is made of what is there, and its name says so ("feab-partial-ckplus-rafdb").

    Args:
        name: "feab", "feid-pool", or a recipe's file of your own.
        root: the folder with the prepared datasets, each in a folder of its name; by default FEAB_DATA.
        to: the dataset folder to make; by default FEAB_DATA and the set's name. It appears when it is complete.
        manifest: take the faces that this file names, and none unless all of them are the same here, to the byte.
        again: replace a folder that is there and holds this set, whole or partial.
        on_progress: called now and then.

    Raises:
        DifferentError: for a manifest of which a face is missing or not the same.
        FeabError: when no dataset is there, the manifest is of another recipe, or `to` holds something else.
    """
    recipe = load_recipe(name)
    given = data_home() if root is None else Path(root).expanduser()
    if not given.is_dir():
        raise FeabError(f"{given}: no such folder")
    wanted = None if to is None else Path(to).expanduser().absolute()
    if wanted is not None:
        _check_place(wanted, recipe, again=again)
    job = (
        Chosen(recipe, given, on_progress)
        if manifest is None
        else Named(recipe, given, Path(manifest).expanduser(), on_progress)
    )
    folder = data_home() / job.name if wanted is None else wanted
    if folder.name == recipe.set and job.name != recipe.set:
        raise FeabError(f"{folder}: only the whole set may be called so, and this is {job.name}; choose another --to")
    _check_place(folder, recipe, again=again)
    with Draft(folder) as draft:
        info = write_split(draft.path, recipe.split, job.rows(), job.info(), extra=EXTRA)
        made = job.finished(info.splits[recipe.split].fingerprint)
        file = job.name + MANIFEST
        write_manifest(draft.path / file, made)
        draft.keep()
    return Built(folder, info, recipe, made, folder / file, job.counts)


def _check_place(folder: Path, recipe: SetRecipe, *, again: bool) -> None:
    """Whether a set may be written there.

    Raises:
        FeabError: when the folder holds something else, or this set and `again` was not given.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "dataset.json").is_file():
        raise FeabError(f"{folder}: holds something else; choose another folder with --to")
    held = read_info(folder).name
    if held != recipe.set and not held.startswith(f"{recipe.set}-partial-"):
        raise FeabError(f"{folder}: holds the dataset {held}; choose another folder with --to")
    if not again:
        raise FeabError(f"{folder}: holds {held} already; --again makes it anew")
    ours = {"dataset.json", f"{recipe.split}.parquet", f"{held}{MANIFEST}"}
    if others := sorted(file.name for file in folder.iterdir() if file.name not in ours):
        raise FeabError(f"{folder}: holds {others[0]}, too, which --again would remove; put it elsewhere")


class Draft:
    """A folder beside the one that is to be made; it takes its place when it is complete, or goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder.with_name(f".{folder.name}.building")

    def __enter__(self) -> Draft:
        shutil.rmtree(self.path, ignore_errors=True)  # of a call that was killed
        self.path.mkdir(parents=True)
        return self

    def keep(self) -> None:
        """Put it in its place."""
        before = self._folder.with_name(f".{self._folder.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        with suppress(FileNotFoundError):
            self._folder.replace(before)
        self.path.replace(self._folder)
        shutil.rmtree(before, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

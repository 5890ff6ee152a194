"""From the recipe of a set and the datasets at hand to the faces that are in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feab.data.benchmark.choose import Choice, choose
from feab.data.benchmark.faces import Faces, Rows
from feab.data.benchmark.nearduplicates import Known, Look, look
from feab.data.benchmark.recipe import SetRecipe, load_recipe
from feab.data.benchmark.sources import Source, has_splits, open_source
from feab.errors import FeabError
from feab.faces.render_split import available_cores

Progress = Callable[[str, int], None]
"""Called with what is done and how many faces it was done with."""

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """What is taken from one source, in the order of the ids."""

    name: str
    rows: tuple[int, ...]
    parts: tuple[int, ...]
    units: npt.NDArray[np.int8]
    """(faces, AUs of the source), as in `Faces`."""
    people: int
    short: tuple[str, ...]
    copies: int
    near_duplicates: int


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What is taken from all sources that are there, and which are not."""

    sources: tuple[Selected, ...]
    missing: tuple[str, ...]

    @property
    def short(self) -> tuple[str, ...]:
        """The sources that are there and give less than the recipe wants."""
        return tuple(source.name for source in self.sources if source.short)


def set_name(recipe: SetRecipe, there: Collection[str], short: Collection[str]) -> str:
    """The name of what can be made of a set: its own only where nothing is lacking.

    "feab-partial-ckplus-rafdb" holds these two sources whole; of those behind "short", too few faces were there.
    """
    whole = [name for name in recipe.sources if name in there and name not in short]
    if len(whole) == len(recipe.sources):
        return recipe.set
    lacking = [name for name in recipe.sources if name in there and name in short]
    return "-".join([recipe.set, "partial", *whole, *(["short", *lacking] if lacking else [])])


def select(recipe: SetRecipe, root: Path, on_progress: Progress | None = None) -> Selection:
    """Choose the faces of a set.

    Args:
        recipe: of the set.
        root: the folder of the prepared datasets.
        on_progress: called now and then.

    Raises:
        FeabError: when none of the datasets is there, or one cannot be read.
    """
    tell = on_progress or (lambda what, done: None)
    apart = None if recipe.apart_from is None else load_recipe(recipe.apart_from)
    recipes = [recipe, *([] if apart is None else [apart])]
    there = [name for name in recipe.sources if has_splits(root, name, recipes)]
    if not there:
        looked = ", ".join(f"{name} ({source.split})" for name, source in recipe.sources.items())
        raise FeabError(
            f"{root}: holds no dataset of {recipe.set}; it takes {looked}, each in a folder of that name, as "
            "`feab data prepare` makes them"
        )
    looks: list[Look] = []
    people: dict[str, frozenset[str]] = {}
    for name in there if apart is not None else ():
        assert apart is not None
        source = open_source(root, name, apart)
        faces = source.faces(apart)
        rows = choose(faces, source.recipe, apart.labels, apart.seed, _none(), _choosing(name, tell)).rows
        people[name] = faces.names(rows)
        looks += [found for _, found in _looks(source, rows.tolist(), f"looking at {name} in {apart.set}", tell)]
    known = Known(looks)
    found = []
    for name in there:
        source = open_source(root, name, recipe)
        found.append(_from(recipe, source, source.faces(recipe, people.get(name, frozenset())), known, tell))
    missing = tuple(name for name in recipe.sources if name not in there)
    return Selection(tuple(found), missing)


def _from(recipe: SetRecipe, source: Source, faces: Faces, known: Known, tell: Progress) -> Selected:
    """Choose, look at what was chosen, and choose anew without what is in the other set, until nothing is."""
    copies, near = _none(), _none()
    seen: set[int] = set()
    while True:
        removed = np.concatenate([copies, near])
        choice = choose(faces, source.recipe, recipe.labels, recipe.seed, removed, _choosing(source.name, tell))
        fresh = [row for row in choice.rows.tolist() if row not in seen] if len(known) else []
        seen.update(fresh)
        same: list[int] = []
        alike: list[int] = []
        for row, one in _looks(source, fresh, f"comparing {source.name}", tell):
            if known.has_file(one.sha256):
                same.append(row)
            elif source.recipe.near_duplicates and known.looks_like(one):
                alike.append(row)
        if not same and not alike:
            return _selected(source, faces, choice, len(copies), len(near))
        copies = np.concatenate([copies, np.array(same, dtype=np.int64)])
        near = np.concatenate([near, np.array(alike, dtype=np.int64)])


def _selected(source: Source, faces: Faces, choice: Choice, copies: int, near: int) -> Selected:
    ids = source.ids(choice.rows)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return Selected(
        name=source.name,
        rows=tuple(int(choice.rows[k]) for k in order),
        parts=tuple(int(choice.parts[k]) for k in order),
        units=faces.units[choice.rows[order]],
        people=len(faces.names(choice.rows)),
        short=choice.short,
        copies=copies,
        near_duplicates=near,
    )


def _looks(source: Source, rows: Sequence[int], what: str, tell: Progress) -> Iterator[tuple[int, Look]]:
    """How the pictures of some faces look, on all cores; a few batches are opened ahead."""

    def one(row: int) -> Look:
        try:
            return look(*source.picture(row))
        except FeabError as error:
            raise FeabError(f"{source.path}: row {row}: {error}") from None

    with ThreadPoolExecutor(available_cores(), thread_name_prefix="feab-looks") as pool:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            yield from zip(batch, pool.map(one, batch), strict=True)
            tell(what, start + len(batch))


def _choosing(name: str, tell: Progress) -> Callable[[int], None]:
    return lambda done: tell(f"choosing from {name}", done)


def _none() -> Rows:
    return np.zeros(0, dtype=np.int64)

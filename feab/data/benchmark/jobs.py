"""The two ways to a set's rows: choosing them by its recipe, or taking what a manifest names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feab.data.benchmark.manifest import (
    Difference,
    Fault,
    Item,
    Manifest,
    RecipeUsed,
    SourceUsed,
    labels_sha256,
    read_manifest,
    told,
)
from feab.data.benchmark.recipe import SetRecipe
from feab.data.benchmark.select import Progress, Selected, select, set_name
from feab.data.benchmark.sources import Source, has_splits, open_source, set_id
from feab.data.columns import au_of
from feab.data.fingerprint import canonical_line
from feab.data.write import read_info
from feab.errors import FeabError
from feab.schemas import DatasetInfo

SHOWN = 20
"""Differences that a message names one by one; all are in the error's `differences`."""

_STRICTEST = ("forbidden", "ask", "allowed")


class DifferentError(FeabError):
    """Not every face of a manifest is the same here.

    Attributes:
        differences: all of them.
    """

    def __init__(self, message: str, differences: tuple[Difference, ...]) -> None:
        super().__init__(message)
        self.differences = differences


@dataclass(slots=True)
class Counts:
    """What a set's rows are labelled with."""

    levels: Counter[str] = field(default_factory=Counter)
    """Level -> faces."""
    expressions: Counter[str] = field(default_factory=Counter)
    units: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    """Source -> AU -> [coded, present]."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row."""
        label = row.get("expression")
        self.levels["expression"] += label is not None
        self.levels["valence_arousal"] += row.get("valence") is not None
        if label is not None:
            self.expressions[label] += 1
        coded = {au_of(name): row[name] for name in row if name.endswith("_presence")}
        self.levels["action_units"] += bool(coded)
        for au, value in coded.items():
            assert au is not None
            n = self.units.setdefault(row["source"], {}).setdefault(au, [0, 0])
            n[0] += 1
            n[1] += value == 1


class Job:
    """A set on its way: what both ways of making one share."""

    def __init__(self, recipe: SetRecipe, root: Path, on_progress: Progress | None) -> None:
        self.recipe, self.root = recipe, root
        self.counts = Counts()
        self._tell = on_progress or (lambda what, done: None)
        self._written = 0
        self.name = recipe.set
        self.there: tuple[str, ...] = ()

    def info(self) -> DatasetInfo:
        """What dataset.json is to say."""
        infos = {name: read_info(self.root / name) for name in self.there}
        lacking = f" PARTIAL, not {self.recipe.set}." if self.name != self.recipe.set else ""
        return DatasetInfo(
            name=self.name,
            version=f"recipe {self.recipe.version}",
            splits={},
            licence="; ".join(f"{name}: {info.licence}" for name, info in infos.items()),
            images_may_be_shared=all(info.images_may_be_shared for info in infos.values()),
            third_party=min((info.third_party for info in infos.values()), key=_STRICTEST.index),
            labels=list(self.recipe.labels),
            aus=list(self.recipe.aus),
            source="; ".join(f"{name}: {info.source}" for name, info in infos.items()),
            notes=f"{self.recipe.description}.{lacking} Human labels only: a level that a source lacks is missing.",
        )

    def made(self, source: Source, row: int, part: int, held: dict[str, Any]) -> Item:
        """Put its picture into a row of the set; returns what the manifest says of it.

        Raises:
            FeabError: when the picture cannot be read.
        """
        picture, _ = source.picture(row)
        sha256 = hashlib.sha256(picture).hexdigest()
        labels = labels_sha256(picture, canonical_line(held, sha256s={"image": sha256}))
        held["image"] = picture
        self._written += 1
        self._tell("writing", self._written)
        sample = source.row(row)["id"]
        return Item(id=held["id"], source=source.name, sample=sample, part=part, image=sha256, labels=labels)


class Chosen(Job):
    """A set by its recipe."""

    def __init__(self, recipe: SetRecipe, root: Path, on_progress: Progress | None) -> None:
        super().__init__(recipe, root, on_progress)
        self._selection = select(recipe, root, on_progress)
        self.there = tuple(source.name for source in self._selection.sources if source.rows)
        if not self.there:
            raise FeabError(f"{root}: of the datasets that are there, no face can be in {recipe.set}")
        self.name = set_name(recipe, self.there, self._selection.short)
        self._items: list[Item] = []
        self._used: dict[str, SourceUsed] = {}

    def rows(self) -> Iterator[dict[str, Any]]:
        """The set's rows."""
        for selected in self._selection.sources:
            source = open_source(self.root, selected.name, self.recipe)
            self._used[source.name] = _used(source, selected)
            rows = source.as_set_rows(self.recipe, selected.rows, selected.parts, selected.units)
            for row, part, held in zip(selected.rows, selected.parts, rows, strict=True):
                self._items.append(self.made(source, row, part, held))
                self.counts.add(held)
                yield held

    def finished(self, fingerprint: str) -> Manifest:
        """The manifest of what was written."""
        return Manifest(
            set=self.name,
            split=self.recipe.split,
            recipe=recipe_used(self.recipe),
            sources=self._used,
            missing=list(self._selection.missing),
            fingerprint=fingerprint,
            items=self._items,
        )


def _used(source: Source, selected: Selected) -> SourceUsed:
    return SourceUsed(
        version=source.info.version,
        split=source.recipe.split,
        fingerprint=source.fingerprint,
        wanted=source.recipe.images,
        chosen=len(selected.rows),
        people=selected.people,
        short=list(selected.short),
        copies=selected.copies,
        near_duplicates=selected.near_duplicates,
    )


def recipe_used(recipe: SetRecipe) -> RecipeUsed:
    """A recipe as a manifest names it."""
    return RecipeUsed(set=recipe.set, version=recipe.version, sha256=recipe.sha256)


class Named(Job):
    """A set from a manifest."""

    def __init__(self, recipe: SetRecipe, root: Path, file: Path, on_progress: Progress | None) -> None:
        super().__init__(recipe, root, on_progress)
        self._file, self._manifest = file, read_manifest(file)
        _check_manifest(self._manifest, recipe, file)
        self.name = self._manifest.set
        self.there = tuple(
            name for name in recipe.sources if name in self._manifest.sources and has_splits(root, name, [recipe])
        )
        if not self.there:
            raise FeabError(
                f"{root}: holds none of the datasets that {file} names: {', '.join(self._manifest.sources)}"
            )
        self._differences: list[Difference] = []

    def rows(self) -> Iterator[dict[str, Any]]:
        """Those rows that are the same here."""
        for name in self._manifest.sources:
            items = [item for item in self._manifest.items if item.source == name]
            if name not in self.there:
                self._differences += [Difference(item=item, what="missing") for item in items]
                continue
            source = open_source(self.root, name, self.recipe)
            rows = source.rows_of([item.sample for item in items])
            self._differences += [
                Difference(item=i, what="missing") for i, row in zip(items, rows, strict=True) if row < 0
            ]
            there = [(item, row) for item, row in zip(items, rows, strict=True) if row >= 0]
            found, parts = [row for _, row in there], [item.part for item, _ in there]
            made = source.as_set_rows(self.recipe, found, parts, source.faces(self.recipe).units[found])
            for (item, row), held in zip(there, made, strict=True):
                fault = self._fault(source, item, row, held)
                if fault is not None:
                    self._differences.append(Difference(item=item, what=fault))
                    continue
                self.counts.add(held)
                yield held

    def _fault(self, source: Source, item: Item, row: int, held: dict[str, Any]) -> Fault | None:
        """What is not the same here; None where everything is, and the row is complete."""
        try:
            here = self.made(source, row, item.part, held)
        except FeabError:
            return "no picture"
        if here.image != item.image:
            return "other picture"
        return None if here == item else "other labels"

    def finished(self, fingerprint: str) -> Manifest:
        """The manifest again, if everything is as it says.

        Raises:
            DifferentError: when it is not.
        """
        if self._differences:
            found, total = tuple(self._differences), len(self._manifest.items)
            raise DifferentError(
                f"{self._file}: {len(found):,} of {total:,} faces are not the same here:\n{told(found, SHOWN)}", found
            )
        if fingerprint != self._manifest.fingerprint:
            raise FeabError(
                f"{self._file}: every face is the same here, but its fingerprint ({self._manifest.fingerprint}) is not "
                f"theirs ({fingerprint}): the file was changed"
            )
        return self._manifest


def _check_manifest(manifest: Manifest, recipe: SetRecipe, file: Path) -> None:
    """Whether a manifest is one that this recipe can have made.

    Raises:
        FeabError: when it is not.
    """

    def refuse(what: str) -> None:
        raise FeabError(f"{file}: {what}")

    if manifest.recipe != recipe_used(recipe):
        made = f"{manifest.recipe.set} {manifest.recipe.version} ({manifest.recipe.sha256[:12]})"
        refuse(
            f"was made by the recipe {made}, and this is {recipe.set} {recipe.version} ({recipe.sha256[:12]}): take "
            "the feab that made it"
        )
    chosen = Counter(item.source for item in manifest.items)
    for name, source in manifest.sources.items():
        known = recipe.sources.get(name)
        if known is None or source.wanted != known.images or source.split != known.split:
            refuse(f"source {name} is not as the recipe has it")
        elif source.chosen != chosen[name] or (source.chosen < source.wanted and not source.short):
            refuse(f"source {name} has {chosen[name]:,} faces, and it says {source.chosen:,} of {source.wanted:,}")
        elif any(item.part >= len(known.parts) for item in manifest.items if item.source == name):
            refuse(f"source {name} has fewer parts than its faces say")
    if set(chosen) - set(manifest.sources):
        refuse("names faces of a source that it does not have")
    if len({item.id for item in manifest.items}) < len(manifest.items) or any(
        item.id != set_id(item.source, item.sample) for item in manifest.items
    ):
        refuse("names a face twice, or by another id than its own")
    there = {name for name, source in manifest.sources.items() if source.chosen}
    short = {name for name, source in manifest.sources.items() if source.short}
    if manifest.set != set_name(recipe, there, short) or manifest.split != recipe.split:
        refuse(f"is called {manifest.set}, and what it holds is {set_name(recipe, there, short)}")

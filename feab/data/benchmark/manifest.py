"""The manifest of a set: what it holds, to the byte, without a picture or a label in it.

It can be published where the pictures cannot. Whoever has the same datasets builds the same set from it, or is told
what differs. A face's labels are given as a sha256 that takes its picture, so that it tells nothing to those who have
not got it: eight expressions would else be tried in no time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from feab.data.benchmark.recipe import SetName, SourceName
from feab.data.write import write_whole
from feab.jsonfile import validated
from feab.schemas import Count, Name, Sha256, SplitName
from feab.yamlfile import read_bytes

MAX_MANIFEST = 64_000_000
MOST_VALUES = 5_000_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class RecipeUsed(_Strict):
    """Which recipe chose."""

    set: SetName
    version: Annotated[str, Field(max_length=20)]
    sha256: Sha256


class SourceUsed(_Strict):
    """What was taken from one source."""

    version: str
    """Of the dataset, as it was prepared."""
    split: SplitName
    fingerprint: Sha256
    """Of that split."""
    wanted: Count
    chosen: Count
    people: Count
    """Different people (or videos) among them; 0 where nobody knows."""
    short: list[str] = []
    """What is lacking, in words."""
    copies: Count = 0
    """Faces not taken because their files are in the set that this one keeps apart from."""
    near_duplicates: Count = 0
    """Faces not taken because they look like one of that set's."""


class Item(_Strict):
    """One face."""

    id: Name
    """In the set."""
    source: SourceName
    sample: Name
    """Its id in the source."""
    part: Count
    """Which part of the source's recipe chose it, from 0."""
    image: Sha256
    labels: Sha256
    """See `labels_sha256`."""


class Manifest(_Strict):
    """The file."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    set: Name
    """The set's name, as its dataset.json has it."""
    split: SplitName
    recipe: RecipeUsed
    sources: dict[SourceName, SourceUsed]
    missing: list[SourceName] = []
    """Sources of the recipe that were not there."""
    fingerprint: Sha256
    """Of the split (`feab.data.fingerprint`)."""
    items: list[Item]
    """By id."""


def labels_sha256(picture: bytes, line: bytes) -> str:
    """The sha256 of the sha512 of a picture's bytes and of the canonical line of its row (`feab.data.fingerprint`).

    The sha512 is published nowhere: it is what someone without the picture lacks.
    """
    return hashlib.sha256(hashlib.sha512(picture).digest() + line).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        FeabError: when it is none, naming the field that is wrong.
    """
    return validated(Manifest, read_bytes(path, MAX_MANIFEST), path, most=MOST_VALUES)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest, whole or not at all: its head indented, then a face a line."""
    head = manifest.model_dump_json(by_alias=True, exclude={"items"}, indent=2)
    items = ",\n".join(f"    {item.model_dump_json()}" for item in manifest.items)
    write_whole(path, f'{head[:-2]},\n  "items": [\n{items}\n  ]\n}}\n')


Fault = Literal["missing", "no picture", "other picture", "other labels"]


class Difference(_Strict):
    """A face of a manifest that is not the same here."""

    item: Item
    what: Fault

    def __str__(self) -> str:
        words = {
            "missing": "is not in the dataset",
            "no picture": "has no picture that can be read",
            "other picture": "is another picture",
            "other labels": "has other labels",
        }
        return f"{self.item.source}: {self.item.sample}: {words[self.what]}"


def told(differences: Iterable[Difference], shown: int) -> str:
    """The first differences in words, and how many there are of each kind and source."""
    found = list(differences)
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        key = (one.item.source, one.what)
        counts[key] = counts.get(key, 0) + 1
    lines = [f"  {source}: {what}: {n:,}" for (source, what), n in counts.items()]
    lines += [f"  {one}" for one in found[:shown]]
    return "\n".join([*lines, *([f"  and {len(found) - shown:,} more"] if len(found) > shown else [])])

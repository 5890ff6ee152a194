"""feid.json: what a FEID folder holds, and what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from feab.data.feid.record import RecordOrigin
from feab.errors import FeabError
from feab.jsonfile import validated
from feab.schemas import Count, Name, Sha256, SplitName, Strict, Versioned
from feab.yamlfile import read_bytes

INFO = "feid.json"
"""The file that makes a folder a FEID; written last, so that a folder without it is not complete."""

_MAX_INFO_BYTES = 4_000_000


class FeidFile(Strict):
    """One Parquet file of a split."""

    name: Annotated[str, Field(pattern=r"^data/[A-Za-z_][A-Za-z0-9_]{0,63}-\d{5}-of-\d{5}\.parquet$")]
    n: Count
    sha256: Sha256


class FeidSplit(Strict):
    """One split: its files in order."""

    files: list[FeidFile]

    @property
    def n(self) -> int:
        """Records in all."""
        return sum(file.n for file in self.files)


class LevelCounts(Strict):
    """How many faces have a level from where; a rejected one is not used, an absent one was never there."""

    human: Count = 0
    generated: Count = 0
    rejected: Count = 0
    absent: Count = 0
    outside: Count = 0
    """A human label that is none of the vocabulary's, such as a compound expression; not used."""


class FeidSource(Strict):
    """One dataset that faces come from, as it was annotated."""

    dataset: Name
    split: SplitName
    fingerprint: Sha256
    licence: Annotated[str, Field(max_length=500)]
    images_may_be_shared: bool
    third_party: Literal["forbidden", "ask", "allowed"]
    origin: Annotated[str, Field(max_length=2000)] = ""
    """What its dataset.json says of where it comes from."""
    annotator: Annotated[str, Field(max_length=200)] = ""
    """The model that generated the levels that were missing."""
    faces: Count
    """Annotated faces that are used."""
    unused: Count = 0
    """Annotated faces without any usable level."""
    withheld: Count = 0
    """Faces left out because their age group can hold people under 18."""
    levels: dict[Literal["expression", "valence_arousal", "action_units"], LevelCounts]


class Rewriting(Strict):
    """What became of the answers that a model was asked to put into other words."""

    model: Name
    permission: Annotated[str, Field(max_length=2000)] | None = None
    """Where it is written that the labels of licensed faces, which answers state, may go to this model."""
    asked: Count
    taken: Count
    contradicted: Count = 0
    """Refused because they no longer said what the annotation says."""
    refused: Count = 0
    """Refused for another reason: empty, cut off, too long, a claim about feelings."""
    failed: Count = 0
    """Not answered at all."""


class FeidInfo(Versioned):
    """feid.json."""

    name: Name
    seed: int
    feab_version: Annotated[str, Field(max_length=100)]
    templates_sha256: Sha256
    """Of the wordings and the recipe."""
    splits: dict[SplitName, FeidSplit]
    sources: list[FeidSource]
    tasks: dict[Name, Count]
    """Records by task."""
    records_by_origin: dict[RecordOrigin, Count]
    """Records by where the labels come from that their answers rest on."""
    rewriting: Rewriting | None = None
    images_may_be_shared: bool
    """Only where every source allows it."""


def read_feid_info(folder: Path) -> FeidInfo:
    """feid.json of a folder, validated.

    Raises:
        FeabError: when it is missing, a link, too large, no JSON, of a newer schema, or wrong in a field.
    """
    path = folder / INFO
    if not path.exists():
        raise FeabError(f"{path}: no such file, so {folder} is no complete FEID folder; make one with `feab seke feid`")
    return validated(FeidInfo, read_bytes(path, _MAX_INFO_BYTES, links=False), path)

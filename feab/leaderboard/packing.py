"""`feab submit`, first half: from a run folder, exactly the files that will be sent."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from feab.errors import FeabError
from feab.journal.lines import to_line
from feab.leaderboard.records import CARD, MANIFEST, PREDICTIONS, EntryCard
from feab.leaderboard.scrubbing import scrubbed, secrets_in
from feab.models.cards import ModelCard, find_card, invalid, read_card
from feab.runs.folder import Run, load_run
from feab.runs.table import incomplete
from feab.schemas import RunManifest

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of files in a zip: the same run is always packed alike."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A submission that is ready to be sent."""

    manifest: RunManifest
    card: EntryCard
    files: dict[str, bytes]
    """What is sent, byte for byte: manifest.json, predictions.jsonl and card.json."""
    left_out: tuple[str, ...]
    """What of the manifest is not sent, or not as it is: field and why."""

    def zipped(self) -> bytes:
        """The files as one archive."""
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.files.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
        return into.getvalue()


def pack(
    run: Run | str | PathLike[str],
    card: str | PathLike[str] | None = None,
    *,
    include: Sequence[str | PathLike[str]] = (),
) -> Packed:
    """Make a submission of a complete run: its answers, and of its manifest and model card what may be known.

    Args:
        run: a run or its folder.
        card: the file of a model card, for a model that no card here is named after.
        include: further folders of model cards.

    Raises:
        FeabError: when the run is incomplete or asked about a part of the faces, its lines do not validate or hold
            what looks like a key or a path of this machine, or nothing is known of the model.
    """
    found = run if isinstance(run, Run) else load_run(run)
    manifest, files = run_files(found)
    try:
        facts = EntryCard.of(_card(found, card, include), manifest.identity.model)
    except ValidationError as error:
        raise FeabError(f"the model's card: {invalid(error)}") from None
    return Packed(
        manifest=manifest,
        card=facts,
        files=files | {CARD: facts.model_dump_json(indent=2, by_alias=True).encode() + b"\n"},
        left_out=tuple(_left_out(found.manifest, manifest)),
    )


def run_files(run: Run) -> tuple[RunManifest, dict[str, bytes]]:
    """The manifest of a complete run as it may be known, and the two files of the run with it.

    Raises:
        FeabError: as `pack`, for all that is not the model card.
    """
    if not run.complete:
        raise FeabError(f"{run.path}: {incomplete(run)}; an incomplete run cannot be submitted")
    if (limit := run.manifest.identity.limit) is not None:
        raise FeabError(f"{run.path}: at most {limit:,} faces a task were asked; submit a run without --limit")
    manifest = scrubbed(run.manifest)
    told = manifest.model_dump_json(indent=2, by_alias=True).encode() + b"\n"
    return manifest, {MANIFEST: told, PREDICTIONS: _answers(run)}


def _card(run: Run, card: str | PathLike[str] | None, include: Sequence[str | PathLike[str]]) -> ModelCard:
    if card is not None:
        return read_card(Path(card).expanduser())
    name = run.manifest.identity.model
    found = find_card(name, include)
    if found is None:
        raise FeabError(
            f"no card says who {name} is; write one (name, adapter, access, licence, intended_use, see models/) and "
            "give it with --card FILE"
        )
    return found


def _answers(run: Run) -> bytes:
    """The lines of predictions.jsonl, each validated and written anew, so that nothing else travels with them."""
    into = io.BytesIO()
    for number, prediction in enumerate(run.predictions(), start=1):
        line = to_line(prediction)
        for what in secrets_in(line):
            raise FeabError(
                f"{run.path / PREDICTIONS}, line {number}: holds {what}, so nothing is sent; remove it from the text"
            )
        into.write(line)
    return into.getvalue()


def _left_out(whole: RunManifest, sent: RunManifest) -> list[str]:
    """Where the manifest that is sent differs from the one of the run."""
    before, after = (manifest.model_dump(mode="json", by_alias=True) for manifest in (whole, sent))
    found: list[str] = []

    def differ(one: object, other: object, place: str) -> None:
        if isinstance(one, dict) and isinstance(other, dict):
            for key in one:
                differ(one[key], other.get(key), f"{place}.{key}" if place else key)
            return
        if one != other and place != "identity_sha256":
            found.append(place if other in (None, {}) else f"{place} (sent as {other})")

    differ(before, after, "")
    return found

"""Checking a folder of annotations: every line of its files, and that what the manifest counts is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from feab.data.annotations import read_annotations
from feab.errors import FeabError
from feab.generation.asked import read_prompt
from feab.generation.error_model import ErrorModel
from feab.generation.record import LEVELS
from feab.generation.store import ANNOTATIONS, DRAWS, ERROR_MODEL, SekeManifest
from feab.journal.keys import KeySet, key_number
from feab.journal.lines import raw_lines
from feab.problems import Gather, InFile, Problem
from feab.runs.files import MAX_FILE, fields_of, read_model
from feab.runs.folder import MANIFEST
from feab.runs.identity import identity_sha256
from feab.runs.validate_manifest import check_words
from feab.yamlfile import open_plain, read_bytes

_TOLD = 5_000
_RESTORE = "`feab seke annotate` with the same command writes it anew"


def check_annotations(folder: Path, notes: Gather, on_progress: Callable[[int, int], None] | None = None) -> str:
    """Note everything that is wrong with a folder of annotations; returns what it is, in a few words.

    Args:
        folder: what `feab seke annotate` made.
        notes: takes the problems.
        on_progress: called with lines checked and lines expected.
    """
    manifest = notes.attempt(read_model, None, folder / MANIFEST, SekeManifest)
    outcomes = _check_draws(folder / DRAWS, notes, 0 if manifest is None else manifest.expected, on_progress)
    sources = notes.attempt(_sources, None, folder / ANNOTATIONS) if (folder / ANNOTATIONS).is_file() else Counter()
    if (folder / ERROR_MODEL).exists():
        notes.attempt(_check_error_model, None, folder / ERROR_MODEL)
    if manifest is not None:
        at = fields_of(folder / MANIFEST, notes)
        if manifest.identity_sha256 != identity_sha256(manifest.identity):
            at.note(["identity_sha256"], "is not that of the identity", _RESTORE)
        check_words(manifest.model_dump(mode="json", by_alias=True, exclude={"dataset": {"folder"}}), at)
        _check_counts(manifest, outcomes, sources, at)
    return f"annotations, {sources['faces'] if sources else 0:,} faces"


def _check_draws(
    path: Path, notes: Gather, expected: int, on_progress: Callable[[int, int], None] | None
) -> Counter[str]:
    """Check each line; how many of each outcome there are."""
    found: Counter[str] = Counter()
    seen = KeySet()
    try:
        file = open_plain(path, links=False)
    except OSError as error:
        notes.note(Problem(path, f"cannot be read ({error.strerror})", advice="copy it, too"))
        return found
    with file:
        for number, line in enumerate(raw_lines(file), start=1):
            if on_progress is not None and number % _TOLD == 0:
                on_progress(number, max(expected, number))
            prediction = notes.attempt(line.prediction, None, path, number)
            if prediction is None:
                continue
            found[str(prediction.outcome)] += 1
            try:
                read_prompt(prediction.prompt)
            except FeabError as error:
                notes.note(Problem(path, str(error), number, "prompt"))
            if not seen.add(key_number(prediction.key)):
                notes.note(Problem(path, f"the key {prediction.key} occurs a second time", number))
    return found


def _sources(path: Path) -> Counter[str]:
    """Faces of annotations.jsonl, and of each level how many come from where."""
    found: Counter[str] = Counter()
    for line in read_annotations(path):
        found["faces"] += 1
        for level in LEVELS:
            if (told := line.level(level)) is not None:
                found[f"{level} {told.source}"] += 1
    return found


def _check_error_model(path: Path) -> None:
    ErrorModel.from_json(read_bytes(path, MAX_FILE, links=False), path)


def _check_counts(manifest: SekeManifest, outcomes: Counter[str], sources: Counter[str] | None, at: InFile) -> None:
    for outcome, count in manifest.outcomes.model_dump().items():
        if count != outcomes[outcome]:
            at.note(["outcomes", outcome], f"is {count:,}, and {DRAWS} holds {outcomes[outcome]:,}", _RESTORE)
    if sources is None:
        return
    counts = manifest.counts
    if counts.decided + counts.whole != sources["faces"]:
        words = f"and `whole` are {counts.decided + counts.whole:,}, and {ANNOTATIONS} holds {sources['faces']:,} faces"
        at.note(["counts", "decided"], words, _RESTORE)
    for level, told in counts.levels.items():
        for source in ("human", "generated", "rejected"):
            there = sources[f"{level} {source}"]
            if getattr(told, source) != there:
                words = f"is {getattr(told, source):,}, and {ANNOTATIONS} holds {there:,}"
                at.note(["counts", "levels", level, source], words, _RESTORE)

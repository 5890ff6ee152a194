"""Checking what a manifest says of its run, beyond the form of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from feab.problems import MAX_SHOWN, InFile, Severity
from feab.runs.identity import identity_sha256
from feab.runs.names import hidden_character, odd_name
from feab.schemas import RunManifest
from feab.tasks.discover import NAME

_TAG = re.compile(r"<[A-Za-z/!?]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RESTORE = "restore the manifest as it was made"
_LETTERS = "use letters, digits, _ . and - only"
_FREE = ("identity.adapter_args", "machine", "permission")
"""Fields that hold the words of a user or a model's maker, in which markup is only odd."""


def check_manifest(manifest: RunManifest, at: InFile) -> None:
    """Note where a manifest contradicts itself, or holds what no run of feab writes."""
    identity = manifest.identity
    if manifest.identity_sha256 != (found := identity_sha256(identity)):
        at.note(["identity_sha256"], f"is not that of the identity, which is {found}", _RESTORE)
    for name in identity.tasks:
        _check_task(name, manifest, at)
    if not identity.tasks:
        at.note(["identity", "tasks"], "names no task", "a run asks at least one")
    named = {prompt for task in identity.tasks.values() for prompt in task.prompts}
    if named != set(identity.prompts):
        at.note(["identity", "prompts"], "are not those of the tasks", f"write {', '.join(sorted(named)) or 'none'}")
    for name, digest in identity.datasets.items():
        if not _SHA256.fullmatch(digest):
            at.note(["identity", "datasets", name], "is no fingerprint", "write the one in its dataset.json")
    _check_numbers(manifest, at)
    check_words(manifest.model_dump(mode="json", by_alias=True), at)


def _check_task(name: str, manifest: RunManifest, at: InFile) -> None:
    task, place = manifest.identity.tasks[name], ["identity", "tasks", name]
    if not NAME.fullmatch(name):
        at.note(place, "cannot be the name of a task", _LETTERS)
    if Path(task.dataset).name != task.dataset or "\\" in task.dataset or task.dataset in (".", ".."):
        at.note([*place, "dataset"], f"{task.dataset!r} is a path", "write the name that its dataset.json gives it")
    if f"{task.dataset}/{task.split}" not in manifest.identity.datasets:
        words = f"{task.dataset}/{task.split} has no fingerprint in identity.datasets"
        at.note([*place, "dataset"], words, "add it")
    if not task.prompts:
        at.note([*place, "prompts"], "names no prompt", "a run asks at least one")
    for prompt, digest in task.prompts.items():
        if not NAME.fullmatch(prompt):
            at.note([*place, "prompts", prompt], "cannot be the name of a prompt", _LETTERS)
        if manifest.provenance == "feab" and not _SHA256.fullmatch(digest):  # of others, the wording is not known
            at.note([*place, "prompts", prompt], "is no sha256", _RESTORE)
    if manifest.provenance == "feab" and not _SHA256.fullmatch(task.sha256):
        at.note([*place, "sha256"], "is no sha256", _RESTORE)


def _check_numbers(manifest: RunManifest, at: InFile) -> None:
    for field in ("created", "updated"):
        try:
            datetime.fromisoformat(getattr(manifest, field))
        except ValueError:
            at.note([field], "is no time", "write it as 2026-01-31T12:00:00+00:00")
    counts: dict[tuple[str, ...], float] = {
        ("outcomes", outcome): count for outcome, count in manifest.outcomes.model_dump().items()
    }
    for field in ("expected", "input_tokens", "output_tokens", "cost_usd", "wall_s"):
        counts[(field,)] = getattr(manifest, field) or 0
    for place, count in counts.items():
        if count < 0:
            at.note(place, "is negative", "write a number from 0")
    for field, least in (("draws", manifest.identity.draws), ("limit", manifest.identity.limit)):
        if least is not None and least < 1:
            at.note(["identity", field], "is below 1", "write what the run was asked with")


def check_words(document: Mapping[str, Any], at: InFile) -> None:
    """Note text that steers a terminal, looks like markup or leads elsewhere, wherever it stands in a document."""
    for place, text in _words(document, ()):
        free = ".".join(place).startswith(_FREE)
        names_data = place[-1] == "dataset" or place[:2] == ("identity", "datasets")
        odd = odd_name(text) if names_data else hidden_character(text)
        if odd is not None:
            at.note(place, f"{text[:MAX_SHOWN]!r} {odd}", "write plain text")
        if _TAG.search(text):
            severity: Severity = "warning" if free else "error"
            at.note(place, f"{text[:MAX_SHOWN]!r} looks like markup", "write plain text", severity=severity)


def _words(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text and key of a document, which its reader has kept from being nested deeply."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*place, str(key)), str(key)
            yield from _words(inner, (*place, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _words(item, place)

"""The parts of a report that come from the manifest: who was asked what, and how the run came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from feab.plots.page import NOTHING
from feab.schemas import RunManifest, Scores

_MOST = 40
"""Entries of a mapping that are shown."""

Facts = list[tuple[str, str]]


def identity_facts(manifest: RunManifest, scores: Scores) -> Facts:
    """What a reader must know at once: model, tasks, data, when."""
    identity = manifest.identity
    counts = manifest.outcomes
    answered = counts.ok + counts.unparsable + counts.refused + counts.truncated
    data = [f"{name} (fingerprint {sha[:12]})" for name, sha in list(identity.datasets.items())[:_MOST]]
    asked = f"{answered:,} of {manifest.expected:,} answers"
    return [
        ("Revision", identity.revision or "not known"),
        ("Tasks", ", ".join(list(scores.tasks)[:_MOST])),
        ("Prompts", ", ".join(identity.prompts[:_MOST]) + (f"; {identity.draws} draws" if identity.draws > 1 else "")),
        ("Data", "; ".join(data) or "not known"),
        ("Answers", asked + (f"; at most {identity.limit:,} faces a task" if identity.limit else "")),
        ("When", _span(manifest)),
        ("Made by", f"feab {manifest.feab_version}" if manifest.provenance == "feab" else "answers made elsewhere"),
    ]


def _span(manifest: RunManifest) -> str:
    first, last = _moment(manifest.created), _moment(manifest.updated)
    return first if first == last else f"{first} to {last}"


def _moment(text: str) -> str:
    """A time of the manifest to the minute; whatever else stands there as it is."""
    try:
        return datetime.fromisoformat(text).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError):
        return text


def run_facts(manifest: RunManifest) -> list[tuple[str, Facts]]:
    """Everything else the manifest holds, in groups: title and facts."""
    identity = manifest.identity
    commit = manifest.git_commit or NOTHING
    asked: Facts = [
        ("Adapter", f"{identity.adapter} {identity.adapter_version}"),
        ("Adapter arguments", _plain(identity.adapter_args)),
        ("Sampling", _plain(identity.sampling)),
        ("Draws a question", f"{identity.draws:,}"),
        ("Scoring", identity.scoring),
        ("Seed", str(identity.seed)),
        ("Crop", identity.crop),
        ("Image size", identity.image_size or "as stored"),
        ("Identity (sha256)", manifest.identity_sha256),
    ]
    asked += [
        (f"Task {name}", f"version {task.version}, {task.dataset}/{task.split}, sha256 {task.sha256}")
        for name, task in list(identity.tasks.items())[:_MOST]
    ]
    asked += [(f"Data {name}", f"fingerprint {sha}") for name, sha in list(identity.datasets.items())[:_MOST]]
    cost: Facts = [
        ("Input tokens", NOTHING if manifest.input_tokens is None else f"{manifest.input_tokens:,}"),
        ("Output tokens", NOTHING if manifest.output_tokens is None else f"{manifest.output_tokens:,}"),
        ("Money", NOTHING if manifest.cost_usd is None else f"{manifest.cost_usd:,.4f} US dollars"),
        ("Wall clock", f"{manifest.wall_s:,.1f} s"),
    ]
    if manifest.permission:
        cost.append(("Permission to send faces", manifest.permission))
    made: Facts = [
        ("feab", manifest.feab_version),
        ("Commit", commit + (" with changes" if manifest.git_dirty else "")),
        *((name, version) for name, version in list(manifest.versions.items())[:_MOST]),
        *((name, _plain(value)) for name, value in list(manifest.machine.items())[:_MOST]),
    ]
    return [("What was asked", asked), ("Tokens, money, time", cost), ("Versions and machine", made)]


def _plain(value: Any) -> str:
    """A value of free JSON as a short text."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and all(not isinstance(v, (dict, list)) for v in value.values()):
        return ", ".join(f"{name}: {inner}" for name, inner in list(value.items())[:_MOST]) or "none"
    return json.dumps(value, ensure_ascii=False)[:2000]

"""From a submission that was examined to the entry that is listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import feab
from feab.leaderboard.checking import Examined
from feab.leaderboard.records import CARD, MANIFEST, PREDICTIONS, Entry, EntryTask
from feab.leaderboard.sets import LabelSet
from feab.schemas import EstimateModel, Scores, TaskIdentity, TaskScores
from feab.tasks.scoring import main_prompt

HIDDEN_DIGITS = 2
"""Decimals of a score on hidden labels: enough to rank by, too few to find single labels out with."""

_SHOWN = {
    "expression": ("macro_f1", "accuracy", "uar", "votes_one_out", "votes_one_out_human"),
    "valence_arousal": ("ccc", "ccc_valence", "ccc_arousal", "ccc_within"),
    "action_units": ("f1", "accuracy", "auroc"),
}
"""The scores of each kind that an entry holds, the primary first."""


def make_entry(examined: Examined, user: str) -> Entry:
    """The entry of a submission in which no problem was found."""
    manifest, card, files, scores, sets = (
        examined.manifest, examined.card, examined.files, examined.scores, examined.sets,
    )  # fmt: skip
    assert manifest is not None
    assert card is not None
    assert files is not None
    assert scores is not None
    assert sets is not None
    hidden = examined.hidden
    now = datetime.now(timezone.utc)
    identity = manifest.identity
    return Entry(
        id=f"{now:%Y%m%d}-{files[PREDICTIONS][:12]}",
        submitted=now.isoformat(timespec="seconds"),
        user=user,
        tier="verified" if hidden else "rescored",
        card=card,
        revision=identity.revision,
        identity_sha256=manifest.identity_sha256,
        scoring=identity.scoring,
        draws=identity.draws,
        provenance=manifest.provenance,
        files={name: files[name] for name in (MANIFEST, PREDICTIONS, CARD)},
        unlike_text=examined.unlike_text,
        feab_version=feab.__version__,
        input_tokens=manifest.input_tokens,
        output_tokens=manifest.output_tokens,
        cost_usd=manifest.cost_usd,
        wall_s=manifest.wall_s,
        **scored(scores, identity.tasks, sets),
    )


def scored(scores: Scores, tasks: Mapping[str, TaskIdentity], sets: Mapping[str, LabelSet]) -> dict[str, Any]:
    """The fields of an entry that follow from the labels: what `feab verify` computes again and compares.

    Those of a hidden set are rounded.
    """
    digits = {name: HIDDEN_DIGITS if one.hidden else None for name, one in sets.items()}
    overall = scores.overall
    any_hidden = any(one.hidden for one in sets.values())
    return {
        "tasks": {name: _task(task, tasks[name], sets[name], digits[name]) for name, task in scores.tasks.items()},
        "overall": None if overall is None else _rounded(overall, HIDDEN_DIGITS if any_hidden else None),
    }


def _task(scores: TaskScores, told: TaskIdentity, one: LabelSet, digits: int | None) -> EntryTask:
    return EntryTask(
        kind=scores.kind,
        version=told.version,
        dataset=told.dataset,
        split=told.split,
        fingerprint=one.fingerprint,
        season=one.season,
        prompt=main_prompt(list(told.prompts)),
        primary=scores.primary,
        metrics={
            name: _rounded(scores.metrics[name], digits) for name in _SHOWN[scores.kind] if name in scores.metrics
        },
        n=scores.n,
        coverage=scores.coverage,
        outcomes=scores.outcomes,
        chance={name: value if digits is None else round(value, digits) for name, value in scores.chance.items()},
        prompts={name: _rounded(part.metrics[part.primary], digits) for name, part in scores.prompts.items()},
    )


def _rounded(estimate: EstimateModel, digits: int | None) -> EstimateModel:
    if digits is None:
        return estimate
    return EstimateModel(
        value=_round(estimate.value, digits),
        low=_round(estimate.low, digits),
        high=_round(estimate.high, digits),
        clusters=estimate.clusters,
    )


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

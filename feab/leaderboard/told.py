"""What programs are told by a leaderboard: verdicts and rows as JSON, without anything of where it runs."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import Field

from feab.leaderboard.choosing import View, decode, encode, shown
from feab.leaderboard.draws import OVERALL
from feab.leaderboard.receiving import Board, Verdict
from feab.leaderboard.records import Entry
from feab.leaderboard.service import Service
from feab.schemas import EstimateModel, Strict

_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[\w.@ -]+/)*(?=[\w.@-])")
"""A path up to its last part."""


class Told(Strict):
    """What became of a submission, as it is told over the wire."""

    accepted: bool
    submission: str | None = None
    model: str | None = None
    tier: str | None = None
    user: str
    attempt: str
    attempts_today: int
    attempts_a_day: int
    problems: list[str] = Field(default_factory=list)
    """Why it was refused, and what to do; a line each."""
    scores: dict[str, EstimateModel] = Field(default_factory=dict)
    """The primary score of each task, and "overall" where there is one."""
    places: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Best and worst place of each score that is ranked."""
    not_ranked: dict[str, str] = Field(default_factory=dict)
    """Of the others: why."""
    link: str | None = None
    """The query of a link to where it stands."""


def told_of(verdict: Verdict, board: Board) -> Told:
    """A verdict as it is told."""
    entry = verdict.entry
    return Told(
        accepted=entry is not None,
        submission=None if entry is None else entry.id,
        model=None if entry is None else entry.card.name,
        tier=None if entry is None else entry.tier,
        user=verdict.user,
        attempt=verdict.attempt,
        attempts_today=verdict.attempts_today,
        attempts_a_day=board.per_day,
        problems=list(verdict.problems),
        scores={} if entry is None else scores_of(entry),
        places=dict(verdict.places),
        not_ranked=dict(verdict.why_not),
        link=None if entry is None else link_to(entry),
    )


def scores_of(entry: Entry) -> dict[str, EstimateModel]:
    """The primary score of each task, and the overall score where there is one."""
    found = {name: task.metrics[task.primary] for name, task in entry.tasks.items()}
    return found if entry.overall is None else {**found, OVERALL: entry.overall}


def link_to(entry: Entry) -> str:
    """The query of a link to where a submission stands in the ranking."""
    task = OVERALL if entry.overall is not None else next(iter(entry.tasks))
    return encode(View(task=task, search=entry.card.name))


def table_told(service: Service, query: str) -> dict[str, Any]:
    """The rows of a view, every column of each.

    Args:
        service: the leaderboard.
        query: the view as the query of a link; "" for the one that a page opens with.
    """
    view = decode(query)
    state = service.state()
    rows = shown(state.frame, view)
    return {
        "view": encode(view),
        "rows": json.loads(rows.to_json(orient="records", double_precision=15)),
        "old": state.trouble is not None,
    }


def plain(error: BaseException) -> str:
    """The words of an error without the folders of this machine."""
    return _FOLDERS.sub("", str(error))

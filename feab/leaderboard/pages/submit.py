"""The page to submit on: how, what is sent, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.leaderboard.choosing import place
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link, link_to
from feab.leaderboard.told import link_to as ranked_at
from feab.leaderboard.told import scores_of
from feab.plots.page import NOTHING, render
from feab.plots.pieces import Row, interval_table

if TYPE_CHECKING:
    from markupsafe import Markup

    from feab.leaderboard.receiving import Verdict
    from feab.leaderboard.service import Service


def submit_page(service: Service) -> Shown:
    """What stands above the form."""
    people = service.people
    html = render(
        TEMPLATES / "submit.html.j2",
        part="page",
        identity="none" if people is None else people.kind,
        per_day=service.board.per_day,
    )
    return Shown("submit", "Submit", link_to("submit"), html)


def checked(problems: tuple[str, ...]) -> Markup:
    """What a check of an uploaded file found."""
    return render(TEMPLATES / "submit.html.j2", part="checked", problems=problems)


def wrong(message: str) -> Markup:
    """Why a submission was not taken at all."""
    return render(TEMPLATES / "submit.html.j2", part="wrong", message=message)


def verdict_shown(verdict: Verdict, per_day: int) -> Markup:
    """What became of a submission: its scores and places, or why it was refused."""
    entry = verdict.entry
    table, ranking, model = None, "", ""
    if entry is not None:
        rows = []
        for task, one in scores_of(entry).items():
            held = place(*verdict.places[task]) if task in verdict.places else NOTHING
            why = verdict.why_not.get(task, "")
            rows.append(
                Row(task, one.value, one.low, one.high, cells=(held,), note=f"not ranked: {why}" if why else "")
            )
        table = interval_table("Scores, computed here", rows, first="task", columns=("place",))
        ranking = link("ranking", ranked_at(entry))
        model = link_to("model", model=entry.card.name)
    return render(
        TEMPLATES / "submit.html.j2",
        part="verdict",
        verdict=verdict,
        entry=entry,
        table=table,
        ranking=ranking,
        model=model,
        per_day=per_day,
    )

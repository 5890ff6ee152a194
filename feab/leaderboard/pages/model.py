"""A model's page: its card, each of its runs with scores beside chance, and what happened when; and the list of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feab.leaderboard.choosing import View, place, size, values_of
from feab.leaderboard.drawing import number_of
from feab.leaderboard.pages.columns import cell, duration
from feab.leaderboard.pages.seasons import GAP_WORDS, of_model
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link_to
from feab.leaderboard.rerunning import reruns_of
from feab.leaderboard.seasons import UNSEEN
from feab.metrics import FEW_CLUSTERS
from feab.plots import pieces
from feab.plots.page import NOTHING, number, percent, render
from feab.plots.pieces import Row, Tick
from feab.runs.table import METRIC_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from feab.leaderboard.records import Entry, Event, Rerun, What
    from feab.leaderboard.service import Service

AT_ONCE = 100
"""Models, runs and events that are shown at most."""


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One submission of the model."""

    title: str
    facts: Markup
    scores: Markup
    compare: str
    faces: str


def model_page(service: Service, query: str) -> Shown:
    """The page of the model that a link names; the list of models where it names none."""
    state = service.state()
    given = values_of(query)
    model = given.get("model", [""])[-1]
    if not model:
        return _all(state.frame, given.get("search", [""])[-1])
    frame = state.frame
    mine = frame[frame["model"].eq(model).fillna(value=False) & frame["tier"].ne("reported")]
    ids = list(dict.fromkeys(mine["submission"].dropna()))
    entries = [service.entry(one) for one in reversed(ids)][:AT_ONCE]
    events = [event for event in state.events if event.model == model or event.submission in ids]
    html = render(
        TEMPLATES / "model.html.j2",
        model=model,
        card=_card(entries[0]) if entries else None,
        description=entries[0].card.description if entries else "",
        url=entries[0].card.url if entries else None,
        seasons=of_model(frame, model),
        unseen=f"{UNSEEN} {GAP_WORDS}",
        runs=[
            _run(entry, mine[mine["submission"].eq(entry.id)], reruns_of(state.snapshot, state.events, entry.id))
            for entry in entries
        ],
        more=len(ids) - len(entries),
        history=_history(events),
        back=link_to("model"),
    )
    return Shown("model", model[:80], link_to("model", model=model), html)


def _all(frame: pd.DataFrame, search: str) -> Shown:
    """Every model, with how often it was submitted."""
    ours = frame[frame["tier"].ne("reported")].drop_duplicates("submission").sort_values("submitted", kind="stable")
    words = search.casefold().split()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ours[["model", "access", "parameters", "licence", "submitted", "user"]].to_dict("records"):
        if all(word in row["model"].casefold() for word in words):
            found.setdefault(row["model"], []).append(row)
    rows = []
    for name in sorted(found, key=str.casefold)[:AT_ONCE]:
        last = found[name][-1]
        facts = [cell(column, last[column]) for column in ("access", "parameters", "licence", "submitted")]
        rows.append((name, link_to("model", model=name), [*facts, f"{len(found[name]):,}"]))
    html = render(TEMPLATES / "models.html.j2", rows=rows, total=len(found), search=search, any=len(ours) > 0)
    return Shown("model", "Models", link_to("model", search=search), html)


def _card(entry: Entry) -> Markup:
    card = entry.card
    return pieces.facts(
        [
            ("Access", card.access),
            ("Size", NOTHING if card.parameters is None else f"{size(card.parameters)} parameters"),
            ("Licence", card.licence),
            ("Released", NOTHING if card.release_date is None else card.release_date.isoformat()),
            ("Trained on", ", ".join(card.trained_on) or "not told"),
            ("May have seen", ", ".join(card.may_have_seen) or "not told"),
        ]
    )


def _run(entry: Entry, rows: pd.DataFrame, reruns: Sequence[Rerun]) -> ShownRun:
    drawn = []
    ordered = sorted(rows.to_dict("records"), key=lambda row: row["task"] == View().task)
    for row in ordered:
        ticks = [
            Tick(words, value, style)
            for words, value, style in (
                (row["chance_player"] if isinstance(row["chance_player"], str) else "chance", row["chance"], 0),
                ("oracle", row["oracle"], 3),
            )
            if number_of(value) is not None
        ]
        metric = METRIC_NAMES.get(row["metric"], row["metric"].replace("_", " "))
        why = f"; not ranked: {row['why_not']}" if isinstance(row["why_not"], str) else ""
        held = place(row["best"], row["worst"]) or NOTHING
        drawn.append(
            Row(
                name=row["task"],
                value=number_of(row["value"]),
                low=number_of(row["low"]),
                high=number_of(row["high"]),
                ticks=tuple(ticks),
                cells=(held, percent(number_of(row["coverage"])), percent(number_of(row["refused"]))),
                note=f"{metric}, {cell('n', row['n'])} faces{why}",
                rough=(number_of(row["clusters"]) or FEW_CLUSTERS) < FEW_CLUSTERS,
            )
        )
    first = ordered[0]
    cost = NOTHING if entry.cost_usd is None else f"${entry.cost_usd:,.2f}"
    tokens = ", ".join(
        f"{n:,} {way}" for n, way in ((entry.input_tokens, "in"), (entry.output_tokens, "out")) if n is not None
    )
    facts = pieces.facts(
        [
            ("Submitted by", entry.user),
            ("Tier", _tier(entry, reruns)),
            *(("Run again", _again(one)) for one in reruns),
            ("Attempt", cell("attempts", first["attempts"])),
            ("Protocol", str(first["protocol"])),
            ("Revision", entry.revision or NOTHING),
            ("Submission", entry.id),
            ("Cost, time", f"{cost}, {duration(entry.wall_s) if entry.wall_s else NOTHING}, as the submitter tells"),
            ("Tokens", tokens or NOTHING),
            ("Scored by", f"feab {entry.feab_version}"),
            *([("Unlike texts", f"{entry.unlike_text:,} answers that are not read so in their texts")]
              if entry.unlike_text else []),
        ]
    )  # fmt: skip
    table = pieces.interval_table(
        f"Scores of {entry.id} with 95 % intervals, beside chance",
        drawn, first="task", columns=("place", "answered", "refused"), beside="chance",
    )  # fmt: skip
    prompts = _prompts(entry)
    return ShownRun(
        title=f"{entry.submitted[:10]}, by {entry.user}",
        facts=facts,
        scores=table + prompts if prompts is not None else table,
        compare=link_to("compare", models=[entry.id]),
        faces=link_to("faces", models=[entry.id]),
    )


def _tier(entry: Entry, reruns: Sequence[Rerun]) -> str:
    """A tier, and why a verified one is."""
    if entry.tier != "verified":
        return entry.tier
    return "verified: run again" if any(one.agrees for one in reruns) else "verified: hidden labels"


def _again(one: Rerun) -> str:
    """What came of running a model again, in a line."""
    scores = "" if one.same == one.answers else "".join(f"; {name} {task.told}" for name, task in one.tasks.items())
    differs = f"; with another {', '.join(one.differs).replace('_', ' ')}" if one.differs else ""
    word = "agrees" if one.agrees else "does not agree"
    return f"{one.rerun[:10]}, by {one.user}: {word}; {one.same:,} of {one.answers:,} answers alike{differs}{scores}"


def _prompts(entry: Entry) -> Markup | None:
    """Each prompt's score where a task was asked in several."""
    rows = [
        [f"{name}, {prompt}", number(one.value), number(one.low), number(one.high)]
        for name, task in entry.tasks.items()
        if len(task.prompts) > 1
        for prompt, one in task.prompts.items()
    ]
    header = ["task, prompt", "score", "from", "to"]
    return pieces.plain_table("The same questions in other words", header, rows) if rows else None


_HAPPENED: dict[What, str] = {
    "attempt": "was tried",
    "accepted": "accepted",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "verified": "run again: agrees",
    "disagreed": "run again: does not agree",
}


def _history(events: Sequence[Event]) -> list[tuple[str, ...]]:
    """The latest first: when, what, who, which submission, and why."""
    return [
        (
            event.time[:16].replace("T", " "),
            _HAPPENED[event.event],
            event.user,
            event.submission or NOTHING,
            "; ".join(event.reasons) or NOTHING,
        )
        for event in reversed(events[-AT_ONCE:])
    ]

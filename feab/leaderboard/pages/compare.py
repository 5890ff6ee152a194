"""Two to six models beside each other on the same faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.leaderboard.choosing import View, shown, values_of
from feab.leaderboard.pages import compared
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link_to
from feab.leaderboard.service import MOST_COMPARED
from feab.leaderboard.told import plain
from feab.plots.page import render
from feab.runs.sections import Block

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from feab.leaderboard.records import Entry
    from feab.leaderboard.service import Service

SUGGESTED = 3
"""Models that an empty page offers to compare."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A submission that can be chosen."""

    id: str
    model: str
    words: str
    """Model, user and day."""


def chosen_of(query: str, frame: pd.DataFrame) -> list[str]:
    """The submissions that a link names, in its order; those that are not listed are passed over."""
    listed = set(frame["submission"].dropna())
    named = values_of(query).get("models", [])
    return [one for one in dict.fromkeys(named) if one in listed][:MOST_COMPARED]


def choices_of(frame: pd.DataFrame, chosen: Sequence[str]) -> list[Choice]:
    """The submissions that can be compared with those chosen: about a task and faces that they are about, too."""
    ours = frame[frame["tier"].ne("reported") & frame["task"].ne(View().task)]
    sets = ours["task"] + "\n" + ours["version"] + "\n" + ours["data"] + "\n" + ours["fingerprint"]
    kept = ours
    for one in chosen:
        of_one = set(sets[ours["submission"].eq(one)])
        fitting = set(ours.loc[sets.isin(of_one), "submission"])
        kept = kept[kept["submission"].isin(fitting)]
    first = kept.drop_duplicates("submission").sort_values(["model", "submitted"], kind="stable")
    return [
        Choice(row["submission"], row["model"], f"{row['model']} · {row['user']}, {row['submitted'][:10]}")
        for row in first[["submission", "model", "user", "submitted"]].to_dict("records")
    ]


def compare_page(service: Service, query: str) -> Shown:
    """The page for a link's query."""
    frame = service.table()
    ids = chosen_of(query, frame)
    choices = choices_of(frame, ids)
    words = {one.id: one for one in choices}
    blocks: list[Block] = []
    trouble, open_labels = "", False
    left_out: tuple[str, ...] = ()
    if len(ids) >= 2:
        try:
            comparison = service.comparison(ids)
        except FeabError as error:
            trouble = plain(error)
        else:
            left_out = comparison.left_out
            entries = [service.entry(one) for one in ids]
            open_labels = not any(service.hidden(one) for one in ids)
            blocks = [
                *compared.difference_blocks(comparison),
                *compared.prompt_blocks(comparison.models, entries),
                *compared.cost_blocks(comparison.models, entries),
            ]
    html = render(
        TEMPLATES / "compare.html.j2",
        chosen=[(words[one] if one in words else Choice(one, one, one), _without(ids, one)) for one in ids],
        others=[(one.id, one.words) for one in choices if one.id not in ids],
        full=len(ids) >= MOST_COMPARED,
        most=MOST_COMPARED,
        suggested=link_to("compare", models=_first(frame)),
        can=len(_first(frame)) >= 2,
        blocks=blocks,
        trouble=trouble,
        left_out=left_out,
        open=open_labels,
        faces=link_to("faces", models=ids),
    )
    return Shown("compare", "Compare", link_to("compare", models=ids), html)


def _without(ids: Sequence[str], one: str) -> str:
    return link_to("compare", models=[other for other in ids if other != one])


def _first(frame: pd.DataFrame) -> list[str]:
    """The first of the ranking that opens."""
    return [str(one) for one in shown(frame, View())["submission"].dropna().head(SUGGESTED)]


def behind(service: Service, query: str) -> Markup:
    """What stands behind the scores that a link compares: matrices, action units and groups.

    Raises:
        FeabError: when the labels of one are hidden or not here.
    """
    ids = chosen_of(query, service.table())
    names = service.comparison(ids).models
    scores = [service.scores(one) for one in ids]
    return render(
        TEMPLATES / "behind.html.j2",
        blocks=list(compared.detail_blocks(names, scores)),
        groups=list(compared.group_blocks(names, scores)),
    )


def names_of(entries: Sequence[Entry]) -> list[str]:
    """Names that tell submissions apart."""
    names = [entry.card.name for entry in entries]
    return [
        name if names.count(name) == 1 else f"{name} ({entry.submitted[:10]}, {entry.id[-6:]})"
        for name, entry in zip(names, entries, strict=True)
    ]

"""What the leaderboard is: protocol, data and licences, what scores do not mean, ethics, and how to cite it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import feab
from feab.data import read_info
from feab.data.places import named
from feab.errors import FeabError
from feab.leaderboard.pages.ranking import TIERS
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link_to
from feab.leaderboard.table import LEAST_COVERAGE
from feab.plots.page import NOTHING, percent, render
from feab.plots.pieces import plain_table
from feab.runs.table import METRIC_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from feab.leaderboard.service import Service
    from feab.schemas import DatasetInfo


def about_page(service: Service) -> Shown:
    """The page."""
    state = service.state()
    frame = state.frame
    ours = frame[frame["tier"].ne("reported") & frame["kind"].notna()]
    html = render(
        TEMPLATES / "about.html.j2",
        tiers=list(TIERS.values()),
        least=percent(LEAST_COVERAGE, 0),
        per_day=service.board.per_day,
        tasks=_tasks(ours) if len(ours) else None,
        data=_data(service, ours) if len(ours) else None,
        version=feab.__version__,
        attempts=sum(event.event == "attempt" for event in state.events),
        listed=len(state.listed),
    )
    return Shown("about", "About", link_to("about"), html)


def _tasks(ours: pd.DataFrame) -> object:
    first = ours.drop_duplicates(["task", "version", "data"]).sort_values("task", kind="stable")
    rows = [
        [row["task"], row["kind"].replace("_", " "), METRIC_NAMES.get(row["metric"], row["metric"]), row["data"],
         row["version"]]
        for row in first.to_dict("records")
    ]  # fmt: skip
    return plain_table("Tasks that are scored", ["task", "what is asked", "score", "faces of", "version"], rows)


def _data(service: Service, ours: pd.DataFrame) -> object:
    rows = []
    for place in sorted(ours["data"].dropna().unique()):
        info = _info(service, place)
        split = place.partition("/")[2]
        rows.append(
            [
                place,
                NOTHING if info is None or split not in info.splits else f"{info.splits[split].n:,}",
                NOTHING if info is None else info.licence,
                NOTHING if info is None else "yes" if info.images_may_be_shared else "no",
            ]
        )
    header = ["data", "faces", "licence", "pictures may be shown"]
    return plain_table("Data and their licences", header, rows)


def _info(service: Service, place: str) -> DatasetInfo | None:
    """What is known of a dataset here."""
    from pathlib import Path

    known = service.board.sets.named.get(place)
    folder = named(place.partition("/")[0]) if known is None or known.labels is None else Path(known.labels)
    try:
        return None if folder is None else read_info(folder)
    except FeabError:
        return None

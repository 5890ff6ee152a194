"""Seasons: which there are, what is asked about their faces, and what models score on them beside public faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.leaderboard.byseason import OnFaces, by_season, seasons_in, task_order
from feab.leaderboard.choosing import values_of
from feab.leaderboard.pages.ranking import metric_words
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link_to
from feab.leaderboard.seasons import UNSEEN, questions
from feab.plots import pieces
from feab.plots.page import NOTHING, number, render
from feab.plots.pieces import Row
from feab.runs.sections import estimate_row

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from feab.leaderboard.seasons import Season
    from feab.leaderboard.service import Service
    from feab.schemas import EstimateModel

AT_ONCE = 50
"""Models that are shown at most."""
GAP = "public − season"
GAP_WORDS = (
    f"{GAP}: how much lower a score is on unseen faces, with its 95 % interval. A gap whose interval holds 0 says "
    "nothing; one above 0 can mean that the public faces were known, or that the season's are harder."
)


def seasons_page(service: Service, query: str) -> Shown:
    """The page for a link's query."""
    frame = service.table()
    named = seasons_in(frame)
    on_seasons = frame[frame["season"].notna()]
    tasks = sorted(on_seasons["task"].dropna().unique(), key=task_order)
    asked = values_of(query).get("task", [""])[-1]
    task = asked if asked in tasks else next(iter(tasks), "")
    models = [str(one) for one in on_seasons.loc[on_seasons["task"].eq(task), "model"].drop_duplicates()]
    html = render(
        TEMPLATES / "seasons.html.j2",
        unseen=UNSEEN,
        tasks=[(one, one) for one in tasks],
        task=task,
        table=_table(frame, task, models) if models else None,
        gap_words=GAP_WORDS,
        left=max(0, len(models) - AT_ONCE),
        seasons=[(one, _facts(one), link_to("ranking", task=task, seasons=one.name)) for one in service.seasons],
        others=[one for one in named if one not in {season.name for season in service.seasons}],
        questions=questions(service.board.sets.include) if service.seasons else (),
    )
    return Shown("seasons", "Seasons", link_to("seasons", task=task if task != next(iter(tasks), "") else ""), html)


def of_model(frame: pd.DataFrame, model: str) -> list[Markup]:
    """A table a task of a model's scores by season; none for a model that was in no season."""
    found = []
    for task, scores in by_season(frame, model).items():
        rows = [_row(one, "season " + one.season if one.season else "public faces", one.data) for one in scores]
        found.append(_drawn(f"{task}: scores by season", rows, scores[0].metric, "faces"))
    return found


def _table(frame: pd.DataFrame, task: str, models: list[str]) -> Markup:
    """Models, the best on the latest season first, each with its score on public faces and on the seasons."""
    mine = frame[frame["task"].eq(task).fillna(value=False)].groupby("model")
    found = {model: by_season(mine.get_group(model), model)[task] for model in models}
    order = sorted(found, key=lambda model: _latest(found[model]), reverse=True)[:AT_ONCE]
    rows = []
    for model in order:
        for place, one in enumerate(found[model]):
            words = f"season {one.season}" if one.season else f"public faces, {one.data}"
            rows.append(_row(one, model, words) if place == 0 else _row(one, words, "", minor=True))
    return _drawn(f"{task}: models by season", rows, found[order[0]][0].metric, "model")


def _latest(scores: list[OnFaces]) -> tuple[str, float]:
    last = scores[-1]
    return last.season or "", -1.0 if last.score.value is None else last.score.value


def _drawn(caption: str, rows: list[Row], metric: str, first: str) -> Markup:
    return pieces.interval_table(
        caption, rows, first=first, score=metric_words(metric), columns=("place", GAP), axis=pieces.close_axis(rows)
    )


def _row(one: OnFaces, name: str, note: str, *, minor: bool = False) -> Row:
    cells = (one.place or NOTHING, gap_words(one.gap))
    return estimate_row(name, one.score, cells=cells, note=note, minor=minor)


def gap_words(gap: EstimateModel | None) -> str:
    """A gap as a cell says it: "0.12 (−0.03 to 0.27)"; two decimals, as seasons are told."""
    if gap is None or gap.value is None:
        return NOTHING
    interval = (
        "no interval" if gap.low is None or gap.high is None else f"{number(gap.low, 2)} to {number(gap.high, 2)}"
    )
    return f"{number(gap.value, 2)} ({interval})"


def _facts(season: Season) -> Markup:
    return pieces.facts(
        [
            ("Faces", f"{season.faces:,}"),
            ("Made", season.made[:10]),
            ("Name of the set", season.data),
            ("Fingerprint", season.fingerprint),
            ("sha256 of the seed", season.seed_sha256),
        ]
    )

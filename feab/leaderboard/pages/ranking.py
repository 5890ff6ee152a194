"""The ranking: scores of one task with their intervals and places, filtered, sorted, and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, get_args

from feab.leaderboard.choosing import SHOWN, Access, View, choices, decode, encode, shown, size, to_csv
from feab.leaderboard.drawing import Line, number_of, reference_lines, score_plot
from feab.leaderboard.pages.columns import COLUMN_WORDS, cell, is_text
from feab.leaderboard.pages.shown import TEMPLATES, Shown, link, link_to
from feab.leaderboard.records import Tier
from feab.leaderboard.seasons import UNSEEN
from feab.metrics import FEW_CLUSTERS
from feab.plots.page import render
from feab.plots.pieces import Axis, Row, Tick, close_axis, figure
from feab.runs.table import METRIC_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

AT_ONCE = 50
"""Rows of a table that are shown until more are asked for: sorting them shall be done at once in a browser."""

TIERS: dict[Tier, str] = {
    "verified": "Verified: scored against labels that the submitter does not have, or run again by somebody else",
    "rescored": "Rescored: scored here against public labels",
    "reported": "Reported: numbers of papers, listed and never ranked",
}
_SIZES = (10**6, 10**8, 10**9, 3 * 10**9, 10**10, 3 * 10**10, 10**11)
"""Sizes that can be chosen (our choice)."""

_REPORTED = ("model", "value", "interval", "n", "access", "source", "caveat")
"""Columns of published numbers: they have no others."""
_TOGETHER = ("tier", "data", "version", "fingerprint", "metric")
"""Scores that agree in these can be compared, and stand in one table."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading."""

    column: str
    words: str
    text: bool
    """Whether it holds words."""
    sort: str
    """The link that sorts by it; "" where nothing can be sorted by it."""
    order: str
    """As aria-sort says it; "" where the table is sorted by another column."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row: a submission's score, or a published one."""

    row: Row
    """What is drawn, its name and its small print."""
    submission: str
    """"" for a published number."""
    href: str
    """To the model's page, or a paper's."""
    outside: bool
    """Whether `href` leads out of the leaderboard."""
    cells: tuple[str, ...]
    """Of the headings after place, name and score."""
    place: str = ""
    """The places it may hold; "" where no place is shown."""


@dataclass(frozen=True, slots=True)
class Group:
    """Scores that can be compared with one another."""

    tier: str
    """In words."""
    caption: str
    season: str
    """What scores of its season say; "" where the faces are of none."""
    score: str
    """Heading of the scores."""
    headings: tuple[Heading, ...]
    """The columns but those that come first: place, name, score and interval."""
    place: Heading | None
    """None where no place is shown."""
    name: Heading
    value: Heading
    rows: tuple[Ranked, ...]
    axis: Axis
    ticks: tuple[Tick, ...]
    people: float | None
    """What one person reaches in `as_people`."""
    total: int
    """Rows there are, of which `rows` are shown."""


def ranking(frame: pd.DataFrame, query: str) -> Shown:
    """The page for a link's query."""
    view = decode(query)
    rows = shown(frame, view)
    groups = list(_groups(rows, view))
    there = choices(frame)
    html = render(
        TEMPLATES / "ranking.html.j2",
        view=view,
        there=there,
        tasks=_tasks(frame),
        sizes=[(str(number), size(number)) for number in sorted({*_SIZES, *filter(None, (view.least, view.most))})],
        tiers=[(tier, tier) for tier in get_args(Tier)],
        access=[(one, one) for one in get_args(Access)],
        columns=[(name, words) for name, (words, _) in COLUMN_WORDS.items()],
        chosen=len(_filters(view)),
        meanings=[COLUMN_WORDS[name] for name in (*view.columns, "why_not") if name in COLUMN_WORDS],
        groups=groups,
        found=len(rows),
        submissions=frame["submission"].nunique(),
        scored=bool((frame["tier"].ne("reported") & frame["task"].eq(view.task)).any()),
        published=int((frame["tier"].eq("reported") & frame["task"].eq(view.task)).sum()),
        plots=any(group.rows[0].submission for group in groups),
        plain=link_to("ranking", task="" if view.task == View().task else view.task),
        papers=link("ranking", encode(replace(View(task=view.task), tiers=("reported",)))),
        whole=link("ranking", encode(replace(view, full=True))),
        here=link("ranking", encode(view)),
    )
    return Shown("ranking", "Ranking", link("ranking", encode(view)), html)


def ranking_csv(frame: pd.DataFrame, query: str) -> str:
    """All rows of the view as CSV, with the columns of the table."""
    return to_csv(shown(frame, decode(query)))


def ranking_plots(frame: pd.DataFrame, query: str) -> Markup:
    """Scores of the view against size and cost; nothing where nobody told them."""
    rows = shown(frame, _drawn_view(query))
    drawn: list[Markup] = []
    for against, words in (("parameters", "size"), ("cost_usd", "cost")):
        plots = [
            (part, plot)
            for number, part in enumerate(_together(rows))
            if (plot := score_plot(part, against, f"{words}-{number}")) is not None  # type: ignore[arg-type]
        ]
        drawn += [figure(plot, _plot_caption(part, words)) for part, plot in plots[:4]]
    return render(TEMPLATES / "plots.html.j2", drawn=drawn)


def plots_query(query: str) -> str:
    """What of a link's query the drawings depend on: neither order nor columns of the table."""
    return encode(_drawn_view(query))


def _drawn_view(query: str) -> View:
    plain, asked = View(), decode(query)
    return replace(
        asked, tiers=plain.tiers, sort=plain.sort, ascending=plain.ascending, columns=plain.columns, full=plain.full
    )


def _plot_caption(part: pd.DataFrame, words: str) -> str:
    first = part.iloc[0]
    return f"Score against {words}, {first['data']}, {first['tier']}. The line joins those that no other beats in both."


def metric_words(metric: str) -> str:
    """A metric as tables name it."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def _tasks(frame: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The tasks to choose from: those that somebody was scored on, and those that papers alone tell of."""
    ours = frame["tier"].ne("reported")
    scored = sorted(frame.loc[ours, "task"].dropna().unique(), key=lambda task: (task != View().task, task))
    told = sorted(set(frame.loc[~ours, "task"].dropna()) - set(scored))
    return [(name, tasks) for name, tasks in (("scored here", scored), ("numbers of papers only", told)) if tasks]


def _filters(view: View) -> list[str]:
    """The fields that are not as a page opens with and leave rows out."""
    plain = View()
    besides = ("task", "sort", "ascending", "columns", "full", "search")
    names = [one.name for one in fields(View) if one.name not in besides]
    return [name for name in names if getattr(view, name) != getattr(plain, name)]


def _together(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows apart by what can be compared; the tiers in their order, then the larger groups first."""
    order = {tier: place for place, tier in enumerate(get_args(Tier))}
    parts = [part for _, part in rows.groupby(list(_TOGETHER), sort=False, dropna=False)]
    return sorted(parts, key=lambda part: (order.get(part["tier"].iloc[0], len(order)), -len(part)))


def _groups(rows: pd.DataFrame, view: View) -> Iterable[Group]:
    """Tables of scores. Those of one metric are drawn on one axis, so that a bar is as long in each."""
    found = list(_apart(rows, view))
    axes = {group.score: close_axis([one.row for other in found if other.score == group.score for one in other.rows])
            for group in found}  # fmt: skip
    return [replace(group, axis=axes[group.score]) for group in found]


def _apart(rows: pd.DataFrame, view: View) -> Iterable[Group]:
    """A table for the scores that can be compared, each on an axis of its own."""
    for part in _together(rows):
        first = part.iloc[0]
        lines = reference_lines(part)
        ticks = tuple(Tick(line.name, line.value, _style(line)) for line in lines if line.of == "value")
        ours = first["tier"] != "reported"
        human = next((line.value for line in lines if line.of == "as_people"), None)
        columns = _columns(view, people=human is not None) if ours else _REPORTED
        beside = tuple(name for name in columns if name not in ("places", "model", "value", "interval"))
        places = "places" in columns
        kept = part if view.full else part.head(AT_ONCE)
        drawn = [_ranked(row, beside, ticks, places=places) for row in kept.to_dict("records")]
        yield Group(
            tier=TIERS[first["tier"]],
            caption=_caption(first, len(part)),
            season=f"Season {first['season']}. {UNSEEN}" if isinstance(first["season"], str) else "",
            score=metric_words(first["metric"]),
            headings=tuple(_heading(name, view) for name in beside),
            place=_heading("places", view) if places else None,
            name=_heading("model", view),
            value=_heading("value", view),
            rows=tuple(drawn),
            axis=close_axis([one.row for one in drawn]),
            ticks=ticks,
            people=human,
            total=len(part),
        )


def _style(line: Line) -> int:
    return 3 if "sees no face" in line.name else 0


def _columns(view: View, *, people: bool) -> Sequence[str]:
    """The columns chosen; unless others are chosen, also agreement with people where they were asked."""
    if people and view.columns == SHOWN:
        at = view.columns.index("coverage")
        return (*view.columns[:at], "as_people", *view.columns[at:])
    return view.columns


def _caption(first: Any, total: int) -> str:
    models = f"{total:,} {'score' if total == 1 else 'scores'}"
    if first["tier"] == "reported":
        return f"{first['data']}, {metric_words(first['metric'])}: {models}"
    version = "" if first["task"] == View().task else f", version {first['version']}"
    return f"{first['data']}{version}: {models}"


def _heading(column: str, view: View) -> Heading:
    words, _ = COLUMN_WORDS[column]
    if column == "interval":
        return Heading(column, words, False, "", "")
    chosen = view.sort == column
    ascending = not view.ascending if chosen else is_text(column)
    order = ""
    if chosen:
        rising = view.ascending if column != "places" else not view.ascending
        order = "ascending" if rising else "descending"
    sort = link("ranking", encode(replace(view, sort=column, ascending=ascending)))
    return Heading(column, words, is_text(column) and column != "places", sort, order)


def _ranked(row: Mapping[Any, Any], columns: Sequence[str], ticks: tuple[Tick, ...], *, places: bool) -> Ranked:
    ours = row["tier"] != "reported"
    name = str(row["model"])
    address = row["url"] if isinstance(row["url"], str) and not ours else ""
    outside = address if address.startswith(("https://", "http://")) else ""
    return Ranked(
        row=Row(
            name=name,
            value=number_of(row["value"]),
            low=number_of(row["low"]),
            high=number_of(row["high"]),
            ticks=ticks,
            note=_note(row) if ours else "",
            rough=(number_of(row["clusters"]) or FEW_CLUSTERS) < FEW_CLUSTERS,
        ),
        submission=row["submission"] if ours else "",
        href=outside or link_to("model", model=name) if ours or outside else "",
        outside=bool(outside),
        cells=tuple(cell(column, row[column]) for column in columns),
        place=cell("places", row["places"]) if places else "",
    )


def _note(row: Mapping[Any, Any]) -> str:
    """What belongs beside a score: why it has no place, how often it was tried, and what the model may know."""
    attempts = number_of(row["attempts"]) or 1
    return "; ".join(
        note
        for note in (
            f"not ranked: {row['why_not']}" if isinstance(row["why_not"], str) else "",
            f"attempt {attempts:.0f}" if attempts > 1 else "",
            "may have seen these faces" if number_of(row["may_have_seen"]) else "",
        )
        if note
    )

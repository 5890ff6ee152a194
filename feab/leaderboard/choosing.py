"""What a reader chose to see: which rows and columns, in which order, and the link that brings it back. Frame in, frame
out; nothing here knows of a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from feab.leaderboard.draws import OVERALL
from feab.leaderboard.records import Tier
from feab.leaderboard.tablefile import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Access = Literal["open", "closed"]

SHOWN = ("places", "model", "value", "interval", "coverage", "refused", "access", "parameters", "protocol", "tier")
"""Columns that are shown unless others are chosen."""

_MADE = ("places", "interval")
"""Columns that a frame to be shown has beyond those of the table."""

_MOST = len(COLUMNS) + len(_MADE)
"""Values of one field that a link may hold."""
_LONGEST = 200
"""Characters of one value, and of a search."""


@dataclass(frozen=True, slots=True)
class View:
    """What is chosen. An empty tuple, None or "" leaves everything in."""

    task: str = OVERALL
    data: str = ""
    """dataset/split, where a task was asked about several."""
    tiers: tuple[Tier, ...] = ("verified", "rescored")
    access: tuple[Access, ...] = ()
    least: int | None = None
    """Parameters. A model whose number is not known is left out where one of the two is given."""
    most: int | None = None
    licences: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    seasons: tuple[str, ...] = ()
    search: str = ""
    """Every word must occur in the model's name, description, licence or user, in any case."""
    ranked: bool = False
    """Only what has a place."""
    sort: str = "value"
    """A column of the table, or "places"."""
    ascending: bool = False
    columns: tuple[str, ...] = SHOWN
    full: bool = False
    """All rows, not only as many as are read at once."""


def shown(frame: pd.DataFrame, view: View) -> pd.DataFrame:
    """The rows that are chosen, in the order chosen, with the columns `places` ("2–4") and `interval` made.

    All columns are there: a page shows `view.columns` of them. Rows that lack what is sorted by come last.
    """
    rows: pd.DataFrame = frame[_chosen(frame, view)]
    if view.sort == "places":
        by, up = ["best", "worst", "value", "model"], [not view.ascending, not view.ascending, False, True]
    else:
        by, up = [view.sort, "value", "model"], [view.ascending, False, True]
    names = list(dict.fromkeys(by))
    rows = rows.sort_values(names, ascending=[up[by.index(name)] for name in names], na_position="last", kind="stable")
    made: pd.DataFrame = rows.assign(
        places=[place(best, worst) for best, worst in zip(rows["best"], rows["worst"], strict=True)],
        interval=[interval(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)],
    ).reset_index(drop=True)
    return made


def _chosen(frame: pd.DataFrame, view: View) -> Any:
    keep = frame["task"].eq(view.task)
    if view.data:
        keep &= frame["data"].eq(view.data)
    wanted = {
        "tier": view.tiers, "access": view.access, "licence": view.licences, "protocol": view.protocols,
        "season": view.seasons,
    }  # fmt: skip
    for column, values in wanted.items():
        if values:
            keep &= frame[column].isin(values)
    if view.least is not None:
        keep &= frame["parameters"].ge(view.least)
    if view.most is not None:
        keep &= frame["parameters"].le(view.most)
    if view.ranked:
        keep &= frame["best"].notna()
    words = view.search.casefold().split()
    if words:
        text = frame["model"].fillna("")
        for column in ("description", "licence", "user"):
            text = text + "\n" + frame[column].fillna("")
        folded = text.str.casefold()
        for word in words:
            keep &= folded.str.contains(word, regex=False)
    return keep.fillna(value=False).astype(bool)


def choices(frame: pd.DataFrame) -> dict[str, list[str]]:
    """What there is to choose from: the values of each field that filters, sorted."""
    found = {}
    for field, column in (
        ("task", "task"), ("data", "data"), ("tiers", "tier"), ("access", "access"), ("licences", "licence"),
        ("protocols", "protocol"), ("seasons", "season"),
    ):  # fmt: skip
        found[field] = sorted(str(value) for value in frame[column].dropna().unique())
    return found


def place(best: Any, worst: Any) -> str:
    """The places a score may hold: "1", "2–4"; "" where it has none."""
    import pandas as pd

    if pd.isna(best) or pd.isna(worst):
        return ""
    return str(best) if best == worst else f"{best}–{worst}"


def interval(low: Any, high: Any) -> str:
    """A 95 % interval as "0.512 to 0.574"; "" where there is none."""
    import pandas as pd

    return "" if pd.isna(low) or pd.isna(high) else f"{low:.3f} to {high:.3f}".replace("-", "−")


def size(parameters: float) -> str:
    """A number of parameters as people say it: "7.1 B", "324 k"."""
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= unit:
            many = parameters / unit
            return f"{many:.3g}\N{NO-BREAK SPACE}{name}" if many < 999.5 else f"{many:.0f}\N{NO-BREAK SPACE}{name}"
    return f"{parameters:.0f}"


def to_csv(frame: pd.DataFrame, columns: tuple[str, ...] = tuple(COLUMNS)) -> str:
    """Rows as CSV for a spreadsheet. A text that one would take for a formula begins with an apostrophe."""
    kept = frame[[name for name in columns if name in frame]].copy()
    for name in kept:
        if str(kept[name].dtype) in ("string", "object", "str"):
            kept[name] = [_harmless(value) for value in kept[name]]
    return str(kept.to_csv(index=False, lineterminator="\r\n"))


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


# ----------------------------------------------------------------------------------------------------------- permalinks


def encode(view: View) -> str:
    """A view as the query of a link; "" for the one that a page opens with."""
    plain = View()
    pairs = []
    for one in fields(View):
        value = getattr(view, one.name)
        if value == getattr(plain, one.name):
            continue
        if isinstance(value, tuple):
            pairs += [(one.name, str(item)) for item in value or ("",)]
        elif isinstance(value, bool):
            pairs.append((one.name, "yes" if value else "no"))
        else:
            pairs.append((one.name, "" if value is None else str(value)))
    return urlencode(pairs)


def decode(query: str) -> View:
    """The view of a link. What is unknown or makes no sense in it is passed over: links are old, or a stranger's."""
    view = View()
    for name, values in values_of(query).items():
        if name in _READ and (read := _READ[name](values[:_MOST])) is not _NONSENSE:
            view = replace(view, **{name: read})
    return view


def values_of(query: str) -> dict[str, list[str]]:
    """What the query of a link says, name by name, each value cut to a length that makes sense; nothing of nonsense."""
    try:
        pairs = parse_qsl(query[:8_000], keep_blank_values=True, max_num_fields=200, errors="replace")
    except ValueError:
        return {}
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value[:_LONGEST])
    return given


_NONSENSE = object()


def _text(values: list[str]) -> object:
    return values[-1]


def _texts(values: list[str]) -> object:
    return tuple(dict.fromkeys(value for value in values if value))


def _of(known: tuple[str, ...], *, or_none: bool = True) -> Any:
    def read(values: list[str]) -> object:
        kept = tuple(dict.fromkeys(value for value in values if value in known))
        return kept if kept or (or_none and values == [""]) else _NONSENSE

    return read


def _count(values: list[str]) -> object:
    text = values[-1]
    if text == "":
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else _NONSENSE


def _flag(values: list[str]) -> object:
    return {"yes": True, "no": False}.get(values[-1], _NONSENSE)


def _column(values: list[str]) -> object:
    return values[-1] if values[-1] in (*COLUMNS, "places") else _NONSENSE


_READ: Mapping[str, Any] = {
    "task": _text, "data": _text, "tiers": _of(get_args(Tier)), "access": _of(get_args(Access)), "least": _count,
    "most": _count, "licences": _texts, "protocols": _texts, "seasons": _texts, "search": _text, "ranked": _flag,
    "sort": _column, "ascending": _flag, "columns": _of((*COLUMNS, *_MADE), or_none=False), "full": _flag,
}  # fmt: skip
"""Field of a view -> what reads it from a link."""

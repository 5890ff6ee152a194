"""A model's scores by season, beside its score on public faces: what unseen faces change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feab.leaderboard.choosing import place
from feab.leaderboard.drawing import number_of
from feab.leaderboard.draws import OVERALL
from feab.leaderboard.gaps import difference_of
from feab.schemas import EstimateModel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class OnFaces:
    """A model's score on one set of faces."""

    data: str
    """dataset/split."""
    season: str | None
    """None for faces whose labels are public."""
    metric: str
    score: EstimateModel
    place: str
    """The places it may hold among the scores on these faces: "2–4"; "" where it is not ranked."""
    gap: EstimateModel | None = None
    """Of a season: the score on public faces minus this one. None where there are no public ones, or several sets."""


def seasons_in(frame: pd.DataFrame) -> list[str]:
    """The seasons that something was scored on, the newest first."""
    return sorted({str(one) for one in frame["season"].dropna()}, reverse=True)


def task_order(task: str) -> tuple[bool, str]:
    """What tasks are sorted by: the overall score first, then by name."""
    return task != OVERALL, task


def by_season(frame: pd.DataFrame, model: str) -> dict[str, list[OnFaces]]:
    """The scores of a model on each set of faces, by task: the public sets first, then the seasons as they came.

    Of several submissions about the same faces the one that is ranked counts, else the first. Tasks without a score
    on a season are left out.

    Args:
        frame: the table, see `feab.leaderboard.table.COLUMNS`.
        model: as the table names it.
    """
    mine = frame[frame["model"].eq(model).fillna(value=False) & frame["tier"].ne("reported")]
    ranked = mine.assign(unranked=mine["best"].isna()).sort_values(["unranked", "submitted"], kind="stable")
    kept = ranked.drop_duplicates(["task", "version", "data", "fingerprint", "season"])
    rows: dict[str, list[dict[Any, Any]]] = {}
    for row in kept.to_dict("records"):
        rows.setdefault(row["task"], []).append(row)
    return {
        task: _of_task(rows[task])
        for task in sorted(rows, key=task_order)
        if any(_season(row) is not None for row in rows[task])
    }


def _of_task(rows: list[dict[Any, Any]]) -> list[OnFaces]:
    public = sorted((row for row in rows if _season(row) is None), key=lambda row: str(row["data"]))
    beside = public[0] if len(public) == 1 else None
    found = [_on_faces(row, None) for row in public]
    seasons = sorted((row for row in rows if _season(row) is not None), key=lambda row: (row["season"], row["data"]))
    return found + [_on_faces(row, beside) for row in seasons]


def _on_faces(row: Mapping[Any, Any], public: Mapping[Any, Any] | None) -> OnFaces:
    same = public is not None and (public["version"], public["metric"]) == (row["version"], row["metric"])
    return OnFaces(
        data=str(row["data"]),
        season=_season(row),
        metric=str(row["metric"]),
        score=_estimate(row),
        place=place(row["best"], row["worst"]),
        gap=difference_of(_estimate(public), _estimate(row)) if same and public is not None else None,
    )


def _season(row: Mapping[Any, Any]) -> str | None:
    return row["season"] if isinstance(row["season"], str) else None


def _estimate(row: Mapping[Any, Any]) -> EstimateModel:
    clusters = number_of(row["clusters"])
    return EstimateModel(
        value=number_of(row["value"]),
        low=number_of(row["low"]),
        high=number_of(row["high"]),
        clusters=None if clusters is None else int(clusters),
    )

"""The columns of the table as a reader sees them: their headings, what they mean, and their cells in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feab.leaderboard.choosing import size
from feab.leaderboard.drawing import number_of
from feab.leaderboard.tablefile import COLUMNS
from feab.plots.page import NOTHING, number, percent

COLUMN_WORDS: Mapping[str, tuple[str, str]] = {
    "places": ("Place", "The places that a score may hold at 95 % confidence, from simultaneous paired differences"),
    "model": ("Model", "As the run names it"),
    "value": ("Score", "The task's primary score"),
    "interval": ("95 % interval", "By resampling whole people, not single faces; drawn on the axis"),
    "coverage": ("Answered", "Share of the questions with an answer that could be read; .98 are needed for a place"),
    "refused": ("Refused", "Share of the questions that the model declined"),
    "unparsable": ("Unread", "Share of the answers in which no answer could be read"),
    "truncated": ("Cut off", "Share of the answers that ended before an answer"),
    "access": ("Access", "Open: weights can be had. Closed: reached through an API"),
    "parameters": ("Size", "Parameters"),
    "protocol": ("Protocol", "Prompt; how answers were scored; draws; and whether they were made elsewhere"),
    "tier": ("Tier", "Verified, rescored or reported"),
    "best": ("Best place", "The first of the places"),
    "worst": ("Worst place", "The last of the places"),
    "why_not": ("Why no place", "Why a score is listed and not ranked"),
    "clusters": ("People", "People, or videos, behind the interval"),
    "low": ("From", "Lower end of the interval"),
    "high": ("To", "Upper end of the interval"),
    "n": ("Faces", "Faces that were scored"),
    "chance": ("Chance", "The best player without eyes"),
    "chance_player": ("Of player", "Which player without eyes that is"),
    "oracle": ("Oracle", "A player that knows the expression and sees no face"),
    "as_people": ("As people see it", "Agreement with all raters of a face but one, each left out in turn"),
    "human": ("One person", "The same agreement of the rater who was left out"),
    "attempts": ("Attempts", "Of this user with this model, up to the one that is listed"),
    "submission": ("Submission", "Its id"),
    "submitted": ("Submitted", "The day"),
    "user": ("User", "Who submitted"),
    "revision": ("Revision", "Of the model"),
    "licence": ("Licence", "Of the model"),
    "release_date": ("Released", "The model"),
    "url": ("Link", "Where the model, or the paper, is"),
    "description": ("Description", "By the submitter"),
    "may_have_seen": ("May have seen", "Whether the model may have been trained on these faces"),
    "task": ("Task", "What is asked"),
    "kind": ("Kind", "Expression, valence and arousal, or action units"),
    "version": ("Version", "Of the task"),
    "data": ("Faces of", "Dataset and split"),
    "fingerprint": ("Fingerprint", "Of the dataset"),
    "season": ("Season", "Of hidden faces"),
    "metric": ("Metric", "What the score is"),
    "cost_usd": ("Cost", "US dollars, as the submitter tells"),
    "input_tokens": ("Tokens in", "As the submitter tells"),
    "output_tokens": ("Tokens out", "As the submitter tells"),
    "wall_s": ("Time", "Of the run, as the submitter tells"),
    "source": ("Source", "Of a published number"),
    "caveat": ("Caveat", "What keeps a published number from being comparable"),
}
"""Column -> its heading, and what it holds."""

_WORDS = frozenset(name for name, kind in COLUMNS.items() if kind == "string")
_SHARES = ("coverage", "unparsable", "refused", "truncated")
_SCORES = ("value", "low", "high", "chance", "oracle", "as_people", "human")


def is_text(column: str) -> bool:
    """Whether a column holds words: they stand left, and are sorted from A."""
    return column in _WORDS


def cell(column: str, value: Any) -> str:
    """A cell in words; a dash for what is not known."""
    if isinstance(value, str):
        return (value[:10] if column == "submitted" else value) or NOTHING
    found = number_of(value)
    if found is None:
        return NOTHING
    if column in _SHARES:
        return percent(found)
    if column in _SCORES:
        return number(found)
    if column == "parameters":
        return size(found)
    if column == "cost_usd":
        return f"${found:,.2f}"
    if column == "wall_s":
        return duration(found)
    if column == "may_have_seen":
        return "yes" if found else "no"
    return f"{found:,.0f}"


def duration(seconds: float) -> str:
    """A time in its largest unit: "4.0 s", "12 min", "3.2 h"."""
    if seconds < 60:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    if seconds < 5400:
        return f"{seconds / 60:.0f}\N{NO-BREAK SPACE}min"
    return f"{seconds / 3600:.1f}\N{NO-BREAK SPACE}h"

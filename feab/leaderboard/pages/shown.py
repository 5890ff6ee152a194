"""What a page hands to the browser, and links between pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args
from urllib.parse import urlencode

from feab.leaderboard.choosing import values_of

if TYPE_CHECKING:
    from markupsafe import Markup

Page: TypeAlias = Literal["ranking", "compare", "faces", "seasons", "submit", "model", "about"]
PAGES: tuple[Page, ...] = get_args(Page)
NAMES: dict[Page, str] = {
    "ranking": "Ranking",
    "compare": "Compare",
    "faces": "Faces",
    "seasons": "Seasons",
    "submit": "Submit",
    "model": "Models",
    "about": "About",
}
TEMPLATES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as the browser puts it in."""

    page: Page
    title: str
    query: str
    """Of the link that brings it back."""
    html: Markup


def page_of(query: str) -> Page:
    """The page that a link is to; of a link that names none that there is, the ranking."""
    named = values_of(query).get("tab", [""])[-1]
    return next((page for page in PAGES if page == named), "ranking")


def link(page: Page, query: str = "") -> str:
    """The link to a page, with what else its query says."""
    parts = [] if page == "ranking" else [f"tab={page}"]
    return "?" + "&".join([*parts, query] if query else parts)


def link_to(page: Page, **values: str | Sequence[str]) -> str:
    """The link to a page by its values; those that are empty are left out."""
    pairs = [
        (name, one) for name, value in values.items() for one in ([value] if isinstance(value, str) else value) if one
    ]
    return link(page, urlencode(pairs))

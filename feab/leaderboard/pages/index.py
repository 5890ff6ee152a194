"""From a link's query to the page that it is to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.leaderboard.bounded import Bounded
from feab.leaderboard.choosing import decode, encode
from feab.leaderboard.pages.about import about_page
from feab.leaderboard.pages.circles import circles
from feab.leaderboard.pages.compare import behind, compare_page
from feab.leaderboard.pages.faces import faces_page
from feab.leaderboard.pages.looking import Looked
from feab.leaderboard.pages.model import model_page
from feab.leaderboard.pages.ranking import plots_query, ranking, ranking_csv, ranking_plots
from feab.leaderboard.pages.seasons import seasons_page
from feab.leaderboard.pages.shown import NAMES, TEMPLATES, Shown, link, page_of
from feab.leaderboard.pages.submit import submit_page
from feab.leaderboard.told import plain
from feab.plots.page import render

if TYPE_CHECKING:
    from feab.leaderboard.service import Service

TITLE = "feab leaderboard"
_KEPT = 4 * 2**20
"""Characters of rankings that are kept, and of their drawings (our choice): some 20 drawings of a thousand scores."""


class Pages:
    """All pages of a leaderboard."""

    def __init__(self, service: Service) -> None:
        """`service`: whose leaderboard it is."""
        self._service = service
        self._looked = Looked()
        self._rankings: Bounded[tuple[str, str], Shown] = Bounded(_KEPT, lambda one: len(one.html))
        self._plots: Bounded[tuple[str, str], str] = Bounded(_KEPT, len)

    def show(self, query: str) -> Shown:
        """The page that a link is to; where it cannot be made, one that says why."""
        query = query.removeprefix("?")
        page = page_of(query)
        try:
            found = self._page(query)
            trouble = self._service.state().trouble
        except FeabError as error:
            html = render(TEMPLATES / "trouble.html.j2", message=plain(error), again=link(page), page=None)
            return Shown(page, f"{NAMES[page]} · {TITLE}", link(page, _without_page(query)), html)
        html = found.html
        if trouble is not None:
            html = render(TEMPLATES / "trouble.html.j2", message=trouble, again="", page=html)
        return Shown(found.page, f"{found.title} · {TITLE}", found.query, html)

    def part(self, name: str, query: str) -> str:
        """A part of a page that comes later, or a file: "plots", "behind", "circles", "csv"; nothing for another name.

        Raises:
            FeabError: when it cannot be made.
        """
        query = query.removeprefix("?")
        if name == "plots":
            state, asked = self._service.state(), plots_query(query)
            return self._plots.get((state.version, asked), lambda: str(ranking_plots(state.frame, asked)))
        if name == "behind":
            return str(behind(self._service, query))
        if name == "circles":
            return str(circles(self._service, self._looked, query))
        return ranking_csv(self._service.table(), query) if name == "csv" else ""

    def _page(self, query: str) -> Shown:
        page = page_of(query)
        if page == "compare":
            return compare_page(self._service, query)
        if page == "faces":
            return faces_page(self._service, self._looked, query)
        if page == "model":
            return model_page(self._service, query)
        if page == "seasons":
            return seasons_page(self._service, query)
        if page == "submit":
            return submit_page(self._service)
        if page == "about":
            return about_page(self._service)
        state, asked = self._service.state(), encode(decode(query))
        return self._rankings.get((state.version, asked), lambda: ranking(state.frame, asked))


def _without_page(query: str) -> str:
    return "&".join(part for part in query[:8_000].split("&") if part and not part.startswith("tab="))

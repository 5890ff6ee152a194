"""The pages of a leaderboard in gradio: a frame that asks for pages, and the form to submit with.

What is shown is made in `feab.leaderboard.pages`; here it only travels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from feab.errors import FeabError
from feab.leaderboard.app.api import add_api
from feab.leaderboard.app.door import add_door
from feab.leaderboard.app.serving import KEPT_S, LOOKED_S
from feab.leaderboard.pages.index import TITLE, Pages
from feab.leaderboard.service import Service
from feab.runs.frame import styles

_HERE = Path(__file__).parent
_LONGEST = 8_000
"""Characters of a query that is looked at."""


def build(service: Service) -> gr.Blocks:
    """All pages, and the API beside them."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(LOOKED_S, KEPT_S)) as blocks:
        add_api(service)  # first: whatever else is called "submit" then goes by another name
        _add_pages(Pages(service))
        with gr.Column(elem_id="board-door"):
            add_door(service)
    return blocks


def _add_pages(pages: Pages) -> None:
    # gradio hands these what the browser sends, whatever that is.
    def show(query: object) -> dict[str, str]:
        found = pages.show(_text(query))
        return {"page": found.page, "title": found.title, "query": found.query, "html": str(found.html)}

    def part(asked: object) -> str | None:
        name, query = asked if isinstance(asked, list) and len(asked) == 2 else ("", "")
        try:
            return pages.part(_text(name), _text(query))
        except FeabError:
            return None

    gr.HTML(
        _read("board.html"),
        js_on_load=_read("board.js"),
        head=f"<style>{_style()}</style>",
        server_functions=[show, part],
        apply_default_css=False,
        elem_id="board",
    )


def _style() -> str:
    """The style of feab's pages, for ours alone: nested, so that it weighs more than gradio's own."""
    colours, rules = styles()
    return f"{colours} .board {{ {rules} }} {_read('board.css')}"


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""

"""The pages of a leaderboard."""

from __future__ import annotations

import gradio as gr

from feab.leaderboard.app.api import add_api
from feab.leaderboard.app.serving import KEPT_S, LOOKED_S
from feab.leaderboard.choosing import View, shown
from feab.leaderboard.drawing import ranking_table
from feab.leaderboard.service import Service

TITLE = "The feab leaderboard"


def build(service: Service) -> gr.Blocks:
    """All pages, and the API beside them."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(LOOKED_S, KEPT_S)) as blocks:
        gr.Markdown(f"# {TITLE}")
        ranking = gr.HTML()

        def rank() -> str:
            return str(ranking_table(shown(service.table(), View()), TITLE))

        blocks.load(rank, None, ranking, api_visibility="private")
        add_api(service)
    return blocks

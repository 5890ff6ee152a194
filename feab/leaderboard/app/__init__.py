"""The leaderboard as a web app: pages and an API over `feab.leaderboard.service.Service`, with Gradio.

Gradio is imported when an app is made, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.packages import version_of

if TYPE_CHECKING:
    import gradio as gr

    from feab.leaderboard.service import Service


def make_app(service: Service) -> gr.Blocks:
    """The pages and the API of a leaderboard, not yet served.

    Raises:
        FeabError: when Gradio is not installed.
    """
    if version_of("gradio") is None:
        raise FeabError("the leaderboard's pages need Gradio; install it with: pip install 'feab[leaderboard]'")
    from feab.leaderboard.app.pages import build

    return build(service)

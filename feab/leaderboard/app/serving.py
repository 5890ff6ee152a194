"""Serving an app: with bounds, and with nothing of Gradio's that calls home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.errors import FeabError
from feab.leaderboard.app.uploads import MAX_UPLOADS, Uploads
from feab.leaderboard.unpacking import MAX_ARCHIVE

if TYPE_CHECKING:
    import gradio as gr

LOOKED_S, KEPT_S = 300, 900
"""Seconds: how often uploaded files are looked through, and how long one is kept."""

WAITING = 200
"""Calls that wait for their turn; whoever comes then is told to try again."""
THREADS = 40
HERE = ("127.0.0.1", "localhost")
"""Addresses that nobody but this machine reaches."""

_STATUS_S = 3600.0
"""Between two words to all who wait for their turn, which our pages do not show. Said after each call, as Gradio does
by itself, they go out from the loop that begins calls; one for somebody who has just left would end it for good."""


def serve(
    blocks: gr.Blocks,
    host: str,
    port: int | None,
    *,
    private: bool = False,
    max_uploads: int = MAX_UPLOADS,
    **how: Any,
) -> tuple[Any, str, str]:
    """Serve an app until it is interrupted; with `prevent_thread_lock=True` return at once.

    Args:
        blocks: what `make_app` gives.
        host: the address to listen at; "0.0.0.0" for every one of this machine.
        port: None takes a free one from 7860 on.
        private: answer nobody but a browser of this machine that names it by its own address: another site's name
            that was made to lead here (DNS rebinding) and a proxy that passes such a name on are refused.
        max_uploads: bytes of all uploaded files that lie here at a time.
        how: further arguments of Gradio's `launch`, such as `prevent_thread_lock` or a theme.

    Returns:
        What `launch` returns: the FastAPI app, its address here, and "".

    Raises:
        FeabError: for `private` at an address that others reach.
    """
    from gradio.utils import get_upload_folder
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    if private and host not in HERE:
        raise FeabError(f"at {host} others would see it too; what is for your eyes only is served at {HERE[0]}")
    from feab.leaderboard.app.bounds import Bounds

    only = [Middleware(TrustedHostMiddleware, allowed_hosts=list(HERE), www_redirect=False)] if private else []
    uploads = Uploads(Path(get_upload_folder()), max_uploads)

    blocks.queue(max_size=WAITING, default_concurrency_limit=THREADS, api_open=False, status_update_rate=_STATUS_S)
    found: tuple[Any, str, str] = blocks.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        max_file_size=MAX_ARCHIVE,
        max_threads=THREADS,
        app_kwargs={
            "middleware": [*only, Middleware(Bounds, uploads=uploads)],
            "docs_url": None,
            "redoc_url": None,
        },
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        **how,
    )
    return found

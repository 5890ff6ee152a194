"""Serving an app: bounded before anything of a request is kept, and with nothing of Gradio's that calls home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feab.leaderboard.unpacking import MAX_ARCHIVE

if TYPE_CHECKING:
    import gradio as gr
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOKED_S, KEPT_S = 300, 900
"""Seconds: how often uploaded files are looked through, and how long one is kept."""

MAX_CALL = 256 * 2**10
"""Bytes of a call, without its file."""
_AROUND = 64 * 2**10
"""Bytes of an upload around its file."""
_TOO_LARGE = b"larger than a submission may be"
WAITING = 200
"""Calls that wait for their turn; whoever comes then is told to try again."""
THREADS = 40


def serve(blocks: gr.Blocks, host: str, port: int | None, **how: Any) -> tuple[Any, str, str]:
    """Serve an app until it is interrupted; with `prevent_thread_lock=True` return at once.

    Args:
        blocks: what `make_app` gives.
        host: the address to listen at; "0.0.0.0" for every one of this machine.
        port: None takes a free one from 7860 on.
        how: further arguments of Gradio's `launch`, such as `prevent_thread_lock` or a theme.

    Returns:
        What `launch` returns: the FastAPI app, its address here, and "".
    """
    from starlette.middleware import Middleware

    blocks.queue(max_size=WAITING, default_concurrency_limit=THREADS, api_open=False)
    found: tuple[Any, str, str] = blocks.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        max_file_size=MAX_ARCHIVE,
        max_threads=THREADS,
        app_kwargs={"middleware": [Middleware(Bounded)], "docs_url": None, "redoc_url": None},
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        **how,
    )
    return found


class Bounded:
    """Refuses a request whose body is larger than any that feab sends, before and while it is read (ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        """`app`: what is asked when a request is not refused."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MAX_ARCHIVE + _AROUND if scope["path"].rstrip("/").endswith("/upload") else MAX_CALL
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or len(told) > 15 or int(told) > most:
            await _refuse(send, 413, _TOO_LARGE)
            return
        left, answered = most, False

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLargeError
            return message

        async def instead(message: Message) -> None:
            """The app's answer, or ours where it was given more than it may be."""
            nonlocal answered
            if left >= 0:
                await send(message)
            elif not answered and message["type"] == "http.response.start":
                await _refuse(send, 413, _TOO_LARGE)
            answered = True

        try:
            await self._app(scope, bounded, instead)
        except _TooLargeError:
            if not answered:
                await _refuse(send, 413, _TOO_LARGE)
        except (KeyError, TypeError, ValueError):  # what Gradio makes of a call that is not there, or is called wrongly
            if answered or scope["method"] != "POST":
                raise
            await _refuse(send, 400, b"no such call, or not what it takes")


class _TooLargeError(Exception):
    """More came than was told of."""


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the request is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""What every request to an app passes through before Gradio sees it.

Gradio keeps calls of any size in memory and uploads of any number on disk, fetches the address that a call names in
the place of an uploaded file (whole, however large it is), and answers a call of what is not there, or a link to a page
of its own that is not there, as if the server had failed.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from feab.leaderboard.app.uploads import Uploads
from feab.leaderboard.unpacking import MAX_ARCHIVE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_CALL = 256 * 2**10
"""Bytes of a call, without its file."""
_AROUND = 64 * 2**10
"""Bytes of an upload around its file."""
_DEEPEST = 50
"""How deep a call may be nested; those of our pages are five or so."""

_GRADIOS = (b"page", b"deep_link")
"""Names in a link's query that Gradio reads itself; ours knows neither, and all its pages are one of Gradio's."""

_FULL = (503, b"too many files are waiting here; try again in a few minutes")
_TOO_LARGE = (413, b"larger than a submission may be")
_WRONG = (400, b"no such call, or not what it takes")
_FAR_AWAY = (400, b"upload the file; it is not fetched from elsewhere")


class Bounds:
    """Refuses requests that are too large, while they come in, and files that lie elsewhere (an ASGI middleware)."""

    def __init__(self, app: ASGIApp, uploads: Uploads) -> None:
        """`app`: what is asked when a request is not refused. `uploads`: where it puts uploaded files."""
        self._app, self._uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse it, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "query_string": _ours(scope["query_string"])}
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        upload = _is_upload(scope)
        told = dict(scope["headers"]).get(b"content-length", b"0")
        most = MAX_ARCHIVE + _AROUND if upload else MAX_CALL
        if not told.isdigit() or len(told) > 15 or int(told) > most:
            await _refuse(send, *_TOO_LARGE)
            return
        if not upload:
            await self._limited(scope, receive, send, most, call=True)
            return
        with self._uploads.room_for(int(told) or most) as there:  # a body that comes in parts tells of no length
            if there:
                await self._limited(scope, receive, send, int(told) or most, call=False)
            else:
                await _refuse(send, *_FULL)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, most: int, *, call: bool) -> None:
        """Hand it on, up to `most` bytes of it; a `call` after a look at what it says."""
        limited = _Limited(receive, most)
        answer = _Answer(send, limited, direct="/run/" in scope["path"] or "/api/" in scope["path"])
        try:
            if call and (wrong := _wrong(await limited.whole())) is not None:
                await _refuse(send, *wrong)
                return
            await self._app(scope, limited, answer)
        except _TooLargeError:
            if not answer.begun:
                await _refuse(send, *_TOO_LARGE)
        except Exception as error:  # Gradio's, of a call that is not there, or is called with other than it takes
            if answer.begun:
                raise
            logging.getLogger(__name__).warning("%s: %s", scope["path"][:200], type(error).__name__)
            await _refuse(send, *_WRONG)


def _is_upload(scope: Scope) -> bool:
    return bool(scope["path"].rstrip("/").endswith("/upload"))


def _ours(query: bytes) -> bytes:
    """A link's query without what Gradio would read in it."""
    parts = query.split(b"&")
    return b"&".join(part for part in parts if unquote_to_bytes(part.partition(b"=")[0]) not in _GRADIOS)


class _Limited:
    """What comes in, up to a number of bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most
        self._read: list[Message] = []

    @property
    def over(self) -> bool:
        """Whether more came than may."""
        return self._left < 0

    async def whole(self) -> bytes:
        """The whole body; it is handed on all the same."""
        read = [await self._next()]
        while read[-1].get("more_body"):
            read.append(await self._next())
        self._read = read[::-1]
        return b"".join(message.get("body", b"") for message in read)

    async def __call__(self) -> Message:
        """The next message."""
        return self._read.pop() if self._read else await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.over:
            raise _TooLargeError
        return message


class _Answer:
    """What goes out: the app's answer, or ours where it was given more than it may be and made something else of it."""

    def __init__(self, send: Send, limited: _Limited, *, direct: bool) -> None:
        """`direct`: whether it is the answer to a call past the queue: of one that is refused, Gradio says 500."""
        self._send, self._limited, self._direct = send, limited, direct
        self.begun = False

    async def __call__(self, message: Message) -> None:
        """Send the next message."""
        if not self._limited.over:
            self.begun = True
            refused = self._direct and message.get("status") == 500
            await self._send({**message, "status": 400} if refused else message)
        elif not self.begun:
            self.begun = True
            await _refuse(self._send, *_TOO_LARGE)


class _TooLargeError(Exception):
    """More came than was told of."""


def _wrong(body: bytes) -> tuple[int, bytes] | None:
    """What is wrong with a call, if anything is that we know of."""
    try:
        document = json.loads(body)
        if isinstance(document, dict) and document.get("session_hash") == "":
            return _WRONG  # for which Gradio makes a name in one place and not in another, and its queue stops for all
        return _found(document, 0)
    except ValueError:
        return None  # which Gradio says itself
    except RecursionError:
        return _WRONG


def _found(value: Any, depth: int) -> tuple[int, bytes] | None:
    if depth > _DEEPEST:
        return _WRONG
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and "meta" in value and "://" in path:
            return _FAR_AWAY
        value = list(value.values())
    if isinstance(value, list):
        return next((wrong for one in value if (wrong := _found(one, depth + 1)) is not None), None)
    return None


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of the request is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

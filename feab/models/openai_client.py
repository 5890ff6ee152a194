"""One request to a chat API through the `openai` package: bytes in, bytes or a sorted failure out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai

from feab.models.endpoints import Endpoint
from feab.models.openai_errors import BODY_LIMIT, ReplyError, Trouble, from_exception
from feab.models.openai_options import PLACEHOLDER, OpenAIOptions

_SHARE = 8
"""Connections a pool holds at the most. The pool looks at each of them twice a request, which with 64 in one pool took
two fifths of all the time of asking."""


class Client:
    """Connections to one endpoint, for one event loop. It tries nothing twice and follows no redirect."""

    def __init__(self, options: OpenAIOptions, endpoint: Endpoint, key: str) -> None:
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        }
        self._timeout_s = options.timeout + options.connect_timeout
        timeout = httpx2.Timeout(options.timeout, connect=options.connect_timeout, pool=None)
        # Read once: that takes longer than making a pool.
        certificates = httpx2.create_ssl_context() if endpoint.encrypted else False
        self._clients = [
            openai.AsyncOpenAI(
                api_key=PLACEHOLDER,  # the real one travels in our own header, and no other key of the environment does
                base_url=endpoint.url,
                max_retries=0,
                timeout=timeout,
                http_client=openai.DefaultAsyncHttpxClient(
                    timeout=timeout,
                    limits=httpx2.Limits(max_connections=_SHARE, max_keepalive_connections=_SHARE),
                    follow_redirects=False,
                    verify=certificates,
                    trust_env=not endpoint.local,  # no proxy stands between the user and the user's own machine
                    event_hooks={"response": [_bound]},
                ),
            )
            for _ in range(-(-options.concurrency // _SHARE))
        ]
        self._free = [client for client in self._clients for _ in range(_SHARE)]

    async def post(self, body: bytes) -> bytes | Trouble:
        """The reply's body, when the status says that all is well; else what is the matter.

        To be called for no more than `concurrency` bodies at a time.
        """
        client = self._free.pop()  # the one used last, whose connections are warm
        try:
            sending = client.post("/chat/completions", content=body, cast_to=bytes, options={"headers": self._headers})
            reply: bytes = await asyncio.wait_for(sending, self._timeout_s)  # the client's own limit is between bytes
        except Exception as error:
            trouble = from_exception(error)
            if trouble is None:
                raise
            return trouble
        finally:
            self._free.append(client)
        return reply

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()


async def _bound(response: Any) -> None:
    """Have the reply's body read up to `BODY_LIMIT`: neither a long nor a well-packed one fills the memory."""
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise ReplyError("malformed", "the reply is compressed, which was not asked for")
    response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > BODY_LIMIT:
                raise ReplyError("too_large", f"the reply is larger than {BODY_LIMIT // 2**20} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()

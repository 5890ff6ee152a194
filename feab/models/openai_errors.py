"""Failures of a chat API, sorted: which pass by themselves, which are the question's own, which end the run."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from feab.records import Failure

BODY_LIMIT = 4 * 2**20
"""Bytes of a reply that are read; an answer about a face takes a few hundred."""

_SECRET_LENGTH = 12
"""Shorter keys ("EMPTY", "none") are no secrets, and would be found in ordinary text."""

_PASSES = frozenset({408, 409, 425, 429})
_OVERLOADED = frozenset({429, 503, 529})
_QUOTA = re.compile(r"insufficient_quota|billing_hard_limit|exceeded your current quota", re.IGNORECASE)


class ReplyError(Exception):
    """A reply that is not read any further; `kind` as in `Failure`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an attempt brought no answer, and what follows from it."""

    failure: Failure
    passes: bool = False
    """Whether the same question may be answered later: it is sent again."""
    ends_run: bool = False
    """Whether no other question would fare better."""
    overloaded: bool = False
    """Whether fewer requests at once would help."""
    wait_s: float | None = None
    """How long the server asks to be left alone."""
    reached: bool = True
    """Whether a server was there at all."""
    complaint: str = ""
    """All that the server said, up to 4,000 characters."""
    param: str | None = None
    """The field of the request that it blames."""


def from_status(status: int, body: Any, headers: Mapping[str, str]) -> Trouble:
    """What an HTTP status other than 200 means.

    Args:
        status: the status code, or the `code` of an error that came with status 200.
        body: the reply as JSON where it is JSON, else its text.
        headers: of the reply; `Retry-After` counts, in seconds or as a date.
    """
    complaint, message, param = _said(body)
    quota = status == 402 or (status == 429 and _QUOTA.search(complaint) is not None)
    return Trouble(
        Failure(f"http_{status}", f"HTTP {status}" + (f": {message}" if message else "")),
        passes=(status in _PASSES or 500 <= status <= 599) and not quota,
        ends_run=quota or status in (401, 403, 404, 405) or 300 <= status <= 399,
        overloaded=status in _OVERLOADED,
        wait_s=retry_after(headers) if status in _PASSES or status >= 500 else None,
        complaint=complaint,
        param=param,
    )


def from_error_reply(body: Mapping[str, Any]) -> Trouble:
    """What a body with an error means that came with status 200.

    Gateways pass on another server's error with a status of their own; its code is in the error.
    """
    error = body.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and 300 <= code <= 599:
        return from_status(code, body, {})
    told = from_status(500, body, {})
    return replace(told, failure=Failure("error_reply", told.failure.message.removeprefix("HTTP 500: ")))


def from_exception(error: BaseException) -> Trouble | None:
    """What a failed request means; None for an exception that is a mistake of ours."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return from_status(error.status_code, error.body, error.response.headers)
    for cause in _causes(error):
        if isinstance(cause, ReplyError):
            return Trouble(Failure(cause.kind, str(cause)))
    if isinstance(error, (asyncio.TimeoutError, openai.APITimeoutError)):
        connecting = any("Connect" in type(cause).__name__ for cause in _causes(error))
        what = "no connection" if connecting else "no answer"
        return Trouble(Failure("timeout", f"{what} in time"), passes=True, reached=not connecting)
    if isinstance(error, openai.APIConnectionError):
        refused = any("Connect" in type(cause).__name__ for cause in _causes(error))
        what = "no connection to the server" if refused else "the connection broke"
        return Trouble(Failure("connection", what), passes=True, reached=not refused)
    return None


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that `Retry-After-Ms` or `Retry-After` (seconds, or an HTTP date) asks to wait; None without sense."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            return float(text) * unit
    try:
        date = parsedate_to_datetime(headers.get("retry-after", "")[:100])
        return max(0.0, date.timestamp() - (time.time() if now is None else now))
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None


def scrubbed(text: str, key: str) -> str:
    """The text without the key, should a server have repeated it."""
    return text.replace(key, "[key]") if len(key) >= _SECRET_LENGTH and key in text else text


def advice(trouble: Trouble, url: str, model: str, key_env: str) -> str:
    """What to tell the user of a failure that ends the run."""
    status, said = trouble.failure.kind.removeprefix("http_"), trouble.failure.message
    if status == "401":  # what the server says of a wrong key holds parts of it
        return f"{url} refused the key in the environment variable {key_env} (HTTP 401)"
    if status == "403":
        return f"{url} does not let this key ask {model} ({said})"
    if status in ("404", "405"):
        return f"{url} knows no model {model!r}, or is not the API's address, which often ends in /v1 ({said})"
    if status.startswith("3"):
        return f"{url} leads elsewhere (HTTP {status}); faces do not follow: give the final address as base_url"
    if trouble.failure.kind in ("connection", "timeout"):
        return f"{url} cannot be reached ({said}): is the server running, and is base_url right?"
    return f"{url} gives this key no more answers ({said}): see the account's quota and billing"


def _said(body: Any) -> tuple[str, str, str | None]:
    """All that a server said, its message in one line of at most 300 characters, and the field it blames."""
    found = body.get("error", body) if isinstance(body, Mapping) else body
    inner = found if isinstance(found, Mapping) else {}
    message = inner.get("message")
    try:
        complaint = body if isinstance(body, str) else json.dumps(body, default=str)
    except (ValueError, TypeError, RecursionError):
        complaint = ""
    if not isinstance(message, str) or not message.strip():
        message = found if isinstance(found, str) else ("" if body is None else complaint)
    param = inner.get("param")
    return complaint[:4000], " ".join(message[:2000].split())[:300], param if isinstance(param, str) else None


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(found) < 10:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found

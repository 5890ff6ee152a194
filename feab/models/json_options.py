"""An adapter argument that is a JSON object: `-M extra='{"top_k": 1}'`."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

MAX_CHARACTERS = 20_000


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("""a JSON object, as in '{"top_k": 1}'""") from None


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise ValueError("only JSON values, without NaN") from None
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS:,} characters")
    return value


JsonObject = Annotated[dict[str, Any], BeforeValidator(_read), AfterValidator(_plain)]
"""A JSON object, given as such (in a card) or as its text (on the command line)."""

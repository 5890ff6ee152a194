"""JSON of strangers: no NaN, no Infinity, no key twice."""

from __future__ import annotations

import json
import re
from typing import Any

from feab.errors import FeabError


def load_json(text: str, where: str) -> Any:
    """A JSON value; NaN, Infinity and a key that occurs twice are refused.

    Raises:
        FeabError: naming the place.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise FeabError(f"{where}: not JSON ({error.msg}, column {error.colno})") from None
    except RecursionError:
        raise FeabError(f"{where}: not read: nested too deeply") from None
    except ValueError as error:
        raise FeabError(f"{where}: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {re.sub(r'[^ -~]', '?', twice[:60])!r} occurs twice")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON number; write null where there is none")

"""What an endpoint turned out not to take: each field is tried once, and what was given up is remembered and said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Format = Literal["json_schema", "json_object", "none"]

_NEXT_FORMAT: Mapping[Format, Format] = {"json_schema": "json_object", "json_object": "none"}
_FORMAT_WORDS = re.compile(r"response_?format|json_schema|json_object|structured output|guided|grammar", re.IGNORECASE)

_DROPPABLE = ("temperature", "top_p", "seed", "top_logprobs", "logprobs", "detail", "n")
"""Fields an endpoint may refuse and still be asked: it then answers by its own defaults, which the manifest says."""

_UNSUPPORTED = re.compile(
    r"unsupported|not support|n't support|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed|not available|"
    r"not implemented|not compatible|incompatible|not enabled|only the default|extra (?:input|field)|extra_forbidden",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one endpoint wants to be asked, as far as it has said."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    format: Format = "json_schema"
    dropped: frozenset[str] = frozenset()

    def takes(self, field: str) -> bool:
        """Whether the field may still be sent."""
        return field not in self.dropped

    def without(self, field: str) -> Dialect:
        """The dialect that never sends the field again."""
        return replace(self, dropped=self.dropped | {field})

    def after(self, complaint: str, param: str | None, sent: frozenset[str]) -> Dialect | None:
        """The dialect to try after a refusal (HTTP 400 or 422); None if it names nothing that can be left out.

        Args:
            complaint: what the server said, any text.
            param: the field it blames, where it says so in a field of its own.
            sent: the fields that were in the request.
        """
        if "response_format" in sent and (_FORMAT_WORDS.search(complaint) or param == "response_format"):
            return replace(self, format=_NEXT_FORMAT[self.format]) if self.format in _NEXT_FORMAT else None
        if not _UNSUPPORTED.search(complaint):
            return None
        named = {field for field in sent if param == field} or {field for field in sent if _names(complaint, field)}
        if self.limit in named and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        refused = named.intersection(_DROPPABLE)
        return replace(self, dropped=self.dropped | refused) if refused else None

    def details(self, schemas: bool) -> dict[str, Any]:
        """What the manifest says of it; `schemas`: whether any question came with a schema."""
        found: dict[str, Any] = {"token_limit": self.limit}
        if schemas:
            found["structured_output"] = self.format
        if self.dropped:
            found["not_accepted"] = sorted(self.dropped)
        return found


def _names(text: str, field: str) -> bool:
    """Whether a text names a field: short words only in quotes, as they are words of English, too."""
    quoted = rf"[\"'`]{re.escape(field)}[\"'`]"
    bare = rf"|\b{re.escape(field)}\b" if len(field) > 3 and field != "detail" else ""
    return re.search(quoted + bare, text) is not None

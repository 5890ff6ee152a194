"""What `-M` takes for `openai/…`, and what of it changes answers."""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from feab.errors import FeabError
from feab.models.endpoints import Endpoint, find_endpoint
from feab.models.json_options import JsonObject

OPENAI_URL = "https://api.openai.com/v1"

_OURS = frozenset(
    ("model", "messages", "n", "stream", "stream_options", "seed", "temperature", "top_p", "max_tokens", "logprobs",
     "max_completion_tokens", "response_format", "top_logprobs", "reasoning_effort")
)  # fmt: skip
"""Fields of a request that feab sets from the question or from options of their own."""

_IDENTITY = ("max_pixels", "max_tokens", "reasoning_effort", "detail", "structured", "logprobs", "extra")

PLACEHOLDER = "none"
"""Sent as the key where there is none: servers of one's own ignore it."""


class OpenAIOptions(BaseModel):
    """What `-M` takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    base_url: str = Field(OPENAI_URL, description="where the API is: http(s)://HOST[:PORT]/PATH")
    key_env: str = Field(
        "OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable that holds the key"
    )
    revision: str | None = Field(
        None, min_length=1, max_length=200, description="what is served there: a commit or date, for the manifest"
    )
    concurrency: int = Field(32, ge=1, le=1024, description="requests at once; fewer while the server says 429")
    timeout: float = Field(120.0, gt=0, le=86_400, description="seconds an answer may take")
    connect_timeout: float = Field(10.0, gt=0, le=3600, description="seconds until a connection stands")
    max_attempts: int = Field(8, ge=1, le=100, description="times a question is sent before it counts as failed")
    max_wait: float = Field(300.0, ge=0, le=86_400, description="seconds a question may wait between its attempts")
    max_pixels: int | None = Field(None, ge=1, description="larger images are reduced to this area, as JPEG")
    max_tokens: int | None = Field(None, ge=1, le=1_000_000, description="limit instead of the prompt's own")
    reasoning_effort: str | None = Field(
        None, pattern=r"^[a-z]{1,20}$", description="how long a reasoning model thinks (minimal, low, medium, high)"
    )
    detail: Literal["auto", "low", "high"] | None = Field(None, description="image detail, where the API has it")
    structured: Literal["auto", "none"] = Field(
        "auto", description="auto: prompts that ask for JSON also send its schema, where accepted"
    )
    logprobs: bool = Field(False, description="ask for probabilities of the expression labels")
    extra: JsonObject = Field({}, description="further fields of every request, as a JSON object")

    @field_validator("extra")
    @classmethod
    def _free(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & value.keys()):
            raise ValueError(f"{', '.join(taken)}: set by feab or by an option of its own")
        return value

    def endpoint(self) -> Endpoint:
        """Where questions go.

        Raises:
            FeabError: when `base_url` is no plain address.
        """
        return find_endpoint(self.base_url)

    def identity(self, endpoint: Endpoint) -> dict[str, Any]:
        """The arguments that change answers: where it is asked, and those of our options that were set."""
        defaults = type(self).model_fields
        given = {name: getattr(self, name) for name in _IDENTITY}
        return {"base_url": endpoint.url, **{k: v for k, v in given.items() if v != defaults[k].default}}


def read_key(options: OpenAIOptions, endpoint: Endpoint) -> str:
    """The key out of the environment; a placeholder for an endpoint of the user's own, where none is set.

    Raises:
        FeabError: when a third party's key is missing, is no header value, or would travel unencrypted.
    """
    key = os.environ.get(options.key_env, "").strip()
    if not key and endpoint.local:
        return PLACEHOLDER
    if not key:
        raise FeabError(
            f"{endpoint.url} wants a key: put it into the environment variable {options.key_env} "
            "(or name another one: -M key_env=NAME)"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise FeabError(f"the environment variable {options.key_env} holds no key: spaces or odd characters in it")
    if not endpoint.local and not endpoint.encrypted:
        raise FeabError(f"{endpoint.url} is not encrypted: the key and the faces could be read on the way; use https")
    return key

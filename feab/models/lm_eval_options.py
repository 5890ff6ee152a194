"""What `-M` takes for `lm-eval/…`: whatever the class of lm-eval takes, read as lm-eval reads it, and no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feab.models.hf_load import folder_digest

_TEXT = frozenset({"pretrained", "model", "revision", "tokenizer", "peft", "delta", "subfolder", "base_url"})
"""Arguments that are text even where they look like a number: a folder may be called 7."""

SECRET = re.compile(
    r"(?:^|_)(?:(?:api|access|secret|private)_?key|(?:auth|access|api|hf)_?token|password|passwd|secret|headers?|"
    r"credentials?)$|^(?:token|key)$",
    re.IGNORECASE,
)
"""Names of arguments that hold keys, or headers with keys in them."""

_HOW = frozenset(
    ("batch_size", "max_batch_size", "device", "parallelize", "max_memory_per_gpu", "max_cpu_memory", "offload_folder",
     "device_map", "tp_plan", "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size",
     "gpu_memory_utilization", "swap_space", "num_concurrent", "max_retries", "timeout", "verify_certificate",
     "ca_cert_path", "cache_dir", "logits_cache")
)  # fmt: skip
"""Arguments that say how and where a model runs, not what it answers. All others count: nobody can tell."""


class LmEvalOptions(BaseModel):
    """What `-M` takes: these, and every argument of the class's constructor."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    max_gen_toks: int | None = Field(None, ge=1, le=100_000, description="limit instead of the prompt's own")
    verbose: bool = Field(False, description="let lm-eval speak")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        for name in given:
            if SECRET.search(str(name)):
                raise ValueError(
                    f"{name}: no secret among the arguments, which others can read; put the key into the environment, "
                    "under the name that lm-eval's class looks for (OPENAI_API_KEY; HF_TOKEN for the hub)"
                )
        return {name: _value(value) if name not in _TEXT else value for name, value in given.items()}

    @model_validator(mode="after")
    def _plain(self) -> LmEvalOptions:
        try:
            json.dumps(self.passed, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            raise ValueError("only JSON values, without NaN") from None
        return self

    @property
    def passed(self) -> dict[str, Any]:
        """Arguments for the class's constructor."""
        return dict(self.model_extra or {})

    def identity(self) -> dict[str, Any]:
        """The arguments that change answers; a folder of weights beside the model's (`peft`) by its digest."""
        found: dict[str, Any] = {"max_gen_toks": self.max_gen_toks} if self.max_gen_toks is not None else {}
        for name, value in self.passed.items():
            if name not in _HOW and name != "base_url":
                found[name] = _digested(value) if name != "pretrained" else value
        return found


def _value(value: Any) -> Any:
    """An argument's text as the value it means, by lm-eval's rules: true, 7, .5, none, "7" in quotes; JSON in braces.

    Raises:
        ValueError: for what begins as JSON and is none.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("JSON that is nested too deeply") from None
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    if re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", text):
        return float(text)
    return value


def _digested(value: Any) -> Any:
    folder = Path(value).expanduser() if isinstance(value, str) and 0 < len(value) < 4096 else None
    try:
        return folder_digest(folder) if folder is not None and folder.is_dir() else value
    except (OSError, ValueError):
        return value

"""What `-M` takes for `vllm/…`, and what of it changes answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from feab.models.checkpoint import CheckpointOptions
from feab.models.json_options import JsonObject

_PASSED = (
    *("dtype", "model_impl", "quantization", "max_model_len", "gpu_memory_utilization", "enforce_eager"),
    *("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "trust_remote_code"),
)
"""Options that vLLM has under the same name."""

_OURS = frozenset(
    (*_PASSED, "model", "revision", "tokenizer_revision", "chat_template", "enable_lora", "max_loras", "max_lora_rank")
)
"""Engine arguments that feab sets from options of their own."""


class VllmOptions(CheckpointOptions):
    """What `-M` takes."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="precision; auto: vLLM's choice"
    )
    model_impl: Literal["auto", "vllm", "transformers"] = Field(
        "auto", description="whose code the model is: vLLM's own, transformers', or vLLM's where it has any (auto)"
    )
    quantization: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,40}$", description="method, as vLLM names it")
    chunk: int = Field(512, ge=1, le=65536, description="questions in the engine at once; bounds memory on the host")
    max_model_len: int | None = Field(None, ge=1, le=100_000_000, description="tokens of question and answer together")
    gpu_memory_utilization: float | None = Field(None, gt=0, le=1, description="share of each GPU's memory to use")
    tensor_parallel_size: int = Field(1, ge=1, le=4096, description="GPUs that share each layer")
    pipeline_parallel_size: int = Field(1, ge=1, le=4096, description="groups of GPUs that hold successive layers")
    data_parallel_size: int = Field(1, ge=1, le=4096, description="copies of the model, where vLLM offers it offline")
    enforce_eager: bool = Field(False, description="no compilation: starts sooner, answers more slowly")
    structured: bool = Field(False, description="let the engine write only answers of the form that was asked for")
    logprobs: bool = Field(False, description="probabilities of the expression labels")
    engine: JsonObject = Field({}, description="further arguments of vllm.LLM, as a JSON object")

    @field_validator("engine")
    @classmethod
    def _free(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & value.keys()):
            raise ValueError(f"{', '.join(taken)}: set by feab or by an option of its own")
        return value

    @property
    def passed(self) -> dict[str, Any]:
        """Arguments of `vllm.LLM`; where an option was left alone, vLLM decides."""
        given = {name: getattr(self, name) for name in _PASSED}
        return {
            "enable_prefix_caching": True,
            **{name: value for name, value in given.items() if value != type(self).model_fields[name].default},
            **self.engine,
        }

    def identity(self, template: str | None) -> dict[str, Any]:
        """Those that change answers and were given. Nobody can tell which of `engine` do, so all of it counts."""
        matters = {name: getattr(self, name) for name in ("quantization", "structured", "logprobs", "engine")}
        return {**super().identity(template), **{name: value for name, value in matters.items() if value}}

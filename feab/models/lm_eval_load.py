"""Finding and making a model class of lm-eval, and what can be told of it."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.models.endpoints import Endpoint, find_endpoint
from feab.models.hf_load import folder_digest
from feab.models.hf_load import quiet as transformers_quiet
from feab.models.images import first_line
from feab.models.lm_eval_options import SECRET, LmEvalOptions
from feab.models.lm_eval_wire import MARKER, Family
from feab.models.vllm_engine import keep_quiet

_FAMILIES: Mapping[str, Family] = {"LocalChatCompletion": "api", "HFMultimodalLM": "hf", "VLLM_VLM": "vllm"}
"""The classes of lm-eval 0.4 that show a model pictures, and what is descended from them."""

_WITH_EYES = (
    *("hf-multimodal", "vllm-vlm", "local-chat-completions", "openai-chat-completions"),
    *("azure-openai-chat-completions", "litellm"),
)
"""Their names, for advice."""

_STREAM = 256
"""Rows for an engine that makes up its batches itself."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An object of one of lm-eval's classes."""

    lm: Any
    family: Family
    endpoint: Endpoint | None
    """Where it sends questions; None for a model on this machine, or where only its own library knows."""
    local: bool
    revision: str | None
    instance: Callable[..., Any]
    """lm-eval's class of a request."""

    concurrent: int = 1
    """Requests that may be under way at once."""

    @property
    def at_once(self) -> int:
        """Rows to hand it at once, so that progress shows and an interruption costs little."""
        if self.family == "api":
            return 4 * self.concurrent if self.concurrent > 1 else 1  # of several, all wait for the slowest
        size = self.lm.batch_size
        return size if isinstance(size, int) else _STREAM


def make(rest: str, options: LmEvalOptions) -> Loaded:
    """An object of a class of lm-eval: `rest` is the name it has there, or CLASS/MODEL.

    Raises:
        FeabError: when lm-eval or what it needs is not installed, for a class that takes no pictures, for arguments
            that do not fit it, and where it cannot load the model.
    """
    name, _, model = rest.partition("/")
    if name.startswith("vllm"):
        keep_quiet(options.verbose)
    found = _class_of(name)
    family = _family(name, found)
    given = _completed(name, found, family, _named(model, family, options.passed))
    endpoint = _endpoint(found, given) if family == "api" else None
    try:
        with quiet(options.verbose, family):
            lm = found.create_from_arg_obj(given)
            if family == "api":
                _ = lm.header  # it reads the key, and says so where there is none
            lm.apply_chat_template([{"role": "user", "content": "?" if family == "api" else f"{MARKER}?"}])
    except Exception as error:  # of any kind: the user's arguments, checkpoint, key or installation
        raise FeabError(_not_made(name, family, given, error)) from None
    if family == "api" and not (lm.model and (lm.base_url or _own_transport(found))):
        raise FeabError(
            f"lm-eval/{name}: say which model is served where: --model lm-eval/{name}/MODEL -M "
            "base_url=http://HOST/v1/chat/completions"
        )
    if family == "api" and lm.tokenizer is not None:
        raise FeabError(f"lm-eval/{name}: with a tokenizer of its own lm-eval sends no images; leave tokenizer out")
    if family == "api" and endpoint is None and not _own_transport(found):
        endpoint = find_endpoint(str(lm.base_url).partition("?")[0])
    if endpoint is not None and not endpoint.local and not endpoint.encrypted:
        raise FeabError(f"{endpoint.url} is not encrypted: the key and the faces could be read on the way; use https")
    from lm_eval.api.instance import Instance

    local = family != "api" or (endpoint is not None and endpoint.local)
    concurrent = lm._concurrent if family == "api" else 1
    return Loaded(lm, family, endpoint, local, _revision(lm, family, given), Instance, concurrent)


@contextmanager
def quiet(verbose: bool, family: Family) -> Iterator[None]:
    """Silence lm-eval's own log for a while, and that of transformers where it is at work."""
    log = logging.getLogger("lm_eval")
    level = log.level
    if not verbose:
        log.setLevel(logging.CRITICAL + 1)
    try:
        with nullcontext() if family == "api" else transformers_quiet(verbose):
            yield
    finally:
        log.setLevel(level)


def _class_of(name: str) -> Any:
    try:
        import lm_eval.models  # noqa: F401 - it fills the registry
        from lm_eval.api.registry import get_model, model_registry
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "lm_eval":
            raise FeabError(
                "lm-eval/… needs lm-evaluation-harness; install it with: pip install 'feab[lm-eval]' (and feab[hf] for "
                "hf-multimodal)"
            ) from None
        raise FeabError(f"lm-eval/…: lm-eval is installed, but not what it needs ({error})") from None
    known = sorted(model_registry.keys())
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise FeabError(
            f"lm-eval/{name}: lm-eval knows no such model class; {hint}those that take pictures: "
            + ", ".join(_WITH_EYES)
        )
    try:
        return get_model(name)
    except Exception as error:  # importing its module brings in torch, vLLM and the like
        raise FeabError(
            f"lm-eval/{name}: its module does not load ({first_line(error)}); install what it needs"
        ) from None


def _family(name: str, found: type) -> Family:
    for base in found.__mro__:
        if base.__name__ in _FAMILIES and base.__module__.startswith("lm_eval."):
            return _FAMILIES[base.__name__]
    raise FeabError(
        f"lm-eval/{name}: lm-eval's class shows a model no pictures; those that do: {', '.join(_WITH_EYES)}"
    )


def _named(model: str, family: Family, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments with the model that the name ends in."""
    if not model:
        return given
    if twice := sorted({"model", "pretrained"} & given.keys()):
        raise FeabError(f"lm-eval/…/{model}: names the model, and so does -M {twice[0]}={given[twice[0]]}")
    return {("model" if family == "api" else "pretrained"): model, **given}


def _completed(name: str, found: type, family: Family, given: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments, with what lm-eval's own command line would add.

    Raises:
        FeabError: for an argument that an API class does not have: it would swallow it without a word.
    """
    if family == "api":
        known = {
            parameter
            for base in found.__mro__
            if base.__module__.startswith("lm_eval.")
            for parameter, kind in inspect.signature(base).parameters.items()
            if kind.kind is not inspect.Parameter.VAR_KEYWORD
        }
        unknown = sorted(set(given) - known)
        if unknown:
            raise FeabError(
                f"arguments of lm-eval/{name}: {', '.join(unknown)}: not an argument; it takes "
                + ", ".join(sorted(name for name in known if not SECRET.search(name)))
            )
        return dict(given)
    if family == "vllm":
        return {"batch_size": _STREAM, **given}  # 1 otherwise; "auto" also brings a progress bar
    return {"device": _device(), **given}


def _device() -> str:
    """What lm-eval calls cuda without looking."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _endpoint(found: type, given: Mapping[str, Any]) -> Endpoint | None:
    """The address that the user named, checked before anything is made of it."""
    address = given.get("base_url")
    if address is None or _own_transport(found):
        return None
    return find_endpoint(str(address))


def _own_transport(found: Any) -> bool:
    """Whether a class leaves the sending to a library (litellm) that has its own mind about where."""
    from lm_eval.models.api_models import TemplateAPI

    return found.amodel_call is not TemplateAPI.amodel_call


def _revision(lm: Any, family: Family, given: Mapping[str, Any]) -> str | None:
    """A digest of the checkpoint's folder, the commit that the hub delivered, or what the user says is served."""
    asked = given.get("revision")
    if family == "api":
        return None if asked is None else str(asked)
    folder = Path(str(given.get("pretrained", ""))).expanduser()
    if folder.is_dir():
        return folder_digest(folder)
    commit = getattr(getattr(lm, "config", None), "_commit_hash", None)
    return commit if isinstance(commit, str) else (None if asked is None else str(asked))


def _not_made(name: str, family: Family, given: Mapping[str, Any], error: Exception) -> str:
    start = f"lm-eval/{name}: lm-eval could not make it ({first_line(error)})"
    if family != "api" and "pretrained" not in given:
        return f"{start}; say which checkpoint: lm-eval/{name}/FOLDER, or -M pretrained=FOLDER"
    if "API key" in str(error):
        return f"{start}; the key comes from the environment alone"
    if family == "hf":
        return f"{start}; hf/FOLDER loads the same checkpoints, more of them, and says more when it cannot"
    return start

"""Loading a checkpoint and its processor with care: pinned, safetensors only, no remote code unless asked for."""

from __future__ import annotations

import fnmatch
import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.models.hf_video import VideoByImages, stand_in
from feab.yamlfile import read_bytes, read_text

_HASH_WHOLE = 64 * 1024 * 1024
_PIECE = 1024 * 1024
_DECISIVE = (
    *("*config.json", "*.safetensors", "*.safetensors.index.json", "*.py"),
    *("tokenizer*.json", "vocab*", "merges.txt", "*.model", "*.tiktoken", "added_tokens.json"),
    *("special_tokens_map.json", "chat_template*", "*.jinja"),
)
"""Files of a checkpoint or a LoRA adapter that decide what it answers: model, generation, processor and tokenizer
configuration, weights, the tokenizer's tables, the chat template, and code of its own."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a checkpoint lies."""

    path: str
    """A folder, or a hub id."""
    local: bool
    revision: str | None
    trust_remote_code: bool
    offline: bool = False
    """Whether the hub does not answer, so that only what was downloaded before is read."""
    provider: str = "hf"
    """The provider's word, for messages."""

    @property
    def kwargs(self) -> dict[str, Any]:
        """What every `from_pretrained` is given."""
        given: dict[str, Any] = {"trust_remote_code": self.trust_remote_code}
        if not self.local and self.revision is not None:
            given["revision"] = self.revision
        if self.offline:
            given["local_files_only"] = True
        return given


def locate(rest: str, revision: str | None, trust_remote_code: bool, provider: str = "hf") -> Source:
    """A folder if there is one of that name, else a hub id.

    Raises:
        FeabError: for what can be neither.
    """
    folder = Path(rest).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise FeabError(f"{folder}: no config.json there; a transformers checkpoint has one (save_pretrained)")
        return Source(str(folder), True, None, trust_remote_code, provider=provider)
    if rest.startswith((".", "/", "~")) or rest.count("/") > 1 or not rest.strip("/"):
        raise FeabError(f"{provider}/{rest}: no such folder (a hub id is written {provider}/OWNER/NAME)")
    return Source(rest, False, revision, trust_remote_code, provider=provider)


def reached(source: Source) -> Source:
    """The source as it can be had now: from the hub, or from the hub's cache alone where the hub does not answer.

    One request, never repeated: without it, transformers asks for a dozen files and retries each for half a minute.

    Raises:
        FeabError: when the hub does not answer and the checkpoint was not downloaded before.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError

    if source.local or constants.HF_HUB_OFFLINE:
        return source
    try:
        get_hf_file_metadata(hf_hub_url(source.path, "config.json", revision=source.revision))
    except (HfHubHTTPError, ValueError):
        pass  # it answered, or the name is none: loading says it better
    except Exception as error:  # whatever its HTTP library raises when there is no way to the hub
        if isinstance(try_to_load_from_cache(source.path, "config.json", revision=source.revision), str):
            return replace(source, offline=True)
        raise FeabError(
            f"{source.provider}/{source.path}: it is no folder here, and the hub cannot be reached ({_line(error)}). "
            f"Check the network, or download it elsewhere and give the folder: {source.provider}/PATH"
        ) from None
    return source


@contextmanager
def quiet(verbose: bool = False) -> Iterator[None]:
    """Silence transformers' progress bars and warnings for a while, then put things back as they were."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    if not verbose:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def require_libraries() -> None:
    """Raises `FeabError` with the command that installs what is missing."""
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise FeabError(
            f"hf/… needs torch and transformers ({error}); install them with: pip install 'feab[hf]'"
        ) from None
    del torch


def load_processor(source: Source, *, videos: bool = False) -> Any:
    """The checkpoint's processor, padding on the left; without its video part where torchvision is missing.

    With `videos`, never without it: one made of the image processor stands in (`hf_video.py`) where that can be.

    Raises:
        FeabError: saying what to install, or that it is no processor of images and text, or of videos where asked.
    """
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(source.path, **source.kwargs)
    except Exception as error:  # transformers raises nearly anything here; each is the user's checkpoint or setup
        if not _about_video(error):
            raise FeabError(_explain(source, error, "processor")) from None
        processor = _without_video(source, error)
    if getattr(processor, "tokenizer", None) is None or getattr(processor, "image_processor", None) is None:
        raise FeabError(f"hf/{source.path}: its processor does not take both images and text")
    if videos and getattr(processor, "video_processor", None) is None:
        raise FeabError(
            f"hf/{source.path}: frames_as=video: its processor takes no videos here (most need the torchvision that "
            "belongs to your torch); leave it out to send frames as images"
        )
    processor.tokenizer.padding_side = "left"
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def _about_video(error: Exception) -> bool:
    text = str(error).lower()
    return "video" in text or "torchvision" in text


def _without_video(source: Source, cause: Exception) -> Any:
    """The checkpoint's own processor class, with a video processor made of its image processor, or with none.

    Images need none. Video processors of transformers 5 need torchvision, and a processor class that can take videos
    insists on one.
    """
    import transformers
    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    advice = (
        f"hf/{source.path}: its processor also reads videos and did not load ({_line(cause)}); "
        "installing the torchvision that belongs to your torch may help"
    )
    try:
        config = AutoConfig.from_pretrained(source.path, **source.kwargs)
        written = _processor_config(source)
        known = written.get("processor_class")
        found = getattr(transformers, known, None) if isinstance(known, str) else None
        base: Any = found if inspect.isclass(found) else PROCESSOR_MAPPING[type(config)]

        def check(self: Any, argument_name: str, argument: Any) -> Any:
            # Only the video processor may be missing, or ours; everything else is checked as ever.
            if argument_name == "video_processor" and (argument is None or isinstance(argument, VideoByImages)):
                return None
            return base.check_argument_for_proper_class(self, argument_name, argument)

        images_only = type(base.__name__, (base,), {"check_argument_for_proper_class": check})
        image_processor = AutoImageProcessor.from_pretrained(source.path, **source.kwargs)
        tokenizer = AutoTokenizer.from_pretrained(source.path, **source.kwargs)
        accepted = inspect.signature(base.__init__).parameters
        options = {key: value for key, value in written.items() if key in accepted and not isinstance(value, dict)}
        options.pop("chat_template", None)
        template = _template(source) or getattr(tokenizer, "chat_template", None)
        return images_only(
            image_processor=image_processor,
            tokenizer=tokenizer,
            video_processor=stand_in(
                image_processor, _file(source, "video_preprocessor_config.json"), _file(source, "processor_config.json")
            ),
            chat_template=template,
            **options,
        )
    except FeabError:
        raise
    except Exception as error:
        raise FeabError(f"{advice} (without its video part: {_line(error)})") from None


def _processor_config(source: Source) -> dict[str, Any]:
    import json

    path = _file(source, "processor_config.json")
    written = json.loads(read_bytes(path, 4 * 1024 * 1024)) if path else {}
    return written if isinstance(written, dict) else {}


def _template(source: Source) -> str | None:
    path = _file(source, "chat_template.jinja")
    return read_text(path, 1024 * 1024) if path else None


def _file(source: Source, name: str) -> Path | None:
    from transformers.utils import cached_file

    found = cached_file(
        source.path,
        name,
        revision=source.revision,
        local_files_only=source.offline,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return Path(found) if found else None


def load_weights(
    source: Source,
    *,
    dtype: Any,
    device: str,
    attention: str | None = None,
    adapter: Path | None = None,
    quantization: Any = None,
) -> Any:
    """The model, in evaluation mode on its device, with a LoRA adapter merged in where one is named.

    `quantization`: transformers' own configuration of it, for weights that are to be kept in fewer bits.

    Raises:
        FeabError: saying what is wrong with the checkpoint or what to install.
    """
    from transformers import AutoModelForImageTextToText

    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, **source.kwargs}
    if attention is not None:
        options["attn_implementation"] = attention
    if device == "auto-map":
        options["device_map"] = "auto"
    if quantization is not None:  # such weights cannot be moved afterwards
        options |= {"quantization_config": quantization, "device_map": {"": device}}
    try:
        model = AutoModelForImageTextToText.from_pretrained(source.path, **options)
    except Exception as error:  # as for the processor
        raise FeabError(_explain(source, error, "model")) from None
    if adapter is not None:
        model = _with_adapter(model, adapter)
    if device != "auto-map" and quantization is None:
        model = model.to(device)
    return model.eval()


def _with_adapter(model: Any, folder: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError:
        raise FeabError("adapter=… needs peft; install it with: pip install 'feab[train]'") from None
    try:
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except Exception as error:
        raise FeabError(f"adapter={folder}: does not fit this model ({_line(error)})") from None


def folder_digest(folder: Path) -> str:
    """A digest of a checkpoint folder: same digest, same answers.

    SHA-256 over name, size and content of the files that decide them (`_DECISIVE`); notes, cards and training logs
    beside them change nothing. Of files above 64 MiB, 17 pieces
    of 1 MiB spread evenly stand for the content (our choice: a fine-tune moves every part, and reading 15 GB takes a
    minute).
    """
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if not path.is_file() or not any(fnmatch.fnmatchcase(path.name, wanted) for wanted in _DECISIVE):
            continue
        size = path.stat().st_size
        total.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= _HASH_WHOLE:
                while piece := file.read(_PIECE):
                    total.update(piece)
            else:
                for i in range(17):
                    file.seek((size - _PIECE) * i // 16)
                    total.update(file.read(_PIECE))
    return f"sha256:{total.hexdigest()[:16]}"


def _explain(source: Source, error: Exception, what: str) -> str:
    text = str(error)
    start = f"hf/{source.path}: cannot load the {what}"
    if isinstance(error, ImportError):
        return f"{start}: {_line(error)}"
    if "trust_remote_code" in text:
        return f"{start}: it runs code of its own; read that code, then add -M trust_remote_code=true"
    if "gated" in text.lower() or "401" in text or "403" in text:
        return f"{start}: access is restricted; accept its licence on the hub and log in with `hf auth login`"
    if not source.local and isinstance(error, OSError):
        return (
            f"{start}: it is no folder here, and the hub did not deliver it ({_line(error)}). "
            "Check the name and revision, or download it and give the folder: hf/PATH"
        )
    return f"{start} ({_line(error)})"


def _line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip()[:300]}" if lines else type(error).__name__

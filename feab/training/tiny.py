"""Building a small Idefics3 (the SmolVLM family) from nothing: tokenizer, processor, random weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from feab.training.recipe import Architecture

SPECIAL = (
    "<pad>",
    "<s>",
    "<|end|>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
    "<end_of_utterance>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
)

# The text comes before the picture, whatever the order of the parts: the question is then the same prefix for every
# face, so its keys and values can be computed once.
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>{% endif %}{% endfor %}{% endif %}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_processor(architecture: Architecture, corpus: Iterable[str]) -> Any:
    """An `Idefics3Processor` whose byte-level BPE vocabulary is learnt from `corpus` (prompts and answers).

    Args:
        architecture: gives image size and vocabulary size.
        corpus: texts; order and repetition matter to BPE, so give them in a fixed order.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import Idefics3ImageProcessorPil, Idefics3Processor, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE(unk_token=None))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=architecture.vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=list(SPECIAL),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",  # noqa: S106
        bos_token="<s>",  # noqa: S106
        eos_token="<|end|>",  # noqa: S106
        additional_special_tokens=list(SPECIAL[3:]),
        padding_side="left",
    )
    tokenizer.chat_template = TEMPLATE
    side = {"longest_edge": architecture.image_size}
    images = Idefics3ImageProcessorPil(size=side, max_image_size=side, do_image_splitting=False)
    return Idefics3Processor(image_processor=images, tokenizer=tokenizer, image_seq_len=1, chat_template=TEMPLATE)


def build_model(architecture: Architecture, tokenizer: Any, *, init: float = 0.05) -> Any:
    """An `Idefics3ForConditionalGeneration` with random weights (seed torch first).

    The pixel shuffle folds the whole patch grid into one token: a language model this small does not learn to attend
    over many image tokens in the few steps it gets.
    """
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration

    a = architecture
    config = Idefics3Config(
        vision_config={
            "model_type": "idefics3_vision",
            "hidden_size": a.vision.width,
            "intermediate_size": a.vision.mlp,
            "num_hidden_layers": a.vision.layers,
            "num_attention_heads": a.vision.heads,
            "image_size": a.image_size,
            "patch_size": a.patch_size,
        },
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": a.text.width,
            "intermediate_size": a.text.mlp,
            "num_hidden_layers": a.text.layers,
            "num_attention_heads": a.text.heads,
            "num_key_value_heads": a.text.heads,
            "max_position_embeddings": 2048,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "initializer_range": init,
            "tie_word_embeddings": True,
        },
        scale_factor=a.image_size // a.patch_size,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    _place_patches(model.model.vision_model.embeddings, a.image_size // a.patch_size)
    return model


def _place_patches(embeddings: Any, grid: int) -> None:
    """Start position embeddings at 2-D sines and cosines, so that neighbours are near from the first step."""
    import torch

    table = embeddings.position_embedding.weight
    width = table.shape[1]
    quarter = width // 4
    rate = 1.0 / (100.0 ** (torch.arange(quarter) / quarter))
    rows, columns = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    waves = [f(place.reshape(-1, 1) * rate) for place in (rows, columns) for f in (torch.sin, torch.cos)]
    with torch.no_grad():
        table.zero_()
        table[:, : 4 * quarter] = 0.5 * torch.cat(waves, 1)

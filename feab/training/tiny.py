"""Building a small LLaVA from nothing: tokenizer, processor, random weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from feab.training.recipe import Architecture, Picture
from feab.training.tower import start_local, vision_config

SPECIAL = (
    "<pad>",
    "<s>",
    "<|end|>",
    "<image>",
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
    """A `LlavaProcessor` whose byte-level BPE vocabulary is learnt from `corpus` (prompts and answers).

    Args:
        architecture: gives the picture's and the vocabulary's size.
        corpus: texts; order and repetition matter to BPE, so give them in a fixed order.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlavaProcessor, PreTrainedTokenizerFast

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
    return LlavaProcessor(
        image_processor=build_image_processor(architecture.picture),
        tokenizer=tokenizer,
        patch_size=architecture.picture.crop,  # one token a picture
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
    )


def build_image_processor(picture: Picture) -> Any:
    """CLIP's image processor: shortest edge to `resize`, centre crop, values in [-1, 1]."""
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(
        size={"shortest_edge": picture.resize},
        crop_size={"height": picture.crop, "width": picture.crop},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )


def build_model(architecture: Architecture, tokenizer: Any) -> Any:
    """A `LlavaForConditionalGeneration` with random weights (seed torch first).

    The tower gives one token a face: a language model this small does not learn to attend over many image tokens in
    the few steps it gets.
    """
    from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    text = architecture.text
    config = LlavaConfig(
        vision_config=vision_config(architecture),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=text.width,
            intermediate_size=text.mlp,
            num_hidden_layers=text.layers,
            num_attention_heads=text.heads,
            num_key_value_heads=text.heads,
            max_position_embeddings=2048,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            initializer_range=0.05,
            tie_word_embeddings=True,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=1,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    start_local(model.model.vision_tower)
    return model

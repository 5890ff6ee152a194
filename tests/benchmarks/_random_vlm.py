"""Writes a vision-language model of SmolLM2-135M's shape with random weights: `_random_vlm.py FOLDER IMAGE_TOKENS`.

An Idefics3 with a small vision tower, so that the language model is what costs; its tokenizer is feab-tiny's, of which
the random weights use the first few entries of a vocabulary as large as SmolLM2's. The answers mean nothing; how long
they take to write does.
"""

from __future__ import annotations

import sys
from pathlib import Path

TINY = Path(__file__).parents[2] / "models" / "feab-tiny"
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}"
    "{{ c.text }}{% endif %}{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PATCH = 8
SHAPES = {1: (48, 6), 64: (64, 1)}
"""Image tokens -> edge of the image in pixels, and how many patches a side become one token."""


def write(folder: Path, image_tokens: int) -> None:
    """Build the model and its processor, and save them."""
    import torch
    from transformers import (
        AutoTokenizer,
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
    )

    edge, scale = SHAPES[image_tokens]
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    marks = ["<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>", *marks]})
    size = {"longest_edge": edge}
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessorPil(size=size, max_image_size=size, do_image_splitting=False),
        tokenizer=tokenizer,
        image_seq_len=image_tokens,
        chat_template=TEMPLATE,
    )
    config = Idefics3Config(
        vision_config={
            "model_type": "idefics3_vision", "hidden_size": 192, "intermediate_size": 384, "num_hidden_layers": 4,
            "num_attention_heads": 6, "image_size": edge, "patch_size": PATCH,
        },
        text_config={  # SmolLM2-135M
            "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
            "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "rope_theta": 100000.0,
            "max_position_embeddings": 8192, "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "tie_word_embeddings": True,
        },
        scale_factor=scale,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))

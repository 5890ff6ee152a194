"""A real vision-language model with random weights, small enough to be built while the tests start."""

from __future__ import annotations

import io
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from feab.records import Image, Media, Message, Question, Sampling, Text

WORDS = [
    "Which expression does this face show? neutral, happiness, sadness, surprise, fear, disgust, anger, contempt.",
    "valence: 0.25, arousal: -0.10",
    "List the action units: AU1, AU2, AU4, AU12, AU25, AU26, none",
]
KINDS = {"t_expression": "expression", "t_va": "valence_arousal", "t_au": "action_units"}
SPECIAL = ["<pad>", "<s>", "<end>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
ROLES = ["<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{% for c in m.content %}"
    "{{ '<image>' if c.type == 'image' else c.text }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE(unk_token=None))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        WORDS * 5,
        trainers.BpeTrainer(
            vocab_size=400, initial_alphabet=alphabet, special_tokens=[*SPECIAL, *ROLES], show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="<end>",
        additional_special_tokens=[*SPECIAL[3:], *ROLES],
        chat_template=TEMPLATE,
    )


def build_idefics3(folder, *, image=48, patch=8, width=32, scale=3):
    import torch
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
    )

    torch.manual_seed(5)
    tokenizer = build_tokenizer()
    edge = {"longest_edge": image}
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=False),
        tokenizer=tokenizer,
        image_seq_len=(image // patch // scale) ** 2,
        chat_template=TEMPLATE,
    )
    config = Idefics3Config(
        vision_config={
            "hidden_size": width,
            "intermediate_size": width * 2,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": image,
            "patch_size": patch,
            "model_type": "idefics3_vision",
        },
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": width * 2,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 512,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "initializer_range": 0.5,
            "tie_word_embeddings": False,
        },
        scale_factor=scale,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    model = Idefics3ForConditionalGeneration(config)
    # transformers' own initialisation leaves a tiny model saying one thing about every image; stretch it.
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.35 if "vision" in name or "connector" in name else 0.3)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def jpeg(seed, size=(64, 64)):
    from PIL import Image as Pillow

    blotches = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    Pillow.fromarray(blotches).resize(size, Pillow.Resampling.BICUBIC).save(out, "JPEG", quality=92)
    return out.getvalue()


def ask(sample, *, task="t_expression", data=None, text=WORDS[0], prompt="direct", n=1, first_draw=0, **sampling):
    """A question as the tasks room makes it; the image is drawn from the sample's number unless given."""
    data = jpeg(sample) if data is None and isinstance(sample, int) else data
    settings = Sampling(**{"max_tokens": 6, **sampling})
    return Question(
        task=task,
        sample=str(sample),
        prompt=prompt,
        kind=KINDS[task],
        messages=(Message("user", (Image(Media(data=data)), Text(text))),),
        choices=("neutral", "happiness", "anger") if task == "t_expression" else ("1", "4", "12"),
        n=n,
        first_draw=first_draw,
        sampling=settings,
    )


def by_key(completions):
    found = {}
    for completion in completions:
        key = (*completion.question.key, completion.question.first_draw)
        assert key not in found, "one completion a question"
        found[key] = completion
    return found

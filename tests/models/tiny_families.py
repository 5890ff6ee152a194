"""Small models with random weights of the families that VLLMs come in, each with a processor of its own."""

from __future__ import annotations

import json

from tiny_vlm import TEMPLATE, build_tokenizer

IMAGE = 64
PATCH = 8
WIDTH = 32


def text_config(tokenizer, **more):
    number = tokenizer.convert_tokens_to_ids
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": number("<s>"),
        "eos_token_id": number("<end>"),
        "pad_token_id": number("<pad>"),
        "tie_word_embeddings": False,
        **more,
    }


def vision_config(**more):
    return {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": IMAGE,
        "patch_size": PATCH,
        **more,
    }


def save(folder, config, processor):
    """A model of random weights that are spread enough for it to say different things about different images."""
    import torch
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(1)
    model = AutoModelForImageTextToText.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.3)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def build_llava(folder):
    """LLaVA: a CLIP tower and a Llama; 64 image tokens."""
    from transformers import CLIPImageProcessorPil, LlavaConfig, LlavaProcessor

    tokenizer = build_tokenizer()
    edge = {"height": IMAGE, "width": IMAGE}
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size=edge, crop_size=edge),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    config = LlavaConfig(
        vision_config=vision_config(model_type="clip_vision_model"),
        text_config=text_config(tokenizer, model_type="llama"),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return save(folder, config, processor)


def build_paligemma(folder):
    """PaliGemma: a SigLIP tower and a Gemma in which all of the prompt sees all of it; 64 image tokens."""
    from transformers import PaliGemmaConfig, PaliGemmaProcessor, SiglipImageProcessorPil

    tokenizer = build_tokenizer()
    images = SiglipImageProcessorPil(size={"height": IMAGE, "width": IMAGE})
    images.image_seq_length = (IMAGE // PATCH) ** 2
    processor = PaliGemmaProcessor(image_processor=images, tokenizer=tokenizer, chat_template=TEMPLATE)
    config = PaliGemmaConfig(
        vision_config=vision_config(model_type="siglip_vision_model", projection_dim=WIDTH),
        text_config=text_config(tokenizer, model_type="gemma", head_dim=8),
        projection_dim=WIDTH,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return save(folder, config, processor)


def build_qwen(folder, version="2_5", *, video_size=None):
    """Qwen2-VL or Qwen2.5-VL: positions in two dimensions, and as many tokens as the image has patches.

    It takes several images, and clips as videos. `video_size`: what its video processor's own configuration says of
    the size of frames.
    """
    import transformers

    name = {"2": "Qwen2VL", "2_5": "Qwen2_5_VL"}[version]
    marks = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    image, video = (f"<|vision_start|>{mark}<|vision_end|>" for mark in marks[:2])
    one_of = f"'{image}' if c.type == 'image' else '{video}' if c.type == 'video' else c.text"
    tokenizer.chat_template = TEMPLATE.replace("'<image>' if c.type == 'image' else c.text", one_of)
    tokenizer.save_pretrained(folder)
    images = transformers.Qwen2VLImageProcessorPil(
        patch_size=PATCH, temporal_patch_size=2, merge_size=2, min_pixels=256, max_pixels=16384
    )
    images.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": f"{name}Processor"}))
    if video_size is not None:
        (folder / "video_preprocessor_config.json").write_text(json.dumps({"size": video_size}))
    tower = {"depth": 2, "num_heads": 4, "patch_size": PATCH, "temporal_patch_size": 2, "spatial_merge_size": 2}
    if version == "2_5":
        tower |= {
            "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "out_hidden_size": WIDTH, "window_size": 32,
            "fullatt_block_indexes": [1],
        }  # fmt: skip
    else:
        tower |= {"embed_dim": WIDTH, "hidden_size": WIDTH, "mlp_ratio": 2}
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = getattr(transformers, f"{name}Config")(
        text_config=text_config(tokenizer, rope_parameters=rope, max_position_embeddings=1024),
        vision_config=tower,
        **dict(
            zip(
                ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
                tokenizer.convert_tokens_to_ids(marks),
                strict=True,
            )
        ),
    )

    class Parts:
        """What stands for a processor, which this environment cannot build: its files are there already."""

        save_pretrained = staticmethod(lambda folder: None)

    Parts.tokenizer = tokenizer
    return save(folder, config, Parts)

"""Qwen2-VL and Qwen2.5-VL with random weights: models that take several images, and clips as videos."""

from __future__ import annotations

import json

from tiny_vlm import TEMPLATE, build_tokenizer

MARKS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")


VISION = {
    "qwen2_vl": {"embed_dim": 32, "mlp_ratio": 2},
    "qwen2_5_vl": {"intermediate_size": 64, "out_hidden_size": 32, "window_size": 32, "fullatt_block_indexes": [1]},
}


def build_qwen(folder, *, kind="qwen2_5_vl", video_size=None):
    """`video_size`: what its video processor's own configuration says of the size of frames."""
    import torch
    import transformers
    from transformers import Qwen2VLImageProcessorPil

    name = {"qwen2_vl": "Qwen2VL", "qwen2_5_vl": "Qwen2_5_VL"}[kind]

    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS)})
    image, video = (f"<|vision_start|>{mark}<|vision_end|>" for mark in MARKS[:2])
    one_of = f"'{image}' if c.type == 'image' else '{video}' if c.type == 'video' else c.text"
    tokenizer.chat_template = TEMPLATE.replace("'<image>' if c.type == 'image' else c.text", one_of)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        patch_size=8, temporal_patch_size=2, merge_size=2, min_pixels=256, max_pixels=4096
    ).save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": f"{name}Processor"}))
    if video_size is not None:
        (folder / "video_preprocessor_config.json").write_text(json.dumps({"size": video_size}))
    number = tokenizer.convert_tokens_to_ids
    config = getattr(transformers, f"{name}Config")(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            "eos_token_id": number("<end>"),
            "pad_token_id": number("<pad>"),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "num_heads": 4,
            "patch_size": 8,
            "temporal_patch_size": 2,
            "spatial_merge_size": 2,
            **VISION[kind],
        },
        image_token_id=number(MARKS[0]),
        video_token_id=number(MARKS[1]),
        vision_start_token_id=number(MARKS[2]),
        vision_end_token_id=number(MARKS[3]),
    )
    torch.manual_seed(1)
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.3)
    model.generation_config.eos_token_id = number("<end>")
    model.save_pretrained(folder)
    return folder

"""Processors that also read videos do not load without torchvision; asked about images, they need not."""

from __future__ import annotations

import importlib.util
import io
import json

import pytest
from tiny_vlm import TEMPLATE, ask, build_idefics3, build_tokenizer, by_key, jpeg

from feab.errors import FeabError
from feab.models import load_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is not None, reason="with torchvision they load the ordinary way"
)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    import torch
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

    folder = tmp_path_factory.mktemp("qwen")
    tokenizer = build_tokenizer()
    marks = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    tokenizer.chat_template = TEMPLATE.replace("'<image>'", "'<|vision_start|><|image_pad|><|vision_end|>'")
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        patch_size=8, temporal_patch_size=2, merge_size=2, min_pixels=256, max_pixels=4096
    ).save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "Qwen2VLProcessor"}))
    number = tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            "eos_token_id": number("<end>"),
            "pad_token_id": number("<pad>"),
        },
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "patch_size": 8,
            "temporal_patch_size": 2,
            "spatial_merge_size": 2,
            "mlp_ratio": 2,
        },
        image_token_id=number(marks[0]),
        video_token_id=number(marks[1]),
        vision_start_token_id=number(marks[2]),
        vision_end_token_id=number(marks[3]),
    )
    torch.manual_seed(1)
    model = Qwen2VLForConditionalGeneration(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                torch.nn.init.normal_(weight, std=0.3)
    model.generation_config.eos_token_id = number("<end>")
    model.generation_config.pad_token_id = number("<pad>")
    model.save_pretrained(folder)
    return folder


def test_transformers_alone_cannot_load_it(qwen):
    from transformers import AutoProcessor

    with pytest.raises(ImportError, match="Torchvision"):
        AutoProcessor.from_pretrained(qwen)


def test_it_sends_what_its_image_processor_and_tokenizer_make(qwen):
    import torch
    from PIL import Image as Pillow
    from transformers import AutoImageProcessor

    model = load_model(f"hf/{qwen}", batch_size=4)
    fields = model._maker.prepare(ask(0)).fields
    picture = Pillow.open(io.BytesIO(jpeg(0)))
    alone = AutoImageProcessor.from_pretrained(qwen)(images=[picture], return_tensors="pt")
    assert torch.equal(fields["pixel_values"], alone["pixel_values"])
    assert torch.equal(fields["image_grid_thw"], alone["image_grid_thw"])
    tokens = (fields["input_ids"] == model._generator._model.config.image_token_id).sum()
    assert tokens == alone["image_grid_thw"].prod() // 4


def test_batches_of_images_of_unequal_size_do_not_change_answers(qwen):
    questions = [ask(i, data=jpeg(i, size)) for i, size in enumerate([(64, 64), (96, 48), (64, 64), (40, 72)] * 3)]
    alone = by_key(load_model(f"hf/{qwen}", batch_size=1).generate(questions))
    together = by_key(load_model(f"hf/{qwen}", batch_size=4).generate(questions))
    different = [key for key in alone if alone[key].texts != together[key].texts]
    assert len(different) <= 1
    assert len({completion.texts for completion in alone.values()}) > 8


def test_its_own_pixel_limits_are_used(qwen, recwarn):
    few = next(load_model(f"hf/{qwen}", max_pixels="1024").generate([ask(0)]))
    many = next(load_model(f"hf/{qwen}").generate([ask(0)]))
    # 64x64 is 16 merged 16x16 patches; at most 1024 pixels is 4.
    assert many.usage.input_tokens - few.usage.input_tokens == 12
    assert not [warning for warning in recwarn if "pixels" in str(warning.message)]


@pytest.mark.skipif(importlib.util.find_spec("num2words") is not None, reason="nothing is missing")
def test_what_else_is_missing_is_said(tmp_path):
    build_idefics3(tmp_path)
    config = json.loads((tmp_path / "processor_config.json").read_text())
    config["processor_class"] = "SmolVLMProcessor"
    (tmp_path / "processor_config.json").write_text(json.dumps(config))
    with pytest.raises(FeabError, match="pip install num2words"):
        load_model(f"hf/{tmp_path}")

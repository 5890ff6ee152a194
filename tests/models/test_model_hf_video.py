"""Processors that also read videos do not load without torchvision; asked about images, they need not."""

from __future__ import annotations

import importlib.util
import io
import json

import pytest
from tiny_qwen import build_qwen
from tiny_vlm import ask, build_idefics3, by_key, jpeg

from feab.errors import FeabError
from feab.models import load_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is not None, reason="with torchvision they load the ordinary way"
)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    return build_qwen(tmp_path_factory.mktemp("qwen"), kind="qwen2_vl")


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

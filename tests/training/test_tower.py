"""The vision tower: what it sees, where its attention starts, and that a saved model is the trained one."""

import io

import numpy as np
import pytest
from PIL import Image

from feab.training.recipe import Architecture

torch = pytest.importorskip("torch")

from feab.training.pictures import normalise, seen_by  # noqa: E402
from feab.training.tiny import build_image_processor, build_model, build_processor  # noqa: E402
from feab.training.tower import make_eye  # noqa: E402

SMALL = Architecture.model_validate(
    {
        "picture": {"resize": 72, "crop": 64},
        "vision": {"kernel": 3, "width": 16, "blocks": 1, "keys": 4, "values": 8, "out": 32},
        "text": {"width": 32, "mlp": 32, "layers": 1, "heads": 2},
        "vocabulary": 400,
    }
)


def picture(rng, width, height):
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(("width", "height"), [(224, 224), (100, 160), (90, 72)])
def test_training_sees_what_the_models_processor_sees(width, height):
    data = picture(np.random.default_rng(0), width, height)
    processor = build_image_processor(SMALL.picture)
    kept = seen_by(processor)(data)
    assert kept.shape == (3, 64, 64)
    values = processor(Image.open(io.BytesIO(data)), return_tensors="pt")["pixel_values"][0]
    assert torch.allclose(normalise(torch.from_numpy(kept)), values, atol=1e-6)


def test_each_head_of_a_new_tower_gathers_its_own_place():
    torch.manual_seed(0)
    model = build_model(SMALL, build_processor(SMALL, ["some words"]).tokenizer).eval()
    gather = next(m for m in model.modules() if type(m).__name__ == "LevitAttentionSubsample")
    weight = (gather.attention_biases[:, gather.attention_bias_idxs[0]]).softmax(-1)
    assert weight.shape == (16, 16)  # heads x places of the 4 x 4 grid
    assert sorted(weight.argmax(-1).tolist()) == list(range(16))
    assert weight.max(-1).values.min() > 0.9


def test_a_saved_model_says_the_same(tmp_path):
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(0)
    model = build_model(SMALL, build_processor(SMALL, ["some words"]).tokenizer)
    pixels = torch.randn(4, 3, 64, 64)
    make_eye(model.train())(pixels)  # moves the running means of the batch norms away from where they start
    model.eval().save_pretrained(tmp_path)
    again = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(make_eye(model)(pixels), make_eye(again)(pixels))
        assert make_eye(again)(pixels).shape == (4, 32)

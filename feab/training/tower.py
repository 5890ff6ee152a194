"""The vision tower of a tiny model: a LeViT whose attention starts local, and which gives one token for a whole face.

LeViT (Graham et al. 2021) puts four strided, batch-normalised convolutions before its attention, so that a few thousand
faces are enough to learn from; a plain vision transformer of the same size had learned next to nothing from as many.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from feab.training.recipe import Architecture

STRIDE = 16
"""Of LeViT's four convolutions together."""

_KEYS = 16
_HEADS = 4
_BLOCK_BIAS, _GATHER_BIAS = 5.0, 6.0
"""Where attention starts: e^5 or e^6 times as much weight on the chosen place as on any other."""


def vision_config(architecture: Architecture) -> Any:
    """The `LevitConfig`: a grid of crop / 16 places a side, then one step that gathers all of them into one token.

    The gathering step has one head a place, so that it can keep apart where something was seen.
    """
    from transformers import LevitConfig

    vision, side = architecture.vision, architecture.picture.crop
    grid = side // STRIDE
    gather = ["Subsample", vision.keys, grid * grid, vision.values // vision.keys, 2, grid]
    return LevitConfig(
        image_size=side,
        patch_size=STRIDE,
        kernel_size=vision.kernel,
        padding=vision.kernel // 2,
        hidden_sizes=[vision.width, vision.out],
        hidden_size=vision.out,  # read by the connector
        depths=[vision.blocks, 0],
        num_attention_heads=[_HEADS, _HEADS],
        key_dim=[_KEYS, _KEYS],
        attention_ratio=[2, 2],
        mlp_ratio=[2, 2],
        down_ops=[gather],
    )


def start_local(tower: Any) -> None:
    """Set a new tower's weights for learning from few pictures, in place.

    Attention biases start on one place a head (as ConViT's do; d'Ascoli et al. 2021): in a block on a place itself and
    its nearest neighbours, in the gathering step on place k for head k. Started at zero, as LeViT's own are, every head
    sees the mean of the whole picture, and no expression was learned in the epochs we can afford. Convolutions start
    as He et al. 2015 propose, residual branches at nothing.
    """
    import torch

    with torch.no_grad():
        for module in tower.modules():
            kind = type(module).__name__
            if kind == "LevitAttention":
                side = round(module.len_points**0.5)
                _prefer_near(module.attention_biases, _offsets(side, side, 1), 4, _BLOCK_BIAS)
            elif kind == "LevitAttentionSubsample":
                inside, outside = round(module.len_points**0.5), round(module.len_points_**0.5)
                stride = module.queries_subsample.stride
                places = module.len_points if outside == 1 else 4
                _prefer_near(module.attention_biases, _offsets(inside, outside, stride), places, _GATHER_BIAS)
            elif isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, torch.nn.Linear):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            elif kind == "LevitResidualLayer":
                branch = module.module
                last = branch.projection if hasattr(branch, "projection") else branch.linear_down
                torch.nn.init.zeros_(last.batch_norm.weight)
    tower.to(memory_format=torch.channels_last)


def make_eye(model: Any) -> Any:
    """Tower and connector as one module: float pixels (b, 3, s, s) -> image token (b, width of the language model)."""
    import torch

    class Eye(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tower, self.connector = model.model.vision_tower, model.model.multi_modal_projector

        def forward(self, pixels: Any) -> Any:
            seen = self.tower(pixels.contiguous(memory_format=torch.channels_last))
            return self.connector(seen.last_hidden_state)[:, 0]

    return Eye()


def _offsets(inside: int, outside: int, stride: int) -> list[tuple[int, int]]:
    """The distances (rows, columns) that LeViT keeps a bias for, in its order."""
    found: dict[tuple[int, int], None] = {}
    for here, there in product(product(range(outside), repeat=2), product(range(inside), repeat=2)):
        found[abs(here[0] * stride - there[0]), abs(here[1] * stride - there[1])] = None
    return list(found)


def _prefer_near(biases: Any, offsets: list[tuple[int, int]], places: int, bias: float) -> None:
    near = sorted(range(len(offsets)), key=lambda k: (offsets[k][0] ** 2 + offsets[k][1] ** 2, offsets[k]))
    for head in range(len(biases)):
        biases[head, near[head % places]] = bias

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
                _prefer_near(module.attention_biases, _distances(module.len_points, module.len_points), 4, _BLOCK_BIAS)
            elif kind == "LevitAttentionSubsample":  # to one token: head k of as many as there are places
                _prefer_near(module.attention_biases, _distances(1, module.len_points), module.len_points, _GATHER_BIAS)
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


def _distances(outside: int, inside: int) -> list[tuple[int, int]]:
    """The distances (rows, columns) between places of two square grids, in the order in which LeViT keeps biases."""
    here, there = (list(product(range(round(places**0.5)), repeat=2)) for places in (outside, inside))
    return list(dict.fromkeys((abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in product(here, there)))


def _prefer_near(biases: Any, distances: list[tuple[int, int]], places: int, bias: float) -> None:
    near = sorted(range(len(distances)), key=lambda k: (distances[k][0] ** 2 + distances[k][1] ** 2, distances[k]))
    for head in range(len(biases)):
        biases[head, near[head % places]] = bias

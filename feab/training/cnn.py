"""A plain convolutional network: what a specialist of about the same size reads from the same faces."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

WIDTHS = (32, 64, 96, 160)


def build_cnn(side: int, features: int) -> Any:
    """A strided stem and three double-convolution stages, then the map flattened to `features` numbers.

    Batch-normalised convolutions with ReLU throughout (VGG with strides; Simonyan & Zisserman 2015). The map is
    flattened rather than averaged, because where a change is seen tells one action unit from another. About 1.6
    million parameters at 128 pixels a side.
    """
    import torch

    def convolution(inside: int, outside: int, stride: int, kernel: int = 3) -> list[Any]:
        return [
            torch.nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
            torch.nn.BatchNorm2d(outside),
            torch.nn.ReLU(),
        ]

    layers = convolution(3, WIDTHS[0], 2, 5)
    for inside, outside in pairwise(WIDTHS):
        layers += convolution(inside, outside, 2) + convolution(outside, outside, 1)
    layers += [
        torch.nn.Conv2d(WIDTHS[-1], 64, 1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(64 * (-(-side // 16)) ** 2, features),
    ]
    return torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)

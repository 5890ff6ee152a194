"""A plain convolutional network: what a specialist of about the same size reads from the same faces."""

from __future__ import annotations

from itertools import pairwise
from typing import Any


def build_cnn(features: int = 256, widths: tuple[int, ...] = (32, 64, 128, 256)) -> Any:
    """A strided stem and three double-convolution stages, then a 3 x 3 map flattened to `features` numbers.

    Batch-normalised 3 x 3 convolutions with ReLU throughout (VGG with strides; Simonyan & Zisserman 2015). A 3 x 3 map
    rather than a global mean, because where a change is seen tells one action unit from another. About 1.8 million
    parameters.
    """
    import torch

    def convolution(inside: int, outside: int, stride: int, kernel: int = 3) -> list[Any]:
        return [
            torch.nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
            torch.nn.BatchNorm2d(outside),
            torch.nn.ReLU(),
        ]

    layers = convolution(3, widths[0], 2, 5)
    for inside, outside in pairwise(widths):
        layers += convolution(inside, outside, 2) + convolution(outside, outside, 1)
    layers += [
        torch.nn.AdaptiveAvgPool2d(3),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(9 * widths[-1], features),
    ]
    return torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)


def trunk_of(cnn: Any) -> Any:
    """The convolutional part of `build_cnn`: pixels (b, 3, s, s) -> map (b, 256, s / 16, s / 16)."""
    return cnn[:-4]

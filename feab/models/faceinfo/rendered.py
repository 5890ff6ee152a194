"""Landmarks of rendered faces, from a network of feab's own that is small enough to be shipped.

It learnt from the training split of `synth`, where landmarks are known to a hair: vertices of the head as the renderer
projects them (`scripts/fit_landmarks.py`). On the validation split, of people that it has not met, it is off by 3.2 %
of the distance between the eyes. On a photograph it says nothing of worth: it is there for tests and for studies on
rendered faces; for people take `mediapipe`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.models.faceinfo.reading import Found, Layout, middle_square

WEIGHTS = Path(__file__).parent / "rendered.safetensors"
EDGE = 96
"""Pixels along an edge of its input."""

LAYOUT = Layout(
    landmarks=73,
    dimensions=2,
    eyes=(tuple(range(6)), tuple(range(6, 12))),
    regions=MappingProxyType(
        {
            "eyes": tuple(range(12)),
            "brows": tuple(range(12, 23)),
            "nose": tuple(range(23, 36)),
            "mouth": tuple(range(36, 56)),
            "jaw": tuple(range(56, 73)),
        }
    ),
)


class RenderedLandmarks:
    """Finds the landmarks of the one rendered face that fills a picture; it takes every picture for one."""

    layout = LAYOUT

    def __init__(self, weights: Path = WEIGHTS) -> None:
        from safetensors.torch import load

        data = weights.read_bytes()
        self.digest = hashlib.sha256(data).hexdigest()
        self._network = build_network()
        self._network.load_state_dict({name: tensor.float() for name, tensor in load(data).items()})
        self._network.eval()

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Found | None:
        """The landmarks in an RGB picture, (height, width, 3)."""
        import torch

        square, corner, side = middle_square(pixels, EDGE)
        with torch.inference_mode():
            placed = self._network(torch.from_numpy(square)[None])[0].numpy()
        return Found(placed * side + corner)

    def close(self) -> None:
        """Nothing to release."""


def build_network() -> Any:
    """(pictures, EDGE, EDGE, 3) uint8 in, (pictures, landmarks, 2) as shares of the square's side out.

    Batch-normalised convolutions with ReLU, then the map flattened: where something is seen is the answer.
    """
    import torch

    class Level(torch.nn.Module):  # type: ignore[misc]
        def forward(self, pictures: Any) -> Any:
            return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1

    def convolution(inside: int, outside: int, kernel: int, stride: int) -> list[Any]:
        body = torch.nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        return [body, torch.nn.BatchNorm2d(outside), torch.nn.ReLU()]

    return torch.nn.Sequential(
        Level(),
        *convolution(3, 16, 5, 2),
        *convolution(16, 32, 3, 2),
        *convolution(32, 48, 3, 2),
        *convolution(48, 48, 3, 1),
        *convolution(48, 16, 1, 1),
        torch.nn.Flatten(),
        torch.nn.Linear(16 * (EDGE // 8) ** 2, 2 * LAYOUT.landmarks),
        torch.nn.Unflatten(1, (LAYOUT.landmarks, 2)),
    )

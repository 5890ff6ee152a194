"""The expression network of face-api.js, in torch: four dense blocks of separable convolutions, 324 k weights.

The layout follows the names and shapes in the package's own weights manifest; the weights are stored as bytes with a
scale and an offset for each tensor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

LABELS: tuple[str, ...] = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
"""In the order of the network's outputs."""
EDGE = 112
"""Pixels along an edge of its input."""

_MEAN_RGB = (122.782, 117.001, 104.298)
"""Subtracted from the pixels, as in training (VGGFace's means)."""


class FaceApi:
    """Seven probabilities for the picture of a face."""

    labels = LABELS
    edge = EDGE

    def __init__(self, folder: Path) -> None:
        """Read the weights that lie in a folder."""
        self._weights = read_weights(folder / "face_expression_model-weights_manifest.json")

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities in the order of `labels`; `pixels` are RGB, (112, 112, 3)."""
        import torch

        with torch.inference_mode(), _one_thread():
            x = (torch.from_numpy(pixels.astype(np.float32)) - torch.tensor(_MEAN_RGB)) / 255
            x = x.permute(2, 0, 1)[None]
            for number in range(4):
                x = self._block(x, f"dense{number}", first=number == 0)
            x = torch.nn.functional.avg_pool2d(x, 7, 2).flatten(1)
            logits = x @ self._weights["fc/weights"] + self._weights["fc/bias"]
            probabilities: npt.NDArray[np.float32] = torch.softmax(logits, 1)[0].numpy()
        return probabilities

    def _block(self, x: torch.Tensor, name: str, *, first: bool) -> torch.Tensor:
        """Four convolutions, each fed with the sum of all before it; the first halves the edge."""
        opening = self._plain(x, f"{name}/conv0") if first else self._separable(x, f"{name}/conv0", stride=2)
        total = opening.relu()
        for number in (1, 2, 3):
            total = total + self._separable(total.relu(), f"{name}/conv{number}")
        return total.relu()

    def _plain(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        kernel = self._weights[f"{name}/filters"].permute(3, 2, 0, 1)
        return torch.nn.functional.conv2d(_padded(x, 2), kernel, self._weights[f"{name}/bias"], stride=2)

    def _separable(self, x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        import torch

        conv2d = torch.nn.functional.conv2d
        depthwise = self._weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        pointwise = self._weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)
        x = conv2d(_padded(x, stride), depthwise, stride=stride, groups=x.shape[1])
        return conv2d(x, pointwise, self._weights[f"{name}/bias"])


@contextmanager
def _one_thread() -> Iterator[None]:
    """On a network this small, threads wait for each other longer than they compute: on busy cores, sixty times."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _padded(x: torch.Tensor, stride: int, kernel: int = 3) -> torch.Tensor:
    """Zeros around the picture as TensorFlow's SAME lays them: of an odd number, the extra one right and below."""
    import torch

    sides: list[int] = []
    for length in (x.shape[-1], x.shape[-2]):
        missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        sides += [missing // 2, missing - missing // 2]
    return torch.nn.functional.pad(x, sides)


def read_weights(manifest: Path) -> dict[str, torch.Tensor]:
    """The tensors that a TensorFlow.js weights manifest describes, from the files beside it, as 32-bit floats."""
    import torch

    found = {}
    for group in json.loads(manifest.read_text(encoding="utf-8")):
        data = b"".join((manifest.parent / Path(name).name).read_bytes() for name in group["paths"])
        start = 0
        for entry in group["weights"]:
            values, start = _tensor(data, start, entry)
            found[entry["name"]] = torch.from_numpy(values)
    return found


def _tensor(data: bytes, start: int, entry: dict[str, Any]) -> tuple[npt.NDArray[np.float32], int]:
    """One tensor's values, and where the next one begins."""
    packed = entry.get("quantization")
    kind = np.dtype(packed["dtype"] if packed else entry["dtype"]).newbyteorder("<")
    count = int(np.prod(entry["shape"]))
    values = np.frombuffer(data, kind, count, start).astype(np.float32)
    if packed:
        values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
    return values.reshape(entry["shape"]), start + count * kind.itemsize

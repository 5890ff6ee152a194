"""MediaPipe's Face Landmarker: 478 landmarks and 52 of ARKit's face shapes of the face in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.models.networks.quiet import quiet_loading

POINTS = 478


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What it found of one face."""

    points: npt.NDArray[np.float64]
    """(478, 3): x and y in pixels, and depth on the scale of x."""
    shapes: Mapping[str, float]
    """Name of each face shape, in the network's order -> how strongly it is shown, 0 to about 1."""


class Landmarker:
    """Finds one face in a picture, and its landmarks."""

    def __init__(self, folder: Path, asked_by: str) -> None:
        """Load the network that lies in a folder.

        Args:
            folder: of its weights.
            asked_by: what needs it, for the message.

        Raises:
            FeabError: when MediaPipe is not installed.
        """
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except (ImportError, OSError) as error:  # OSError: a system library it needs is missing
            raise FeabError(
                f"{asked_by} needs mediapipe ({error}); install it with: pip install 'feab[baselines]'"
            ) from None
        self._mediapipe = mediapipe
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(folder / "face_landmarker.task")),
            output_face_blendshapes=True,
            num_faces=1,
        )
        with quiet_loading():
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
            self(np.zeros((64, 64, 3), dtype=np.uint8))  # its threads speak when the first picture comes

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Landmarks | None:
        """The face in a picture, RGB (height, width, 3); None when none was found."""
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        found = self._landmarker.detect(image)
        if not found.face_blendshapes:
            return None
        height, width = pixels.shape[:2]
        points = [(point.x * width, point.y * height, point.z * width) for point in found.face_landmarks[0]]
        shapes = {shape.category_name: float(shape.score) for shape in found.face_blendshapes[0]}
        return Landmarks(np.array(points), shapes)

    def close(self) -> None:
        """Release the network. Harmless when called twice."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

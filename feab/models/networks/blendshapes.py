"""Action units from MediaPipe's Face Landmarker: which ARKit blendshapes stand for which unit, and how active each is.

ARKit's 52 face shapes are described in words that are close to FACS; this table pairs each action unit (AU) with the
nearest shape. It is our choice where neither Apple nor FACS says so, and three pairs are weak, as far as the rendered
faces tell: MediaPipe leaves `cheekSquint` (AU 6) and `noseSneer` (AU 9) near 0 on every face, and `mouthPress` (AU 24)
rises with other movements of the lips. AU 25, lips part, has no shape of its own: it is measured between the inner
lips, in distances between the pupils.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feab.models.networks.landmarker import Landmarker

SHAPES: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: ("browInnerUp",),
        2: ("browOuterUpLeft", "browOuterUpRight"),
        4: ("browDownLeft", "browDownRight"),
        5: ("eyeWideLeft", "eyeWideRight"),
        6: ("cheekSquintLeft", "cheekSquintRight"),
        7: ("eyeSquintLeft", "eyeSquintRight"),
        9: ("noseSneerLeft", "noseSneerRight"),
        10: ("mouthUpperUpLeft", "mouthUpperUpRight"),
        12: ("mouthSmileLeft", "mouthSmileRight"),
        14: ("mouthDimpleLeft", "mouthDimpleRight"),
        15: ("mouthFrownLeft", "mouthFrownRight"),
        17: ("mouthShrugLower",),
        20: ("mouthStretchLeft", "mouthStretchRight"),
        23: ("mouthRollLower",),
        24: ("mouthPressLeft", "mouthPressRight"),
        26: ("jawOpen",),
    }
)
"""AU -> the shapes that stand for it; of two sides the stronger one counts, as in coding."""

LIPS_PART = 25
"""The AU that is measured."""
AUS: tuple[int, ...] = tuple(sorted([*SHAPES, LIPS_PART]))
"""The AUs that can be read."""

_UPPER_LIP, _LOWER_LIP = 13, 14
_PUPILS = (468, 473)
"""Numbers of landmarks: the middle of the inner lips, and the centres of the irises."""


class Blendshapes:
    """How active each action unit is in a picture, from 0 to about 1."""

    def __init__(self, folder: Path) -> None:
        """Load the network that lies in a folder.

        Raises:
            FeabError: when MediaPipe is not installed.
        """
        self._landmarker = Landmarker(folder, "baseline/mediapipe-blendshapes")

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> dict[int, float] | None:
        """Activity of every AU in `AUS`; None when no face was found. `pixels` are RGB, (height, width, 3)."""
        found = self._landmarker(pixels)
        return None if found is None else activity(found.shapes, found.points[:, :2].tolist())

    def close(self) -> None:
        """Release the network. Harmless when called twice."""
        self._landmarker.close()


def activity(scores: Mapping[str, float], points: Sequence[Sequence[float]]) -> dict[int, float]:
    """Each AU's activity from blendshape scores (0 to 1) and landmarks (pixels)."""
    found = {au: max(scores[shape] for shape in shapes) for au, shapes in SHAPES.items()}
    gap = math.dist(points[_UPPER_LIP], points[_LOWER_LIP])
    between_pupils = math.dist(points[_PUPILS[0]], points[_PUPILS[1]])
    found[LIPS_PART] = gap / between_pupils if between_pupils else 0.0
    return {au: found[au] for au in AUS}

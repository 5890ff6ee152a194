"""From the head's own space to the picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feab.faces.scene import Scene

F32 = NDArray[np.float32]

# Distance in interocular distances; face height (chin to hairline) as share of the picture at zoom 1; and where the
# middle of the face stands (a little above the picture's: the jaw drops downward).
DISTANCE, FACE_SHARE, FACE_MIDDLE = 14.0, 0.79, 0.49


class Frame(NamedTuple):
    """What the camera needs to know of a person: heights of chin and hairline, depth of the eyes, IPD."""

    chin: float
    hairline: float
    depth: float
    ipd: float


class View(NamedTuple):
    """Vertices in camera space (n, 3), z toward the camera, and on the picture (n, 2) in pixels, y down."""

    space: F32
    points: F32


def look(vertices: F32, frame: Frame, scene: Scene, pixels: int) -> View:
    """Place the head before the camera. Products are written out: BLAS may round differently on another machine."""
    pivot = np.array([0, (frame.chin + frame.hairline) / 2, frame.depth - 0.9 * frame.ipd], np.float32)
    (cy, sy), (cp, sp), (cr, sr) = (
        (np.cos(np.radians(d)), np.sin(np.radians(d))) for d in (scene.yaw, scene.pitch, scene.roll)
    )
    turn = (
        (cr * cy - sr * sp * sy, -sr * cp, cr * sy + sr * sp * cy),
        (sr * cy + cr * sp * sy, cr * cp, sr * sy - cr * sp * cy),
        (-cp * sy, sp, cp * cy),
    )
    rel = vertices - pivot
    x, y, z = (rel[:, 0] * np.float32(t[0]) + rel[:, 1] * np.float32(t[1]) + rel[:, 2] * np.float32(t[2]) for t in turn)
    distance = DISTANCE * frame.ipd
    away = np.float32(distance) - z
    angle = (frame.hairline - frame.chin) / (distance - 0.9 * frame.ipd)
    focal = np.float32(pixels * FACE_SHARE * scene.zoom / angle)
    points = np.empty((len(x), 2), np.float32)
    points[:, 0] = np.float32(pixels / 2) + focal * x / away
    points[:, 1] = np.float32(pixels * FACE_MIDDLE) - focal * y / away
    return View(np.stack([x, y, z], 1), points)

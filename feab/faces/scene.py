"""How a face is photographed: head turn, light, background, zoom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Scene:
    """Camera and light. Angles in degrees; `light` points from the face to the lamp (x right, y up, z to the camera).

    zoom 1 makes the neutral face, chin to hairline, 79 % of the picture's height.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    light: tuple[float, float, float] = (-0.4, 0.6, 0.9)
    warmth: float = 0.0
    background: tuple[float, float, float] = (0.62, 0.64, 0.66)
    zoom: float = 1.0


def draw_scene(rng: np.random.Generator) -> Scene:
    """A random scene, near frontal: yaw within 14, pitch within 8, roll within 5 degrees, zoom .97-1.04."""
    x, y, z = rng.normal(0, 0.45), 0.45 + 0.25 * rng.random(), 0.9
    r, g, b = (float(c) for c in rng.uniform(0.25, 0.85) + rng.uniform(-0.12, 0.12, 3))
    return Scene(
        yaw=float(np.clip(rng.normal(0, 6), -14, 14)),
        pitch=float(np.clip(rng.normal(0, 3.5), -8, 8)),
        roll=float(np.clip(rng.normal(0, 2), -5, 5)),
        light=(float(np.clip(x, -0.9, 0.9)), float(y), z),
        warmth=float(rng.uniform(-1, 1)),
        background=(r, g, b),
        zoom=float(rng.uniform(0.97, 1.04)),
    )

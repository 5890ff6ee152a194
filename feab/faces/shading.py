"""Light on the head: colour of each covered pixel from material, normal and lamp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from feab.faces.identity import Identity
from feab.faces.scene import Scene

F32 = NDArray[np.float32]

# How far light creeps past the terminator, per colour: skin scatters red furthest (our choice, by eye).
_WRAP = (0.42, 0.27, 0.22)
_FILL_DIRECTION = np.array([0.75, 0.15, 0.62], np.float32)


def _unit(v: NDArray[np.floating]) -> F32:
    out: F32 = (v / np.linalg.norm(v)).astype(np.float32)
    return out


def _dot(n: F32, d: F32) -> F32:
    """Rows of n (k, 3) times d, without BLAS, so that the result does not depend on its build."""
    out: F32 = n[:, 0] * d[0] + n[:, 1] * d[1] + n[:, 2] * d[2]
    return out


def lit(albedo: F32, normal: F32, gloss: F32, sky: F32, scene: Scene) -> F32:
    """Colour (k, 3) of pixels: albedo sRGB, unit normal, gloss 0-1.5, sky = ambient occlusion 0-1."""
    lamp = _unit(np.array(scene.light, np.float32))
    fill = _FILL_DIRECTION * np.array([-1.0 if lamp[0] > 0 else 1.0, 1, 1], np.float32)
    facing = _dot(normal, lamp)
    shadow = np.float32(0.35) + np.float32(0.65) * sky
    soft = sky * (np.float32(0.34) + np.float32(0.10) * normal[:, 1])
    soft += np.float32(0.20) * sky * np.maximum(_dot(normal, fill), 0)
    tint = np.float32(0.05 * scene.warmth)
    out = np.empty_like(albedo)
    for c, wrap in enumerate(_WRAP):
        key = np.maximum((facing + np.float32(wrap)) * np.float32(1 / (1 + wrap)), 0)
        key *= shadow
        key *= np.float32(0.86) * (1 + (1 - c) * tint)
        key += soft
        # Light adds up linearly; sRGB is close to its square root.
        np.sqrt(key, out=key)
        out[:, c] = albedo[:, c] * key
    half = _unit(lamp + np.array([0, 0, 1], np.float32))
    shine = np.maximum(_dot(normal, half), 0)
    shine *= shine
    shine *= shine
    shine *= shine
    shine *= shine  # power 16
    shine *= gloss * shadow * np.float32(0.11)
    out += shine[:, None]
    return out


def eye_colours(direction: F32, normal: F32, identity: Identity, scene: Scene) -> tuple[F32, F32]:
    """Albedo and highlight of eyeball pixels from their place on the ball (unit vectors, z = the pupil)."""
    z = direction[:, 2] / np.sqrt((direction * direction).sum(1))
    angle = np.arccos(np.clip(z, -1, 1))

    def edge(at: float, width: float) -> F32:
        out: F32 = np.clip((at - angle) / width, 0, 1)[:, None]
        return out

    white = np.array([0.86, 0.84, 0.82], np.float32)
    colour = white * (1 - 0.25 * np.clip((angle - 0.75) / 0.5, 0, 1))[:, None] * np.array([1, 0.97, 0.96], np.float32)
    iris = np.array(identity.eyes, np.float32)
    ray = 1 + 0.18 * np.sin(17 * np.arctan2(direction[:, 1], direction[:, 0]))[:, None]
    iris_colour = iris * (1.25 - 0.5 * np.clip((angle - 0.25) / 0.22, 0, 1))[:, None] * ray
    colour = colour + edge(0.50, 0.05) * (iris_colour * 0.9 - colour)
    colour = colour + edge(0.505, 0.03) * (1 - edge(0.455, 0.03)) * (iris * 0.35 - colour)
    colour = colour + edge(0.19, 0.03) * (np.float32(0.025) - colour)
    lamp = _unit(np.array(scene.light, np.float32))
    half = _unit(lamp * np.float32(0.6) + np.array([0, 0, 1], np.float32))
    glint = np.maximum(_dot(normal, half), 0) ** 90
    return colour.astype(np.float32), glint.astype(np.float32)


def hair_colours(identity: Identity, strand: F32) -> F32:
    """Albedo of hanging hair: strands of slightly different shade. strand (k, 2): place across and down, 0-1."""
    rng = np.random.default_rng([identity.seed, 0x4A12])
    tone = rng.normal(1, 0.17, 256).astype(np.float32)
    wave = strand[:, 0] * 255 + 1.5 * np.sin(6 * strand[:, 1])
    out: F32 = np.array(identity.hair, np.float32) * tone[np.clip(wave, 0, 255).astype(np.int32)][:, None]
    return out

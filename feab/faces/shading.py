"""Light on the head: colour of each covered pixel from material, normal and lamp.

Colour channels and coordinates are kept in separate arrays (one value per pixel each): numpy is fastest on those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from feab.faces.identity import Identity
from feab.faces.scene import Scene

F32 = NDArray[np.float32]
Planes = tuple[F32, F32, F32]

# How far light creeps past the terminator, per colour: skin scatters red furthest (our choice, by eye).
_WRAP = (0.42, 0.27, 0.22)
_FILL = (0.75, 0.15, 0.62)
_WHITE = (0.86, 0.815, 0.79)


def _unit(x: float, y: float, z: float) -> tuple[np.float32, np.float32, np.float32]:
    length = (x * x + y * y + z * z) ** 0.5
    return np.float32(x / length), np.float32(y / length), np.float32(z / length)


def _dot(n: Planes, d: tuple[np.float32, np.float32, np.float32]) -> F32:
    out: F32 = n[0] * d[0]
    out += n[1] * d[1]
    out += n[2] * d[2]
    return out


def normalised(x: F32, y: F32, z: F32) -> Planes:
    """Unit vectors."""
    scale = 1 / np.sqrt(x * x + y * y + z * z + np.float32(1e-20))
    return x * scale, y * scale, z * scale


def lit(albedo: list[F32], normal: Planes, gloss: F32, sky: F32, scene: Scene) -> list[F32]:
    """Colours of pixels: albedo sRGB, unit normal, gloss 0-1.5, sky = ambient occlusion 0-1. Albedo is overwritten."""
    lx, ly, lz = scene.light
    lamp = _unit(lx, ly, lz)
    fill = _unit(-_FILL[0] if lx > 0 else _FILL[0], _FILL[1], _FILL[2])
    facing = _dot(normal, lamp)
    shadow = np.float32(0.35) + np.float32(0.65) * sky
    soft = np.maximum(_dot(normal, fill), 0)
    soft *= np.float32(0.20)
    soft += np.float32(0.34)
    soft += np.float32(0.10) * normal[1]
    soft *= sky
    half = _unit(float(lamp[0]), float(lamp[1]), float(lamp[2]) + 1)
    shine = np.maximum(_dot(normal, half), 0)
    for _ in range(4):  # power 16
        shine *= shine
    shine *= gloss
    shine *= shadow
    shine *= np.float32(0.11)
    shadow *= np.float32(0.86)
    for c, wrap in enumerate(_WRAP):
        key = facing + np.float32(wrap)
        np.maximum(key, 0, out=key)
        key *= shadow
        key *= np.float32((1 + (1 - c) * 0.05 * scene.warmth) / (1 + wrap))
        key += soft
        # Light adds up linearly; sRGB is close to its square root.
        np.sqrt(key, out=key)
        albedo[c] *= key
        albedo[c] += shine
    return albedo


def eye_colours(direction: Planes, normal: Planes, identity: Identity, scene: Scene) -> tuple[Planes, F32]:
    """Albedo and highlight of eyeball pixels from their place on the ball (vectors, +z = the pupil)."""
    x, y, z = normalised(*direction)
    angle = np.arccos(np.clip(z, -1, 1))

    def inside(radius: float, blur: float) -> F32:
        out: F32 = np.clip((np.float32(radius) - angle) * np.float32(1 / blur), 0, 1)
        return out

    rays = 1 + np.float32(0.18) * np.sin(17 * np.arctan2(y, x))
    fade = np.float32(1.125) - np.float32(0.45) * np.clip((angle - 0.25) / 0.22, 0, 1)
    iris_in, ring, pupil = inside(0.50, 0.05), inside(0.505, 0.03) * (1 - inside(0.455, 0.03)), inside(0.19, 0.03)
    ball = 1 - np.float32(0.25) * np.clip((angle - 0.75) / 0.5, 0, 1)
    planes = []
    for white, tone in zip(_WHITE, identity.eyes, strict=True):
        colour = np.float32(white) * ball
        colour += iris_in * (np.float32(tone) * fade * rays - colour)
        colour += ring * (np.float32(0.35 * tone) - colour)
        colour += pupil * (np.float32(0.025) - colour)
        planes.append(colour.astype(np.float32))
    lx, ly, lz = _unit(*scene.light)
    glint = np.maximum(_dot(normal, _unit(0.6 * float(lx), 0.6 * float(ly), 0.6 * float(lz) + 1)), 0) ** 90
    return (planes[0], planes[1], planes[2]), glint.astype(np.float32)


def hair_tone(identity: Identity, across: F32, down: F32) -> F32:
    """Brightness of hanging hair: strands of slightly different shade. Place across and down the sheet, 0-1."""
    rng = np.random.default_rng([identity.seed, 0x4A12])
    tone = rng.normal(1, 0.12, 512).astype(np.float32)
    wave = across * 511 + np.float32(3) * np.sin(6 * down)
    out: F32 = tone[np.clip(wave, 0, 511).astype(np.int32)]
    return out

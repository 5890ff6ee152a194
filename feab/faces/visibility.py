"""Can an action unit be seen? Every picture is rendered again without it, and the changed pixels are counted.

An AU that changes fewer pixels than its threshold is only a trace (A): it is not scored and moves no valence.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from feab.faces.actions import AUS_RENDERED, FacsAction
from feab.faces.head import Head
from feab.faces.identity import Identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.scene import Scene

CHANGED_FROM = 12
"""A pixel has changed when its grey level differs by more than this (of 255)."""

VISIBILITY_PX: Mapping[int, int] = dict.fromkeys(AUS_RENDERED, 60)

_OPENS_LIPS = (9, 10, 20, 25)


def grey(jpeg: bytes) -> NDArray[np.int16]:
    """Grey levels 0-255 (ITU-R 601 luma) of a JPEG, shape (h, w)."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).astype(np.int16)


def changed_pixels(one: NDArray[np.int16], other: NDArray[np.int16]) -> int:
    """How many pixels differ by more than `CHANGED_FROM` grey levels between two pictures of one shape."""
    return int((np.abs(one - other) > CHANGED_FROM).sum())


def without(action: FacsAction, au: int) -> FacsAction:
    """The action with one AU taken away. For AU 25 whatever parts the lips is taken away and a dropped jaw sealed."""
    if au != 25:
        return action.without(au)
    kept = {k: v for k, v in action.aus.items() if k not in _OPENS_LIPS}
    return FacsAction(kept, action.noise, sealed=26 in kept)


def changed_by(
    head: Head, identity: Identity, action: FacsAction, scene: Scene, aus: tuple[int, ...], jpeg: bytes, *, size: int
) -> dict[int, int]:
    """AU -> changed pixels in the final JPEG between the face with and without it, at 224 x 224 pixels' worth."""
    shown = grey(jpeg)
    scale = (224 / size) ** 2
    counts: dict[int, int] = {}
    for au in aus:
        other = encode_jpeg(head.render(identity, without(action, au), scene, size=size))
        counts[au] = round(changed_pixels(shown, grey(other)) * scale)
    return counts


def visible(intensities: Mapping[int, int], changed: Mapping[int, int]) -> dict[int, int]:
    """Intensities with those AUs of B or more that cannot be seen lowered to a trace (1)."""
    return {
        au: 1 if letter >= 2 and changed[au] < VISIBILITY_PX[au] else letter for au, letter in intensities.items()
    }

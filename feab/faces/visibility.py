"""Can an action unit be seen? Every picture is rendered again without it, and the changed pixels are counted.

An AU that changes fewer pixels than its threshold is only a trace (A): it is not scored and moves no valence.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from feab.faces.actions import AUS_RENDERED, FacsAction
from feab.faces.head import Head, Shot
from feab.faces.jpeg import encode_jpeg

CHANGED_FROM = 12
"""A pixel has changed when its grey level differs by more than this (of 255)."""

VISIBILITY_PX: Mapping[int, int] = MappingProxyType(dict.fromkeys(AUS_RENDERED, 100))
"""AU -> least number of changed pixels of a 224 x 224 picture at which it counts as seen.

One figure for all (our choice): the number of pixels that the median face changes where B starts (`recipes.B_STARTS`).
"""

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


def changed_by(head: Head, shot: Shot, jpeg: bytes, aus: Collection[int]) -> dict[int, int]:
    """AU -> pixels that differ between the face with and without it, per 224 x 224 pixels of picture.

    `shot` and `jpeg` are the face with all its AUs, as drawn and as stored. The picture without an AU is drawn in full
    (only what the AU moves is drawn anew, with the same bytes as a whole drawing) and encoded in the same way.
    """
    shown, scale = grey(jpeg), (224 / shot.size) ** 2
    counts: dict[int, int] = {}
    for au in aus:
        other = head.render(
            shot.identity,
            without(shot.action, au),
            shot.scene,
            size=shot.size,
            supersample=shot.supersample,
            reuse=shot,
        )
        counts[au] = round(changed_pixels(shown, grey(encode_jpeg(other))) * scale)
    return counts


def visible(intensities: Mapping[int, int], changed: Mapping[int, int]) -> dict[int, int]:
    """Intensities with those AUs of B or more that cannot be seen lowered to a trace (1)."""
    return {au: 1 if letter >= 2 and changed[au] < VISIBILITY_PX[au] else letter for au, letter in intensities.items()}

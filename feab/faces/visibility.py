"""Can an action unit be seen? Every picture is rendered again without it, and the changed pixels are counted.

An AU that changes fewer pixels than its threshold is only a trace (A): it is not scored and moves no valence.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from feab.faces.actions import AUS_RENDERED, FacsAction
from feab.faces.head import Head
from feab.faces.identity import Identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.scene import Scene

CHANGED_FROM = 12
"""A pixel has changed when its grey level differs by more than this (of 255)."""

VISIBILITY_PX: Mapping[int, int] = MappingProxyType(dict.fromkeys(AUS_RENDERED, 100))
"""AU -> least number of changed pixels of a 224 x 224 picture at which it counts as seen.

One figure for all (our choice): the number of pixels that the median face changes where B starts (`recipes.B_STARTS`).
"""

# A small rendering (half the size, no supersampling) costs a quarter of a full one. Over 483 AUs of six train
# identities its count, scaled up, was 116 at most where the JPEG's was below 100, so from twice the threshold on the
# full comparison is not needed.
_SURE = 2

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
    """AU -> pixels that differ between the face with and without it, per 224 x 224 pixels of picture.

    `jpeg` is the face with all its AUs. A small rendering comes first; where that shows less than twice the threshold
    (about one AU in seven) the full picture is made again without the AU and compared as JPEG.
    """
    counts: dict[int, int] = {}
    half = size // 2

    def sketch(what: FacsAction) -> NDArray[np.int16]:
        return _luma(head.render(identity, what, scene, size=half, supersample=1))

    small, shown = sketch(action) if aus else None, grey(jpeg)
    for au in aus:
        other = without(action, au)
        assert small is not None
        estimate = round(changed_pixels(small, sketch(other)) * (224 / half) ** 2)
        if estimate >= _SURE * VISIBILITY_PX[au]:
            counts[au] = estimate
            continue
        full = encode_jpeg(head.render(identity, other, scene, size=size))
        counts[au] = round(changed_pixels(shown, grey(full)) * (224 / size) ** 2)
    return counts


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Grey levels of RGB, in whole numbers (ITU-R 601)."""
    r, g, b = (rgb[..., k].astype(np.int32) for k in range(3))
    return ((299 * r + 587 * g + 114 * b) // 1000).astype(np.int16)


def visible(intensities: Mapping[int, int], changed: Mapping[int, int]) -> dict[int, int]:
    """Intensities with those AUs of B or more that cannot be seen lowered to a trace (1)."""
    return {au: 1 if letter >= 2 and changed[au] < VISIBILITY_PX[au] else letter for au, letter in intensities.items()}

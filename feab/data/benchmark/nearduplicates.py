"""Pictures that are the same file, or look the same: sha256 and a 64-bit perceptual hash, mirrored too.

Web datasets share pictures, at other sizes and in other crops. Two pictures whose hashes differ in at most six bits are
taken for one (our choice); the hash is that of Zauner 2010, Implementation and benchmarking of perceptual image hash
functions: the signs, about their median, of 8 x 8 low frequencies of the grey picture at 32 x 32 pixels.

That leaves faces out that are no copies, too: of 384 rendered faces, alike in pose and light, 0.05 % of the pairs of
different people are that near, and 2.4 % of those of one person with two expressions.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.pictures import MAX_PIXELS, PICTURE_FORMATS

MOST_BITS = 6
"""In which two hashes may differ and yet be of one picture."""

_SIZE = 32
_FREQUENCIES = 8
_DIGITS = 6
"""Of a frequency that count: in a picture of one colour what is left of them is rounding."""

Box = tuple[float, float, float, float]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How a picture looks, and which file it is."""

    sha256: str
    hashes: Hashes
    """Of the whole picture and, where its dataset marks one, of the face."""
    mirrored: Hashes
    """The same, left and right exchanged."""


def look(data: bytes, face: Box | None = None) -> Look:
    """The sha256 and the perceptual hashes of an encoded picture.

    Args:
        data: the picture.
        face: x, y, width and height in its pixels, where a face is marked.

    Raises:
        FeabError: when it cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise FeabError(f"the picture has more than {MAX_PIXELS:,} pixels")
            grey = picture.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FeabError(f"not a picture that can be read ({error})") from None
    parts = [None] if face is None else [None, (face[0], face[1], face[0] + face[2], face[1] + face[3])]
    both = [
        _both(np.asarray(grey.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS, box=_within(part, grey.size))))
        for part in parts
    ]
    hashes, mirrored = (np.array(found, dtype=np.uint64) for found in zip(*both, strict=True))
    return Look(hashlib.sha256(data).hexdigest(), hashes, mirrored)


def _within(box: Box | None, size: tuple[int, int]) -> Box | None:
    """A box as far as it lies in the picture; None for all of it, also where nothing of the box does."""
    if box is None:
        return None
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None


def _both(grey: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """The hash of a picture of 32 x 32 pixels, and that of its mirror image.

    Mirrored, a picture's cosine transform changes the sign of its odd horizontal frequencies, and nothing else.
    """
    from scipy.fft import dctn

    low = dctn(grey.astype(np.float64), norm="ortho")[1 : _FREQUENCIES + 1, 1 : _FREQUENCIES + 1].round(_DIGITS)
    signs = np.where(np.arange(1, _FREQUENCIES + 1) % 2, -1.0, 1.0)
    return _bits(low), _bits(low * signs)


def _bits(low: npt.NDArray[np.float64]) -> int:
    above = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(above).tobytes(), "big")


class Known:
    """Pictures that others are compared with."""

    def __init__(self, looks: Iterable[Look]) -> None:
        """`looks`: of the pictures."""
        found = list(looks)
        self._files = frozenset(one.sha256 for one in found)
        hashes = [part for one in found for part in (one.hashes, one.mirrored)]
        self._hashes = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._files)

    def has_file(self, sha256: str) -> bool:
        """Whether one of them is this very file."""
        return sha256 in self._files

    def looks_like(self, one: Look) -> bool:
        """Whether a picture, or its face, looks like one of them, or like its mirror image."""
        return any(bool((_ones(self._hashes ^ part) <= MOST_BITS).any()) for part in one.hashes)


def _ones(numbers: Hashes) -> Hashes:
    """How many bits are set in each of some numbers: sums of pairs, of fours and of bytes, side by side."""
    fives, threes, nibbles = (np.uint64(word) for word in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F))
    pairs = numbers - ((numbers >> np.uint64(1)) & fives)
    fours = (pairs & threes) + ((pairs >> np.uint64(2)) & threes)
    eights = (fours + (fours >> np.uint64(4))) & nibbles
    found: Hashes = (eights * np.uint64(0x0101010101010101)) >> np.uint64(56)  # which wraps around, as it should
    return found

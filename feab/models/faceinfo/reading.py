"""What a face network reads from one picture, and the row of numbers that the module takes it as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Region = Literal["eyes", "brows", "nose", "mouth", "jaw"]
REGIONS: tuple[Region, ...] = get_args(Region)
"""The parts of a face that are looked at one by one."""

Floats: TypeAlias = npt.NDArray[np.float32]

_POSE = 4
_MARGIN = 0.15
"""Around a region's landmarks, as a share of its sides: skin beside it folds, too (our choice)."""
_SMALLEST = 0.4
"""Half the shortest side of a region, in distances between the eyes: brows are nearly a line (our choice)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a face network gives, and which of it belongs to which part of the face.

    Attributes:
        landmarks: how many points.
        dimensions: numbers of each: 2 in the plane of the picture, 3 with depth.
        eyes: landmarks whose means are the middles of the eye at the picture's left and at its right.
        regions: part -> the numbers of its landmarks.
        shapes: how many face shapes (such as ARKit's), each from 0 to about 1; 0: none.
        region_shapes: part -> the numbers of the shapes that are about it.
        embedding: numbers of a vector for the whole face; 0: none.
    """

    landmarks: int
    dimensions: Literal[2, 3]
    eyes: tuple[tuple[int, ...], tuple[int, ...]]
    regions: Mapping[Region, tuple[int, ...]]
    shapes: int = 0
    region_shapes: Mapping[Region, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    embedding: int = 0

    @property
    def numbers(self) -> int:
        """Of a reading without the crops of its regions: whether there is a face, how it lies, and what was found."""
        return 1 + _POSE + self.landmarks * self.dimensions + self.shapes + self.embedding

    def width(self, crop: int) -> int:
        """Of a whole reading with crops of `crop` pixels a side."""
        return self.numbers + len(REGIONS) * crop * crop

    @property
    def points(self) -> slice:
        """Where the landmarks stand among the numbers."""
        return slice(1 + _POSE, 1 + _POSE + self.landmarks * self.dimensions)

    @property
    def global_columns(self) -> tuple[int, ...]:
        """The numbers about the face as a whole: all but whether it is there."""
        return tuple(range(1, self.numbers))

    def columns_of(self, region: Region) -> tuple[int, ...]:
        """The numbers about one part of the face."""
        first = self.points.start
        points = [first + self.dimensions * at + axis for at in self.regions[region] for axis in range(self.dimensions)]
        return (*points, *(self.points.stop + at for at in self.region_shapes.get(region, ())))


@dataclass(frozen=True, slots=True)
class Found:
    """A face as a network found it.

    Attributes:
        landmarks: (points, 2 or 3) in pixels, y down; depth in pixels too.
        shapes: (shapes,) from 0 to about 1.
        embedding: (numbers,) of the whole face.
    """

    landmarks: Floats
    shapes: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    embedding: Floats = field(default_factory=lambda: np.zeros(0, np.float32))


def middle_square(pixels: npt.NDArray[np.uint8], edge: int) -> tuple[npt.NDArray[np.uint8], Floats, int]:
    """The middle square of an RGB picture in `edge` pixels a side, its upper left corner (x, y), and its side there."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(pixels)
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    square = picture.resize((edge, edge), Pillow.Resampling.BILINEAR, (left, top, left + side, top + side))
    return np.array(square), np.array([left, top], np.float32), side


def row_of(found: Found | None, layout: Layout, picture: Picture, crop: int) -> Floats:
    """A reading as (`layout.width(crop)`,) numbers: found or not, pose, aligned landmarks, shapes, embedding, crops.

    Landmarks are moved, turned and scaled so that the eyes lie level with their middle at the origin and one unit
    between them: what is left is the face's own form, and its pose (middle and distance of the eyes as shares of the
    picture's longer side, and the angle between them in radians) stands by itself. All zeros where no face was found.

    Args:
        found: what the network found; None for no face.
        layout: of that network.
        picture: in RGB.
        crop: pixels a side of the grey square cut around each part of the face; 0 for none.
    """
    row = np.zeros(layout.width(crop), np.float32)
    if found is None:
        return row
    left, right = (found.landmarks[list(eye), :2].mean(0) for eye in layout.eyes)
    middle, across = (left + right) / 2, right - left
    distance = float(np.hypot(*across))
    if not np.isfinite(found.landmarks).all() or distance < 1:
        return row  # eyes in one pixel: whatever that is, it is no face that can be read
    angle = float(np.arctan2(across[1], across[0]))
    aligned = (found.landmarks - np.pad(middle, (0, layout.dimensions - 2))) / distance
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = aligned[:, 0].copy(), aligned[:, 1].copy()
    aligned[:, 0], aligned[:, 1] = cos * x + sin * y, cos * y - sin * x
    side = max(picture.size)
    pose = (middle[0] / side, middle[1] / side, distance / side, angle)
    numbers = [np.array([1, *pose]), aligned.reshape(-1), found.shapes, found.embedding]
    row[: layout.numbers] = np.concatenate(numbers)
    if crop:
        turn = np.array([[cos, -sin], [sin, cos]]) * distance
        less = max(1, int(distance / (2 * crop)))  # of a large picture, pixels are averaged before they are picked
        grey = picture.convert("L").reduce(less)
        crops = [
            _crop(grey, aligned[list(layout.regions[one]), :2], middle / less, turn / less, crop) for one in REGIONS
        ]
        row[layout.numbers :] = np.concatenate([one.reshape(-1) for one in crops])
    return row


def _crop(grey: Picture, points: Floats, middle: Floats, turn: npt.NDArray[np.float64], edge: int) -> Floats:
    """What is around some aligned landmarks, upright and stretched to a square, with mean 0 and standard deviation 1.

    `turn` brings aligned places to the picture's pixels, counted from `middle`.
    """
    from PIL import Image as Pillow

    low, high = points.min(0), points.max(0)
    half = np.maximum((high - low) / 2 * (1 + 2 * _MARGIN), _SMALLEST)
    corner = (low + high) / 2 - half
    # From a place in the square to one in the picture: what `transform` wants to be told.
    step = turn * (2 * half / edge)  # column by column: each axis of the square has a length of its own
    start = turn @ corner + middle
    affine = (step[0, 0], step[0, 1], start[0], step[1, 0], step[1, 1], start[1])
    cut = grey.transform((edge, edge), Pillow.Transform.AFFINE, affine, Pillow.Resampling.BILINEAR)
    pixels = np.asarray(cut, np.float32)
    level: Floats = (pixels - pixels.mean()) / (pixels.std() + 1)  # by grey levels: an even square stays even
    return level

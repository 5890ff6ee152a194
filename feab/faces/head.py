"""The parametric head: a person, an action and a scene in, a picture out. The same input gives the same bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feab.errors import FeabError
from feab.faces import mesh as parts
from feab.faces.actions import FacsAction, Measures
from feab.faces.camera import Frame, View, look
from feab.faces.identity import Identity
from feab.faces.mesh import Mesh
from feab.faces.raster import rasterise
from feab.faces.scene import Scene
from feab.faces.surface import Surface
from feab.faces.texture import Texture

F32 = NDArray[np.float32]
Window = tuple[int, int, int, int]

_DATA = Path(__file__).parent / "head.npz"
_CACHED_PEOPLE = 8
_CHIN_UV, _HAIRLINE_UV = 0.9536, 0.762


class _Person(NamedTuple):
    """What does not change between pictures of one identity."""

    neutral: F32
    texture: Texture
    frame: Frame


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture and what it was made from, so that a slightly different one can be drawn by redoing only a part."""

    identity: Identity
    action: FacsAction
    scene: Scene
    size: int
    supersample: int
    view: View
    normals: F32
    planes: F32
    image: NDArray[np.uint8]


class Head:
    """Renders and measures faces. Make one with `Head.load()`; it keeps the last few people it drew."""

    def __init__(self, path: Path = _DATA) -> None:
        self.mesh = Mesh(path)
        self._surface = Surface(self.mesh)
        self._people: OrderedDict[Identity, _Person] = OrderedDict()
        self._chin_vertex, self._hairline_vertex = (self._midline_vertex(u) for u in (_CHIN_UV, _HAIRLINE_UV))

    @staticmethod
    @cache
    def load() -> Head:
        """The head shipped with feab (read once, then shared)."""
        return Head()

    def _midline_vertex(self, u: float) -> int:
        skin = self.mesh.part == parts.SKIN
        place = np.full((len(self.mesh.vertices), 2), -9.0)
        place[self.mesh.triangles[skin]] = self.mesh.uv[self.mesh.uv_triangles[skin]]
        far = np.abs(place[:, 0] - u) + 5 * np.abs(place[:, 1] - parts.UV_MIDLINE)
        return int(far.argmin())

    def _person(self, identity: Identity) -> _Person:
        if identity in self._people:
            self._people.move_to_end(identity)
            return self._people[identity]
        neutral = self.mesh.shape(identity)
        frame = Frame(
            chin=float(neutral[self._chin_vertex, 1]),
            hairline=float(neutral[self._hairline_vertex, 1]),
            depth=float(np.mean([neutral[ids, 2].mean() for ids in self.mesh.eyes])),
            ipd=self.mesh.interocular(neutral),
        )
        self._people[identity] = _Person(neutral, self._surface.texture(identity), frame)
        if len(self._people) > _CACHED_PEOPLE:
            self._people.popitem(last=False)
        return self._people[identity]

    def measure(self, identity: Identity, action: FacsAction) -> Measures:
        """Lip gap and chin drop of the deformed mesh in interocular distances: the truth of AU 25 and 26."""
        neutral = self._person(identity).neutral
        return self.mesh.measure(neutral, self.mesh.act(neutral, action))

    def face_box(
        self, identity: Identity, action: FacsAction, scene: Scene, *, size: int
    ) -> tuple[float, float, float, float]:
        """x, y, width, height in pixels of the face: chin to hairline, without the ears."""
        person = self._person(identity)
        points = look(self.mesh.act(person.neutral, action), person.frame, scene, size).points
        rest = self.mesh.vertices
        face = (rest[:, 2] > 0.85) & (rest[:, 1] > 6.12) & (rest[:, 1] < rest[self._hairline_vertex, 1])
        face[self.mesh.triangles[self.mesh.part == parts.HAIR]] = False
        x, y = points[face].T
        x0, x1 = (float(v) for v in np.clip([x.min(), x.max()], 0, size))
        y0, y1 = (float(v) for v in np.clip([y.min(), y.max()], 0, size))
        return x0, y0, x1 - x0, y1 - y0

    def render(
        self,
        identity: Identity,
        action: FacsAction,
        scene: Scene,
        *,
        size: int = 224,
        supersample: int = 2,
        reuse: Shot | None = None,
    ) -> NDArray[np.uint8]:
        """Picture (size, size, 3) uint8 RGB. `reuse`: see `shoot`.

        Raises:
            FeabError: size outside 16-2048 or supersample outside 1-4.
        """
        return self.shoot(identity, action, scene, size=size, supersample=supersample, reuse=reuse).image

    def shoot(
        self,
        identity: Identity,
        action: FacsAction,
        scene: Scene,
        *,
        size: int = 224,
        supersample: int = 2,
        reuse: Shot | None = None,
    ) -> Shot:
        """Like `render`, keeping what is needed to draw a similar picture of the same face faster.

        With `reuse` (an earlier shot of the same identity, scene and size) only the rectangle that the two actions
        change is drawn anew. The picture is byte for byte the one drawn without `reuse`.
        """
        if not (16 <= size <= 2048 and 1 <= supersample <= 4):
            raise FeabError(f"size must be 16-2048 and supersample 1-4, got {size} and {supersample}")
        person = self._person(identity)
        pixels = size * supersample
        view = look(self.mesh.act(person.neutral, action), person.frame, scene, pixels)
        normals = self.mesh.normals(view.space)
        tri = self._surface.triangles
        same = reuse is not None and (
            (reuse.identity, reuse.scene, reuse.size, reuse.supersample) == (identity, scene, size, supersample)
        )
        window: Window = (0, 0, pixels, pixels)
        if reuse is not None and same:
            window = self._changed(reuse, action, view, normals, pixels)
            planes, image = reuse.planes.copy(), reuse.image.copy()
        else:
            planes, image = np.empty((3, pixels, pixels), np.float32), np.empty((size, size, 3), np.uint8)
        x0, y0, x1, y1 = window
        if x1 > x0 and y1 > y0:
            (ax, ay), (bx, by), (cx, cy) = (view.points[tri[:, k]].T for k in range(3))
            hair = self._surface.part == parts.HAIR
            seen = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0
            seen = np.where(hair, identity.hair_length > 0, seen)
            seen &= (np.minimum(np.minimum(ay, by), cy) < y1) & (np.maximum(np.maximum(ay, by), cy) > y0)
            seen &= (np.minimum(np.minimum(ax, bx), cx) < x1) & (np.maximum(np.maximum(ax, bx), cx) > x0)
            front = np.flatnonzero(seen)
            hits = rasterise(view.points, -view.space[:, 2], tri[front], pixels, pixels, window)
            colours = self._surface.colours(
                identity, action, scene, person.texture, person.frame.ipd, view, normals, front, hits
            )
            shade = np.linspace(1.08, 0.86, pixels, dtype=np.float32)[y0:y1, None]
            for c in range(3):
                planes[c, y0:y1, x0:x1] = np.float32(scene.background[c]) * shade
                planes[c].ravel()[hits.pixel] = colours[c]
            self._develop(planes, image, window, supersample)
        return Shot(identity, action, scene, size, supersample, view, normals, planes, image)

    @staticmethod
    def _develop(planes: F32, image: NDArray[np.uint8], window: Window, n: int) -> None:
        """Average n x n pixels and write 8-bit colours, in the window (a multiple of n)."""
        x0, y0, x1, y1 = window
        for c in range(3):
            part = np.minimum(planes[c, y0:y1, x0:x1], 1)
            total = part[::n, ::n].copy()
            for i in range(n):
                for j in range(n):
                    if i or j:
                        total += part[i::n, j::n]
            total *= np.float32(255 / n**2)
            total += np.float32(0.5)
            image[y0 // n : y1 // n, x0 // n : x1 // n, c] = total.astype(np.uint8)

    def _changed(self, old: Shot, action: FacsAction, view: View, normals: F32, pixels: int) -> Window:
        """Rectangle of supersampled pixels, in whole picture pixels, outside which two shots are equal."""
        moved = (view.space != old.view.space).any(1) | (normals != old.normals).any(1)
        touched = moved[self._surface.triangles].any(1)
        for au in set(action.aus) | set(old.action.aus):
            if action.aus.get(au) != old.action.aus.get(au):
                touched |= self._surface.folds[au]
        ids = self._surface.triangles[touched]
        if not len(ids):
            return 0, 0, 0, 0
        both = np.concatenate([view.points[ids].reshape(-1, 2), old.view.points[ids].reshape(-1, 2)])
        n = old.supersample
        x0, y0 = (int(v) for v in np.clip(np.floor((both.min(0) - 1) / n) * n, 0, pixels))
        x1, y1 = (int(v) for v in np.clip(np.ceil((both.max(0) + 1) / n) * n, 0, pixels))
        return x0, y0, x1, y1

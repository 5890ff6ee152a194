"""The parametric head: a person, an action and a scene in, a picture out. The same input gives the same bytes."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feab.errors import FeabError
from feab.faces import mesh as parts
from feab.faces.actions import FacsAction, Measures
from feab.faces.creases import CreaseMaps
from feab.faces.identity import Identity
from feab.faces.mesh import Mesh
from feab.faces.raster import rasterise
from feab.faces.scene import Scene
from feab.faces.shading import eye_colours, hair_colours, lit
from feab.faces.texture import Texture, paint, texels

F32 = NDArray[np.float32]

_DATA = Path(__file__).parent / "head.npz"
_CACHED_PEOPLE = 8

# Camera: distance in interocular distances, face height (chin to hairline) as share of the picture at zoom 1, and
# the height in the picture of the middle of the face (a little above centre: the jaw drops downward).
_DISTANCE, _FACE_SHARE, _FACE_MIDDLE = 14.0, 0.79, 0.49
_CHIN_UV, _HAIRLINE_UV = 0.9536, 0.762


class _Person(NamedTuple):
    """What does not change between pictures of one identity."""

    neutral: F32
    texture: Texture
    ipd: float
    chin: float
    hairline: float
    depth: float


class Head:
    """Renders and measures faces. Make one with `Head.load()`; it keeps the last few people it drew."""

    def __init__(self, path: Path = _DATA) -> None:
        self.mesh = Mesh(path)
        self._creases = CreaseMaps()
        self._people: OrderedDict[Identity, _Person] = OrderedDict()
        drawn = np.isin(self.mesh.part, (parts.LASHES,), invert=True)
        self._triangles = self.mesh.triangles[drawn]
        self._part = self.mesh.part[drawn]
        uv = self.mesh.uv[self.mesh.uv_triangles[drawn]]
        self._uv0, self._uv1, self._uv2 = uv[:, 0], uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        midline = [self._midline_vertex(u) for u in (_CHIN_UV, _HAIRLINE_UV)]
        self._chin_vertex, self._hairline_vertex = midline

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
        eyes = [neutral[ids].mean(0) for ids in self.mesh.eyes]
        person = _Person(
            neutral=neutral,
            texture=paint(identity),
            ipd=self.mesh.interocular(neutral),
            chin=float(neutral[self._chin_vertex, 1]),
            hairline=float(neutral[self._hairline_vertex, 1]),
            depth=float((eyes[0][2] + eyes[1][2]) / 2),
        )
        self._people[identity] = person
        if len(self._people) > _CACHED_PEOPLE:
            self._people.popitem(last=False)
        return person

    def measure(self, identity: Identity, action: FacsAction) -> Measures:
        """Lip gap and chin drop of the deformed mesh in interocular distances: the truth of AU 25 and 26."""
        neutral = self._person(identity).neutral
        return self.mesh.measure(neutral, self.mesh.act(neutral, action))

    def _camera(self, moved: F32, person: _Person, scene: Scene, pixels: int) -> tuple[F32, F32]:
        """Head vertices in camera space (n, 3) and on the picture (n, 2)."""
        pivot = np.array([0, (person.chin + person.hairline) / 2, person.depth - 0.9 * person.ipd], np.float32)
        (cy, sy), (cp, sp), (cr, sr) = (
            (np.cos(np.radians(d)), np.sin(np.radians(d))) for d in (scene.yaw, scene.pitch, scene.roll)
        )
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        turn = (roll @ pitch @ yaw).astype(np.float32)
        rel = moved - pivot
        # Written out, not a matrix product: BLAS may round differently on another machine.
        x, y, z = (rel[:, 0] * t[0] + rel[:, 1] * t[1] + rel[:, 2] * t[2] for t in turn)
        away = np.float32(_DISTANCE * person.ipd) - z
        face = (person.hairline - person.chin) / (_DISTANCE * person.ipd - 0.9 * person.ipd)
        focal = np.float32(pixels * _FACE_SHARE * scene.zoom / face)
        points = np.stack([pixels / 2 + focal * x / away, pixels * _FACE_MIDDLE - focal * y / away], 1)
        return np.stack([x, y, z], 1), points.astype(np.float32)

    def face_box(
        self, identity: Identity, action: FacsAction, scene: Scene, *, size: int
    ) -> tuple[float, float, float, float]:
        """x, y, width, height in pixels of the face: brow-to-chin skin, ears left out, up to the hairline."""
        person = self._person(identity)
        _, points = self._camera(self.mesh.act(person.neutral, action), person, scene, size)
        rest = self.mesh.vertices
        face = (rest[:, 2] > 0.85) & (rest[:, 1] > 6.12) & (rest[:, 1] < rest[self._hairline_vertex, 1])
        x, y = points[face].T
        x0, x1 = (float(v) for v in np.clip([x.min(), x.max()], 0, size))
        y0, y1 = (float(v) for v in np.clip([y.min(), y.max()], 0, size))
        return x0, y0, x1 - x0, y1 - y0

    def render(
        self, identity: Identity, action: FacsAction, scene: Scene, *, size: int = 224, supersample: int = 2
    ) -> NDArray[np.uint8]:
        """Picture (size, size, 3) uint8 RGB.

        Raises:
            FeabError: size outside 16-2048 or supersample outside 1-4.
        """
        if not (16 <= size <= 2048 and 1 <= supersample <= 4):
            raise FeabError(f"size must be 16-2048 and supersample 1-4, got {size} and {supersample}")
        person = self._person(identity)
        pixels = size * supersample
        moved = self.mesh.act(person.neutral, action)
        space, points = self._camera(moved, person, scene, pixels)
        normals = self.mesh.normals(space)
        tri = self._triangles
        a, b, c = (points[tri[:, k]] for k in range(3))
        turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        front = np.flatnonzero(((turn < 0) & (self._part != parts.HAIR)) | ((self._part == parts.HAIR) & (identity.hair_length > 0)))
        hits = rasterise(points, -space[:, 2], tri[front], pixels, pixels)
        t = front[hits.triangle]
        rgb = self._colours(identity, action, scene, person, space, normals, t, hits.b1, hits.b2)
        sky = np.linspace(1.08, 0.86, pixels, dtype=np.float32)[:, None, None]
        picture = np.empty((pixels, pixels, 3), np.float32)
        picture[:] = np.array(scene.background, np.float32) * sky
        picture.reshape(-1, 3)[hits.pixel] = rgb
        np.clip(picture, 0, 1, out=picture)
        small = picture.reshape(size, supersample, size, supersample, 3)
        total = small[:, 0, :, 0].copy()
        for i in range(supersample):
            for j in range(supersample):
                if i or j:
                    total += small[:, i, :, j]
        return (total * np.float32(255 / supersample**2) + np.float32(0.5)).astype(np.uint8)

    def _colours(
        self,
        identity: Identity,
        action: FacsAction,
        scene: Scene,
        person: _Person,
        space: F32,
        normals: F32,
        t: NDArray[np.int64],
        b1: F32,
        b2: F32,
    ) -> F32:
        """Colour of each covered pixel."""
        tri = self._triangles
        # Per vertex: normal, occlusion, rest height. Interpolated as corner 0 plus two edge differences.
        table = np.concatenate([normals, self.mesh.occlusion[:, None], self.mesh.vertices[:, 1:2]], 1)
        base, d1, d2 = table[tri[:, 0]], table[tri[:, 1]] - table[tri[:, 0]], table[tri[:, 2]] - table[tri[:, 0]]
        w1, w2 = b1[:, None], b2[:, None]
        values = base[t] + w1 * d1[t] + w2 * d2[t]
        normal, occlusion, height = values[:, :3], values[:, 3], values[:, 4]
        normal = normal / (np.sqrt((normal * normal).sum(1, keepdims=True)) + np.float32(1e-12))
        part = self._part[t]
        place = texels(self._uv0[t] + w1 * self._uv1[t] + w2 * self._uv2[t])
        albedo = person.texture.colour[place]
        gloss = person.texture.gloss[place]
        shade = self._creases.shade(action.aus, 0.9 + 0.3 * min(max((identity.age_years - 25) / 50, 0), 1))
        if shade is not None:
            skin_shade = shade[place]
            albedo = albedo * skin_shade[:, None]
        albedo[part == parts.NECK] = identity.skin
        cloth = (part == parts.NECK) & (height < 5.62)
        albedo[cloth] = identity.cloth
        gloss[cloth] = 0
        for code, colour in ((parts.TEETH, (0.88, 0.85, 0.78)), (parts.TONGUE, (0.60, 0.30, 0.30)),
                             (parts.MOUTH_INSIDE, (0.33, 0.11, 0.11))):  # fmt: skip
            of = part == code
            albedo[of] = colour
            gloss[of] = 0.3 if code in (parts.TEETH, parts.TONGUE) else 0
        hair = np.flatnonzero(part == parts.HAIR)
        if len(hair):
            strand = self._uv0[t[hair]] + w1[hair] * self._uv1[t[hair]] + w2[hair] * self._uv2[t[hair]]
            albedo[hair] = hair_colours(identity, strand)
            gloss[hair] = 0.3
            occlusion[hair] = 0.30 + 0.35 * np.abs(strand[:, 0] - 0.5)
            normal[hair] *= np.sign(normal[hair, 2:3])
        mouth = (part == parts.TEETH) | (part == parts.TONGUE) | (part == parts.MOUTH_INSIDE)
        eye = np.flatnonzero((part == parts.LEFT_EYE) | (part == parts.RIGHT_EYE))
        te = t[eye]
        look = self.mesh.eye_direction
        direction = (
            look[tri[te, 0]] * (1 - b1[eye] - b2[eye])[:, None]
            + look[tri[te, 1]] * b1[eye, None]
            + look[tri[te, 2]] * b2[eye, None]
        )
        eye_albedo, glint = eye_colours(direction, normal[eye], identity, scene)
        albedo[eye] = eye_albedo
        gloss[eye] = 0
        # The upper lid shades the ball.
        occlusion[eye] = 0.85 - 0.75 * np.clip(normal[eye, 1] - 0.05, 0, 0.6)
        inside = np.flatnonzero(mouth)
        ti = t[inside]
        z = space[:, 2][tri[ti]].mean(1)
        front = space[:, 2].max() - np.float32(0.25 * person.ipd)
        occlusion[inside] = np.clip(1 - (front - z) / np.float32(0.75 * person.ipd), 0.08, 0.9)
        rgb = lit(albedo, normal, gloss, occlusion, scene)
        rgb[eye] += 0.7 * glint[:, None]
        return rgb

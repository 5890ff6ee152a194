"""What the head is made of: skin, eyes, teeth, hair; the colour of each covered pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from feab.faces import mesh as parts
from feab.faces.actions import AUS_RENDERED, FacsAction
from feab.faces.camera import View
from feab.faces.creases import CreaseMaps
from feab.faces.identity import Identity
from feab.faces.mesh import Mesh
from feab.faces.raster import Hits
from feab.faces.scene import Scene
from feab.faces.shading import eye_colours, hair_tone, lit, normalised
from feab.faces.texture import COLUMNS, ROWS, Texture, paint, texels

F32 = NDArray[np.float32]

_COLLAR = 5.75  # height on the base mesh below which the neck is clothed

_PLAIN_COLOURS = {
    parts.TEETH: ((0.88, 0.85, 0.78), 0.3),
    parts.TONGUE: ((0.60, 0.30, 0.30), 0.3),
    parts.MOUTH_INSIDE: ((0.33, 0.11, 0.11), 0.0),
}


class Surface:
    """The drawn triangles (m, 3) with their part (m,) and texture corners (m, 3, 2), and the creases on them."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._creases = CreaseMaps()
        drawn = mesh.part != parts.LASHES
        self.triangles = mesh.triangles[drawn]
        self.part = mesh.part[drawn]
        self.uv = mesh.uv[mesh.uv_triangles[drawn]]
        self.folds = {au: self._folded(au) for au in AUS_RENDERED}

    def texture(self, identity: Identity) -> Texture:
        """A person's skin with the lines of their age."""
        texture = paint(identity)
        lines = self._creases.age(min(max((identity.age_years - 35) / 35, 0), 1))
        for plane in texture.colour:
            plane *= lines
        return texture

    def _folded(self, au: int) -> NDArray[np.bool_]:
        """Triangles on which an AU's creases lie."""
        low = texels(self.uv[..., 0].min(1), self.uv[..., 1].min(1))
        high = texels(self.uv[..., 0].max(1), self.uv[..., 1].max(1))
        out: NDArray[np.bool_] = np.zeros(len(self.triangles), bool)
        for crease in self._creases.patches(au):
            rows, columns = crease.rows.indices(ROWS), crease.columns.indices(COLUMNS)
            out |= (
                (high // COLUMNS >= rows[0] - 1)
                & (low // COLUMNS <= rows[1])
                & (high % COLUMNS >= columns[0] - 1)
                & (low % COLUMNS <= columns[1])
            )
        out &= self.part == parts.SKIN
        return out

    def colours(
        self,
        identity: Identity,
        action: FacsAction,
        scene: Scene,
        texture: Texture,
        ipd: float,
        view: View,
        normals: F32,
        front: NDArray[np.int64],
        hits: Hits,
    ) -> list[F32]:
        """Three colour planes of the covered pixels. `front`: the triangles that `hits` numbers."""
        tri, t, b1, b2 = self.triangles[front], hits.triangle, hits.b1, hits.b2

        def spread(corners: F32, at: NDArray[np.int64] | slice = slice(None)) -> F32:
            """A value at triangle corners (m, 3), interpolated to pixels."""
            ta = t[at]
            out: F32 = np.take(corners[:, 1] - corners[:, 0], ta)
            out *= b1[at]
            other = np.take(corners[:, 2] - corners[:, 0], ta)
            other *= b2[at]
            out += other
            out += np.take(np.ascontiguousarray(corners[:, 0]), ta)
            return out

        normal = normalised(*(spread(normals[:, k][tri]) for k in range(3)))
        sky = spread(self._mesh.occlusion[tri])
        part = np.take(self.part[front], t)
        uv = self.uv[front]
        u, v = spread(uv[..., 0]), spread(uv[..., 1])
        place = texels(u, v)
        albedo = [np.take(plane, place) for plane in texture.colour]
        gloss = np.take(texture.gloss, place)
        age = min(max((identity.age_years - 25) / 50, 0), 1)
        shade = self._creases.shade(action.aus, 0.9 + 0.3 * age)
        if shade is not None:
            factor = np.take(shade, place)
            for plane in albedo:
                plane *= factor

        def fill(at: NDArray[np.int64], colour: tuple[float, float, float], shine: float) -> None:
            for plane, value in zip(albedo, colour, strict=True):
                plane[at] = value
            gloss[at] = shine

        neck = np.flatnonzero(part == parts.NECK)
        if len(neck):
            fill(neck, identity.skin, 0.4)
            height = spread(self._mesh.vertices[:, 1][tri], neck)
            fill(neck[height < _COLLAR], identity.cloth, 0.0)
        hair = np.flatnonzero(part == parts.HAIR)
        if len(hair):
            tone = hair_tone(identity, u[hair], v[hair])
            for plane, value in zip(albedo, identity.hair, strict=True):
                plane[hair] = tone * np.float32(value)
            gloss[hair] = 0.3
            sky[hair] = np.float32(0.30) + np.float32(0.35) * np.abs(u[hair] - np.float32(0.5))
            sign = np.sign(normal[2][hair])
            for axis in normal:
                axis[hair] *= sign
        for code, (colour, shine) in _PLAIN_COLOURS.items():
            at = np.flatnonzero(part == code)
            if len(at):
                fill(at, colour, shine)
                # The deeper in the mouth, the darker, measured from the lips of the neutral face.
                depth = spread(view.space[:, 2][tri], at)
                lips = np.float32(1.30 * ipd)
                reach = np.float32((0.55 if code == parts.TEETH else 0.75) * ipd)
                sky[at] = np.clip(1 - (lips - depth) / reach, 0.08, 0.9)
                if code == parts.TEETH:  # too small for their own shading: lit as one row that faces the camera
                    for axis, value in zip(normal, (0.0, 0.1, 0.995), strict=True):
                        axis[at] = value
        eye = np.flatnonzero((part == parts.LEFT_EYE) | (part == parts.RIGHT_EYE))
        glint = np.zeros(0, np.float32)
        if len(eye):
            direction = [spread(self._mesh.eye_direction[:, k][tri], eye) for k in range(3)]
            facing = (normal[0][eye], normal[1][eye], normal[2][eye])
            planes, glint = eye_colours((direction[0], direction[1], direction[2]), facing, identity, scene)
            for plane, values in zip(albedo, planes, strict=True):
                plane[eye] = values
            gloss[eye] = 0
            # The upper lid shades the ball.
            sky[eye] = np.float32(0.85) - np.float32(0.75) * np.clip(facing[1] - np.float32(0.05), 0, 0.6)
        colours = lit(albedo, normal, gloss, sky, scene)
        for plane in colours:
            plane[eye] += np.float32(0.7) * glint
        return colours

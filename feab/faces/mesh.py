"""The head's data (feab/faces/head.npz) and its geometry: shape of a person, movement of an action."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feab.errors import FeabError
from feab.faces.actions import FacsAction, Measures
from feab.faces.identity import ANCESTRY_PRESETS, Identity
from feab.faces.recipes import unit_weights

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

SKIN, LEFT_EYE, RIGHT_EYE, TEETH, TONGUE, LASHES, HAIR, MOUTH_INSIDE, NECK = range(9)

# UV places (u runs from the crown down, v across; v = .4832 is the midline) of hm08's skin.
UV_MIDLINE = 0.4832


class Mesh:
    """Arrays of head.npz with what follows from them. Never changed after loading.

    Attributes:
        vertices: (n, 3) float32 base mesh; x to the subject's left, y up, z forward, in decimetres.
        triangles, uv_triangles: (m, 3) int32. part: (m,) code of each triangle. uv: (k, 2).
        occlusion: (n,) share of the sky a vertex sees at rest, 0-1.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            self.vertices: F32 = data["vertices"]
            self.uv: F32 = data["uv"]
            quads, uv_quads = data["quads"].astype(np.int32), data["uv_quads"].astype(np.int32)
            part = data["part"]
            self.occlusion: F32 = data["occlusion"].astype(np.float32) / 255
            self.names: tuple[str, ...] = tuple(str(n) for n in data["names"])
            self._start = data["start"].astype(np.int64)
            self._index = data["index"].astype(np.int64)
            self._offset = data["offset"].astype(np.float32)
        self._number = {n: i for i, n in enumerate(self.names)}
        self.triangles: I32 = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        self.uv_triangles: I32 = np.concatenate([uv_quads[:, [0, 1, 2]], uv_quads[:, [0, 2, 3]]])
        self.part = np.concatenate([part, part])
        corner_uv = self.uv[self.uv_triangles]
        inside = (self.part == SKIN) & (corner_uv[..., 1] < 0.14).all(1) & (corner_uv[..., 0] > 0.72).all(1)
        self.part[inside] = MOUTH_INSIDE
        below_chin = (self.vertices[self.triangles, 1] < 6.0).all(1)
        self.part[(self.part == SKIN) & ((corner_uv[..., 0] < 0.6).all(1) | below_chin)] = NECK
        self.eyes = tuple(np.unique(self.triangles[self.part == k]) for k in (LEFT_EYE, RIGHT_EYE))
        self.eye_direction = self._eye_directions()
        self._incidence = self._faces_of_vertices()
        self._hair = np.unique(self.triangles[self.part == HAIR])
        self._scalp = self._scalp_weights()
        self._upper_lip, self._lower_lip, self._chin = self._landmarks()

    def _eye_directions(self) -> F32:
        """Unit vector from an eyeball's centre to each of its vertices at rest (0 elsewhere): where the iris is."""
        out = np.zeros_like(self.vertices)
        for ids in self.eyes:
            ball = self.vertices[ids]
            rel = ball - (ball.max(0) + ball.min(0)) / 2
            out[ids] = rel / np.linalg.norm(rel, axis=1, keepdims=True)
        return out

    def _faces_of_vertices(self) -> I32:
        """(n, valence) triangle numbers around each vertex, padded with m (a zero normal)."""
        m = len(self.triangles)
        flat = self.triangles.ravel()
        order = np.argsort(flat, kind="stable")
        owner = flat[order]
        first = np.searchsorted(owner, np.arange(len(self.vertices)))
        slot = np.arange(len(owner)) - first[owner]
        table = np.full((len(self.vertices), int(slot.max()) + 1), m, np.int32)
        table[owner, slot] = order // 3
        return table

    def _landmarks(self) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.int64], ...], NDArray[np.int64]]:
        """Columns of upper and lower lip vertices (for the gap between them), and the chin."""
        uv = np.zeros((len(self.vertices), 2), np.float32)
        skin = self.part == SKIN
        uv[self.triangles[skin]] = self.uv[self.uv_triangles[skin]]
        on_face = np.abs(uv[:, 1] - UV_MIDLINE) < 0.026
        upper = on_face & (uv[:, 0] > 0.8955) & (uv[:, 0] < 0.9085)
        lower = on_face & (uv[:, 0] > 0.9125) & (uv[:, 0] < 0.926)
        x = self.vertices[:, 0]
        columns_up, columns_low = [], []
        for middle in (-0.185, -0.135, -0.075, 0.0, 0.075, 0.135, 0.185):
            within = np.abs(x - middle) < 0.035
            columns_up.append(np.flatnonzero(upper & within))
            columns_low.append(np.flatnonzero(lower & within))
        chin = (np.abs(x) < 0.08) & on_face & (uv[:, 0] > 0.9500) & (uv[:, 0] < 0.9575)
        return tuple(columns_up), tuple(columns_low), np.flatnonzero(chin)

    def _scalp_weights(self) -> F32:
        """(n,) 0-1: how much hair stands on a vertex; 1 on the crown, 0 on face, ears and neck."""
        uv = np.full((len(self.vertices), 2), 9.0, np.float32)
        skin = self.part == SKIN
        uv[self.triangles[skin]] = self.uv[self.uv_triangles[skin]]
        u, a = uv[:, 0], uv[:, 1] - UV_MIDLINE
        far = np.hypot(u - 0.86, a / 1.18)
        ear = np.hypot((u - 0.853) / 0.042, (np.abs(a) - 0.147) / 0.036) < 1
        out: F32 = (np.clip((far - 0.098) / 0.045, 0, 1) * (u < 0.868) * ~ear).astype(np.float32)
        return out

    def move(self, vertices: F32, target: str, weight: float) -> None:
        """Add weight x target to vertices, in place."""
        if target not in self._number:
            raise FeabError(f"head.npz has no target {target!r}; rebuild it with scripts/build_head.py")
        i = self._number[target]
        cut = slice(self._start[i], self._start[i + 1])
        vertices[self._index[cut]] += np.float32(weight) * self._offset[cut]

    def shape(self, identity: Identity) -> F32:
        """Neutral face (n, 3) of a person."""
        out: F32 = self.vertices.copy()
        male = 0.9 if identity.gender == "male" else 0.1
        # MakeHuman's "young" is 25 years and "old" 90 (its macro.json); younger adults keep "young": no children.
        old = float(np.clip((identity.age_years - 25) / 62, 0, 1))
        presets = {p: 0.8 if p == identity.ancestry_preset else 0.1 for p in ANCESTRY_PRESETS}
        w = identity.weight
        weights = {
            "minweight": max(0.0, 1 - 2 * w),
            "averageweight": 1 - abs(2 * w - 1),
            "maxweight": max(0.0, 2 * w - 1),
        }
        for gender, g in (("female", 1 - male), ("male", male)):
            for age, a in (("young", 1 - old), ("old", old)):
                for preset, p in presets.items():
                    self.move(out, f"preset:{preset}-{gender}-{age}", g * a * p)
                for body, b in weights.items():
                    self.move(out, f"body:{gender}-{age}-{body}", g * a * b)
        for name, amount in identity.shape:
            self.move(out, f"shape:{name}", amount)
        # Some targets part the lips a little; a neutral mouth is closed.
        gap = max(self._lip_gaps(out))
        for side in ("Left", "Right"):
            self.move(out, f"unit:lipSeal{side}", max(0.0, gap + 0.010))
        # Hair has thickness, and a length.
        out += (np.float32(identity.hair_volume) * self._scalp)[:, None] * self.normals(out)
        hair = out[self._hair]
        top = hair[:, 1].max()
        hair[:, 1] = top - (top - hair[:, 1]) * np.float32(identity.hair_length)
        out[self._hair] = hair
        return out

    def deform(self, neutral: F32, units: Mapping[str, float]) -> F32:
        """The face with face units applied (a copy)."""
        out: F32 = neutral.copy()
        for unit, weight in units.items():
            self.move(out, f"unit:{unit}", weight)
        return out

    def act(self, neutral: F32, action: FacsAction) -> F32:
        """The face performing an action (a copy)."""
        return self.deform(neutral, unit_weights(action))

    def interocular(self, neutral: F32) -> float:
        """Distance between the eyeballs' centres."""
        left, right = (neutral[ids].mean(0) for ids in self.eyes)
        return float(np.linalg.norm(left - right))

    def normals(self, vertices: F32) -> F32:
        """Unit vertex normals (n, 3), area-weighted."""
        corner = vertices[self.triangles]
        a, b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        faces = np.zeros((len(corner) + 1, 3), np.float32)
        faces[:-1, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
        faces[:-1, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
        faces[:-1, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        out = faces[self._incidence[:, 0]]
        for k in range(1, self._incidence.shape[1]):
            out += faces[self._incidence[:, k]]
        out /= np.sqrt((out * out).sum(1, keepdims=True)) + np.float32(1e-12)
        return out

    def _lip_gaps(self, vertices: F32) -> list[float]:
        y = vertices[:, 1]
        pairs = zip(self._upper_lip, self._lower_lip, strict=True)
        return [float(y[up].min() - y[low].max()) for up, low in pairs]

    def measure(self, neutral: F32, moved: F32) -> Measures:
        """Lip gap and chin drop of a moved face against its own neutral, in interocular distances."""
        ipd = self.interocular(neutral)
        gaps = [max(0.0, m) - max(0.0, n) for m, n in zip(self._lip_gaps(moved), self._lip_gaps(neutral), strict=True)]
        drop = float((neutral[self._chin, 1] - moved[self._chin, 1]).mean())
        return Measures(lip_gap=max(0.0, max(gaps)) / ipd, chin_drop=drop / ipd)

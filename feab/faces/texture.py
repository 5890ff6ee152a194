"""Skin painted by formula in the mesh's own texture space: complexion, lips, brows, stubble, scalp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feab.faces.identity import Identity
from feab.faces.mesh import UV_MIDLINE

F32 = NDArray[np.float32]

# The part of hm08's UV map that is painted; outside it the nearest edge is used (back of the scalp, neck).
U0, U1, V_HALF = 0.70, 1.0, 0.186
ROWS, COLUMNS = 500, 620

# Scale from UV to texels.
U_SCALE = np.float32((ROWS - 1) / (U1 - U0))
V_SCALE = np.float32((COLUMNS - 1) / (2 * V_HALF))


def grid(rows: slice = slice(None), columns: slice = slice(None)) -> tuple[F32, F32]:
    """U (r, 1) and signed lateral place a = v - midline (1, c) of texels; a > 0 is the subject's left."""
    u = np.linspace(U0, U1, ROWS, dtype=np.float32)[rows, None]
    a = np.linspace(-V_HALF, V_HALF, COLUMNS, dtype=np.float32)[None, columns]
    return u, a


def texels(u: F32, v: F32) -> NDArray[np.int32]:
    """Flat texel number of UV points, nearest, clamped to the painted part."""
    row: NDArray[np.int32] = np.clip((u - np.float32(U0)) * U_SCALE + np.float32(0.5), 0, ROWS - 1).astype(np.int32)
    column = np.clip((v - np.float32(UV_MIDLINE - V_HALF)) * V_SCALE + np.float32(0.5), 0, COLUMNS - 1)
    row *= COLUMNS
    row += column.astype(np.int32)
    return row


def _stretch(small: F32) -> F32:
    """Bilinear enlargement of a noise grid to the texture's size."""
    y = np.linspace(0, small.shape[0] - 1.001, ROWS, dtype=np.float32)
    x = np.linspace(0, small.shape[1] - 1.001, COLUMNS, dtype=np.float32)
    yi, xi = y.astype(int), x.astype(int)
    fy, fx = (y - yi)[:, None], (x - xi)[None]
    rows = small[yi] * (1 - fy) + small[yi + 1] * fy
    out: F32 = rows[:, xi] * (1 - fx) + rows[:, xi + 1] * fx
    return out


def _noise(rng: np.random.Generator, rows: int, columns: int) -> F32:
    return _stretch(rng.standard_normal((rows, columns), dtype=np.float32))


def _step(x: NDArray[np.floating]) -> F32:
    """Smooth 0 to 1 as x goes from 0 to 1."""
    t = np.clip(x, 0, 1)
    out: F32 = t * t * (3 - 2 * t)
    return out


@dataclass(frozen=True, slots=True)
class Texture:
    """Three colour planes (rows * columns,) sRGB 0-1, and gloss (rows * columns,): how oily the skin is, 0-1.5."""

    colour: tuple[F32, F32, F32]
    gloss: F32


def lip_mask(u: F32, a: F32) -> F32:
    """Vermilion of both lips: a cupid's bow above, a fuller arc below, closed at the corners (a = +-.0235)."""
    q = np.clip(np.abs(a) / 0.0235, 0, 1)
    arc = np.sqrt(1 - q * q)
    top = 0.9085 - 0.0128 * arc**0.9 + 0.0016 * np.exp(-((a / 0.0035) ** 2))
    bottom = 0.9100 + 0.0150 * arc**0.8
    soft = np.float32(0.0014)
    out: F32 = _step((u - top) / soft) * _step((bottom - u) / soft) * _step((1 - q) / 0.08)
    return out


# Rims of the lids in UV (u, distance from the midline), read off the base mesh where the lashes are rooted.
UPPER_RIM = ((0.8387, 0.0225), (0.8369, 0.0244), (0.8355, 0.0262), (0.8350, 0.0293), (0.8345, 0.0322), (0.8344, 0.0352),
             (0.8346, 0.0378), (0.8352, 0.0399), (0.8363, 0.0420), (0.8379, 0.0440))  # fmt: skip
LOWER_RIM = ((0.8397, 0.0230), (0.8425, 0.0268), (0.8434, 0.0305), (0.8437, 0.0340), (0.8431, 0.0386), (0.8424, 0.0404),
             (0.8411, 0.0422))  # fmt: skip


def polyline_distance(u: F32, a: F32, line: NDArray[np.float64]) -> tuple[F32, F32]:
    """Distance of texels from a polyline (k, 2), and where along it (0-1) the nearest point lies."""
    best = np.full(np.broadcast_shapes(u.shape, a.shape), np.inf, np.float32)
    along = np.zeros_like(best)
    n = len(line) - 1
    for k in range(n):
        p, d = line[k].astype(np.float32), (line[k + 1] - line[k]).astype(np.float32)
        t = np.clip(((u - p[0]) * d[0] + (a - p[1]) * d[1]) / (d @ d), 0, 1)
        gap = (u - p[0] - t * d[0]) ** 2 + (a - p[1] - t * d[1]) ** 2
        closer = gap < best
        best, along = np.where(closer, gap, best), np.where(closer, (k + t) / n, along)
    return np.sqrt(best), along


def paint(identity: Identity) -> Texture:
    """The texture of a person's skin (about 60 ms; cached by the head)."""
    rng = np.random.default_rng([identity.seed, 0x5C11])
    u, a = grid()
    side = np.abs(a)
    skin, hair = np.array(identity.skin, np.float32), np.array(identity.hair, np.float32)
    old = np.float32(np.clip((identity.age_years - 30) / 50, 0, 1))
    coarse, middle, fine = _noise(rng, 16, 20), _noise(rng, 60, 72), _noise(rng, 250, 310)
    mottle = 0.020 * coarse + 0.014 * (1 + old) * middle + 0.018 * fine
    colour = skin * (1 + mottle[..., None])

    def blob(cu: float, ca: float, su: float, sa: float) -> F32:
        out: F32 = np.exp(-(((u - cu) / su) ** 2)) * np.exp(-(((side - ca) / sa) ** 2))
        return out

    red = 0.5 * blob(0.873, 0.058, 0.028, 0.03) + 0.45 * blob(0.872, 0, 0.012, 0.016) + 0.2 * blob(0.94, 0, 0.02, 0.03)
    colour *= 1 - (0.26 * red)[..., None] * np.array([0.12, 0.8, 0.75], np.float32)
    # Eye sockets are a little darker and bluer, more so with age.
    socket = blob(0.852, 0.031, 0.008, 0.016) * (0.5 + 0.5 * old) + 0.5 * blob(0.838, 0.022, 0.012, 0.012)
    colour *= 1 - (0.16 * socket)[..., None] * np.array([1.0, 1.05, 0.9], np.float32)
    lid = np.exp(-(np.clip(((u - 0.8375) / 0.010) ** 2 + ((side - 0.034) / 0.018) ** 2, 0, 9) ** 2))
    colour *= 1 - 0.10 * lid[..., None]

    for rim, width, cover in ((UPPER_RIM, 0.0012, 0.9), (LOWER_RIM, 0.0008, 0.32)):
        rows, columns = slice(int((0.825 - U0) * U_SCALE), int((0.852 - U0) * U_SCALE)), slice(None)
        ur, ar = grid(rows, columns)
        gap, along = polyline_distance(ur, np.abs(ar), np.array(rim))
        line = cover * np.exp(-((gap / (width * (0.55 + 0.6 * along))) ** 2))
        colour[rows] += line[..., None] * (np.array([0.07, 0.05, 0.045], np.float32) - colour[rows])

    lips = lip_mask(u, a)
    lip_colour = np.array(identity.lips, np.float32) * (1 + 0.05 * _noise(rng, 20, 310)[..., None])
    colour += lips[..., None] * (lip_colour - colour)

    if identity.stubble > 0:
        beard = np.clip(
            blob(0.93, 0, 0.04, 0.075) + blob(0.955, 0.05, 0.035, 0.05) + 0.8 * blob(0.892, 0, 0.006, 0.03), 0, 1
        )
        dots = np.clip(0.75 + 0.5 * fine, 0.2, 1.3)
        cover = (0.40 * identity.stubble * beard * dots * (1 - lips))[..., None]
        colour += cover * (hair * 0.8 + skin * 0.15 - colour)

    # Brow: an arch from the inner end (a = .016) to the tail (.058), hairs as fine noise along it.
    t = np.clip((side - 0.014) / 0.046, 0, 1)
    centre = 0.8232 - 0.0010 * identity.brow_height - 0.0046 * np.sin(np.pi * np.minimum(t * 0.85, 1)) + 0.0042 * t**2
    thick = 0.0034 * identity.brow_thickness * (1.12 - 0.80 * t**1.5)
    strands = np.clip(0.86 + 0.16 * _noise(rng, 160, 300) + 0.10 * fine, 0.5, 1)
    ends = _step((side - 0.0125) / 0.009) * _step((0.0610 - side) / 0.010)
    brow = identity.brow_density * np.exp(-(np.abs((u - centre) / thick) ** 2.5)) * ends * strands
    colour += np.clip(brow, 0, 0.95)[..., None] * (np.array(identity.brow_colour, np.float32) * 0.85 - colour)

    # Scalp: far from the face's centre, with temples; ears stay skin.
    reach = 0.101 - 0.010 * identity.hairline
    distance = np.hypot(u - 0.86, a / 1.18) + 0.0022 * middle + 0.0012 * fine
    ear = np.hypot((u - 0.853) / 0.036, (side - 0.147) / 0.030) < 1
    scalp = _step((distance - reach) / 0.008) * (u < 0.874 + 0.004 * fine) * ~ear
    cover = (0.12 if identity.bald else 0.97) * scalp
    strand = 1 + 0.16 * _noise(rng, 40, 400) + 0.08 * fine
    colour += cover[..., None] * (hair * strand[..., None] - colour)

    gloss = 0.6 + 0.5 * blob(0.872, 0, 0.012, 0.014) + 0.3 * blob(0.80, 0, 0.02, 0.05) + 0.7 * lips
    gloss = gloss * (1 - 0.8 * cover) * (1 + 0.15 * fine) * (1 - 0.4 * old)
    red_plane, green_plane, blue_plane = np.clip(colour, 0.01, 1).astype(np.float32).reshape(-1, 3).T.copy()
    return Texture((red_plane, green_plane, blue_plane), np.clip(gloss, 0, 1.5).ravel().astype(np.float32))

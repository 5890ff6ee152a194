"""Scanline rasteriser: which triangle covers each pixel, all in numpy, the same result on every run.

Triangles become rows ("spans"), rows become pixels; only covered pixels are ever made. Depth is resolved by writing
far to near and then correcting the few pixels where that order was wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


class Hits(NamedTuple):
    """Covered pixels, one row each: index y * width + x, triangle, weights of its 2nd and 3rd corner."""

    pixel: NDArray[np.int64]
    triangle: NDArray[np.int64]
    b1: F32
    b2: F32


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 3) give owners (0, 0, 1, 1, 1) and steps (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first[owner]


def rasterise(
    points: F32, depth: F32, triangles: I32, width: int, height: int, window: tuple[int, int, int, int] | None = None
) -> Hits:
    """Visible triangle at each pixel centre.

    points (n, 2) pixels, y down; depth (n,) smaller is nearer; triangles (m, 3), both windings are drawn (cull
    before the call). window (x0, y0, x1, y1) restricts the work to a rectangle. Interpolation is affine: at our
    camera distance (14 interocular distances) perspective inside one small triangle is below a hundredth of a pixel.
    """
    x0, y0, x1, y1 = window or (0, 0, width, height)
    far_to_near = np.argsort(-depth[triangles].sum(1), kind="stable")
    triangles = triangles[far_to_near]
    # Corners sorted by y, so that an edge shared by two triangles is computed the same way in both: no cracks.
    ys = points[:, 1][triangles]
    order = np.argsort(ys, axis=1, kind="stable")
    corner = np.take_along_axis(triangles, order.astype(np.int32), axis=1)
    ax, ay = points[corner[:, 0]].T
    bx, by = points[corner[:, 1]].T
    cx, cy = points[corner[:, 2]].T
    row0 = np.clip(np.ceil(ay - 0.5), y0, y1).astype(np.int64)
    row1 = np.clip(np.ceil(cy - 0.5), y0, y1).astype(np.int64)
    tri, step = _expand(row1 - row0)
    row = row0[tri] + step
    yc = row.astype(np.float32) + np.float32(0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        long_slope, top_slope, low_slope = (cx - ax) / (cy - ay), (bx - ax) / (by - ay), (cx - bx) / (cy - by)
    xl = ax[tri] + (yc - ay[tri]) * long_slope[tri]
    upper = yc < by[tri]
    xs = np.where(upper, ax[tri] + (yc - ay[tri]) * top_slope[tri], bx[tri] + (yc - by[tri]) * low_slope[tri])
    start = np.ceil(np.minimum(xl, xs) - 0.5)
    col0 = np.clip(start, x0, x1).astype(np.int64)
    col1 = np.clip(np.ceil(np.maximum(xl, xs) - 0.5), x0, x1).astype(np.int64)
    keep = col1 > col0
    tri, row, start, col0, col1, yc = tri[keep], row[keep], start[keep], col0[keep], col1[keep], yc[keep]

    # Barycentric weights and depth are linear along a row: value at its first pixel centre, then a constant step.
    # The first pixel is taken before clipping, so that a window gives the same bits as the whole picture.
    p0, p1, p2 = (points[triangles[:, k]] for k in range(3))
    e1, e2 = p1 - p0, p2 - p0
    area = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    inv = np.where(np.abs(area) > 1e-9, 1 / np.where(area == 0, 1, area), 0).astype(np.float32)
    d1, d2 = e2[:, 1] * inv, -e1[:, 1] * inv  # d(weight)/dx
    fx, fy = start + np.float32(0.5) - p0[tri, 0], yc - p0[tri, 1]
    s1 = d1[tri] * fx - (e2[:, 0] * inv)[tri] * fy
    s2 = d2[tri] * fx + (e1[:, 0] * inv)[tri] * fy
    z0 = depth[triangles[:, 0]]
    z1, z2 = depth[triangles[:, 1]] - z0, depth[triangles[:, 2]] - z0
    zs = z0[tri] + s1 * z1[tri] + s2 * z2[tri]
    dz = (d1 * z1 + d2 * z2)[tri]

    span, step = _expand(col1 - col0)
    pixel = (row * width + col0)[span] + step
    k = (step + (col0 - start.astype(np.int64))[span]).astype(np.float32)
    z = zs[span] + k * dz[span]
    # Triangles come far to near, and of several writes to one place numpy keeps the last: nearly every pixel is right
    # at once. Candidates nearer than what stands there are written again until none is left: an exact depth test
    # without a sort.
    winner = np.full(width * height, -1, np.int64)
    challengers = np.arange(len(pixel))
    winner[pixel] = challengers
    nearest = z[winner[pixel]]
    challengers = np.flatnonzero(z < nearest)
    while len(challengers):
        winner[pixel[challengers]] = challengers
        challengers = challengers[z[challengers] < z[winner[pixel[challengers]]]]
    covered = np.flatnonzero(winner >= 0)
    win = winner[covered]
    owner, k = span[win], k[win]
    t = tri[owner]
    return Hits(covered, far_to_near[t], s1[owner] + k * d1[t], s2[owner] + k * d2[t])

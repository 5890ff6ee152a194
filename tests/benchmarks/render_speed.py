"""Pictures per second and core: the head, and another head beside it where one is given.

    OMP_NUM_THREADS=1 python tests/benchmarks/render_speed.py [--images 40] [--prototype FOLDER]

The head that this one replaced is not in the repository. A FOLDER with its headkit.py and headkit.npz has it measured
too; without, only feab's head runs. Both draw 224 px with 2 x supersampling, a new scene and expression each time,
four pictures of a person before the next. CPU time of this process is counted, so other jobs on the machine disturb
little.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from feab.faces import AGE_GROUPS, ANCESTRY_PRESETS, AUS_RENDERED, GENDERS, FacsAction, Head, draw_identity, draw_scene
from feab.faces.actions import MIDLINE_AUS
from feab.faces.head import Shot

CELLS = [(a, g, p) for a in AGE_GROUPS for g in GENDERS for p in ANCESTRY_PRESETS]


def random_action(rng: np.random.Generator) -> FacsAction:
    """Three to five random units."""
    aus = {}
    for au in rng.choice(AUS_RENDERED, int(rng.integers(3, 6)), replace=False):
        left, right = rng.uniform(0.1, 1, 2)
        aus[int(au)] = (left, left if au in MIDLINE_AUS else right)
    return FacsAction(aus)


def per_second(draw: Callable[[int], object], images: int) -> float:
    """Calls per second of CPU time, after one warm-up call."""
    draw(0)
    start = time.process_time()
    for k in range(images):
        draw(k)
    return images / (time.process_time() - start)


def ours(per_person: int) -> Callable[[int], object]:
    """Draw the k-th picture with feab's head."""
    head = Head.load()

    def draw(k: int) -> object:
        age, gender, preset = CELLS[(k // per_person) % len(CELLS)]
        who = draw_identity(k // per_person, age_group=age, gender=gender, ancestry_preset=preset)
        rng = np.random.default_rng(k)
        return head.render(who, random_action(rng), draw_scene(rng))

    return draw


def without_one_unit() -> Callable[[int], object]:
    """Draw the k-th picture, one unit removed, from an earlier shot (the visibility check)."""
    head = Head.load()
    shots: list[Shot] = []

    def draw(k: int) -> object:
        if not shots:  # on the warm-up call, so that these people are the ones in the head's cache
            for n, (age, gender, preset) in enumerate(CELLS[:8]):
                rng = np.random.default_rng(n)
                who = draw_identity(n, age_group=age, gender=gender, ancestry_preset=preset)
                shots.append(head.shoot(who, random_action(rng), draw_scene(rng)))
        shot = shots[k % 8]
        aus = list(shot.action.aus)
        action = shot.action.without(aus[k % len(aus)])
        return head.render(shot.identity, action, shot.scene, reuse=shot)

    return draw


def prototype(folder: Path, per_person: int) -> Callable[[int], object]:
    """Draw the k-th picture with the prototype (its own people and expressions, at the same zoom as ours)."""
    spec = importlib.util.spec_from_file_location("headkit", folder / "headkit.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(folder / "headkit.py")
    kit: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kit)
    head = kit.Head(folder / "headkit.npz")

    def draw(k: int) -> object:
        who = kit.random_identity(np.random.default_rng(k // per_person), head.names)
        rng = np.random.default_rng(k)
        facs = kit.random_facs(rng, list(kit.EXPR)[k % len(kit.EXPR)])
        return head.render(who, facs, yaw=rng.uniform(-14, 14), seed=k // per_person, zoom=1.45)

    return draw


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--prototype", type=Path, help="folder with headkit.py and headkit.npz")
    args = parser.parse_args()
    rows = [
        ("feab, 24 pictures a person (as synth)", ours(24)),
        ("feab, a new person every 4", ours(4)),
        ("feab, one unit removed from a shot", without_one_unit()),
    ]
    if args.prototype is not None:
        rows.append(("prototype", prototype(args.prototype, 4)))
    for name, draw in rows:
        print(f"{name:40s} {per_second(draw, args.images):6.1f} images/s per core")


if __name__ == "__main__":
    main()

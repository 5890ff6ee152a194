"""Find the amount at which each action unit becomes visible: the table B_STARTS of feab/faces/recipes.py.

    python scripts/measure_au_cuts.py

For 36 people of the train seeds (two in each cell of age group, gender, ancestry preset), each in its own scene:
render the neutral face and the face with one AU at rising amounts, encode both as JPEG (quality 85, 224 px), count
pixels whose grey value differs by more than 12 levels. B starts at the smallest amount, on a grid of .01, whose median
count over people is at least 100; never below .10 (our choice).
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from feab.faces import (
    AGE_GROUPS,
    ANCESTRY_PRESETS,
    AUS_RENDERED,
    GENDERS,
    FacsAction,
    Head,
    draw_identity,
    draw_scene,
    encode_jpeg,
)

LEVELS, PIXELS, FIRST_SEED = 12, 100, 700_000
GRID = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50, 0.70, 1.0)


def grey(image: np.ndarray) -> np.ndarray:
    """The picture as it ships (JPEG), in grey levels."""
    return np.asarray(Image.open(io.BytesIO(encode_jpeg(image))).convert("L")).astype(int)


def main() -> None:
    """Measure and print, per AU, the median counts over the grid and where B starts."""
    head = Head.load()
    cells = [(a, g, p) for a in AGE_GROUPS for g in GENDERS for p in ANCESTRY_PRESETS] * 2
    counts = {au: np.zeros((len(cells), len(GRID))) for au in AUS_RENDERED}
    for k, (age, gender, preset) in enumerate(cells):
        identity = draw_identity(FIRST_SEED + k, age_group=age, gender=gender, ancestry_preset=preset)
        scene = draw_scene(np.random.default_rng(FIRST_SEED + k))
        rest = head.shoot(identity, FacsAction(), scene)
        neutral = grey(rest.image)
        for au, table in counts.items():
            for j, amount in enumerate(GRID):
                image = head.render(identity, FacsAction({au: (amount, amount)}), scene, reuse=rest)
                table[k, j] = (np.abs(grey(image) - neutral) > LEVELS).sum()
    print("AU   " + " ".join(f"{g:6.2f}" for g in GRID) + "   B starts")
    for au, table in counts.items():
        medians = np.median(table, axis=0)
        fine = np.arange(0.01, 1.001, 0.01)
        reached = fine[np.interp(fine, (0.0, *GRID), (0.0, *medians)) >= PIXELS]
        start = max(0.10, float(reached[0])) if len(reached) else float("nan")
        print(f"{au:4d} " + " ".join(f"{m:6.0f}" for m in medians) + f"   {start:.2f}")


if __name__ == "__main__":
    main()

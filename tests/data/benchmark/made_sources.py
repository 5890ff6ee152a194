"""The six sources of FEAB as prepared datasets, made of tiny pictures: enough faces for the whole set, few frames."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from feab.data import write_split
from feab.data.columns import au_column
from feab.schemas import DatasetInfo

CK_PLUS = {"anger": 45, "contempt": 18, "disgust": 59, "fear": 25, "happiness": 69, "sadness": 28, "surprise": 83}
"""Labelled sequences of CK+, of 118 people."""
EIGHT = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
DISFA = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
BP4D = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
AFFWILD2 = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)

Row = dict[str, Any]


@lru_cache(maxsize=4096)
def picture(name: str) -> bytes:
    """A picture of its own for every name: noise of 8 x 8 blocks, which no other looks like."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((32, 32), Image.Resampling.BILINEAR).save(buffer, "PNG")
    return buffer.getvalue()


def save(
    root: Path,
    name: str,
    split: str,
    rows: list[Row],
    *,
    labels: list[str] | None = None,
    aus: tuple[int, ...] = (),
    extra: dict[str, str] | None = None,
    order: int | None = None,
) -> None:
    """Write a prepared dataset; `order` is the seed by which its rows are shuffled."""
    info = DatasetInfo(
        name=name,
        version="reader 1",
        splits={},
        licence=f"{name}'s own",
        images_may_be_shared=False,
        third_party="forbidden" if name == "bp4d" else "ask",
        labels=labels or [],
        aus=list(aus),
        source=name,
    )
    rows = list(rows)
    if order is not None:
        Random(order).shuffle(rows)
    # of one picture for all faces of one dataset: only where pictures are compared do they matter
    pictures = ({"image": picture(name), **row} for row in rows)
    write_split(root / name, split, pictures, info, extra=extra or {}, row_group=32)


def ckplus() -> list[Row]:
    """118 people with the sequences of CK+; those who open their mouths wide have AU 27, not 26."""
    rng = Random(5)
    labels = [label for label, n in CK_PLUS.items() for _ in range(n)]
    rng.shuffle(labels)
    people = [*range(118), *(rng.randrange(118) for _ in range(len(labels) - 118))]
    rows: list[Row] = []
    for number, (label, person) in enumerate(zip(labels, people, strict=True)):
        codes = {au_column(au, what): 0.0 for au in (*DISFA, 27) for what in ("presence", "intensity")}
        if label == "surprise":
            codes |= {"au27_presence": 1.0, "au27_intensity": 4.0, "au01_presence": 1.0, "au01_intensity": None}
        rows.append({"id": f"S{person:03d}_{number:04d}", "subject": f"S{person:03d}", "expression": label, **codes})
    return rows


def web(prefix: str, labels: list[str], n: int, **other: Callable[[Random], Any]) -> list[Row]:
    """`n` faces of each label, nobody knows whose."""
    rng = Random(prefix)
    return [
        {"id": f"{prefix}_{number:05d}", "expression": label, **{name: make(rng) for name, make in other.items()}}
        for number, label in enumerate(label for label in labels for _ in range(n))
    ]


def frames(rng: Random, n: int, step: int, aus: tuple[int, ...], what: Any) -> Iterator[Row]:
    """Every `step`-th frame of a recording. Units come for some seconds; of those later in the list less often."""
    left = dict.fromkeys(aus, 0)
    for number in range(n):
        codes: Row = {}
        for place, au in enumerate(aus):
            if left[au] == 0 and rng.random() < 0.1 / (1 + place / 4):
                left[au] = rng.randrange(2, 8)
            left[au] -= left[au] > 0
            codes[au_column(au, what)] = float(rng.randrange(2, 6) if what == "intensity" else 1) if left[au] else 0.0
        yield {"frame": number * step, **codes}


def disfa() -> list[Row]:
    """All 27 people, numbered by fold."""
    rng = Random(2)
    return [
        {"id": f"SN{fold}{k}_{row['frame']:05d}", "subject": f"SN{fold}{k}", "fold": fold, **row}
        for fold in (1, 2, 3)
        for k in range(9)
        for row in frames(rng, 160, 10, DISFA, "intensity")
    ]


def bp4d() -> list[Row]:
    """Thirteen people of fold 1, and three of each other."""
    rng = Random(3)
    rows = [
        {"id": f"F{fold}{k:02d}_T{task}_{row['frame']}", "subject": f"F{fold}{k:02d}", "task": f"T{task}", "fold": fold}
        | row
        for fold, people in ((1, 13), (2, 3), (3, 3))
        for k in range(people)
        for task in range(1, 9)
        for row in frames(rng, 16, 10, BP4D, "presence")
    ]
    for row in rows[::50]:
        row["au01_presence"] = None  # a 9
    return rows


def affwild2() -> list[Row]:
    """140 videos, of which some show one person on the left and one on the right."""
    rng = Random(4)
    rows: list[Row] = []
    for video in range(140):
        name = f"v{video}"
        mood = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "other"][video % 8]
        for side in ("", "_right") if video % 7 == 0 else ("",):
            for row in frames(rng, 24, 30, AFFWILD2, "presence"):
                row |= {"id": f"{name}{side}/{row['frame']:05d}", "video": name, "expression": rng.choice([mood, None])}
                if rng.random() < 0.5:
                    row |= {"valence": round(rng.uniform(-1, 1), 3), "arousal": round(rng.uniform(-1, 1), 3)}
                rows.append(row)
    return rows


def make_all(root: Path, *, order: int | None = None, without: tuple[str, ...] = ()) -> Path:
    """All that FEAB takes, under `root`."""
    unit = {name: (lambda rng: round(rng.uniform(-1, 1), 3)) for name in ("valence", "arousal")}
    jobs: dict[str, Callable[[], None]] = {
        "ckplus": lambda: save(root, "ckplus", "test", ckplus(), labels=EIGHT, aus=(*DISFA, 27), extra={}, order=order),
        "rafdb": lambda: save(root, "rafdb", "test", web("test", EIGHT[:7], 74), labels=EIGHT[:7], order=order),
        "affectnet": lambda: save(
            root, "affectnet", "validation", web("val", EIGHT, 105, **unit), labels=EIGHT, order=order
        ),
        "disfa": lambda: save(
            root, "disfa", "test", disfa(), aus=DISFA, extra={"frame": "integer", "fold": "integer"}, order=order
        ),
        "bp4d": lambda: save(
            root,
            "bp4d",
            "test",
            bp4d(),
            aus=BP4D,
            extra={"frame": "integer", "fold": "integer", "task": "text"},
            order=order,
        ),
        "affwild2": lambda: save(
            root,
            "affwild2",
            "validation",
            affwild2(),
            labels=[*EIGHT[:7], "other"],
            aus=AFFWILD2,
            extra={"frame": "integer", "video": "text"},
            order=order,
        ),
    }
    names = [name for name in jobs if name not in without]
    if order is not None:
        Random(order).shuffle(names)
    for name in names:
        jobs[name]()
    return root

"""The gate: an action unit is scored on `synth` only if a small CNN can see it on faces it has not met.

`measurement` asks for AUROC >= .90 on other identities, overall and against each AU it is confused with.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from feab.training.pictures import Faces
from feab.vocabulary import FEAB_17

THRESHOLD = 0.90
FACES = 2_000
MIN_FACES = 10
"""A comparison with fewer faces on either side is not made."""

RIVALS: tuple[tuple[int, int], ...] = ((9, 4), (9, 10), (6, 7), (12, 14), (15, 20), (17, 24), (23, 24), (25, 26))


def gate_table(presence: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> dict[str, Any]:
    """AUROC per AU, overall and against its rivals, and whether it passes.

    Args:
        presence: truth (n, 17), 0, 1 or NaN, columns FEAB-17.
        scores: (n, 17), larger means more likely present.

    Returns:
        {"coded": [AUs that pass], "table": {"12": {"auroc", "positives", "negatives", "rivals": {"14": auroc},
        "passes"}}}. Against rival r the positives show the AU without r (or, where that is rare, with or without), the
        negatives show r without the AU.
    """
    column = {au: k for k, au in enumerate(FEAB_17)}
    rivals: dict[int, list[int]] = {au: [] for au in FEAB_17}
    for first, second in RIVALS:
        rivals[first].append(second)
        rivals[second].append(first)
    table: dict[str, Any] = {}
    for au in FEAB_17:
        truth, score = presence[:, column[au]], scores[:, column[au]]
        row: dict[str, Any] = {
            "auroc": _auroc(score[truth == 1], score[truth == 0]),
            "positives": int((truth == 1).sum()),
            "negatives": int((truth == 0).sum()),
            "rivals": {},
        }
        for rival in rivals[au]:
            other = presence[:, column[rival]]
            alone = (truth == 1) & (other == 0)
            with_au = alone if alone.sum() >= MIN_FACES else truth == 1
            value = _auroc(score[with_au], score[(truth == 0) & (other == 1)])
            if value is not None:
                row["rivals"][str(rival)] = value
        values = [row["auroc"], *row["rivals"].values()]
        row["passes"] = all(value is not None and value >= THRESHOLD for value in values)
        table[str(au)] = row
    return {"coded": [au for au in FEAB_17 if table[str(au)]["passes"]], "threshold": THRESHOLD, "table": table}


def run_gate(
    train: Faces, other: Faces, *, seed: int, epochs: int, log: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Train the small CNN on 2,000 train faces and table its AUROC on the faces of other identities."""
    import torch

    from feab.training.reading import read
    from feab.training.recipe import Schedule
    from feab.training.reference import train_cnn

    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:FACES]
    some = train.take(rows)
    encode, heads = train_cnn(some, Schedule(epochs=epochs), seed=seed, log=log)
    result = gate_table(other.presence.numpy(), read(encode, heads, other.pixels).presence)
    return {**result, "trained_on": len(some), "tested_on": len(other), "epochs": epochs, "seed": seed}


def write_gate(result: dict[str, Any], path: Path) -> None:
    """Write the table as JSON, numbers to four places."""
    import json

    rounded = json.loads(json.dumps(result), parse_float=lambda text: round(float(text), 4))
    path.write_text(json.dumps(rounded, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _auroc(positive: np.ndarray[Any, Any], negative: np.ndarray[Any, Any]) -> float | None:
    if min(len(positive), len(negative)) < MIN_FACES:
        return None
    from sklearn.metrics import roc_auc_score

    truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    return float(roc_auc_score(truth, np.r_[positive, negative]))

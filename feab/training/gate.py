"""The gate: an action unit is scored on `synth` only if a small CNN can see it on faces it has not met.

The mark is an AUROC of .90 on other identities, overall and against each AU it is confused with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from feab.training.pictures import Faces
from feab.training.recipe import Picture
from feab.vocabulary import FEAB_17

THRESHOLD = 0.90
FACES = 2_000
EPOCHS = 40
PICTURE = Picture(resize=185, crop=128)
MIN_FACES = 10
"""A comparison with fewer faces on either side is not made."""

RIVALS: tuple[tuple[int, int], ...] = ((9, 4), (9, 10), (6, 7), (12, 14), (15, 20), (17, 24), (23, 24), (25, 26))

METHOD = (
    "`cnn`: AUROC of a plain CNN, trained on {trained} training faces, on the {faces} faces of the validation split, "
    "whose identities it has not met. `rivals`: faces with the AU against faces that display the rival without it (the "
    "worst rival is shown); `rivals alone`: the same with faces that display the AU without the rival. "
    "`mediapipe`: AUROC of the nearest blendshape of MediaPipe's Face Landmarker on these faces, where it has one."
)


def gate_table(presence: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> dict[str, Any]:
    """AUROC per AU, overall and against its rivals, and whether it passes.

    Args:
        presence: truth (n, 17), 0, 1 or NaN, columns FEAB-17.
        scores: (n, 17), larger means more likely present.

    Returns:
        {"coded": [AUs that pass], "threshold": .9, "aus": {"12": {"cnn", "rivals": {"14": auroc}, "rivals_alone":
        {"14": auroc}, "positives", "negatives"}}}; an AUROC of fewer than `MIN_FACES` faces on a side is None or left
        out.
    """
    column = {au: k for k, au in enumerate(FEAB_17)}
    rivals: dict[int, list[int]] = {au: [] for au in FEAB_17}
    for first, second in RIVALS:
        rivals[first].append(second)
        rivals[second].append(first)
    rows: dict[str, Any] = {}
    coded = []
    for au in FEAB_17:
        truth, score = presence[:, column[au]], scores[:, column[au]]
        overall = _auroc(score[truth == 1], score[truth == 0])
        against: dict[str, dict[str, float]] = {"rivals": {}, "rivals_alone": {}}
        for rival in rivals[au]:
            other = presence[:, column[rival]]
            mistaken = score[(truth == 0) & (other == 1)]
            for name, chosen in (("rivals", truth == 1), ("rivals_alone", (truth == 1) & (other == 0))):
                value = _auroc(score[chosen], mistaken)
                if value is not None:
                    against[name][str(rival)] = value
        if all(value is not None and value >= THRESHOLD for value in (overall, *against["rivals"].values())):
            coded.append(au)
        counts = {"positives": int((truth == 1).sum()), "negatives": int((truth == 0).sum())}
        rows[str(au)] = {"cnn": overall, **against, **counts}
    return {"coded": coded, "threshold": THRESHOLD, "aus": rows}


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
    encode, heads = train_cnn(some, Schedule(epochs=epochs, erase=0.3), seed=seed, log=log)
    result = gate_table(other.presence.numpy(), read(encode, heads, other.pixels).presence)
    method = METHOD.format(faces=len(other), trained=len(some))
    return {"method": method, "epochs": epochs, "seed": seed, **result}


def write_gate(result: dict[str, Any], path: Path) -> None:
    """Write the table as JSON, numbers to four places."""
    rounded = json.loads(json.dumps(result), parse_float=lambda text: round(float(text), 4))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


def _auroc(positive: np.ndarray[Any, Any], negative: np.ndarray[Any, Any]) -> float | None:
    if min(len(positive), len(negative)) < MIN_FACES:
        return None
    from sklearn.metrics import roc_auc_score

    truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    return float(roc_auc_score(truth, np.r_[positive, negative]))

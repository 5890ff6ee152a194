"""What can be read from the tower of the study's base, and from the landmarks: linear read-outs, no language model.

They explain what `emo.py` finds: an arm can say what its tower, or its face network, holds, and no more.

    python training/studies/emo_probe.py runs/studies/emo

The faces are those that the arms learn from, the read-outs those of feab-tiny's vision stage, the scorer feab's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from emo import LEARNT
from emo_summary import KINDS, STILL, estimate, primary, tasks_of

from feab.data import Dataset, load_dataset
from feab.models.faceinfo.config import FaceInfo
from feab.models.faceinfo.networks import open_network
from feab.models.faceinfo.priors import Faces as Readings
from feab.tasks.scoring import score_all
from feab.training.pictures import Faces, load_faces, normalise, seen_by
from feab.training.reading import Reading, loss_of, make_heads
from feab.training.reference import read_as_predictions

STEPS, RATE, DECAY = 600, 0.01, 0.05
"""Of the read-outs, all faces at once (our choice; more steps change the third digit)."""


def features(folder: Path, dataset: Dataset, count: int | None) -> tuple[Faces, dict[str, Any]]:
    """The faces, and for each what the tower's token and the landmarks are."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    faces = load_faces(dataset, seen_by(AutoProcessor.from_pretrained(folder).image_processor), None)
    faces = faces if count is None else faces.take(torch.arange(count))
    with torch.inference_mode():
        tower = model.model.vision_tower
        seen = [tower(normalise(part)).last_hidden_state.flatten(1) for part in faces.pixels.split(64)]
    info = FaceInfo(kind="prior-token", network="rendered")
    readings = Readings(open_network(info), info)
    points = readings.layout.points
    rows = [readings.row(dataset[number].media.read())[points].copy() for number in range(len(faces))]
    readings.close()
    return faces, {"tower": torch.cat(seen).clone(), "landmarks": torch.from_numpy(np.stack(rows))}


def read_out(known: Any, faces: Faces, unseen: Any) -> Reading:
    """Linear read-outs learnt from some faces' features, applied to others'."""
    torch.manual_seed(0)
    mean, spread = known.mean(0), known.std(0).clamp(min=1e-4)
    known, unseen = (known - mean) / spread, (unseen - mean) / spread
    heads, rows = make_heads(known.shape[1]), torch.arange(len(known))
    optimiser = torch.optim.AdamW(heads.parameters(), RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss_of(heads, known, faces, rows).backward()
        optimiser.step()
    with torch.inference_mode():
        x = heads["norm"](unseen)
        said = (heads["expression"](x), torch.tanh(heads["va"](x)), heads["presence"](x))
    return Reading(*(one.numpy() for one in said))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="what the study wrote")
    options = parser.parse_args()
    test = load_dataset(STILL, "test")
    faces, known = features(options.study / "base", load_dataset(STILL, "train"), LEARNT[STILL])
    others, unseen = features(options.study / "base", test, None)
    for each in (known, unseen):
        each["both"] = torch.cat([each["tower"], each["landmarks"]], 1)
    print(f"| read from | {STILL}: overall | expression, macro-F1 | VA, CCC | AU, F1 |\n|---|---|---|---|---|")
    for name in known:
        reading = read_out(known[name], faces, unseen[name])
        said = [one for task in tasks_of(STILL) for one in read_as_predictions(task, others, reading)]
        scores = score_all(tasks_of(STILL), said, {task.name: test.labels() for task in tasks_of(STILL)})
        shown = [scores.overall, *(primary(scores, f"{STILL}_{kind}") for kind in KINDS)]
        print(f"| {name} | {' | '.join(map(estimate, shown))} |", flush=True)


if __name__ == "__main__":
    main()

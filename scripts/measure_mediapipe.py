"""AUROC of MediaPipe's blendshapes for the action units of a rendered split, as a second pair of eyes on the gate.

    pip install 'feab[baselines]' && feab models fetch mediapipe-blendshapes
    python scripts/measure_mediapipe.py mediapipe.json

Low numbers for AU 14 and AU 24 say little: on the mesh of these faces mouthDimple and mouthPress lift the mouth
corners, as in a smile, and the recipes undo that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from feab.data import load_dataset
from feab.models.images import decode
from feab.models.networks.blendshapes import SHAPES, Blendshapes
from feab.models.packages import fetched


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", default="validation")
    given = parser.parse_args()
    network = Blendshapes(fetched("mediapipe-blendshapes"))
    truth: dict[int, list[bool]] = {au: [] for au in SHAPES}
    active: dict[int, list[float]] = {au: [] for au in SHAPES}
    missed = 0
    for face in load_dataset("synth", given.split):
        found = network(np.asarray(decode(face.media.read())))
        missed += found is None
        for au in SHAPES.keys() & face.au_presence.keys():
            truth[au].append(face.au_presence[au] == 1)
            active[au].append(0.0 if found is None else found[au])
    network.close()
    print(f"{given.split}: none found in {missed} pictures")
    result = {au: round(float(roc_auc_score(truth[au], active[au])), 4) for au in SHAPES}
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(result)


if __name__ == "__main__":
    main()

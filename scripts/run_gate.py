"""The gate of the embedded set: which action units can be seen on it. Writes feab/data/synth/gate.json.

Run it after the renderer or the plan changed, then `scripts/build_synth.py`. The first run renders the train and
validation split into the cache; the CNN takes about ten minutes on two cores.

    python scripts/run_gate.py [--mediapipe mediapipe.json]   # from scripts/measure_mediapipe.py
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from feab.data import load_dataset
from feab.data.places import EMBEDDED, embedded_folder
from feab.training.gate import EPOCHS, PICTURE, run_gate, write_gate
from feab.training.pictures import load_faces, seen_by
from feab.training.tiny import build_image_processor


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mediapipe", type=Path, help="JSON {AU: AUROC} from scripts/measure_mediapipe.py")
    options = parser.parse_args()
    prepare = seen_by(build_image_processor(PICTURE))
    train, other = (load_faces(load_dataset(EMBEDDED, split), prepare, None) for split in ("train", "validation"))

    def say(event: dict[str, object]) -> None:
        print(event, file=sys.stderr, flush=True)

    result = run_gate(train, other, seed=0, epochs=EPOCHS, log=say)
    if options.mediapipe:
        for au, value in json.loads(options.mediapipe.read_text(encoding="utf-8")).items():
            result["aus"][au]["mediapipe"] = value
    write_gate(result, embedded_folder() / "gate.json")
    print("coded:", ", ".join(map(str, result["coded"])))


if __name__ == "__main__":
    main()

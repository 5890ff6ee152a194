"""How close feab-tiny comes to a plain CNN, and how far above a player who knows the expression but cannot see.

For each seed: `feab train training/tiny.yaml`, and a plain CNN of about the same size with the same pictures, labels
and augmentation, trained for 18 epochs (`CNN`); both scored on the test split by feab's own scorer. About 20
minutes a seed on two idle cores, plus once the rendering of the splits.

    python training/studies/tiny.py --seeds 0 1 2 --out runs/studies/tiny
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from feab.data import load_dataset
from feab.tasks import load_tasks
from feab.tasks.scoring import ORACLE
from feab.training import train
from feab.training.pictures import load_faces, seen_by
from feab.training.recipe import Schedule, load_recipe
from feab.training.reference import score_cnn, train_cnn
from feab.training.scratch import LOG_NAME, in_short, load_split, scores_of
from feab.training.tiny import build_image_processor

CNN = Schedule(epochs=18, learning_rate=0.002)
RECIPE = Path(__file__).resolve().parents[1] / "tiny.yaml"


def one_seed(seed: int, out: Path) -> dict[str, Any]:
    """Train both with a seed (a model folder that is there already is taken) and score them on the test split."""
    recipe = load_recipe(RECIPE, seed=seed)
    tasks, test = load_tasks(recipe.tasks), load_dataset(recipe.dataset, "test")
    folder = out / f"tiny-seed{seed}"
    if not (folder / "validation.json").exists():
        train(RECIPE, out=folder, seed=seed)
    log = [json.loads(line) for line in (folder / LOG_NAME).read_text(encoding="utf-8").splitlines()]
    saved = next(event for event in log if event["stage"] == "saved")
    tiny = scores_of(folder, tasks, test)

    def note(event: dict[str, Any]) -> None:
        print(f"cnn seed {seed}", event, file=sys.stderr, flush=True)

    started = time.monotonic()
    encode, heads = train_cnn(load_split(recipe, recipe.train_split, note), CNN, seed=seed, log=note)
    seconds = time.monotonic() - started
    unseen = load_faces(test, seen_by(build_image_processor(recipe.architecture.picture)), None)
    cnn = score_cnn(encode, heads, unseen, tasks, test.labels())
    return {
        "seed": seed,
        "tiny": {"parameters": saved["parameters"], "seconds": saved["total_seconds"]},
        "cnn": {"parameters": sum(p.numel() for p in encode.parameters()), "seconds": round(seconds, 1)},
        "tasks": {
            name: {
                "tiny": in_short(tiny[name]),
                "cnn": in_short(cnn[name]),
                "oracle": tiny[name].chance.get(ORACLE),
            }
            for name in tiny
        },
    }


def table(found: list[dict[str, Any]]) -> str:
    """One line a seed and task, as Markdown."""
    lines = [
        "| seed | score | feab-tiny | 95 % interval | CNN | ratio | oracle | coverage |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in found:
        for task in result["tasks"].values():
            tiny, cnn, oracle = task["tiny"], task["cnn"]["primary"], task["oracle"]
            low, high = tiny["interval"]
            blind = "–" if oracle is None else f"{oracle:.3f}"
            lines.append(
                f"| {result['seed']} | {tiny['metric']} | {tiny['primary']:.3f} | {low:.3f} to {high:.3f} | {cnn:.3f} "
                f"| {tiny['primary'] / cnn:.3f} | {blind} | {tiny['coverage']:.3f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("runs/studies/tiny"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in options.seeds:
        found.append(one_seed(seed, options.out))
        (options.out / "study.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(table(found), flush=True)


if __name__ == "__main__":
    main()

"""What instruction data made by SEKE are worth, beside human labels alone, single answers, and the truth.

On the rendered faces of `synth`. Of the train split's 200 people, 20 are labelled in full, the others not at all. A
simulated annotator with the error rates of published models, and tables of knowledge that did not render these faces,
label the rest by `feab seke annotate`. The same small model is then fine-tuned (feab-tiny's language stage), equally
long, on the benchmark's questions about

* `human`: what people labelled;
* `single`: that, and the annotator's first answer of each other face;
* `seke`: that, and what SEKE accepts of each other face;
* `truth`: every label as it was drawn (the ceiling).

In `single` and `seke` half of every batch is of faces that people labelled. The model that all begin from (`base`)
speaks the benchmark's forms and cannot read a face. Each is scored on the test split; `closed` is the share of the way
from `human` to `truth` that an arm goes. Seeds are of the trainings; the annotations are made once.

    python training/studies/baseline.py --seeds 0 1 2 --out runs/studies/baseline

What is there already is taken, so that the same command goes on after a kill, arm by arm and seed by seed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from baseline_data import ARMS, IN_FULL, make_data, write_pool, write_tasks
from baseline_model import BASE, NAME, make_base
from baseline_scores import found, sums_of, table
from baseline_tuning import OF_PEOPLE, Seen, fine_tune, look

import feab
from feab.data import load_dataset, open_split

LEARNT_FROM = {
    "human": "what people labelled",
    "single": "what people labelled and a simulated annotator's first answers",
    "seke": "what people labelled and what SEKE accepts of a simulated annotator",
    "truth": "every label of the train split",
}
GENERATED = ("single", "seke")
"""Arms that learn generated labels beside those of people."""
STARTED = time.process_time()


def model_name(arm: str) -> str:
    """Of an arm's model: with the number of people who were labelled."""
    return f"{NAME}-{IN_FULL}-{arm}"


def card_of(arm: str) -> str:
    """card.yaml of an arm's model."""
    return (
        f"name: {model_name(arm)}\n"
        f"description: A small model of rendered faces, fine-tuned on {LEARNT_FROM[arm]}; an arm of a study\n"
        "adapter: hf/.\naccess: open\nlicence: Apache-2.0\ntrained_on: [synth]\n"
        "intended_use: Comparing training data on rendered faces; its answers to photographs mean nothing.\n"
    )


def score(model: Path, out: Path) -> Path:
    """The run of a model on the test split."""
    feab.run(str(model / "card.yaml"), tasks="synth", out=out)
    say(f"scored: {out}")
    return out


def is_scored(run: Path) -> bool:
    """Whether a run is there and complete."""
    return (run / "manifest.json").exists() and feab.load_run(run).complete


def status(out: Path, seeds: Sequence[int]) -> str:
    """Which arm of which seed is where, as lines."""
    made = "made" if (out / BASE / "card.yaml").exists() else "not yet"
    lines = [f"base: {'scored' if is_scored(out / 'base-run') else made}"]
    for seed in seeds:
        for arm in ARMS:
            place = out / f"seed{seed}"
            stages = {
                "scored": is_scored(place / f"{arm}-run"),
                "trained": (place / model_name(arm) / "card.yaml").exists(),
                "data made": (out / f"{arm}-feid" / "feid.json").exists(),
            }
            lines.append(f"seed {seed}, {arm}: {next((stage for stage, done in stages.items() if done), 'not yet')}")
    return "\n".join(lines)


def summary(out: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """All numbers of the seeds of which every arm is scored."""
    done = [seed for seed in seeds if all(is_scored(out / f"seed{seed}" / f"{arm}-run") for arm in ARMS)]
    if not done:
        raise SystemExit("no seed is finished")
    arms = {arm: [sums_of(out / f"seed{seed}" / f"{arm}-run") for seed in done] for arm in ARMS}
    return {"seeds": done, "found": found(sums_of(out / "base-run"), arms)}


def say(words: str) -> None:
    """A line of progress, with the processor time so far."""
    print(f"{time.process_time() - STARTED:8.1f} s  {words}", file=sys.stderr, flush=True)


def tell(what: str, words: str) -> None:
    """A line of progress about something."""
    say(f"{what}: {words}")


def rendering(done: int, total: int) -> None:
    """Told while the train split is rendered."""
    if done % 480 == 0:
        say(f"faces: {done} of {total}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/studies/baseline"))
    parser.add_argument("--base-epochs", type=int, default=10, help="of the base's tower")
    parser.add_argument("--base-steps", type=int, default=300, help="of the base's language model")
    parser.add_argument("--status", action="store_true", help="only say what is done")
    options = parser.parse_args()
    if options.status:
        print(status(options.out, options.seeds))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    whole = load_dataset("synth", "train", on_progress=rendering)
    write_pool(options.out, whole)
    tasks = write_tasks(options.out)
    base = make_base(options.out, whole, tasks, options.base_epochs, options.base_steps, say)
    score(base, options.out / "base-run")
    make_data(options.out, whole, say)
    seen: Seen | None = None
    for seed in options.seeds:
        place = options.out / f"seed{seed}"
        for arm in ARMS:
            model = place / model_name(arm)
            if not (model / "card.yaml").exists():
                seen = seen or look(base, open_split(options.out / "pool", "train"), options.out / "seen.pt")
                log = partial(tell, f"seed {seed}, {arm}")
                share = OF_PEOPLE if arm in GENERATED else None
                feid = options.out / f"{arm}-feid"
                fine_tune(base, feid, seen, model, seed=seed, card=card_of(arm), share=share, log=log)
            score(model, place / f"{arm}-run")
    told = summary(options.out, options.seeds)
    (options.out / "study.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(table(told["found"]), flush=True)


if __name__ == "__main__":
    main()

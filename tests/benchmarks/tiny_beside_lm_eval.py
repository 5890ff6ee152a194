"""A whole run of feab-tiny, beside lm-evaluation-harness with the same checkpoint, tasks and faces.

    python tests/benchmarks/tiny_beside_lm_eval.py [--faces 200] [--repeats 3] [--batch-sizes 8,32,128,256]

Three tasks on the CPU with two threads, float32, from process start to the scores, each run a process of its own.
feab runs as `feab run --model feab-tiny`. lm-eval's `hf-multimodal` takes a fixed batch size only, so each is tried
once and the fastest is timed: as the command `lm_eval`, and from Python without the index of the harness's own 14,000
tasks. That both sides give the same answers is what tests/peers/test_lm_eval_parity.py shows. The peer needs an
environment of its own, named by FEAB_LM_EVAL_PYTHON.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import _beside as beside

WITHOUT_INDEX = """
import json, sys
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

tasks, model, size, samples = sys.argv[1:]
found = simple_evaluate(
    model="hf-multimodal", model_args=model, tasks=["synth"], batch_size=int(size), device="cpu",
    apply_chat_template=True, log_samples=True, samples=json.loads(samples), bootstrap_iters=0,
    task_manager=TaskManager(include_path=tasks, include_defaults=False),
)
assert set(found["results"]) >= set(json.loads(samples))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200, help="a task")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-sizes", default="8,32,128,256", help="those lm-eval is tried with")
    options = parser.parse_args()
    print(beside.surroundings(threads=2))
    sizes = [int(size) for size in options.batch_sizes.split(",")]
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), options.faces, options.repeats, sizes)


def measure(folder: Path, faces: int, repeats: int, sizes: list[int]) -> None:
    """Find lm-eval's best batch size, then time all of them in turn, and print the table."""
    run = [sys.executable, "-m", "feab.cli", "run", "--model", "feab-tiny", "--limit", str(faces), "--out"]
    commands = {"feab": [beside.Command([*run, str(folder / f"run{i}")]) for i in range(repeats)]}
    if beside.PEER:
        samples = beside.chosen_samples(faces)
        tried = beside.in_turn({str(size): [as_command(folder, size, samples)] for size in sizes}, threads=2)
        print(f"lm_eval once with each batch size\n{beside.table(tried)}\n")
        best = int(beside.fastest(tried))
        commands[f"lm_eval, batches of {best}"] = [as_command(folder, best, samples)] * repeats
        commands[f"its function, no index, batches of {best}"] = [from_python(best, samples)] * repeats
    taken = beside.in_turn(commands, threads=2)
    print(f"three tasks, {faces} faces each, {repeats} runs each in turn: median [least–most]\n{beside.table(taken)}")
    if not beside.PEER:
        print(beside.NOT_MEASURED)
        return
    for name in list(commands)[1:]:
        print(f"{name}: {beside.ratios(taken['feab'], taken[name])} of feab (goal: 3 × the time)")


def model() -> str:
    return f"pretrained={beside.ROOT / 'models' / 'feab-tiny'},dtype=float32"


def as_command(folder: Path, size: int, samples: str) -> beside.Command:
    """lm-eval as its users start it."""
    return beside.Command([
        *(beside.PEER, "-m", "lm_eval", "--include_path", str(beside.ROOT / "tasks"), "--tasks", "synth"),
        *("--model", "hf-multimodal", "--model_args", model(), "--apply_chat_template", "--device", "cpu"),
        *("--batch_size", str(size), "--samples", samples, "--log_samples", "--output_path", str(folder / "lm_eval")),
    ])  # fmt: skip


def from_python(size: int, samples: str) -> beside.Command:
    """lm-eval by its function, told to leave its own tasks alone."""
    return beside.Command([beside.PEER, "-c", WITHOUT_INDEX, str(beside.ROOT / "tasks"), model(), str(size), samples])


if __name__ == "__main__":
    main()

"""Three tasks with five prompts each about the same faces: read once a face, read once a question, and lm-eval.

    python tests/benchmarks/many_prompts.py [--faces 3] [--tiny-faces 20] [--repeats 1] [--models tiny,1,64]

On the CPU with two threads, float32, answers of at most 16 tokens (random weights never end one). `tiny` is feab-tiny,
whose template writes the question before the image, so that nothing can be shared; `1` and `64` are random weights in
SmolLM2-135M's shape behind that many image tokens. feab runs as `feab run`, with `-M share=auto` and `share=off`, a
process each; lm-eval's `hf-multimodal` loads its model once and is asked prompt by prompt, without the index of its own
tasks. "Asking" is the time between loading and scoring, which feab writes into its manifest. The defaults are small;
--faces 200 --tiny-faces 200 takes hours. The peer needs an environment of its own, named by FEAB_LM_EVAL_PYTHON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import _beside as beside

MOST_TOKENS = 16
PROMPTS = ("direct", "json", "definitions", "reason", "shuffled")
PROMPT_BY_PROMPT = """
import json, sys, time
from lm_eval import simple_evaluate
from lm_eval.api.registry import get_model
from lm_eval.tasks import TaskManager

tasks, model, size, samples, most, told, *prompts = sys.argv[1:]
loaded = get_model("hf-multimodal").create_from_arg_string(model, {"batch_size": int(size), "device": "cpu"})
start = time.perf_counter()
for prompt in prompts:
    manager = TaskManager(include_path=tasks, include_defaults=False, metadata={"prompt": prompt})
    found = simple_evaluate(
        model=loaded, tasks=["synth"], apply_chat_template=True, samples=json.loads(samples), bootstrap_iters=0,
        gen_kwargs={"max_gen_toks": int(most)}, metadata={"prompt": prompt}, task_manager=manager,
    )
    assert set(found["results"]) >= set(json.loads(samples))
open(told, "w").write(str(time.perf_counter() - start))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=3, help="a task, for the models of 135M weights")
    parser.add_argument("--tiny-faces", type=int, default=20, help="a task, for feab-tiny")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16, help="lm-eval's; feab finds its own")
    parser.add_argument("--models", default="tiny,1,64")
    options = parser.parse_args()
    print(beside.surroundings(threads=2))
    with tempfile.TemporaryDirectory() as name:
        for model in options.models.split(","):
            faces = options.tiny_faces if model == "tiny" else options.faces
            measure(Path(name) / model, model, faces, options.repeats, options.batch_size)
    if not beside.PEER:
        print(beside.NOT_MEASURED)


def measure(folder: Path, model: str, faces: int, repeats: int, size: int) -> None:
    """Time one model's three ways in turn, and print what they took."""
    folder.mkdir()
    checkpoint = beside.ROOT / "models" / "feab-tiny"
    if model != "tiny":
        checkpoint = folder / "checkpoint"
        builder = Path(__file__).with_name("_random_vlm.py")
        subprocess.run([sys.executable, str(builder), str(checkpoint), model], check=True, capture_output=True)
    ways = {"read once a face": "auto", "read once a question": "off"}
    commands = {
        name: [feab(checkpoint, share, faces, folder / f"{share}{i}") for i in range(repeats)]
        for name, share in ways.items()
    }
    if beside.PEER:
        samples = beside.chosen_samples(faces)
        peer = [peers(checkpoint, size, samples, folder / f"peer{i}") for i in range(repeats)]
        commands[f"lm-eval, batches of {size}"] = peer
    taken = beside.in_turn(commands, threads=2)
    title = "feab-tiny" if model == "tiny" else f"SmolLM2-135M's shape, {model} image token{'s' * (model != '1')}"
    print(f"\n{title}: {len(PROMPTS)} prompts of three tasks about {faces} faces\n{beside.table(taken)}")
    asking = {name: [wall(folder / f"{share}{i}") for i in range(repeats)] for name, share in ways.items()}
    if beside.PEER:
        asking["lm-eval"] = [float((folder / f"peer{i}").read_text()) for i in range(repeats)]
    middle = {name: statistics.median(seconds) for name, seconds in asking.items()}
    print("asking alone: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in middle.items()))
    once, *others = taken
    for name, alone in zip(others, list(middle)[1:], strict=True):
        ratio = middle[alone] / middle["read once a face"]
        print(f"{name}: {beside.ratios(taken[once], taken[name])} of once a face; asking alone {ratio:.2f} × the time")
    compare(folder / "auto0", folder / "off0")


def feab(checkpoint: Path, share: str, faces: int, out: Path) -> beside.Command:
    return beside.Command([
        *(sys.executable, "-m", "feab.cli", "run", "--model", f"hf/{checkpoint}", "--tasks", "synth"),
        *("--prompts", ",".join(PROMPTS), "--limit", str(faces), "--out", str(out)),
        *("-M", f"share={share}", "-M", f"max_new_tokens={MOST_TOKENS}", "-M", "dtype=float32"),
    ])  # fmt: skip


def peers(checkpoint: Path, size: int, samples: str, told: Path) -> beside.Command:
    model = f"pretrained={checkpoint},dtype=float32"
    words = [str(beside.ROOT / "tasks"), model, str(size), samples, str(MOST_TOKENS), str(told), *PROMPTS]
    return beside.Command([beside.PEER, "-c", PROMPT_BY_PROMPT, *words])


def wall(run: Path) -> float:
    return float(json.loads((run / "manifest.json").read_text())["wall_s"])


def compare(once: Path, each: Path) -> None:
    """Say how many answers are the same both ways, and whether faces were read once."""
    texts = []
    for run in (once, each):
        lines = map(json.loads, (run / "predictions.jsonl").read_text().splitlines())
        texts.append({(line["task"], line["sample"], line["prompt"]): line["text"] for line in lines})
    same = sum(texts[1][key] == text for key, text in texts[0].items())
    shared = json.loads((once / "manifest.json").read_text())["machine"]["model"]["share"]
    print(f"shared: {shared}; {same} of {len(texts[1])} answers are the same both ways")


if __name__ == "__main__":
    main()

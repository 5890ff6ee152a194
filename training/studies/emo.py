"""What a face network's knowledge adds: plain, + landmarks, + Face Info Mining, + age-gender-race prompt.

Each arm fine-tunes one base on the same conversations (1,600 faces of the train split of `synth` and 288 clips of that
of `synth_dynamic`, all labels true, pictures and clips in one model) for as many steps, and is asked about both test
splits. The base is feab-tiny's kind with a tower that was trained briefly, and has never seen a clip: feab-tiny itself
reads these faces so well that nothing could be added to it. `--base` takes another.

    python training/studies/emo.py --seeds 0 1 2 --out runs/studies/emo
    python training/studies/emo_summary.py runs/studies/emo --seeds 0 1 2
    python training/studies/emo.py --seeds 0 --network mediapipe --out runs/studies/emo-mediapipe

Before the first arm come the base and, once, the rendering of the clips. Any part that was done is not done again:
training goes on from its last checkpoint, and answers are kept. The tables are printed after every arm.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from emo_summary import ARMS, COST, MOVING, STILL, table, tasks_of

from feab.data import load_dataset
from feab.data.feid import FeidLabels, FeidRecord
from feab.data.feid.info import FeidInfo, FeidSource, LevelCounts
from feab.data.feid.write import FeidWriter, write_feid_info
from feab.models import load_model
from feab.records import Image, Message, Sample, Text
from feab.tasks import Task
from feab.tasks.answering import Truth, answer_text
from feab.tasks.crops import all_shown
from feab.training import train
from feab.training.asking import predictions_of

HERE = Path(__file__).resolve().parents[1]
RECIPE = HERE / "emo-tiny.yaml"
CHANGES: Mapping[str, dict[str, Any]] = {
    "plain": {"face_info": None},
    "landmarks": {"kind": "prior-token"},
    "mining": {"kind": "mining"},
    "mining-agr": {"kind": "mining", "attributes": "agr"},
}
"""What an arm changes in the recipe."""
BRIEF: Mapping[str, Any] = {
    "vision": {"epochs": 2, "learning_rate": 0.003},
    "language": {"views": 1, "steps": 300, "learning_rate": 0.0015},
}
"""How much shorter than feab-tiny's the base's own training is: 2 epochs for 21, 300 steps for 1,400."""
LEARNT = {STILL: 1600, MOVING: 288}
"""Faces and clips of the train splits that all arms learn from."""
STEPS = 300
BUDGET: Mapping[str, Any] = {
    "batch_size": 16, "micro_batch": 16, "validation": None, "sampling": {"sources": {MOVING: 2.0}},
}  # fmt: skip
"""Of every training, beside its steps; nothing is examined on the way, so that no checkpoint is chosen."""


def make_base(out: Path) -> Path:
    """The base of all arms and seeds: made once."""
    folder = out / "base"
    if not (folder / "validation.json").exists():
        train(HERE / "tiny.yaml", out=folder, seed=0, name="emo-base", **BRIEF)
    return folder


def make_data(out: Path, limit: int | None) -> Path:
    """A FEID folder of true labels: each face in one conversation a task, in the task's own words; made once."""
    folder = out / "feid"
    if (folder / "feid.json").exists():
        return folder
    sources, counts = [], 0
    with FeidWriter(folder) as writer:
        for name in (STILL, MOVING):
            dataset = load_dataset(name, "train")
            faces = 0
            for sample in list(dataset)[: min(LEARNT[name], limit or LEARNT[name])]:
                records = list(_conversations(sample, name))
                writer.add(records)
                faces, counts = faces + bool(records), counts + len(records)
            sources.append(
                FeidSource(
                    dataset=name, split="train", fingerprint=dataset.fingerprint, licence=dataset.info.licence,
                    images_may_be_shared=True, third_party="allowed", faces=faces,
                    levels={"expression": LevelCounts(human=faces)},
                )
            )  # fmt: skip
        split = writer.finish()
    info = FeidInfo(
        name="emo-study", seed=0, feab_version="0", templates_sha256="0" * 64, splits={"train": split}, sources=sources,
        tasks={"benchmark": counts}, records_by_origin={"human": counts}, images_may_be_shared=True,
    )  # fmt: skip
    write_feid_info(folder, info)
    return folder


def _conversations(sample: Sample, dataset: str) -> Iterator[FeidRecord]:
    known = {au for au, shown in sample.au_presence.items() if shown == shown}
    present = frozenset(au for au in known if sample.au_presence[au] == 1)
    va = (sample.valence or 0.0, sample.arousal or 0.0)
    for task in tasks_of(dataset):
        if not task.asks_about(sample):
            continue
        shown = all_shown(sample, task.crop, task.frames).pictures
        # What is neither present nor absent (a trace) is asked about like the rest, and not answered.
        answer = answer_text(task, "direct", task.options, Truth(sample.expression, va, present))
        messages = (
            Message("user", (*map(Image, shown), Text(task.prompt_text("direct", sample.id)))),
            Message("assistant", (Text(answer),)),
        )
        units = present if known else None
        pair = None if sample.valence is None else va
        there = (("expression", sample.expression), ("valence_arousal", pair), ("action_units", units))
        origins: Any = {kind: "human" for kind, label in there if label is not None}
        labels = FeidLabels(sample.expression, pair, units, frozenset(known), origins)
        yield FeidRecord(
            id=f"{dataset}/{sample.id}#{task.kind}", sample=sample.id, source=sample.source or dataset,
            subject=sample.subject, task="benchmark", template=f"benchmark.{task.name}/direct/-", messages=messages,
            images=shown, labels=labels, levels=(task.kind,), grounds=(task.kind,),
        )  # fmt: skip


def fields_of(arm: str, options: argparse.Namespace) -> dict[str, Any]:
    """What an arm changes in the recipe."""
    given = dict(CHANGES[arm])
    attributes = given.pop("attributes", None)
    info = None if "face_info" in given else {"network": options.network, **given}
    return {**BUDGET, "steps": options.steps, "face_info": info, "attributes": attributes}


def asked_of(arm: str, name: str) -> list[Task]:
    """The tasks of a dataset as an arm is asked: told of attributes where it learnt with them."""
    return [replace(task, attributes=CHANGES[arm].get("attributes")) for task in tasks_of(name)]


def answers(arm: str, seed: int, options: argparse.Namespace) -> None:
    """Train an arm with a seed and ask it about both test splits; nothing that was done is done again."""
    out: Path = options.out
    folder = out / f"{arm}-seed{seed}"
    base, data = str(options.base or make_base(out)), make_data(out, options.limit)
    begun, started = folder.exists(), time.process_time()
    train(RECIPE, out=folder, data=data, base=base, seed=seed, **fields_of(arm, options))
    if not begun:
        (folder / COST).write_text(f"{time.process_time() - started:.0f}\n", encoding="utf-8")
    for name in (STILL, MOVING):
        path = folder / f"{name}.predictions.jsonl"
        if path.exists():
            continue
        dataset = load_dataset(name, "test")
        samples = list(dataset)[: options.limit]
        model = load_model(str(folder / "card.yaml"))
        found = [one for task in asked_of(arm, name) for one in predictions_of(model, task.questions(samples))]
        model.close()
        temporary = path.with_suffix(".new")
        temporary.write_text("".join(one.model_dump_json() + "\n" for one in found), encoding="utf-8")
        temporary.replace(path)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--network", choices=("rendered", "mediapipe"), default="rendered")
    parser.add_argument("--base", help="what all arms fine-tune; default: made here, once")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each training (default {STEPS})")
    parser.add_argument("--limit", type=int, help="faces of each split: to see whether it works")
    parser.add_argument("--out", type=Path, default=Path("runs/studies/emo"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(options, name) for name in ("network", "base", "steps", "limit")}
    known = options.out / "settings.json"
    if known.exists() and json.loads(known.read_text(encoding="utf-8")) != settings:
        sys.exit(f"{options.out} holds a study with other settings ({known}); name another --out")
    known.write_text(json.dumps(settings) + "\n", encoding="utf-8")
    for seed in options.seeds:
        for arm in options.arms:
            answers(arm, seed, options)
            text = table(options.out, options.seeds, options.limit)
            (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
            print(text, flush=True)


if __name__ == "__main__":
    main()

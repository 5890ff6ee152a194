"""What a face network's knowledge adds: plain, + landmarks, + Face Info Mining, + age-gender-race prompt.

Each arm fine-tunes one base on the same conversations (the train splits of `synth` and `synth_dynamic`, all labels
true, pictures and clips in one model) for as many steps, and is asked about both test splits. The base is feab-tiny's
kind with a tower that was trained briefly, and has never seen a clip: feab-tiny itself reads these faces so well that
nothing could be added to it. `--base` takes another.

    python training/studies/emo.py --seeds 0 1 2 --out runs/studies/emo
    python training/studies/emo.py --seeds 0 --network mediapipe --out runs/studies/emo-mediapipe

An arm and seed take about ten minutes of one idle core (400 steps of about a second, reckoned from 150), so three seeds
about two hours; before that come the base and, once, the rendering of `synth_dynamic`. Any part that was done is not
done again: training goes on from its last checkpoint, and answers are kept. The table is printed after every arm, and
with `--table` from what is there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from feab.data import load_dataset
from feab.data.feid import FeidLabels, FeidRecord
from feab.data.feid.info import FeidInfo, FeidSource, LevelCounts
from feab.data.feid.write import FeidWriter, write_feid_info
from feab.metrics import overall_difference
from feab.models import load_model
from feab.records import Image, Message, Sample, Text
from feab.schemas import Prediction, Scores
from feab.tasks import Task, load_tasks
from feab.tasks.answering import Truth, answer_text
from feab.tasks.crops import all_shown
from feab.tasks.scoring import score_all, sums_all
from feab.training import train
from feab.training.asking import predictions_of

HERE = Path(__file__).resolve().parents[1]
RECIPE = HERE / "emo-tiny.yaml"
ARMS: Mapping[str, dict[str, Any]] = {
    "plain": {"face_info": None},
    "landmarks": {"kind": "prior-token"},
    "mining": {"kind": "mining"},
    "mining-agr": {"kind": "mining", "attributes": "agr"},
}
STILL, MOVING = "synth", "synth_dynamic"
BRIEF = {
    "vision": {"epochs": 3, "learning_rate": 0.003},
    "language": {"views": 1, "steps": 600, "learning_rate": 0.0015},
}
"""How much shorter than feab-tiny's the base's own training is: 3 epochs for 21, 600 steps for 1,400."""
STEPS = 400
GROUPS = ("age_group", "perceived_gender", "ancestry_preset")


def make_base(out: Path) -> Path:
    """The base of all arms and seeds: made once."""
    folder = out / "base"
    if not (folder / "validation.json").exists():
        train(HERE / "tiny.yaml", out=folder, seed=0, name="emo-base", **BRIEF)
    return folder


def tasks_of(name: str) -> list[Task]:
    """The tasks that are asked about a dataset."""
    return load_tasks([name])


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
            for sample in list(dataset)[:limit]:
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
    given = dict(ARMS[arm])
    attributes = given.pop("attributes", None)
    info = None if "face_info" in given else {"network": options.network, **given}
    return {"steps": options.steps, "face_info": info, "attributes": attributes}


def asked_of(arm: str, name: str) -> list[Task]:
    """The tasks of a dataset as an arm is asked: told of attributes where it learnt with them."""
    return [replace(task, attributes=ARMS[arm].get("attributes")) for task in tasks_of(name)]


def answers(arm: str, seed: int, options: argparse.Namespace) -> None:
    """Train an arm with a seed and ask it about both test splits; nothing that was done is done again."""
    out: Path = options.out
    folder = out / f"{arm}-seed{seed}"
    train(
        RECIPE, out=folder, data=make_data(out, options.limit), base=str(options.base or make_base(out)), seed=seed,
        **fields_of(arm, options),
    )  # fmt: skip
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


def said(out: Path, arm: str, seed: int, name: str) -> list[Prediction]:
    """The answers that are there; none where an arm was not asked yet."""
    path = out / f"{arm}-seed{seed}" / f"{name}.predictions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Prediction.model_validate_json(line) for line in lines]


def labels_of(name: str, limit: int | None) -> dict[str, Any]:
    """The truth for each task of a dataset."""
    frame = load_dataset(name, "test").labels()
    return {task.name: frame if limit is None else frame[:limit] for task in tasks_of(name)}


def table(options: argparse.Namespace) -> str:
    """A row an arm and seed, a row an arm over its seeds, and the groups, as Markdown."""
    out, truth = options.out, {name: labels_of(name, options.limit) for name in (STILL, MOVING)}
    lines = [
        f"| arm | seed | {STILL}, overall | over plain | p | {MOVING}, macro-F1 | WAR | UAR |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for arm in ARMS:
        values: list[list[float]] = []
        for seed in options.seeds:
            still, moving = (said(out, arm, seed, name) for name in (STILL, MOVING))
            if not still or not moving:
                continue
            scores = score_all(tasks_of(STILL), still, truth[STILL])
            clips = score_all(tasks_of(MOVING), moving, truth[MOVING]).tasks[f"{MOVING}_expression"].metrics
            gain, more, p = _over_plain(options, arm, seed, still, truth[STILL])
            shown = [clips[metric] for metric in ("macro_f1", "accuracy", "uar")]
            lines.append(
                f"| {arm} | {seed} | {_estimate(scores.overall)} | {more} | {p} | "
                + " | ".join(map(_estimate, shown)) + " |"
            )  # fmt: skip
            primary = None if scores.overall is None else scores.overall.value
            row = (primary, shown[0].value, gain)
            values.append([value if value is not None else float("nan") for value in row])
            _gather(groups, arm, scores)
        if len(values) > 1:
            both = [f"{statistics.mean(v):.3f} ± {statistics.stdev(v):.3f}" for v in zip(*values, strict=True)]
            over = "" if arm == "plain" else both[2]
            lines.append(f"| **{arm}** | mean ± SD of {len(values)} | {both[0]} | {over} | | {both[1]} | | |")
    return "\n".join([*lines, "", *_group_lines(groups)])


def _over_plain(
    options: argparse.Namespace, arm: str, seed: int, still: Sequence[Prediction], truth: Mapping[str, Any]
) -> tuple[float | None, str, str]:
    """How much better an arm is than the plain one of the same seed, on the same faces: as a number and in words, p."""
    plain = said(options.out, "plain", seed, STILL)
    if arm == "plain" or not plain:
        return None, "", ""
    mine, other = (list(sums_all(tasks_of(STILL), one, truth).values()) for one in (still, plain))
    found = overall_difference(mine, other)
    if found.value is None:
        return None, "–", "–"
    around = "" if found.low is None or found.high is None else f" ({found.low:+.3f} to {found.high:+.3f})"
    return found.value, f"{found.value:+.3f}{around}", "–" if found.p is None else f"{found.p:.4f}"


def _gather(groups: dict[tuple[str, str], dict[str, list[float]]], arm: str, scores: Scores) -> None:
    found = scores.tasks[f"{STILL}_expression"].detail.get("groups", {})
    for attribute in GROUPS:
        for value, slice_ in found.get(attribute, {}).items():
            score = slice_["metrics"].get("macro_f1", {}).get("value")
            if score is not None:
                groups.setdefault((attribute, value), {}).setdefault(arm, []).append(score)


def _group_lines(groups: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> list[str]:
    if not groups:
        return []
    lines = [f"| {STILL} expression, macro-F1 of | {' | '.join(ARMS)} |", "|---" * (len(ARMS) + 1) + "|"]
    for (attribute, value), by_arm in groups.items():
        cells = [f"{statistics.mean(by_arm[arm]):.3f}" if arm in by_arm else "–" for arm in ARMS]
        lines.append(f"| {attribute.replace('_', ' ')} {value} | {' | '.join(cells)} |")
    return lines


def _estimate(found: Any) -> str:
    if found is None or found.value is None:
        return "–"
    return f"{found.value:.3f}" + ("" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})")


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
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(options, name) for name in ("network", "base", "steps", "limit")}
    known = options.out / "settings.json"
    if known.exists() and json.loads(known.read_text(encoding="utf-8")) != settings:
        sys.exit(f"{options.out} holds a study with other settings ({known}); name another --out")
    known.write_text(json.dumps(settings) + "\n", encoding="utf-8")
    for seed in [] if options.table else options.seeds:
        for arm in options.arms:
            answers(arm, seed, options)
            text = table(options)
            (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
            print(text, flush=True)
    if options.table:
        print(table(options))


if __name__ == "__main__":
    main()

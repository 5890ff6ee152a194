"""The tables of the study of face information, from the answers that its arms gave.

python training/studies/emo_summary.py runs/studies/emo --seeds 0 1 2
python training/studies/emo_summary.py runs/studies/emo --seeds 0 1 2 --status
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feab.data import load_dataset
from feab.metrics import overall_difference
from feab.schemas import Prediction, Scores
from feab.tasks import Task, load_tasks
from feab.tasks.scoring import score_all, sums_all
from feab.vocabulary import Kind

ARMS = ("plain", "landmarks", "mining", "mining-agr")
STILL, MOVING = "synth", "synth_dynamic"
BESIDE = (("landmarks", "plain"), ("mining", "plain"), ("mining", "landmarks"), ("mining-agr", "mining"))
"""Arms that are compared."""
COST = "cpu-seconds.txt"
"""What a training took, where it was not interrupted."""
KINDS: tuple[Kind, ...] = ("expression", "valence_arousal", "action_units")
GROUPS = ("age_group", "perceived_gender", "ancestry_preset")


def tasks_of(name: str) -> list[Task]:
    """The tasks that are asked about a dataset."""
    return load_tasks([name])


def said(out: Path, arm: str, seed: int, name: str) -> list[Prediction]:
    """The answers that are there; none where an arm was not asked yet."""
    path = out / f"{arm}-seed{seed}" / f"{name}.predictions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Prediction.model_validate_json(line) for line in lines]


def status(out: Path, seeds: Sequence[int]) -> str:
    """Which arms were trained and asked, seed by seed."""
    lines = []
    for seed in seeds:
        for arm in ARMS:
            folder = out / f"{arm}-seed{seed}"
            asked = [name for name in (STILL, MOVING) if said(out, arm, seed, name)]
            trained = "trained" if (folder / "card.yaml").exists() else "begun" if folder.exists() else "not begun"
            lines.append(f"{arm}, seed {seed}: {', '.join([trained, *(f'asked about {name}' for name in asked)])}")
    return "\n".join(lines)


def labels_of(name: str, limit: int | None) -> dict[str, Any]:
    """The truth for each task of a dataset."""
    frame = load_dataset(name, "test").labels()
    return {task.name: frame if limit is None else frame[:limit] for task in tasks_of(name)}


def table(out: Path, seeds: Sequence[int], limit: int | None = None) -> str:
    """A row an arm and seed and one for its mean; arms beside each other; groups. As Markdown."""
    truth = {name: labels_of(name, limit) for name in (STILL, MOVING)}
    lines = [
        f"| arm | seed | {STILL}: overall | expression, macro-F1 | VA, CCC | AU, F1 | {MOVING}: macro-F1 | CPU s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for arm in ARMS:
        values: list[list[float]] = []
        for seed in seeds:
            still, moving = (said(out, arm, seed, name) for name in (STILL, MOVING))
            if not still or not moving:
                continue
            scores = score_all(tasks_of(STILL), still, truth[STILL])
            clips = score_all(tasks_of(MOVING), moving, truth[MOVING])
            kinds = [primary(scores, f"{STILL}_{kind}") for kind in KINDS]
            shown = [scores.overall, *kinds, primary(clips, f"{MOVING}_expression")]
            lines.append(f"| {arm} | {seed} | {' | '.join(map(estimate, shown))} | {_cost(out, arm, seed)} |")
            values.append([math.nan if one is None or one.value is None else one.value for one in shown])
            _gather(groups, arm, scores)
        if len(values) > 1:
            both = [f"{statistics.mean(v):.3f} ± {statistics.stdev(v):.3f}" for v in zip(*values, strict=True)]
            lines.append(f"| **{arm}** | mean ± SD of {len(values)} | {' | '.join(both)} | |")
    return "\n".join([*lines, "", *_beside_lines(out, seeds, truth[STILL]), "", *_group_lines(groups)])


def primary(scores: Scores, task: str) -> Any:
    """The score that ranks in a task, with its interval."""
    found = scores.tasks[task]
    return found.metrics[found.primary]


def _cost(out: Path, arm: str, seed: int) -> str:
    path = out / f"{arm}-seed{seed}" / COST
    return path.read_text(encoding="utf-8").strip() if path.exists() else "–"


def _beside_lines(out: Path, seeds: Sequence[int], truth: Mapping[str, Any]) -> list[str]:
    """How much better one arm is than another of the same seed, on the same faces."""
    lines = [f"| {STILL}, overall | seed | difference (95 %) | p |", "|---|---|---|---|"]
    for arm, other in BESIDE:
        values = []
        for seed in seeds:
            each = [said(out, one, seed, STILL) for one in (arm, other)]
            if not all(each):
                continue
            mine, theirs = (list(sums_all(tasks_of(STILL), one, truth).values()) for one in each)
            found = overall_difference(mine, theirs)
            if found.value is None:
                continue
            values.append(found.value)
            around = "" if found.low is None or found.high is None else f" ({found.low:+.3f} to {found.high:+.3f})"
            p = "–" if found.p is None else f"{found.p:.4f}"
            lines.append(f"| {arm} − {other} | {seed} | {found.value:+.3f}{around} | {p} |")
        if len(values) > 1:
            mean, spread = statistics.mean(values), statistics.stdev(values)
            lines.append(f"| **{arm} − {other}** | mean ± SD of {len(values)} | {mean:+.3f} ± {spread:.3f} | |")
    return lines


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


def estimate(found: Any) -> str:
    """A score and its interval, in words."""
    if found is None or found.value is None:
        return "–"
    return f"{found.value:.3f}" + ("" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="what the study wrote")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--status", action="store_true", help="only say what was done")
    options = parser.parse_args()
    print(status(options.study, options.seeds) if options.status else table(options.study, options.seeds))


if __name__ == "__main__":
    main()

"""Curves of a study's JSON lines: accuracy against answers a face, and error against coverage, level by level.

    python generation/studies/curves.py levels.jsonl more.jsonl --out curves.png

Files are those of levels.py or real.py. A column is a level, completed from what was given; above, each arm's primary
at what it costs, answers and verdicts, with 95 % intervals over seeds (an arm of several budgets is a line); below, the
error of the surest faces, in the arms' own order, where all arms stand at equal coverage. Without knowledge named, that
of the headline, mismatched; full SEKE with the others is shown above in lighter lines.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from summary import half_width, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Line = Mapping[str, Any]
FULL = "full SEKE"
STYLES: Mapping[str, tuple[str, str]] = {
    "plurality": ("#848d97", "o"),
    "adaptive consistency": ("#1f2328", "D"),
    "without knowledge": ("#bc4c00", "s"),
    "knowledge": ("#1a7f37", "^"),
    FULL: ("#0969da", "v"),
}
"""Arm -> colour and mark."""
NAMES: Mapping[str, str] = {
    "plurality": "self-consistency, N fixed",
    "adaptive consistency": "adaptive consistency (Beta)",
    "without knowledge": "adaptive, no knowledge",
    "knowledge": "knowledge, no verification",
    FULL: "full SEKE",
}
OTHERS: Mapping[str, str] = {"matched": "--", "shuffled": ":"}
TITLES: Mapping[str, str] = {"expression": "Expression", "action_units": "Action units", "valence_arousal": "VA"}
PRIMARY: Mapping[str, str] = {"expression": "accuracy", "action_units": "mean F1", "valence_arousal": "mean CCC"}
ERROR: Mapping[str, str] = {
    "expression": "share wrong",
    "action_units": "share of AUs wrong",
    "valence_arousal": "mean square error",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One arm at one budget, over seeds: means, the half-width of the interval, and the error at each coverage."""

    cost: float
    primary: float
    half: float
    risks: Sequence[float]


def family(arm: str) -> str:
    """The arm without its budget: "plurality" of "plurality 5", "knowledge" of "knowledge, at most 3 contexts"."""
    return re.sub(r"(, at most \d+ contexts| \d+)$", "", arm)


def points(lines: Iterable[Line]) -> dict[tuple[str, str, str], dict[str, dict[str, Point]]]:
    """(given, level, knowledge) -> family -> arm -> its numbers."""
    found: dict[tuple[str, str, str, str], list[Line]] = defaultdict(list)
    for line in lines:
        found["+".join(line["given"]), line["level"], line["knowledge"], line["arm"]].append(line)
    drawn: dict[tuple[str, str, str], dict[str, dict[str, Point]]] = {}
    for (given, level, knowledge, arm), seeds in found.items():
        values = [seed["primary"] for seed in seeds]
        cost = float(np.mean([seed["cost"] for seed in seeds]))
        risks = np.mean([seed["risks"] for seed in seeds], axis=0)
        arms = drawn.setdefault((given, level, knowledge), {}).setdefault(family(arm), {})
        arms[arm] = Point(cost, float(np.mean(values)), half_width(values), risks.tolist())
    return drawn


def draw(lines: Sequence[Line], knowledge: str, out: Path) -> None:
    """Write the picture, PNG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawn = points(lines)
    columns = [(given, level) for given, level, name in drawn if name == knowledge]
    with rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(2.75 * len(columns), 5.2), layout="constrained")
        grid = figure.subplots(2, len(columns), squeeze=False)
        for above, below, (given, level) in zip(*grid, columns, strict=True):
            arms = drawn[given, level, knowledge]
            for name, (colour, mark) in STYLES.items():
                budgets = sorted(arms.get(name, {}).values(), key=lambda one: one.cost)
                _line(above, budgets, colour, mark, NAMES[name])
            for other, dashes in OTHERS.items():
                more = drawn.get((given, level, other), {}).get(FULL, {}) if other != knowledge else {}
                budgets = sorted(more.values(), key=lambda one: one.cost)
                _line(above, budgets, STYLES[FULL][0], ".", f"full SEKE, {other}", linestyle=dashes, alpha=0.6)
            for arm in ("plurality 5", "plurality 20", *list(STYLES)[1:]):
                one = arms.get(family(arm), {}).get(arm)
                if one is not None:
                    coverages = np.arange(1, len(one.risks) + 1) / len(one.risks)
                    dashes = ":" if arm == "plurality 5" else "-"
                    label = f"{arm.replace('plurality', 'N =')}" if "plurality" in arm else None
                    below.plot(coverages, one.risks, dashes, color=STYLES[family(arm)][0], label=label)
            above.set(title=f"{TITLES[level]}, {given.replace('_', ' ')} given", ylabel=PRIMARY[level])
            above.set(xlabel="answers a face", xlim=(0, 21))
            below.set(xlabel="coverage, surest first", ylabel=ERROR[level], ylim=(0, None))
            below.legend(frameon=False)
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
        figure.savefig(out, dpi=100)


def _line(axes: Axes, budgets: Sequence[Point], colour: str, mark: str, label: str, **style: Any) -> None:
    if budgets:
        cost, primary, half = ([getattr(one, name) for one in budgets] for name in ("cost", "primary", "half"))
        axes.errorbar(cost, primary, half, color=colour, marker=mark, markersize=4, capsize=2, label=label, **style)


def main() -> None:
    """Draw the curves of some files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--knowledge", default="mismatched")
    parser.add_argument("--out", type=Path, default=Path("curves.png"))
    given = parser.parse_args()
    draw(list(told(given.files)), given.knowledge, given.out)


if __name__ == "__main__":
    main()

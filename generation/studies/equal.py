"""Full SEKE beside every other arm of a study at equal cost and equal coverage, seed by seed, in Markdown.

    python generation/studies/equal.py levels.jsonl more.jsonl

Files are those of levels.py or real.py. Each arm meets the budget of full SEKE that costs most, but no more than it
does (`--slack` answers a face may be more: a verdict here and there). Differences are full SEKE's number less the other
arm's on the same faces and answers, means over seeds with 95 % intervals by Student's t: of the primary; of the mean
error over all coverages (AURC); and of the error of as many faces as full SEKE accepts at that budget, the surest of
the other arm, between the coverages of `risks` linear. Below: by how much error rises at most from one tenth of
coverage to the next smaller, and by how much the expected calibration error is above that of a calibrated simulator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from summary import interval, told

FULL = "full SEKE"
Seeds = Mapping[int, Mapping[str, Any]]
"""Seed -> the line of an arm."""


def grouped(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], dict[str, dict[int, Mapping[str, Any]]]]:
    """(given, knowledge, level) -> arm -> seed -> line; a seed that is told twice counts once.

    Raises:
        SystemExit: when the lines are of several studies.
    """
    found: dict[tuple[str, str, str], dict[str, dict[int, Mapping[str, Any]]]] = {}
    for line in lines:
        key = (" + ".join(line["given"]), line["knowledge"], line["level"])
        seeds = found.setdefault(key, {}).setdefault(line["arm"], {})
        if seeds.setdefault(line["seed"], line).get("settings") != line.get("settings"):
            raise SystemExit(f"{', '.join(key)}: the files are of two studies; give those of one")
    return found


def cost(seeds: Seeds) -> float:
    """Answers and verdicts a face."""
    return float(np.mean([line["cost"] for line in seeds.values()]))


def compared(arms: Mapping[str, Seeds], slack: float) -> Iterator[list[str]]:
    """A row for each arm that is not full SEKE: both arms, both costs, three differences."""
    budgets = {name: seeds for name, seeds in arms.items() if name.startswith(FULL)}
    for name, seeds in arms.items():
        if name in budgets:
            continue
        cheap = [(cost(full), called) for called, full in budgets.items() if cost(full) <= cost(seeds) + slack]
        if not cheap:
            yield [name, f"{cost(seeds):.1f}", "none as cheap", "", "", "", ""]
            continue
        spent, best = max(cheap)
        pairs = [(budgets[best][seed], line) for seed, line in seeds.items() if seed in budgets[best]]
        differences = [_differences(pairs, column) for column in ("primary", "aurc")] + [accepted(pairs)]
        yield [name, f"{cost(seeds):.1f}", best, f"{spent:.1f}", *map(_signed, differences)]


def _differences(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], column: str) -> list[float]:
    return [full[column] - other[column] for full, other in pairs if None not in (full[column], other[column])]


def accepted(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[float]:
    """Error of what full SEKE accepts less that of as many of the other arm's surest faces; seeds that accept some."""
    found = []
    for full, other in pairs:
        if full["accepted"]:
            coverages = np.arange(1, len(other["risks"]) + 1) / len(other["risks"])
            found.append(full["error of the accepted"] - float(np.interp(full["accepted"], coverages, other["risks"])))
    return found


def _signed(numbers: list[float]) -> str:
    return interval(numbers, digits=4) if numbers else "nothing accepted"


def calibrated(seeds: Seeds) -> str:
    """What is said below a table of full SEKE by itself."""
    risks = np.mean([line["risks"] for line in seeds.values()], axis=0)[1::2]
    rises = abs(float(np.diff(risks).min(initial=0.0)))
    words = f"error by tenths of coverage: {', '.join(f'{risk:.4f}' for risk in risks)}; rises by {rises:.4f} at most"
    above = [line["ece"] - line["floor"] for line in seeds.values() if line.get("ece") is not None]
    eces = ", ".join(f"{one:+.4f}" for one in above)
    return words + (f"; ECE above the floor: {interval(above)} ({eces})" if above else "")


def main() -> None:
    """Print the tables of some files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--slack", type=float, default=0.35)
    given = parser.parse_args()
    for (shown, knowledge, level), arms in grouped(told(given.files)).items():
        seeds = arms[FULL]
        sys.stdout.write(f"\n{level.replace('_', ' ')}, {shown} given, {knowledge} knowledge, {len(seeds)} seeds\n\n")
        head = ["arm", "cost", "beside", "cost", "primary", "AURC", "error of the accepted"]
        rows = [head, ["---"] * len(head), *compared(arms, given.slack)]
        sys.stdout.write("".join("| " + " | ".join(row) + " |\n" for row in rows))
        sys.stdout.write(f"\n{calibrated(seeds)}\n")


if __name__ == "__main__":
    main()

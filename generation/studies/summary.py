"""A table of a study's JSON lines: the mean over seeds of every number, with its 95 % interval by Student's t.

    python generation/studies/levels.py > levels.jsonl; python generation/studies/summary.py levels.jsonl

Rows are told apart by what was given, the knowledge, the level and the arm, as far as a study has them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROWS = ("given", "knowledge", "level", "arm")
"""What tells one row from another; what else is text is left out."""


def grouped(lines: Iterable[str]) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Row -> column -> its numbers, one a seed, in the order in which rows and columns first occur."""
    found: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for line in lines:
        told: Mapping[str, Any] = json.loads(line)
        if "arm" not in told:
            continue
        columns = found.setdefault(tuple(_text(told[name]) for name in ROWS if name in told), {})
        for name, value in told.items():
            if name not in (*ROWS, "seed") and isinstance(value, int | float):
                columns.setdefault(name, []).append(float(value))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else " + ".join(value)


def interval(numbers: list[float], digits: int = 3) -> str:
    """Mean and half-width; of one seed the number alone."""
    from scipy.stats import t

    mean = f"{np.mean(numbers):.{digits}f}"
    if len(numbers) < 2:
        return mean
    half = t.ppf(0.975, len(numbers) - 1) * np.std(numbers, ddof=1) / math.sqrt(len(numbers))
    return f"{mean} ± {half:.{digits}f}"


def table(found: Mapping[tuple[str, ...], Mapping[str, list[float]]]) -> str:
    """In Markdown; empty where an arm has no such number, or no seed has it."""
    names = list(dict.fromkeys(name for columns in found.values() for name in columns))
    width = max(map(len, found), default=0)
    lines = ["| " + " | ".join([*ROWS[len(ROWS) - width :], "seeds", *names]) + " |"]
    lines.append("|" + "---|" * (width + 1 + len(names)))
    for row, columns in found.items():
        seeds = str(max(map(len, columns.values()), default=0))
        cells = [interval(columns[name]) if name in columns else "" for name in names]
        lines.append("| " + " | ".join([*row, seeds, *cells]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table of some files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    lines = (line for file in given.files for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    sys.stdout.write(table(grouped(lines)))


if __name__ == "__main__":
    main()

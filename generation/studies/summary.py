"""A table of a study's JSON lines: the mean over seeds of every number, with its 95 % interval by Student's t.

    python generation/studies/levels.py > levels.jsonl; python generation/studies/summary.py levels.jsonl

Rows are told apart by what was given, the knowledge, the level and the arm, as far as a study has them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROWS = ("given", "knowledge", "level", "arm")
"""What tells one row from another; what else is text is left out."""


def told(files: Iterable[Path]) -> Iterator[Mapping[str, Any]]:
    """What a study's files say of each arm, line by line."""
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip() and "arm" in (one := json.loads(line)):
                yield one


def grouped(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], dict[str, list[float]]]:
    """Row -> column -> its numbers, one a seed, in the order in which rows and columns first occur."""
    found: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for line in lines:
        columns = found.setdefault(tuple(_text(line[name]) for name in ROWS if name in line), {})
        for name, value in line.items():
            if name not in (*ROWS, "seed") and isinstance(value, int | float):
                columns.setdefault(name, []).append(float(value))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else " + ".join(value)


def half_width(numbers: Sequence[float]) -> float:
    """Of the mean's 95 % interval, by Student's t; 0 of one number, which has none."""
    from scipy.stats import t

    n = len(numbers)
    return float(t.ppf(0.975, n - 1) * np.std(numbers, ddof=1) / math.sqrt(n)) if n > 1 else 0.0


def interval(numbers: Sequence[float], digits: int = 3) -> str:
    """Mean and half-width; of one seed the number alone."""
    mean = f"{np.mean(numbers):.{digits}f}"
    return f"{mean} ± {half_width(numbers):.{digits}f}" if len(numbers) > 1 else mean


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
    sys.stdout.write(table(grouped(told(given.files))))


if __name__ == "__main__":
    main()

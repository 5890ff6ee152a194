"""`feab validate`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from feab.cli.output import out, out_json, say
from feab.cli.rendering import Rendering
from feab.problems import Problem
from feab.validation import Checked, check

_QUIET_S = 2.0
"""Seconds without a word; what takes longer shows how far it is."""


def validate_and_show(paths: Sequence[Path], data: str | None, include: Sequence[Path], *, as_json: bool) -> int:
    """Check files and folders, print every problem, and return the exit status: 0 clean, 2 with errors."""
    everything: list[Checked] = []
    for path in paths:
        with Rendering(doing="checking") as bar:
            for checked in check(path, data=data, include=include, on_progress=_patient(bar)):
                bar.stop()
                everything.append(checked)
                if not as_json:
                    _show(checked)
    errors = sum(checked.errors for checked in everything)
    if as_json:
        out_json({"errors": errors, "checked": [_plain(checked) for checked in everything]})
    elif len(everything) != 1:
        say(_summary(everything))
    return 2 if errors else 0


def _patient(bar: Rendering) -> Callable[[int, int], None]:
    """The bar, which is not drawn for what is soon done."""
    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        if time.monotonic() - started > _QUIET_S:
            bar(done, total)

    return tell


def _show(checked: Checked) -> None:
    for problem in checked.problems:
        out(f"{_place(problem)}: {'' if problem.severity == 'error' else 'warning: '}{problem.message}")
        if problem.advice:
            out(f"    {problem.advice}")
    if checked.more:
        out(f"{checked.path}: {checked.more:,} more problems; mend these first")
    out(f"{checked.path}: {checked.what}: {_verdict(checked)}")


def _place(problem: Problem) -> str:
    line = "" if problem.line is None else f":{problem.line}"
    return f"{problem.file}{line}" + (f": {problem.where}" if problem.where else "")


def _verdict(checked: Checked) -> str:
    warnings = len(checked.problems) + checked.more - checked.errors
    counts = [_count(checked.errors, "problem"), _count(warnings, "warning")]
    return ", ".join(words for words in counts if words) or "ok"


def _count(number: int, noun: str) -> str:
    return "" if number == 0 else f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _summary(everything: Sequence[Checked]) -> str:
    kinds = Counter(checked.kind for checked in everything)
    counted = ", ".join(_count(number, kind) for kind, number in kinds.items())
    bad = sum(1 for checked in everything if checked.errors)
    return f"{counted}: {f'{bad} of them with problems' if bad else 'all ok'}"


def _plain(checked: Checked) -> dict[str, Any]:
    return {
        "path": str(checked.path),
        "kind": checked.kind,
        "what": checked.what,
        "errors": checked.errors,
        "more": checked.more,
        "problems": [
            {
                "file": str(problem.file),
                "line": problem.line,
                "where": problem.where,
                "severity": problem.severity,
                "message": problem.message,
                "advice": problem.advice,
            }
            for problem in checked.problems
        ],
    }

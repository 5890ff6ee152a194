"""What the benchmarks beside other harnesses share: whole processes, timed in turn, and a table of them."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from feab.runs.surroundings import machine

PEER = os.environ.get("FEAB_LM_EVAL_PYTHON", "")
ROOT = Path(__file__).parents[2]
NOT_MEASURED = f"""peer not measured: FEAB_LM_EVAL_PYTHON names no python that has lm-eval. To make one:
  python -m venv lm-eval
  cat constraints.txt tests/peers/lm-eval-constraints.txt > both.txt
  lm-eval/bin/pip install -c both.txt '.[hf,lm-eval]' fastapi uvicorn
  FEAB_LM_EVAL_PYTHON=lm-eval/bin/python python tests/benchmarks/{Path(sys.argv[0]).name}"""

SAMPLES = """
import json, sys
from feab.runs.parts import plan

pairs = zip(plan("synth", limit=int(sys.argv[1])), plan("synth"))
print(json.dumps({some.task.name: whole.rows.searchsorted(some.rows).tolist() for some, whole in pairs}))
"""


@dataclass(frozen=True)
class Command:
    """A program to time."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """Where it is started, if not here."""


@dataclass(frozen=True)
class Taken:
    """What one run of it took."""

    seconds: float
    cpu: float
    """Processor seconds, of all threads: steadier than the wall clock on a busy machine."""
    peak_mb: float
    """Most memory that it held at once (VmHWM), without its children's."""
    load: float
    """The machine's load average over the minute before it started."""


def run(command: Command, threads: int) -> Taken:
    """One run from process start to process end, in a fresh process.

    The system counts into a child's peak what its parent held when it was forked, so the parent must stay small: the
    benchmarks import no heavy library.
    """
    environment = {
        **os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": str(threads),
        **command.environment,
    }  # fmt: skip
    load = os.getloadavg()[0]
    start = time.perf_counter()
    process = subprocess.Popen(
        command.words, env=environment, cwd=command.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command.words)}: exit status {process.returncode}\n{said.decode()[-3000:]}")
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, load)


def in_turn(commands: Mapping[str, Sequence[Command]], threads: int) -> dict[str, list[Taken]]:
    """The first run of each, then the second of each, and so on, so that a slow minute hits all of them.

    `commands` has a list of runs by name, which differ in the folder they write into; all of one length.
    """
    taken: dict[str, list[Taken]] = {name: [] for name in commands}
    for round_ in zip(*commands.values(), strict=True):
        for name, command in zip(commands, round_, strict=True):
            taken[name].append(run(command, threads))
            print(f"  {name}: {taken[name][-1].seconds:.1f} s", file=sys.stderr)
    return taken


def chosen_samples(faces: int) -> str:
    """For lm-eval's `--samples`: where the faces that `--limit` chooses stand among all a task asks about.

    Found by another process, so that this one stays small.
    """
    words = [sys.executable, "-c", SAMPLES, str(faces)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def fastest(taken: Mapping[str, Sequence[Taken]]) -> str:
    """The name with the least median time."""
    return min(taken, key=lambda name: statistics.median(one.seconds for one in taken[name]))


def surroundings(threads: int, others: Mapping[str, str] | None = None) -> str:
    """Machine, versions, date, load; `others`: further peers' names and pythons."""
    ours = machine()
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "unknown CPU")
    cores, memory = ours["cores"], ours.get("memory_gib")
    lines = [
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC; {cores} cores ({cpu}), {memory} GiB; "
        f"{threads} threads; load {os.getloadavg()[0]:.1f}",
        f"{ours['system']} {ours['release']}, python {platform.python_version()}; feab's environment: "
        f"{_versions(sys.executable)}",
        *([f"lm-eval's environment: {_versions(PEER)}"] if PEER else []),
        *(f"{name}'s environment: {_versions(python)}" for name, python in (others or {}).items()),
    ]
    return "\n".join(lines)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _versions(python: str) -> str:
    names = [
        "feab",
        "lm_eval",
        "inspect_ai",
        "lmms_eval",
        "openai",
        "torch",
        "transformers",
        "numpy",
        "pyarrow",
        "pandas",
    ]
    code = (
        "import sys\nfrom importlib.metadata import PackageNotFoundError, version\nfor name in sys.argv[1:]:\n"
        "    try: print(name, version(name))\n    except PackageNotFoundError: pass"
    )
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())


def table(taken: Mapping[str, Sequence[Taken]]) -> str:
    """A row a command: median [least–most] of wall clock, processor time and memory, and the loads it met."""
    rows = [f"{'':40s} {'seconds':>22s} {'CPU seconds':>22s} {'peak MB':>18s}  load before"]
    for name, runs in taken.items():
        cells = [
            f"{_spread([one.seconds for one in runs], 2):>22s}",
            f"{_spread([one.cpu for one in runs], 2):>22s}",
            f"{_spread([one.peak_mb for one in runs], 0):>18s}",
        ]
        rows.append(f"{name:40s} {' '.join(cells)}  {' '.join(f'{one.load:.1f}' for one in runs)}")
    return "\n".join(rows)


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}–{max(values):.{digits}f}]"


def ratios(ours: Sequence[Taken], theirs: Sequence[Taken]) -> str:
    """How many times more the other takes: medians over the rounds."""

    def ratio(value: Callable[[Taken], float]) -> float:
        return statistics.median(value(b) / value(a) for a, b in zip(ours, theirs, strict=True))

    return (
        f"{ratio(lambda one: one.seconds):.1f} × the time ({ratio(lambda one: one.cpu):.1f} × the processor time), "
        f"{ratio(lambda one: one.peak_mb):.1f} × the memory"
    )

"""A whole `feab run`, asking, scoring and reporting, needs hardly more memory for ten times the faces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from faces_folder import make_faces, make_script

_RUN = """
import atexit, sys
from feab.cli import main

def peak():
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)

atexit.register(peak)
main()
"""


def peak_kb(folder: Path, people: int) -> int:
    """Most resident memory of the process that asks and scores, imports and all; ten faces a person."""
    faces, script = make_faces(folder / f"of{people}", people), make_script(folder)
    command = ["run", "--model", f"mock/{script}", "--data", str(faces), "--out", str(folder / f"run{people}")]
    done = subprocess.run([sys.executable, "-c", _RUN, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / f"run{people}" / "scores.json").is_file()
    return int(done.stderr.split()[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux's /proc")
@pytest.mark.parametrize(
    ("people", "most"), [(40, 1.06), pytest.param(200, 1.10, marks=pytest.mark.full)], ids=["400 faces", "2,000 faces"]
)
# From 400 faces on, because a report shows that many; the points in its figures go on to 2,000.
def test_ten_times_the_faces_take_hardly_more_memory(tmp_path, people, most):
    few = peak_kb(tmp_path, people)
    assert peak_kb(tmp_path, 10 * people) <= most * few

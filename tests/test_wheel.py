"""The wheel holds exactly what git tracks of the package and its content folders."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONTENT = ("tasks", "models", "generation", "training")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
def test_the_wheel_holds_what_git_tracks(tmp_path):
    # hatchling's force-include ignores .gitignore: stray files in a content folder would travel
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listing.stdout.splitlines()
    wanted = {name for name in tracked if name.startswith("feab/")}
    wanted |= {f"feab/_content/{name}" for name in tracked if name.split("/")[0] in CONTENT}
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(clone)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("feab-*.whl")
    held = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    committed = set(
        subprocess.run(
            ["git", "ls-tree", "-r", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\n")
    )
    wanted = {name for name in wanted if name.removeprefix("feab/_content/") in committed or name in committed}
    assert held == wanted

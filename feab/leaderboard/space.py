"""`feab leaderboard build`: the folder of a Hugging Face Space, with everything that its app needs."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import feab
from feab.errors import FeabError
from feab.leaderboard.store import MAX_FILE
from feab.packages import version_of
from feab.yamlfile import read_bytes

FILES = ("app.py", "README.md", "requirements.txt")
RESULTS = "results"


@dataclass(frozen=True, slots=True)
class Space:
    """A folder that was made."""

    folder: Path
    wheel: str
    submissions: int


def build_space(out: Path, *, source: Path | None = None, wheel: Path | None = None) -> Space:
    """Write the folder of a Space: its app, what it installs, the wheel of feab beside them, and the results.

    Args:
        out: a folder that is not there yet, or empty.
        source: what it is made from, by default `leaderboard/` of the repository that this feab runs from.
        wheel: feab's; by default one is made of what is committed in the repository.

    Raises:
        FeabError: when there is no repository or the folder holds something, or the wheel cannot be made.
    """
    root = Path(feab.__file__).resolve().parent.parent
    found = source or root / "leaderboard"
    if not all((found / name).is_file() for name in FILES):
        raise FeabError(f"{found}: lacks {', '.join(FILES)}; build the Space in a checkout of feab's repository")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FeabError(f"{out}: is there already; choose another folder")
    with tempfile.TemporaryDirectory(prefix="feab-space-") as made:
        packed = wheel or _made(root, Path(made))
        if not (packed.name.startswith("feab-") and packed.name.endswith("-none-any.whl")):
            raise FeabError(f"{packed}: is no wheel of feab")
        files = {name: found / name for name in FILES} | {packed.name: packed}
        results = sorted(path for path in (found / RESULTS).rglob("*") if path.is_file() and path.name[0] != ".")
        files |= {str(path.relative_to(found)): path for path in results}
        try:
            for name, path in files.items():
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                (out / name).write_bytes(read_bytes(path, MAX_FILE, links=False))
        except OSError as error:
            raise FeabError(f"{out}: cannot write to it ({error.strerror})") from None
    return Space(out, packed.name, sum(path.name == "entry.json" for path in results))


def _made(root: Path, into: Path) -> Path:
    """A wheel of what is committed: what else lies in the folders stays out."""
    if version_of("hatchling") is None:
        raise FeabError("making feab's wheel needs hatchling: pip install hatchling, or give --wheel FILE")
    try:
        archive = _run(["git", "archive", "--format=tar", "HEAD"], root)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(into / "tree", filter="data")
        _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)], into / "tree")
    except (OSError, tarfile.TarError) as error:
        raise FeabError(f"{root}: feab's wheel could not be made ({error}); give --wheel FILE") from None
    (wheel,) = into.glob("feab-*.whl")
    return wheel


def _run(words: list[str], where: Path) -> bytes:
    done = subprocess.run(words, cwd=where, capture_output=True, check=False)  # noqa: S603 - words of our own
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FeabError(f"{where}: {words[0]} failed: {said[-1] if said else 'no reason given'}; give --wheel FILE")
    return done.stdout

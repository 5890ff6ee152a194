"""What a run ran on: versions, commit, machine. Worth knowing, not part of the identity; never names or paths."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from feab.packages import version_of

_LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "pillow", "scikit-learn", "scipy")
_IF_LOADED = {
    "torch": "torch",
    "transformers": "transformers",
    "vllm": "vllm",
    "openai": "openai",
    "lm_eval": "lm-eval",
    "ray": "ray",
    "peft": "peft",
}


def versions() -> dict[str, str]:
    """Versions of Python, feab's libraries, and those heavy ones that this process has loaded."""
    wanted = (*_LIBRARIES, *(package for module, package in _IF_LOADED.items() if module in sys.modules))
    found = {"python": platform.python_version(), **{name: version_of(name) for name in wanted}}
    return {name: version for name, version in found.items() if version is not None}


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of feab's own checkout; (None, None) when feab runs from an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit or None, None if status is None else bool(status)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """System, processor, cores, memory, and GPUs if torch is loaded. No host or user name."""
    found: dict[str, Any] = {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpus"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return found

"""What is imported when: `import feab` and `feab --help` must stay light."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "datasets", "transformers", "lm_eval", "gradio")
SLOW = (*HEAVY, "pandas", "pyarrow", "numpy", "scipy", "sklearn", "matplotlib", "pydantic", "rich", "yaml", "PIL")


def loaded_after(code: str, names: tuple[str, ...]) -> str:
    program = (
        f"{code}\nimport sys\nprint('LOADED', *[name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("code", ["import feab", "import feab.cli"])
def test_importing_is_light(code: str) -> None:
    assert loaded_after(code, SLOW) == "LOADED"


@pytest.mark.parametrize("verb", ["--help", "run --help", "data show --help", "--version"])
def test_help_imports_nothing_slow(verb: str) -> None:
    names = tuple(name for name in SLOW if name != "pydantic")  # typer loads it to convert the arguments of a verb
    assert loaded_after(f"from feab.cli import app; app({verb.split()!r}, standalone_mode=False)", names) == "LOADED"


@pytest.mark.parametrize("verb", ["tasks", "models"])
def test_listings_import_no_heavy_library(verb: str) -> None:
    names = (*HEAVY, "pandas", "pyarrow")
    assert loaded_after(f"from feab.cli import app; app([{verb!r}], standalone_mode=False)", names) == "LOADED"


def test_public_names_are_reached_through_feab() -> None:
    code = "import feab; assert callable(feab.run) and callable(feab.load_run) and callable(feab.score) and feab.Run"
    assert loaded_after(code, HEAVY) == "LOADED"

"""The command line's tests use the small dataset of the tests of runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))

from faces_folder import make_faces, make_script


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people, 30 pictures."""
    return make_faces(tmp_path_factory.mktemp("cli") / "made")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A mock script that answers everything, once unreadably."""
    return make_script(tmp_path)

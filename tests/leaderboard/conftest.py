"""The leaderboard's tests use the small dataset of the tests of runs, with twelve people: places need ten."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))

from boards import Place, make_place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A dataset of 120 faces whose labels the leaderboard has, and complete runs about it."""
    return make_place(tmp_path_factory.mktemp("board"))

"""The full model, fitted once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from feab.knowledge import JointModel, fit_joint, load_knowledge


@pytest.fixture(scope="session")
def full() -> JointModel:
    """The model of the shipped tables."""
    return fit_joint(load_knowledge())

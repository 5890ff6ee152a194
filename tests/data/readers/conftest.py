"""Miniatures of clip sets share their rendered faces: they are made once for all these tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def rendered_faces(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # by all processes of the session
    monkeypatch.setenv("FEAB_CACHE", str(shared / "rendered-faces"))

"""The study of expression arms, small: what measurement.md 4.6 found holds of feab's own code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from feab.content import shipped
from feab.knowledge import fit_joint, load_knowledge


def study(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where its dataclasses look for their names
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    module = study(shipped("generation") / "studies" / "expression_arms.py")
    return {row.get("arm", ""): row for row in module.one_seed(0, 1200, fit_joint(load_knowledge()))}


def test_errors_that_draws_share_are_estimated(rows: dict[str, dict]) -> None:
    assert rows[""]["fitted"]["concentration"] == pytest.approx(1.5, rel=0.2)
    assert 0.4 <= rows[""]["fitted"]["lambda"] <= 1.2


def test_the_beta_rule_is_far_from_its_nominal_confidence(rows: dict[str, dict]) -> None:
    assert rows["Beta .95, at most 20"]["right where decided"] < 0.8


def test_over_dispersion_makes_confidence_honest(rows: dict[str, dict]) -> None:
    honest, naive = rows["Dirichlet-multinomial, 20"], rows["draws taken as independent, 20"]
    assert honest["ece"] < honest["floor"] + 0.03
    assert naive["ece"] > 0.2
    assert honest["accuracy"] > rows["plurality, 20"]["accuracy"]


def test_knowledge_and_verification_do_with_a_third_of_the_draws(rows: dict[str, dict]) -> None:
    full = rows["+ verification, at most 10"]
    assert full["draws"] < 8
    assert full["accuracy"] > rows["plurality, 20"]["accuracy"] + 0.08
    assert full["best 80 %"] > full["accuracy"]

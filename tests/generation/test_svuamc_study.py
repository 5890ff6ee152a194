"""The studies, small: what measurement.md 4.6 found holds of feab's own code, and full SEKE beats fixed draws."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from feab.content import shipped
from feab.knowledge import fit_joint, load_knowledge
from feab.records import Media, Sample
from feab.vocabulary import EXPRESSIONS, FEAB_17

STUDIES = shipped("generation") / "studies"


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
    module = study(STUDIES / "expression_arms.py")
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


def test_full_confidence_is_calibrated_and_rejecting_the_unsure_raises_accuracy(rows: dict[str, dict]) -> None:
    for arm in ("+ knowledge, t = .9, at most 6", "+ verification, at most 6", "+ verification, at most 10"):
        assert rows[arm]["ece"] < rows[arm]["floor"] + 0.02
        assert rows[arm]["fifths"] == sorted(rows[arm]["fifths"], reverse=True)


def test_knowledge_and_verification_do_with_a_third_of_the_draws(rows: dict[str, dict]) -> None:
    full = rows["+ verification, at most 10"]
    assert full["draws"] < 8
    assert full["accuracy"] > rows["plurality, 20"]["accuracy"] + 0.08
    assert full["best 80 %"] > full["accuracy"]


def faces(split: str) -> list[Sample]:
    """Labels as those of synth: AUs drawn from what is known of each expression."""
    numbers, rng = load_knowledge("facs_2002"), np.random.default_rng(len(split))
    return [
        Sample(
            f"{split}{row}",
            Media(data=b""),
            expression=EXPRESSIONS[row % 8],
            valence=float(numbers.anchors[row % 8, 0]),
            arousal=float(numbers.anchors[row % 8, 1]),
            au_presence={
                au: float("nan") if rng.random() < 0.02 else float(rng.random() < chance)
                for au, chance in zip(FEAB_17, numbers.displays[row % 8], strict=True)
            },
        )
        for row in range(400)
    ]


def test_level_by_level_full_seke_beats_twenty_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, summary = study(STUDIES / "levels.py"), study(STUDIES / "summary.py")
    monkeypatch.setattr(module, "load_dataset", lambda name, split: faces(split))
    monkeypatch.setattr(module, "CALIBRATING", 150)
    options = argparse.Namespace(
        given=["action_units"],
        knowledge="matched",
        annotator="middling",
        halo=0.3,
        faces=120,
        coverage=0.8,
        budgets=[],
    )
    lines = list(module.one_seed(0, options))
    told = {(line["arm"], line["level"]): line for line in lines}
    for level in ("expression", "valence_arousal"):
        full, fixed = told["full SEKE", level], told["plurality 20", level]
        assert full["cost"] <= 10
        assert full["primary"] > fixed["primary"]
        assert full["aurc"] < fixed["aurc"]
        assert np.mean(full["risks"][:10]) < full["risks"][-1]  # the surest are the more accurate
        if full["accepted"]:  # at equal coverage its accepted labels are more accurate, and as many compared
            assert full["at the accepted share"] == pytest.approx(full["error of the accepted"], abs=1e-3)
            assert full["at the accepted share"] < fixed["at the accepted share"]
    assert told["full SEKE", "expression"]["primary"] > told["without knowledge", "expression"]["primary"]
    head: dict[str, Any] = {"seed": 0, "given": ["action_units"], "knowledge": "matched"}
    text = summary.table(summary.grouped({**head, **line} for line in lines)).splitlines()
    assert text[0].startswith("| given | knowledge | level | arm | seeds | cost | primary | aurc |")
    assert len(text) == 2 + len(lines)
    assert any(line.startswith("| action_units | matched | expression | full SEKE | 1 |") for line in text)
    monkeypatch.syspath_prepend(str(STUDIES))
    curves = study(STUDIES / "curves.py")
    limited = {**told["full SEKE", "expression"], "arm": "full SEKE, at most 2 contexts", "primary": 0.5}
    both = [{**head, **line} for line in (*lines, limited, {**limited, "primary": 0.7})]
    curves.draw(both, "matched", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    budgets = curves.points(both)["action_units", "expression", "matched"]["full SEKE"]
    assert budgets["full SEKE"].primary == told["full SEKE", "expression"]["primary"]
    assert budgets["full SEKE, at most 2 contexts"].primary == pytest.approx(0.6)
    assert budgets["full SEKE, at most 2 contexts"].half == pytest.approx(1.271, abs=1e-3)  # Student's, of two seeds


def test_a_study_that_is_broken_off_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, done = study(STUDIES / "levels.py"), []

    def one_seed(seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append((seed, options.knowledge))
        yield {"arm": "full SEKE", "level": "expression", "cost": 5.0, "primary": float("nan"), "aurc": 1 / 3}

    monkeypatch.setattr(module, "one_seed", one_seed)
    path = tmp_path / "levels.jsonl"
    monkeypatch.setattr(sys, "argv", ["levels.py", "--out", str(path), "--seeds", "1", "2"])
    with pytest.raises(KeyboardInterrupt):
        module.main()
    assert done == [(1, "mismatched"), (1, "matched"), (2, "mismatched")]
    monkeypatch.setattr(module, "one_seed", lambda seed, options: iter(({"arm": "", "level": "", "cost": 1.0},)))
    capsys.readouterr()
    module.main()
    told = capsys.readouterr()
    assert told.err.splitlines()[0] == "seed 2, matched knowledge"
    assert told.err.count("seed") == 1
    settings = "middling, halo 0.3, 800 faces, coverage 0.8"
    assert f"| action_units | mismatched | {settings} | 1 2 | 0.0 |" in told.out
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["seed"], first["primary"], first["aurc"]) == (1, None, 0.3333)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--halo", "0.5", "--status"])
    module.main()  # other settings are not done, and not begun
    assert capsys.readouterr().out == told.out


def test_intervals_are_students() -> None:
    summary = study(STUDIES / "summary.py")
    assert summary.interval([0.5]) == "0.500"
    assert summary.interval([0.4, 0.6]) == "0.500 ± 1.271"  # t(.975, 1) = 12.706, standard error .1


def test_arms_at_equal_cost_and_coverage_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(STUDIES))
    equal = study(STUDIES / "equal.py")
    head = {"seed": 1, "given": ["expression"], "knowledge": "mismatched", "level": "action_units"}
    ours = {**head, "accepted": 0.75, "error of the accepted": 0.1, "aurc": 0.2, "risks": [0.1, 0.15], "ece": 0.03}
    lines: list[dict[str, Any]] = [
        {**ours, "arm": "full SEKE", "cost": 9.0, "primary": 0.8, "floor": 0.02},
        {**ours, "arm": "full SEKE, at most 2 contexts", "cost": 5.2, "primary": 0.7, "floor": 0.02},
        {**head, "arm": "plurality 5", "cost": 5.0, "primary": 0.6, "aurc": 0.25, "risks": [0.2, 0.4]},
        {**head, "arm": "plurality 1", "cost": 1.0, "primary": 0.6, "aurc": 0.25, "risks": [0.2, 0.4]},
    ]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (*lines, {"cpu_seconds": 1.0})))
    monkeypatch.setattr(sys, "argv", ["equal.py", str(tmp_path / "lines.jsonl")])
    equal.main()
    told = capsys.readouterr().out
    assert "action units, expression given, mismatched knowledge, 1 seeds" in told
    row = "| plurality 5 | 5.0 | full SEKE, at most 2 contexts | 5.2 | 0.1000 | -0.0500 | -0.2000 |"
    assert row in told.splitlines()  # its error at a coverage of .75: halfway from .2 to .4
    assert "| plurality 1 | 1.0 | none as cheap |  |  |  |  |" in told
    assert "ECE above the floor: 0.010 (+0.0100)" in told
    with pytest.raises(SystemExit, match="two studies"):
        equal.grouped([*lines, {**lines[0], "settings": "another annotator"}])


def test_scores_at_equal_coverage_by_hand() -> None:
    module = study(STUDIES / "levels.py")
    four = module.Faces([module.Given(name) for name in EXPRESSIONS[:4]], [], ("expression",), None)
    found = module.scores(four, "expression", np.array([0, 1, 0, 0]), np.array([0.9, 0.7, 0.8, 0.1]), 0.5)
    assert found["primary"] == 0.5
    assert found["error of the surest 50%"] == 0.5
    assert found["aurc"] == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)

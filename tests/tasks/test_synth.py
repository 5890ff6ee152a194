"""The task files against the embedded set: they ask for what it codes, and the class does not answer the rest."""

from __future__ import annotations

import json

import pytest

from feab.data import load_dataset, validate_dataset
from feab.data.card import build_card
from feab.data.places import embedded_folder
from feab.tasks import load_tasks
from feab.tasks.oracle import LIMITS, oracle_scores
from feab.tasks.truth import truth_of


def test_the_tasks_ask_for_what_the_embedded_set_codes():
    dataset = load_dataset("synth", "test")
    labels = dataset.labels()
    for task in load_tasks("synth"):
        truth = truth_of(task, labels)
        assert len(truth.ids) == (1152 if task.kind == "expression" else 1728)
        assert len(set(truth.clusters)) == 72
        if task.kind == "expression":
            assert set(task.labels) == set(labels["expression"].dropna())
        if task.kind == "action_units":
            coded = [au for au in dataset.info.aus if labels[f"au{au:02d}_presence"].notna().any()]
            assert list(task.aus) == coded


def test_the_expression_alone_scores_low_on_the_other_tasks_of_the_embedded_set():
    found = oracle_scores(load_dataset("synth", "test").labels())
    for name, limit in LIMITS.items():
        assert 0 < found[name] <= limit, name


def test_the_shipped_card_and_gate_say_what_the_expression_alone_scores():
    found = oracle_scores(load_dataset("synth", "test").labels())
    gate = json.loads((embedded_folder() / "gate.json").read_text(encoding="utf-8"))
    assert gate["oracle"] == pytest.approx(found, abs=1e-4)
    card = (embedded_folder() / "README.md").read_text(encoding="utf-8")
    assert card == build_card(embedded_folder()), "the card is out of date: feab.data.card.write_card makes it anew"
    for name, value in gate["oracle"].items():
        assert f"{name} {value:.3f}" in card
    for chosen in ("its weights are our choice", "70+ are our choice", "on both sides is our choice"):
        assert chosen in card


def test_the_shipped_folder_is_what_its_fingerprint_says():
    info = validate_dataset(embedded_folder())
    assert info.splits["test"].pinned
    assert info.splits["test"].n == 1728

"""The task files against the embedded set: they ask for what it codes."""

from __future__ import annotations

from pathlib import Path

import pytest

import feab
from feab.tasks import load_tasks
from feab.tasks.truth import truth_of

SHIPPED = Path(feab.__file__).parent / "data" / "synth" / "test.parquet"


@pytest.mark.skipif(not SHIPPED.exists(), reason="the embedded set is not built in this checkout")
def test_the_tasks_ask_for_what_the_embedded_set_codes():
    from feab.data import load_dataset

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

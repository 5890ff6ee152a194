"""Recipes with planted faults: each is named with its line."""

from __future__ import annotations

import pytest

from feab.content import shipped
from feab.problems import Gather
from feab.training.validate import check_recipe_file

GOOD = (shipped("training") / "tiny.yaml").read_text(encoding="utf-8")


def check(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    notes = Gather(file)
    check_recipe_file(file, notes)
    return notes.problems


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("method: scratch", "method: magic", "method 'magic' is not known"),
        ("name: feab-tiny", "name: ../x", "name: string should match"),
        ("dataset: synth", "dataset: nowhere", "dataset: no dataset 'nowhere' is here"),
        ("dataset: synth", "dataset: synth\ntrain_split: test", "train_split: is the split that scores"),
        ("dataset: synth", "dataset: synth\ntrain_split: evening", "train_split: dataset synth has no split"),
        ("dataset: synth", "dataset: synth\ntrain_split: validation", "validation_split: is the training split"),
        ("tasks: [synth]", "tasks: [nothing]", "tasks.0: unknown task 'nothing'"),
        ("tasks: [synth]", "tasks: []", "tasks: names no task"),
        ("crop: 128", "crop: 512", "crop 512 is larger than resize"),
        ("blocks: 1", "blocks: -1", "architecture.vision.blocks: input should be greater"),
        ("epochs: 21", "epochs: many", "vision.epochs: input should be a valid integer"),
        ("steps: 1400", "steps: 1400, prompts: {loud: 1}", "language.prompts.loud: task synth_expression has no such"),
        ("dtype: float16", "dtype: float8", "dtype: input should be 'float32'"),
        ("dtype: float16", "colour: red", "colour: extra inputs"),
    ],
)
def test_each_planted_fault_is_named_with_its_line(tmp_path, old, new, says):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = check(tmp_path, text)
    said = [p for p in found if says in f"{p.where}: {p.message}"]
    assert said, [str(p) for p in found]
    changed = [n for n, (a, b) in enumerate(zip(GOOD.splitlines(), text.splitlines(), strict=False), 1) if a != b]
    assert said[0].line in (changed[0], changed[0] - 1, 1 if "validation_split" in says else -1)
    assert said[0].advice


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("epochs: 21", "epochs: 0").replace("steps: 1400", "steps: 0").replace("seed: 0", "seed: x")
    assert {p.where for p in check(tmp_path, text)} == {"vision.epochs", "language.steps", "seed"}


def test_the_shipped_recipe_is_clean(tmp_path):
    assert check(tmp_path, GOOD) == ()

"""Task files that share: words of a shipped task, lm-eval's part from an included file, and folds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.problems import Gather
from feab.schemas import Prediction
from feab.tasks import load_tasks
from feab.tasks.read import parse_yaml, read_yaml, with_included
from feab.tasks.scoring import score_task
from feab.tasks.validate import check_task_file

MINE = """
include: _shared.yaml
task: mine
test_split: test
metadata:
  kind: expression
  version: "1"
  data: mine
  split: test
  labels: [fear, joyful surprise]
  definitions: {joyful surprise: "surprise with a smile"}
  prompts: synth_expression
"""


def write(folder: Path, text: str = MINE, **others: str) -> Path:
    (folder / "_shared.yaml").write_text((shipped("tasks") / "_expression.yaml").read_text(encoding="utf-8"))
    for name, words in others.items():
        (folder / f"{name}.yaml").write_text(words)
    (folder / "mine.yaml").write_text(text)
    return folder / "mine.yaml"


def test_a_task_takes_the_words_of_a_shipped_one(tmp_path: Path) -> None:
    write(tmp_path)
    (mine,) = load_tasks("mine", [tmp_path])
    (pattern,) = load_tasks("synth_expression")
    assert mine.prompts == pattern.prompts
    assert mine.prompt_text("direct").endswith("Answer with one word: fear, joyful surprise.")
    assert mine.definitions["fear"] == pattern.definitions["fear"]
    assert set(mine.definitions) == {"fear", "joyful surprise"}
    assert "- joyful surprise: surprise with a smile" in mine.prompt_text("definitions")


def test_what_another_harness_reads_is_found_in_the_included_file(tmp_path: Path) -> None:
    file = write(tmp_path)
    notes = Gather(file)
    assert check_task_file(file, notes, [tmp_path]) == "task mine, 5 prompts"
    assert not notes.problems
    entries = with_included(read_yaml(file))
    assert entries["process_results"].value == "feab.tasks.lm_eval.score_expression"
    assert entries["metadata"].file == file
    (tmp_path / "_shared.yaml").write_text("generation_kwargs: {max_gen_toks: 7}\n")
    with pytest.raises(FeabError, match=r"_shared.yaml, line 1: generation_kwargs.max_gen_toks: must equal"):
        load_tasks("mine", [tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("include: _shared.yaml", "include: ../_shared.yaml", "include: must be the name of a .yaml file in the same"),
        ("include: _shared.yaml", "include: /etc/passwd", "include: must be the name of a .yaml file in the same"),
        ("include: _shared.yaml", "include: [a.yaml]", "include: must be text"),
        ("include: _shared.yaml", "include: _gone.yaml", "_gone.yaml: cannot read it"),
        ("include: _shared.yaml", "include: _again.yaml", "an included file includes no other"),
        ("synth_expression", "nonesuch", "'nonesuch' is no shipped task"),
        ("synth_expression", "../models/x", "'../models/x' is no shipped task"),
        ("synth_expression", "synth_valence_arousal", "asks for something else"),
        ("synth_expression", "rafdb_expression", "has no prompts of its own"),
        ("  kind: expression", "  kind: expression\n  folds: a b", "must name the dataset's column"),
        ("  kind: expression", "  kind: expression\n  folds: [1, 2]", "folds: must be text"),
    ],
)
def test_mistakes_are_told(old: str, new: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, MINE.replace(old, new), _again="include: _shared.yaml\n")
    with pytest.raises(FeabError, match=message):
        load_tasks("mine", [tmp_path])


def test_without_include_a_file_is_itself(tmp_path: Path) -> None:
    root = parse_yaml(b"task: a\n", tmp_path / "a.yaml")
    assert list(with_included(root)) == ["task"]


def test_folds_are_scored_one_by_one_and_averaged(tmp_path: Path) -> None:
    write(tmp_path, MINE.replace("  kind: expression", "  kind: expression\n  folds: fold"))
    (mine,) = load_tasks("mine", [tmp_path])
    frame = pd.DataFrame(
        {
            "id": [f"s{i:02d}" for i in range(40)],
            "expression": ["fear", "joyful surprise"] * 20,
            "subject": [f"p{i // 5}" for i in range(40)],
            "fold": [1] * 20 + [2] * 20,
        }
    )
    lines = [
        Prediction(task="mine", sample=f"s{i:02d}", prompt="direct", text="x", outcome="ok", answer=answer)
        for i, answer in enumerate([*frame["expression"][:20], *["fear"] * 20])
    ]
    scores = score_task(mine, lines, frame)
    folds = scores.detail["folds"]
    assert {name: fold["n"] for name, fold in folds.items()} == {"1": 20, "2": 20}
    assert folds["1"]["metrics"]["macro_f1"]["value"] == 1
    assert folds["2"]["metrics"]["macro_f1"]["value"] == pytest.approx(1 / 3)
    assert scores.metrics["macro_f1_fold_mean"].value == pytest.approx(2 / 3)
    assert scores.metrics["macro_f1_fold_mean"].low is None
    assert scores.metrics["macro_f1"].value != pytest.approx(2 / 3)
    assert [scores.metrics[f"{name}_fold_mean"].value for name in ("accuracy", "uar")] == [0.75, 0.75]
    (plain,) = load_tasks("synth_expression")
    assert plain.folds is None
    assert mine.identity().sha256 != load_tasks("rafdb_expression")[0].identity().sha256


def test_folds_that_the_dataset_does_not_have_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, MINE.replace("  kind: expression", "  kind: expression\n  folds: fold"))
    (mine,) = load_tasks("mine", [tmp_path])
    frame = pd.DataFrame({"id": ["a"], "expression": ["fear"]})
    line = Prediction(task="mine", sample="a", prompt="direct", text="x", outcome="ok", answer="fear")
    scores = score_task(mine, [line], frame)
    assert "folds" not in scores.detail
    assert not any("fold_mean" in name for name in scores.metrics)

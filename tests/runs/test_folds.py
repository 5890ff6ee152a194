"""Customary folds: printed one by one, and their means where papers look for them."""

from __future__ import annotations

import io

from rich.console import Console

from feab.runs.sections import task_blocks
from feab.runs.table import explanations, scores_table
from feab.schemas import EstimateModel, OutcomeCounts, Scores, TaskScores

EVIL = "<script>"


def folded(**more: object) -> TaskScores:
    values = {"macro_f1": 0.4, "accuracy": 0.6, "uar": 0.5}
    each = {
        fold: {"n": 10, "clusters": 10, "metrics": {name: {"value": value + add} for name, value in values.items()}}
        for fold, add in (("1", 0.125), ("2", -0.125), (EVIL, 0.0))
    }
    metrics = {name: EstimateModel(value=value + 0.01) for name, value in values.items()}
    metrics |= {f"{name}_fold_mean": EstimateModel(value=value) for name, value in values.items()}
    fields: dict[str, object] = {
        "kind": "expression", "n": 30, "coverage": 1.0, "outcomes": OutcomeCounts(ok=30), "primary": "macro_f1",
        "metrics": metrics, "detail": {"folds": each}, **more,
    }  # fmt: skip
    return TaskScores.model_validate(fields)


def printed(scores: Scores) -> str:
    screen = Console(file=io.StringIO(), width=160, markup=False)
    screen.print(scores_table(scores))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_the_table_has_the_means_that_papers_print() -> None:
    scores = Scores(tasks={"dfew_expression": folded()})
    lines = printed(scores).splitlines()
    assert [line.split("  ")[1].strip() for line in lines if "mean of its folds" in line] == ["mean of its folds"] * 2
    assert any("UAR 0.500" in line for line in lines)
    assert any("WAR 0.600" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("mean of its folds:") for line in explanations(scores))
    plain = Scores(tasks={"t": folded(metrics={"macro_f1": EstimateModel(value=0.4)}, detail={})})
    assert "folds" not in printed(plain) + str(explanations(plain))


def test_the_report_has_every_fold() -> None:
    (block,) = (block for block in task_blocks(folded()) if block.title == "Folds")
    html = str(block.pieces[0])
    for cell in ("0.525", "0.275", "0.400", "0.725", "0.475", "0.600", "0.625", "0.375", "0.500"):
        assert html.count(cell) >= 1, cell
    assert EVIL not in html
    assert "accuracy (WAR)" in html
    others = [str(piece) for block in task_blocks(folded()) if block.title == "Other scores" for piece in block.pieces]
    assert not any("fold" in piece for piece in others)


def test_folds_that_are_not_as_they_should_be_are_passed_over() -> None:
    for detail in ({"folds": [1, 2]}, {"folds": {"1": {"n": -1}}}, {"folds": "all"}, {}):
        assert not [block for block in task_blocks(folded(detail=detail)) if block.title == "Folds"]

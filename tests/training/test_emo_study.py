"""The study of face information: its arms are recipes, and differ in what they are meant to differ in."""

from __future__ import annotations

import argparse
import sys

import pytest

from feab.content import shipped
from feab.schemas import Prediction
from feab.training.recipe import load_recipe

pytest.importorskip("torch")


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(shipped("training") / "studies"))
    import emo

    yield emo
    for name in ("emo", "emo_summary"):
        sys.modules.pop(name, None)


def test_the_arms_differ_in_the_face_module_and_in_what_is_told(study):
    options = argparse.Namespace(network="rendered", steps=study.STEPS)
    recipes = {arm: load_recipe(study.RECIPE, **study.fields_of(arm, options)) for arm in study.ARMS}
    kinds = {arm: recipe.face_info and recipe.face_info.kind for arm, recipe in recipes.items()}
    assert kinds == {"plain": None, "landmarks": "prior-token", "mining": "mining", "mining-agr": "mining"}
    assert {arm for arm, recipe in recipes.items() if recipe.attributes} == {"mining-agr"}
    same = {
        recipe.model_copy(update={"face_info": None, "attributes": None}).model_dump_json()
        for recipe in recipes.values()
    }
    assert len(same) == 1  # the budget is one
    for arm in study.ARMS:
        assert {task.attributes for task in study.asked_of(arm, study.STILL)} == {recipes[arm].attributes}


def test_what_was_done_is_said(study, tmp_path):
    import emo_summary

    folder = tmp_path / "plain-seed1"
    folder.mkdir()
    (folder / "card.yaml").touch()
    line = Prediction(task="synth_expression", sample="x", prompt="direct", answer="fear", outcome="ok")
    (folder / "synth.predictions.jsonl").write_text(line.model_dump_json() + "\n", encoding="utf-8")
    said = emo_summary.status(tmp_path, [1]).splitlines()
    assert said[0] == "plain, seed 1: trained, asked about synth"
    assert said[1] == "landmarks, seed 1: not begun"

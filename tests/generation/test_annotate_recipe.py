"""Recipes of SEKE: the shipped one, and what is wrong with others, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.generation.prepare import levels_named, usual_split
from feab.generation.recipe import Recipe, load_recipe


def test_the_shipped_recipe_is_found_by_name_and_by_path() -> None:
    recipe = load_recipe()
    assert recipe == load_recipe("generation/seke.yaml") == load_recipe(shipped("generation") / "seke.yaml")
    assert recipe.name == "seke"
    assert recipe.knowledge_numbers().aus == recipe.aus
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe  # as manifests hold it


def test_a_folder_of_ones_own_comes_first(tmp_path: Path) -> None:
    (tmp_path / "seke.yaml").write_text("name: mine\nversion: '1'\nstopping: {price: 0.05, doubtful: [0.3, 0.7]}\n")
    mine = load_recipe("seke", [tmp_path])
    assert mine.name == "mine"
    assert mine.stopping.price == 0.05
    assert mine.stopping.doubtful == (0.3, 0.7)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stopping: {prize: 1}", "unknown setting 'prize'"),
        ("stopping: {price: 7}", "price must be from 0 to 1"),
        ("stopping: {draws: two}", "stopping.draws|stopping"),
        ("asking: {temperature: 9, max_tokens: 10}", "temperature"),
        ("calibration: {elsewhere: {mood: {data: x}}}", "mood"),
        ("conflict: .nan", "conflict"),
        ("seed: -1", "seed"),
        ("colour: red", "colour"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(f"name: wrong\nversion: '1'\n{line}\n")
    with pytest.raises(FeabError, match=rf"(?s)wrong\.yaml, line 3.*({message})"):
        load_recipe(path)


def test_what_is_no_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="no recipe 'nowhere'"):
        load_recipe("nowhere")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(FeabError, match="a recipe is a mapping"):
        load_recipe(tmp_path / "list.yaml")
    (tmp_path / "long.yaml").write_text("#" * 100_000)
    with pytest.raises(FeabError, match="larger than"):
        load_recipe(tmp_path / "long.yaml")
    theory = Recipe.model_validate({"name": "x", "version": "1", "knowledge": {"theory": "astrology"}})
    with pytest.raises(FeabError, match="astrology"):
        theory.knowledge_numbers()


def test_levels_and_splits_have_their_usual_names(tmp_path: Path) -> None:
    assert levels_named(["aus", "expression"]) == ("expression", "action_units")
    assert levels_named(["none"]) == levels_named([]) == ()
    for wrong in (["mood"], ["none", "va"], ["expression", "va", "aus"]):
        with pytest.raises(FeabError, match="given"):
            levels_named(wrong)
    assert usual_split("synth") == "train"
    assert usual_split("synth_mini") == "test"
    (tmp_path / "happy").mkdir()
    assert usual_split(str(tmp_path)) == "test"

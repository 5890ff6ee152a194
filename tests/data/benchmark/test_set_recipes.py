"""Recipes of sets: what the shipped ones say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from feab.content import shipped
from feab.data.benchmark.recipe import load_recipe, recipe_names
from feab.data.readers import bp4d, ckplus, disfa
from feab.errors import FeabError
from feab.tasks import load_tasks
from feab.validation import check
from feab.vocabulary import EXPRESSIONS, FEAB_17

FEAB = {"ckplus": 34, "rafdb": 511, "affectnet": 800, "affwild2": 824, "disfa": 450, "bp4d": 416}
POOL = {"ckplus": 293, "rafdb": 7000, "affectnet": 8000, "affwild2": 5945, "disfa": 2500, "bp4d": 2500}


def test_the_shipped_recipes_have_the_numbers_that_were_decided() -> None:
    assert recipe_names() == ("feab", "feid-pool")
    feab, pool = load_recipe("feab"), load_recipe("feid-pool")
    assert {name: source.images for name, source in feab.sources.items()} == FEAB
    assert {name: source.images for name, source in pool.sources.items()} == POOL
    assert (feab.images, pool.images) == (3035, 26238)
    assert pool.apart_from == "feab"
    for recipe in (feab, pool):
        assert recipe.labels == tuple(EXPRESSIONS)
        assert recipe.aus == FEAB_17


def test_both_sets_take_different_parts_of_every_source() -> None:
    feab, pool = load_recipe("feab"), load_recipe("feid-pool")
    for name in FEAB:
        one, other = feab.sources[name], pool.sources[name]
        if name == "ckplus":
            continue  # by person, whichever FEAB took
        assert one.split != other.split or not set(one.where["fold"]) & set(other.where["fold"])
    assert feab.sources["disfa"].people == len(disfa.PARTS[3])
    assert feab.sources["bp4d"].people == len(bp4d.PARTS[3])
    assert pool.sources["bp4d"].people == len(bp4d.PARTS[1]) + len(bp4d.PARTS[2])
    assert {disfa.FOLDS[f"SN{subject:03d}"] for subject in disfa.PARTS[3]} == {1}


def test_a_face_is_asked_about_the_units_that_the_recipe_says_its_source_codes() -> None:
    (task,) = load_tasks("feab_action_units")
    recipe = load_recipe("feab")
    assert dict(task.coded_by) == {name: source.aus for name, source in recipe.sources.items() if source.aus}
    assert set(recipe.sources["ckplus"].aus) <= set(ckplus.AUS)


def test_a_recipe_of_ones_own_is_called_otherwise(tmp_path: Path) -> None:
    text = (shipped("generation") / "sets/feab.yaml").read_text()
    own = tmp_path / "own.yaml"
    own.write_text(text)
    assert load_recipe(str(own)).sha256 == load_recipe("feab").sha256
    own.write_text(text.replace("seed: 2505", "seed: 7"))
    with pytest.raises(FeabError, match=r"is not feab's recipe of feab; call its set by another name"):
        load_recipe(str(own))
    own.write_text(text.replace("seed: 2505", "seed: 7").replace("set: feab", "set: ours"))
    assert load_recipe(str(own)).seed == 7


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("images: 3035", "images: 3036", "sum to 3,035, not to images: 3,036"),
        ("  - choose: people", "  - choose: person", "'person'"),
        ("frame: frame", "colour: red", "colour"),
        ("film: [video]", "film: []\n    most_a_person: 1", "occurs twice"),
        ("count_as: {27: 26}", "count_as: {27: 28}", "count_as may only name AUs of aus"),
        ("happiness: 7", "joy: 7", "sources.ckplus has classes that the set has not"),
        ("set: feab", "set: ../feab", "set"),
        ("set: feab", "- feab", "YAML"),
    ],
)
def test_a_wrong_recipe_is_told(before: str, after: str, told: str, tmp_path: Path) -> None:
    text = (shipped("generation") / "sets/feab.yaml").read_text()
    assert before in text
    (tmp_path / "own.yaml").write_text(text.replace(before, after))
    with pytest.raises(FeabError, match=told):
        load_recipe(str(tmp_path / "own.yaml"))


def test_an_unknown_set_is_told_which_there_are() -> None:
    with pytest.raises(FeabError, match=r"no set 'feid'; there are feab, feid-pool"):
        load_recipe("feid")


def test_recipes_are_validated_as_other_files_are(tmp_path: Path) -> None:
    found = list(check(shipped("generation") / "sets"))
    assert [(one.kind, one.what, one.problems) for one in found] == [
        ("set", "recipe of the set feab, 3,035 faces", ()),
        ("set", "recipe of the set feid-pool, 26,238 faces", ()),
    ]
    text = (shipped("generation") / "sets/feab.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("    most_a_person: 8\n", "    most_a_person: many\n"))
    (problem,) = next(check(tmp_path / "own.yaml")).problems
    assert (
        "most_a_person: many"
        in text.replace("most_a_person: 8", "most_a_person: many").splitlines()[(problem.line or 0) - 1]
    )

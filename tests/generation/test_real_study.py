"""The study with a real annotator, small: asked once, replayed in other orders, verified live."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from annotating import Watched, failing, load_dataset, quick, told, write_faces

from feab.content import shipped
from feab.data import Dataset
from feab.errors import FeabError
from feab.generation.asking import Asker
from feab.generation.prepare import Prepared, prepare
from feab.generation.record import LEVELS
from feab.journal import Journal
from feab.knowledge import fit_joint, load_knowledge

sys.path.insert(0, str(shipped("generation") / "studies"))

import levels
import real


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(str(write_faces(tmp_path_factory.mktemp("real") / "made", 10, free=True)))


@pytest.fixture
def what(dataset: Dataset) -> Prepared:
    return prepare(dataset, quick(), given=["action_units"], limit=30)


@contextmanager
def annotator(what: Prepared, model: Watched, folder: Path) -> Iterator[real.Annotator]:
    asker = Asker(what.recipe, fit_joint(what.recipe.knowledge_numbers()))
    with Journal(folder / "draws.jsonl") as journal:
        yield real.Annotator(model, asker, journal, what.chosen.asked())


def test_each_thing_is_asked_once_and_the_arms_replay_it(what: Prepared, dataset: Dataset, tmp_path: Path) -> None:
    calibrating, judged = real.chosen(what)
    assert all(face.labels.expression[face.row] for face in (*calibrating, *judged))
    first = Watched(told(dataset))
    with annotator(what, first, tmp_path) as fresh:
        fresh.draw([*calibrating, *judged])
    assert sum(first.asked.values()) == (len(calibrating) + len(judged)) * levels.CONTEXTS * levels.DRAWS
    again = prepare(dataset, what.recipe, given=["action_units"], limit=30)
    calibrating, judged = real.chosen(again)
    second = Watched(told(dataset))
    with annotator(again, second, tmp_path) as resumed:
        resumed.draw([*calibrating, *judged])
        assert not second.asked
        learnt, faces = real.faces_of(calibrating, 1), real.faces_of(judged, 1)
        other = real.faces_of(judged, 2)
        options = argparse.Namespace(knowledge="matched", coverage=0.8, budgets=[])
        lines = list(levels.compared(1, options, learnt, faces, lambda: resumed.verify))
        alone = list(real.tables_alone(faces, load_knowledge(), 0.8))
    assert [line["level"] for line in alone] == ["expression", "valence_arousal"]
    assert all(line["cost"] == 0 for line in alone)
    assert 0.5 < alone[0]["primary"] <= 1  # prototypes are what the tables say, but for some
    assert (faces.answers.expression != other.answers.expression).any()
    assert np.array_equal(faces.answers.expression.sum(axis=(1, 2)), other.answers.expression.sum(axis=(1, 2)))
    found = {(line["arm"], line["level"]): line for line in lines}
    assert found["full SEKE", "expression"]["primary"] > 0.8  # the annotator is nearly always right
    assert {question.prompt[0] for question in second.questions} == {"v"}
    assert max(second.asked.values()) == 1


def test_all_faces_lack_the_same_levels_and_none_of_those_judged_calibrates(
    dataset: Dataset,
) -> None:
    options = argparse.Namespace(recipe="seke", calibrate="train", calibrating=40, given=["expression"])
    recipe = real.recipe_of(options)
    assert set(recipe.calibration.elsewhere) == set(LEVELS)
    # Of faces that display no expression it is missing, too.
    calibrating, judged = real.chosen(prepare(dataset, quick(), given=["expression"], limit=30))
    assert {face.missing for face in (*calibrating, *judged)} == {("valence_arousal", "action_units")}
    assert not {face.sample for face in calibrating} & {face.sample for face in judged}


def test_fewer_faces_go_on_with_what_more_were_asked(what: Prepared, dataset: Dataset, tmp_path: Path) -> None:
    _, judged = real.chosen(what)
    with annotator(what, Watched(told(dataset)), tmp_path) as fresh:
        fresh.draw(judged)
    fewer = prepare(dataset, what.recipe, given=["action_units"], limit=10)
    _, judged = real.chosen(fewer)
    assert 0 < len(judged) <= 10
    second = Watched(told(dataset))
    with annotator(fewer, second, tmp_path) as resumed:
        resumed.draw(judged)
    assert not second.asked


def test_what_fails_is_told_and_asked_again(what: Prepared, dataset: Dataset, tmp_path: Path) -> None:
    calibrating, _ = real.chosen(what)
    broken = Watched(told(dataset), lambda number, one: failing(one) if number % 40 == 8 else one)
    with (
        annotator(what, broken, tmp_path) as fresh,
        pytest.raises(FeabError, match="the same command asks again"),
    ):
        fresh.draw(calibrating)
    again = prepare(dataset, what.recipe, given=["action_units"], limit=30)
    calibrating, _ = real.chosen(again)
    whole = Watched(told(dataset))
    with annotator(again, whole, tmp_path) as resumed:
        resumed.draw(calibrating)
    assert 0 < sum(whole.asked.values()) < 0.1 * len(calibrating) * levels.CONTEXTS * levels.DRAWS

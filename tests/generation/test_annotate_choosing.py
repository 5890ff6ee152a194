"""Which faces are annotated and which calibrate: disjoint, reproducible, and with the same levels missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from annotating import load_dataset, without, write_faces
from faces_folder import made_info, rows

from feab.data import Dataset, write_split
from feab.errors import FeabError
from feab.generation.choosing import Chosen, choose
from feab.generation.human import human_labels
from feab.generation.recipe import Calibration, Elsewhere
from feab.vocabulary import FEAB_17


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(str(write_faces(tmp_path_factory.mktemp("seke") / "made", 20, free=True)))


def chosen(
    dataset: Dataset, settings: Calibration | None = None, others: dict[str, Dataset] | None = None, **how: Any
) -> Chosen:
    how = {"given": None, "limit": None, "seed": 0, **how}
    return choose(
        dataset, settings or Calibration(faces=60, per_expression=9), lambda name, _: (others or {})[name], **how
    )


def ids(found: Chosen) -> tuple[set[str], set[str]]:
    return {face.sample for face in found.annotated}, {face.sample for face in found.calibrating}


def test_faces_that_calibrate_are_not_annotated(faces: Dataset) -> None:
    found = chosen(faces, given=["expression"])
    annotated, calibrating = ids(found)
    assert not annotated & calibrating
    assert annotated | calibrating == set(faces.ids)
    words = [face.truth.expression or face.given.expression for face in found.calibrating if face.truth]
    assert min(words.count(word) for word in set(words) - {None}) >= 9
    assert 60 <= len(calibrating) <= 100


def test_what_a_million_faces_share_is_there_once(faces: Dataset) -> None:
    found = chosen(faces, given=["expression"])
    assert len({id(face.missing) for face in found.annotated}) == len({face.missing for face in found.annotated})
    words = found.labels.expression
    assert len({id(word) for word in words}) == len(set(words))


def test_what_is_hidden_is_what_is_missing_elsewhere(faces: Dataset) -> None:
    """A fifth of the faces have no expression: some that have one calibrate without it."""
    found = chosen(faces, given=["expression"])
    patterns = {face.missing for face in found.annotated}
    assert patterns == {("valence_arousal", "action_units"), ("expression", "valence_arousal", "action_units")}
    for face in found.calibrating:
        assert face.missing in patterns
        assert face.truth is not None
        assert (face.truth.expression is None) or "expression" in face.missing
        assert (face.given.expression is None) or "expression" not in face.missing
        assert face.truth.valence is not None
        assert len(face.truth.action_units) == 17
        assert face.given.valence is None
        assert not face.given.action_units
    assert any(face.truth and face.truth.expression for face in found.calibrating)


def test_a_larger_limit_annotates_a_superset_by_the_same_calibration(faces: Dataset) -> None:
    few, more = (chosen(faces, given=["action_units"], limit=limit) for limit in (10, 40))
    assert ids(few)[0] < ids(more)[0]
    assert len(ids(few)[0]) == 10
    assert ids(few)[1] == ids(more)[1]
    assert ids(chosen(faces, given=["action_units"], limit=10, seed=1))[0] != ids(few)[0]
    order = [face.sample for face in more.annotated]
    assert order == [sample for sample in faces.ids if sample in set(order)]


def test_faces_of_which_nothing_is_missing_are_kept_as_they_are(faces: Dataset) -> None:
    found = chosen(faces, Calibration(faces=0, per_expression=0))
    whole = [face for face in found.annotated if not face.missing]
    assert len(whole) == 160
    assert all(face.settled and set(face.human) == {"expression", "valence_arousal", "action_units"} for face in whole)
    assert {face.missing for face in found.asked()} == {("expression",)}
    calibrated = chosen(faces)
    # A face without a gap may calibrate, with its expression hidden, and stays in the annotations with all its labels.
    assert {face.sample for face in calibrated.calibrating} <= {face.sample for face in calibrated.annotated}
    assert all(face.missing == ("expression",) for face in calibrated.calibrating)


def test_a_limit_counts_faces_with_gaps(faces: Dataset) -> None:
    found = chosen(faces, limit=3)
    assert len(found.asked()) - len(found.calibrating) == 3
    assert len(found.annotated) == 6  # and as many of those that people labelled fully


def test_nothing_to_annotate_is_said(tmp_path: Path) -> None:
    full = load_dataset(str(write_faces(tmp_path / "full", 2)))
    with pytest.raises(FeabError, match=r"nothing is missing: people labelled all three .* --given expression"):
        chosen(full)
    with pytest.raises(FeabError, match="no face is left to annotate"):
        chosen(full, Calibration(faces=100, share=1.0), given=[])
    elsewhere = Calibration(elsewhere={"action_units": Elsewhere(data="x", split="test")})
    with pytest.raises(FeabError, match="is annotated itself"):
        chosen(full, elsewhere, {"x": full}, given=["expression"])


def test_another_dataset_covers_the_levels_it_is_named_for(tmp_path: Path) -> None:
    words = load_dataset(str(write_faces(tmp_path / "words", 4, without("au", "valence", "arousal"))))
    coded = load_dataset(str(write_faces(tmp_path / "coded", 4, without("expression", "valence", "arousal"))))
    elsewhere = Calibration(elsewhere={"action_units": Elsewhere(data="coded", split="test")})
    found = chosen(words, elsewhere, {"coded": coded})
    assert len(found.calibrating) == len(coded)
    assert {face.key[0] for face in found.calibrating} == {"seke made test"}
    assert {face.missing for face in found.calibrating} == {("valence_arousal", "action_units")}
    assert all(face.truth and face.truth.action_units and face.truth.expression is None for face in found.calibrating)
    assert len(found.annotated) == len(words)  # none of its own faces calibrates: they lack what is missing


def test_intensities_become_presence_where_presence_is_not_coded(tmp_path: Path) -> None:
    def graded(row: dict[str, Any]) -> dict[str, Any]:
        row = {**row, "au12_presence": None, "au12_intensity": 3.0, "au06_presence": None, "au06_intensity": 1.0}
        return {**row, "au25_presence": 1.0, "au25_intensity": 0.0, "au26_presence": None, "valence": None}

    labels = human_labels(load_dataset(str(write_faces(tmp_path / "graded", 1, graded))))
    coded = labels.coded(0)
    assert coded[12] is True
    assert coded[6] is False
    assert coded[25] is True  # presence is the coder's own word
    assert 26 not in coded
    assert labels.levels(0) == ("expression", "action_units")  # arousal alone is not valence and arousal
    assert labels.given(0, ["valence_arousal"]).arousal is None


@pytest.mark.parametrize(
    ("stretched", "dropped", "told"),
    [
        ({"au27_presence": 1.0}, 0.0, True),
        ({"au27_presence": 0.0}, 1.0, True),
        ({"au27_presence": 0.0}, 0.0, False),
        ({}, 0.0, False),
        ({"au27_intensity": 4.0}, None, True),
        ({"au27_intensity": 1.0}, None, None),
    ],
)
def test_a_mouth_stretched_open_is_a_dropped_jaw(
    tmp_path: Path, stretched: dict[str, float], dropped: float | None, told: bool | None
) -> None:
    """FACS codes AU27 in place of 26: of a face with 27, "26 absent" would be wrong."""
    info = made_info("allowed").model_copy(update={"aus": [*FEAB_17, 27]})
    row = {**next(rows(1)), "au26_presence": dropped, **stretched}
    write_split(tmp_path / "open", "test", [row], info)
    labels = human_labels(load_dataset(str(tmp_path / "open")))
    assert labels.coded(0).get(26) is told
    assert labels.units.shape == (1, 17)

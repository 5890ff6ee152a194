"""Tasks made for a dataset ask in the words of the shipped ones, about the labels that the dataset holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from feab.answers import parse
from feab.data import Dataset, load_dataset, write_split
from feab.errors import FeabError
from feab.schemas import DatasetInfo
from feab.tasks import load_tasks
from feab.tasks.made import is_made, made_for
from feab.vocabulary import EXPRESSIONS, FEAB_17


def own(folder: Path, *rows: Mapping[str, Any]) -> Dataset:
    """A CSV file of such rows, beside one picture."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(folder / "a.jpg")
    names = list(rows[0])
    lines = [",".join(["id", "image", *names])]
    lines += [",".join([f"s{n}", "a.jpg", *(str(row[name]) for name in names)]) for n, row in enumerate(rows)]
    (folder / "labels.csv").write_text("\n".join(lines))
    return load_dataset(folder)


def test_the_full_lists_give_the_shipped_questions(tmp_path: Path) -> None:
    aus = {f"au{au}": 1 for au in FEAB_17}
    data = own(tmp_path / "My Set", *({"expression": e, "valence": 0, "arousal": 0, **aus} for e in EXPRESSIONS))
    made = {task.kind: task for task in made_for(data)}
    for shipped in load_tasks("synth"):
        task = made[shipped.kind]
        assert task.name == f"My-Set_{shipped.kind}"
        assert (task.dataset, task.split) == ("My-Set", "test")
        assert (task.labels, task.aus, task.threshold) == (shipped.labels, shipped.aus, None)
        assert task.identity().prompts == shipped.identity().prompts
        assert [task.prompt_text(name) for name in task.prompts] == [shipped.prompt_text(n) for n in shipped.prompts]
        assert is_made(task.identity())
        assert not is_made(shipped.identity())
        assert shipped.version in task.version
    assert [task.identity() for task in made_for(data)] == [task.identity() for task in made.values()]


def test_only_what_occurs_is_asked(tmp_path: Path) -> None:
    rows = [{"expression": e, "au4": "", "au12": au} for e, au in (("Angry", 1), ("happy", 0), ("other", ""), ("", ""))]
    expression, units = made_for(own(tmp_path, *rows))
    assert expression.labels == ("happiness", "anger", "other")  # the vocabulary's order, then the rest
    assert set(expression.definitions) == {"happiness", "anger"}
    assert "happiness, anger, other." in expression.prompt_text("direct")
    assert "- other: other" in expression.prompt_text("definitions")
    assert parse("Other.", "expression", expression.labels).value == "other"
    assert (units.aus, units.threshold) == ((12,), None)


def test_an_au_outside_the_usual_ones_can_be_asked(tmp_path: Path) -> None:
    (task,) = made_for(own(tmp_path, {"au12": 0, "au43": 1}))
    assert task.aus == (12, 43)
    assert parse("12, 43", "action_units", task.options).value == frozenset({12, 43})


def test_intensities_and_their_threshold(tmp_path: Path) -> None:
    data = own(tmp_path, {"au1": 0, "au2": 3}, {"au1": 1, "au2": ""})
    assert [task.threshold for task in made_for(data)] == [2.0]
    assert [task.threshold for task in made_for(data, au_threshold=3)] == [3.0]
    for wrong in (0, -1, 5.1, float("nan")):
        with pytest.raises(FeabError, match="must be above 0 and at most 5"):
            made_for(data, au_threshold=wrong)
    with pytest.raises(FeabError, match="holds no AU intensities"):
        made_for(own(tmp_path, {"au1": 0}), au_threshold=2)


def test_the_form_in_which_more_aus_are_coded_is_asked(tmp_path: Path) -> None:
    both = {"au1_presence": 1, "au1_intensity": 3, "au2_intensity": 0}
    assert [(task.aus, task.threshold) for task in made_for(own(tmp_path, both))] == [((1, 2), 2.0)]
    even = {"au1_presence": 1, "au1_intensity": 3}
    assert [(task.aus, task.threshold) for task in made_for(own(tmp_path, even))] == [((1,), None)]
    assert [task.threshold for task in made_for(own(tmp_path, even), au_threshold=1)] == [1]


def test_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="nothing to ask"):
        made_for(own(tmp_path, {"expression": "happy", "valence": 0.5}, {"expression": "", "valence": ""}))


def test_a_dataset_folder_of_any_name_and_labels(tmp_path: Path) -> None:
    info = DatasetInfo(
        name="Ünsere Daten/7", version="1", splits={}, licence="x", images_may_be_shared=False, third_party="ask",
        labels=["calm", "fear", "awe"],
    )  # fmt: skip
    rows = [{"id": f"{n}", "image": b"x", "expression": e} for n, e in enumerate(("fear", "calm", "awe"))]
    write_split(tmp_path / "set", "test", rows, info)
    data = load_dataset(tmp_path / "set")
    (task,) = made_for(data)
    assert (task.name, task.labels) == ("nsere-Daten-7_expression", ("fear", "awe", "calm"))
    assert made_for(data, "asked then")[0].name == "asked-then_expression"

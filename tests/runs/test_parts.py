"""What a run asks: the samples a task can score, and the seeded spread of --limit."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest
from faces_folder import make_faces

from feab.data import Dataset, load_dataset
from feab.errors import FeabError
from feab.records import Sampling
from feab.runs import plan
from feab.runs.parts import questions_of
from feab.runs.selection import rows_asked
from feab.tasks import load_tasks


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_faces(tmp_path_factory.mktemp("faces") / "made", people=20)


def test_the_label_columns_say_what_the_task_says_of_each_sample(faces: Path) -> None:
    dataset = load_dataset(str(faces))
    for task in load_tasks("synth"):
        by_sample = [row for row, sample in enumerate(dataset) if task.asks_about(sample)]
        assert rows_asked(task, dataset.labels()).tolist() == by_sample
    assert len(rows_asked(load_tasks("synth_expression")[0], dataset.labels())) == 160


def test_a_limit_takes_a_spread_that_grows_by_supersets(faces: Path) -> None:
    dataset = load_dataset(str(faces))
    labels = dataset.labels()
    task = load_tasks("synth_expression")[0]
    small, large = (rows_asked(task, labels, limit=limit, seed=0).tolist() for limit in (40, 80))
    assert len(small) == 40
    assert small == sorted(small)
    assert set(small) < set(large)
    assert len(Counter(labels["expression"][small])) == 8  # all classes, though rows lie person by person
    assert len(Counter(labels["subject"][small])) >= 12
    assert rows_asked(task, labels, limit=40, seed=1).tolist() != small
    shuffled = labels.sample(frac=1, random_state=1).reset_index(drop=True)
    again = rows_asked(task, shuffled, limit=40, seed=0)
    assert set(shuffled["id"][again]) == set(labels["id"][small])  # whatever the order of the rows


def test_plan_counts_and_refuses(faces: Path) -> None:
    parts = plan("synth", data=str(faces), prompts="direct,json", limit=7, draws=3)
    assert [part.expected for part in parts] == [42, 42, 42]
    assert [part.task.dataset for part in parts] == ["made"] * 3
    assert [sample.id for sample in parts[0].samples] == parts[0].ids
    with pytest.raises(FeabError, match="has no prompt 'other'"):
        plan("synth", data=str(faces), prompts="other")
    with pytest.raises(FeabError, match="unknown task"):
        plan("nothing", data=str(faces))


def test_all_questions_about_a_face_follow_each_other(faces: Path, tmp_path: Path) -> None:
    parts = plan("synth", data=str(faces), prompts="json,direct", limit=30)
    keys = [question.key for question in questions_of(parts, Sampling())]
    assert keys == [question.key for question in questions_of(parts, Sampling())]
    assert set(keys) == {(p.task.name, face, prompt) for p in parts for face in p.ids for prompt in p.prompts}
    assert len(keys) == len(set(keys)) == 180
    assert len(list(itertools.groupby(keys, key=lambda key: key[1]))) == len({sample for _, sample, _ in keys})
    names = [part.task.name for part in parts]
    _, first = next(itertools.groupby(keys, key=lambda key: key[1]))
    order = [(names.index(task), ["json", "direct"].index(prompt)) for task, _, prompt in first]
    assert order == sorted(order)
    other = plan("synth", data=str(make_faces(tmp_path / "other", people=4)), limit=2)
    both = [question.key for question in questions_of([parts[0], *other, parts[1]], Sampling())]
    assert both[:120] == [key for key in keys if key[0] in names[:2]]
    assert len(both) == 126, "the other dataset's faces come after all of the first one's"


def test_each_face_is_read_once(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = plan("synth", data=str(faces), prompts="all", limit=10)
    read: list[int] = []
    plain = Dataset.__getitem__
    monkeypatch.setattr(Dataset, "__getitem__", lambda dataset, row: read.append(row) or plain(dataset, row))
    questions = questions_of(parts, Sampling())
    next(questions)
    assert len(read) == 1
    assert sum(1 for _ in questions) == sum(part.expected for part in parts) - 1
    assert read == sorted({int(row) for part in parts for row in part.rows})


def test_plan_refuses_a_dataset_without_the_labels(tmp_path: Path) -> None:
    from faces_folder import picture

    from feab.data import write_split
    from feab.schemas import DatasetInfo

    info = DatasetInfo(
        name="bare", version="1", splits={}, licence="none", images_may_be_shared=True, third_party="allowed"
    )
    write_split(tmp_path / "bare", "test", [{"id": "a", "image": picture(1)}], info)
    with pytest.raises(FeabError, match="bare/test holds no sample with a label that task synth_action_units scores"):
        plan("synth_action_units", data=str(tmp_path / "bare"))

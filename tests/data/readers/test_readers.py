"""Every dataset: its miniature is made, prepared, and asked about."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

import feab
from feab.data import load_dataset, validate_dataset
from feab.data.readers import mimic, names, prepare, reader_of
from feab.data.readers.fer2013 import USAGES, grey_png, voted
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.tasks import Task, list_tasks
from feab.tasks.scoring import SLICED


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize("name", names())
def test_a_miniature_is_prepared_without_a_fault(name: str, tmp_path: Path) -> None:
    reader = reader_of(name)
    mimic(name, tmp_path / "as-delivered", 20)
    made = prepare(name, tmp_path / "as-delivered")
    assert not made.absent
    assert not made.kept
    for split, summary in made.splits.items():
        assert summary.samples >= 10, split
        assert summary.skipped == {}
        dataset = load_dataset(name, split)
        assert len(dataset) == summary.samples == len(set(dataset.ids))
        assert all(sample.media.read() for sample in dataset)
    assert set(made.splits) == set(reader.splits)
    info = validate_dataset(made.folder)
    assert info.licence
    assert info.source


@pytest.mark.parametrize("task", [task for task in list_tasks() if task.dataset in names()], ids=lambda task: task.name)
def test_every_task_is_asked_of_its_miniature(task: Task, tmp_path: Path) -> None:
    mimic(task.dataset, tmp_path / "as-delivered", max(24, 8 * len(task.labels)))
    made = prepare(task.dataset, tmp_path / "as-delivered")
    run = feab.run("baseline/uniform", tasks=task.name, out=tmp_path / "run")
    scores = feab.score(run).tasks[task.name]
    assert 0 < scores.n <= made.splits[task.split].samples
    assert scores.coverage == 1
    if task.kind == "expression":  # every label of the task occurs, and the dataset has no other but those left out
        assert set(task.labels) == set(scores.detail["per_class"]) - set(scores.detail["absent"])
        assert set(task.labels) <= set(made.info.labels)
    if task.kind == "action_units":
        assert set(task.aus) <= set(made.info.aus)
    if task.folds:
        folds = scores.detail["folds"]
        assert sorted(folds) == [str(1 + fold) for fold in range(3 if task.kind == "action_units" else 5)]
        assert sum(fold["n"] for fold in folds.values()) == scores.n
        assert {f"{name}_fold_mean" for name in SLICED[task.kind]} <= set(scores.metrics)


def test_every_split_is_asked_about_or_says_why_not() -> None:
    asked = {(task.dataset, task.split) for task in list_tasks()}
    for reader in map(reader_of, names()):
        assert asked & {(reader.name, split) for split in reader.splits}
        for split in reader.splits:
            told = split in ("train", "validation") or f"No task asks about split {split}:" in reader.notes
            assert (reader.name, split) in asked or told, f"{reader.name}, {split}"


@pytest.mark.full
def test_the_embedded_model_answers_about_miniatures(tmp_path: Path) -> None:
    tasks = [task for task in list_tasks() if task.dataset in names()]
    for name in names():
        mimic(name, tmp_path / name, 8)
        prepare(name, tmp_path / name)
    run = feab.run("feab-tiny", tasks=[task.name for task in tasks], out=tmp_path / "run")
    scores = feab.score(run)
    assert scores.complete
    assert set(scores.tasks) == {task.name for task in tasks}


@pytest.mark.parametrize("name", names())
def test_bytes_and_paths_have_one_fingerprint(name: str, tmp_path: Path) -> None:
    mimic(name, tmp_path / "as-delivered", 12)
    paths = prepare(name, tmp_path / "as-delivered", tmp_path / "paths")
    stored = prepare(name, tmp_path / "as-delivered", tmp_path / "bytes", images="bytes")
    for split, summary in paths.splits.items():
        assert stored.splits[split].fingerprint == summary.fingerprint


def test_every_reader_has_the_name_it_is_listed_by() -> None:
    assert [reader_of(name).name for name in names()] == names()


def test_names_are_known_as_people_write_them() -> None:
    assert reader_of("RAF-DB").name == "rafdb"
    with pytest.raises(FeabError, match=r"no reader for a dataset 'nonesuch'; there are .*rafdb"):
        reader_of("nonesuch")


def test_the_majority_keeps_as_many_faces_as_ferplus_own_tool() -> None:
    shared = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "ferplus_votes.csv"
    if not shared.is_file():
        pytest.skip("the public vote file is not here")
    kept: dict[str, int] = {}
    named: dict[str, int] = {}
    for _, cells in Tree(shared.parent).cells(shared.name):
        if cells[0] in USAGES and cells[1]:
            named[cells[0]] = named.get(cells[0], 0) + 1
            label = voted([int(vote) for vote in cells[2:12]])["expression"]
            kept[cells[0]] = kept.get(cells[0], 0) + (label is not None)
    assert named == {"Training": 28_561, "PublicTest": 3_579, "PrivateTest": 3_574}
    assert kept == {"Training": 25_060, "PublicTest": 3_199, "PrivateTest": 3_153}


def test_ferplus_takes_the_pictures_of_its_own_tool(tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic("ferplus", root, 16)
    rows = load_dataset(prepare("ferplus", root).folder, "test")
    labels = rows.labels()
    for split, folder in (("train", "FER2013Train"), ("validation", "FER2013Valid"), ("test", "FER2013Test")):
        (root / "data" / folder).mkdir(parents=True)
        for sample in load_dataset("ferplus", split):
            (root / "data" / folder / f"{sample.id}.png").write_bytes(sample.media.read())
    (root / "fer2013.csv").unlink()
    other = load_dataset(prepare("ferplus", root, tmp_path / "other").folder, "test")
    assert other.fingerprint == rows.fingerprint
    assert other.labels().equals(labels)


def test_ferplus_refuses_pictures_that_are_not_its_own(tmp_path: Path) -> None:
    mimic("ferplus", tmp_path / "a", 16)
    lines = (tmp_path / "a/fer2013.csv").read_text().splitlines()
    (tmp_path / "a/fer2013.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    with pytest.raises(FeabError, match=r"row 2 is Training, but that row of fer2013.csv is not: they differ"):
        prepare("ferplus", tmp_path / "a")


def test_a_grey_picture_is_stored_as_its_numbers(tmp_path: Path) -> None:
    levels = bytes(number % 256 for number in range(48 * 48))
    with Image.open(io.BytesIO(grey_png(levels, 48))) as picture:
        picture.load()
        assert (picture.mode, picture.size, picture.tobytes()) == ("L", (48, 48), levels)

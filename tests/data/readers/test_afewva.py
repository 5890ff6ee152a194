"""AFEW-VA: what was given from -10 to 10 is in [-1, 1]; the annotated face is cut out; nobody is named."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feab.data import load_dataset
from feab.data.readers import mimic, prepare
from feab.data.readers.afewva import read
from feab.data.readers.tree import Tree
from feab.tasks import load_tasks
from feab.tasks.crops import shown


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    mimic("afewva", tmp_path / "as-delivered", 16)
    return tmp_path / "as-delivered"


def change(root: Path, clip: str, how: Callable[[dict[str, Any]], object]) -> None:
    path = root / clip / f"{clip.rpartition('/')[2]}.json"
    said = json.loads(path.read_text())
    how(said)
    path.write_text(json.dumps(said))


def test_whole_numbers_to_ten_become_numbers_to_one(root: Path) -> None:
    given = ((-10, 10), (0, 0), (3, -7), (1, 2.5))

    def values(said: dict[str, Any]) -> None:
        for number, (valence, arousal) in enumerate(given):
            said["frames"][f"{number:05d}"] |= {"valence": valence, "arousal": arousal}

    change(root, "01/001", values)
    dataset = load_dataset(prepare("afewva", root).folder)
    mine = [sample for sample in dataset if sample.id.startswith("001/")]
    assert [sample.id for sample in mine] == [f"001/{number:05d}" for number in range(4)]
    assert [(sample.valence, sample.arousal) for sample in mine] == [
        (pytest.approx(valence / 10), pytest.approx(arousal / 10)) for valence, arousal in given
    ]


def test_the_face_of_the_landmarks_is_cut_out_with_its_forehead(root: Path) -> None:
    """A frame of a film shows more people than one; the landmarks say whose face is meant."""
    points = [[100.0, 80.0]] * 66 + [[140.0, 80.0], [100.0, 160.0]]
    change(root, "01/001", lambda said: said["frames"]["00000"].update({"landmarks": points}))
    change(root, "01/001", lambda said: said["frames"]["00001"].update({"landmarks": []}))
    first, second = list(load_dataset(prepare("afewva", root).folder))[:2]
    assert first.face == (100, 60, 40, 100)  # a quarter of 80 pixels above the topmost point
    assert second.face is None
    (task,) = load_tasks("afewva_valence_arousal")
    with Image.open(io.BytesIO(shown(first, task.crop).read())) as picture:
        assert picture.size == (48, 120)


def test_actors_are_told_apart_and_not_named(root: Path) -> None:
    change(root, "02/052", lambda said: said.pop("actor"))
    made = prepare("afewva", root)
    labels = load_dataset(made.folder).labels()
    people = labels.groupby("video")["subject"].first()
    assert people["001"] == people["051"] != people["002"]
    assert people.isna()["052"]
    assert all(b"Actor" not in path.read_bytes() for path in made.folder.iterdir())


def test_clips_without_folders_of_parts_are_the_same(root: Path, tmp_path: Path) -> None:
    before = prepare("afewva", root)
    flat = tmp_path / "flat"
    flat.mkdir()
    for clip in sorted(root.glob("??/???")):
        shutil.move(clip, flat / clip.name)
    shutil.copytree(flat / "001", flat / "001_cropped")  # of other people's copies
    made = prepare("afewva", flat, tmp_path / "other")
    assert made.splits["test"].skipped == {}
    assert made.splits["test"].fingerprint == before.splits["test"].fingerprint


def test_one_part_alone_is_known(root: Path) -> None:
    shutil.rmtree(root / "01")
    assert prepare("afewva", root).splits["test"].samples == 8


def test_a_landmark_that_is_too_large_for_a_number_is_named(root: Path) -> None:
    change(root, "01/001", lambda said: said["frames"]["00000"]["landmarks"].append([0.5, 10**400]))
    change(root, "01/001", lambda said: said["frames"]["00000"]["landmarks"].pop(0))
    assert prepare("afewva", root).splits["test"].skipped == {"bad row": 1}


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-12, 12)
    | st.just(10**400)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_POINTS = st.lists(st.lists(_ANY, min_size=2, max_size=2), min_size=68, max_size=68) | _ANY
_FRAME = st.fixed_dictionaries({}, optional={"valence": _ANY, "arousal": _ANY, "landmarks": _POINTS})


@given(_ANY | st.dictionaries(st.sampled_from(["00000", "1", "-1", "x", ""]), _FRAME | _ANY, max_size=4), _ANY)
def test_every_frame_of_a_clip_is_labelled_or_named(frames: Any, actor: Any) -> None:
    named: list[int | str | None] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "001").mkdir()
        said = json.dumps({"frames": frames, "actor": actor})
        (Path(folder) / "001/001.json").write_text(said)
        found = list(read(Tree(Path(folder)), "test", lambda file, line, why, detail: named.append(line)))
    whole = not isinstance(frames, dict) or "Infinity" in said
    assert named == [None] if whole else len(found) + len(named) == len(frames)
    for row in found:
        assert -1 <= row.labels["valence"] <= 1
        assert -1 <= row.labels["arousal"] <= 1
        assert row.labels.get("face") is None or min(row.labels["face"][2:]) > 0

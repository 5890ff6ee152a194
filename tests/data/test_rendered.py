from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

import feab.data.rendered
import feab.faces.labels
import feab.faces.synth
from feab.data import load_dataset, read_info, validate_dataset
from feab.data.card import build_card, write_card
from feab.data.rendered import build_synth, render_dataset
from feab.errors import FeabError
from feab.faces.synth import SplitSpec


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One identity, 24 small pictures, made by the real renderer."""
    return render_dataset(1, 11, 64, tmp_path_factory.mktemp("faces") / "mine", workers=1)


def test_a_rendered_set_is_a_valid_dataset(faces: Path) -> None:
    info = validate_dataset(faces)
    data = load_dataset(faces)
    assert (info.name, info.third_party, info.images_may_be_shared) == ("mine", "allowed", True)
    assert (len(data), data.info.splits["test"].pinned) == (24, False)
    labels = data.labels()
    assert labels["expression"].notna().sum() == 16
    assert labels["valence"].notna().all()
    assert sorted(path.name for path in faces.iterdir()) == ["dataset.json", "test.parquet"]


def test_pictures_have_the_size_asked_for(faces: Path) -> None:
    sample = load_dataset(faces)[0]
    assert Image.open(io.BytesIO(sample.media.read())).size == (64, 64)
    assert sample.face is not None
    assert sample.face[2] <= 64


def test_a_finished_set_is_not_rendered_again(faces: Path) -> None:
    before = (faces / "test.parquet").stat().st_mtime_ns
    assert render_dataset(1, 11, 64, faces, workers=1) == faces
    assert (faces / "test.parquet").stat().st_mtime_ns == before
    with pytest.raises(FeabError, match="another dataset"):
        render_dataset(1, 12, 64, faces)


def test_a_set_of_another_renderer_is_told_from_another_set(faces: Path, tmp_path: Path) -> None:
    old = tmp_path / faces.name
    shutil.copytree(faces, old)
    info = read_info(old)
    assert ", renderer " in info.source
    changed = info.model_copy(update={"source": info.source.rpartition(" ")[0] + " 000000000000", "notes": "older"})
    (old / "dataset.json").write_text(changed.model_dump_json())
    with pytest.raises(FeabError, match="was rendered by another version of feab"):
        render_dataset(1, 11, 64, old, workers=1)
    with pytest.raises(FeabError, match="holds another dataset"):
        render_dataset(1, 12, 64, old, workers=1)


def test_a_broken_off_rendering_goes_on_to_the_same_bytes(faces: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 24:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_dataset(2, 11, 64, tmp_path / "mine", workers=1, on_progress=stop)
    assert not (tmp_path / "mine" / "test.parquet").exists()
    seen: list[int] = []
    render_dataset(2, 11, 64, tmp_path / "mine", workers=1, on_progress=lambda done, _: seen.append(done))
    assert seen[0] >= 24, "what was finished is not made again"
    whole, first = load_dataset(tmp_path / "mine"), load_dataset(faces)
    assert len(whole) == 48
    assert [s.media.read() for s in whole[:24]] == [s.media.read() for s in first]


def test_the_card_counts_what_the_labels_say(faces: Path, tmp_path: Path) -> None:
    card = build_card(faces)
    labels = load_dataset(faces).labels()
    positives = int((labels["au12_presence"] == 1).sum())
    assert f"| 12 | lip corner puller | {positives} |" in card
    assert load_dataset(faces).fingerprint in card
    assert "not validated by people" in card
    assert "The gate has not been run" in card
    assert "A display is not a feeling" in card


def test_the_card_prints_the_gate(faces: Path, tmp_path: Path) -> None:
    gate = {
        "coded": [1, 12],
        "method": "a net of ours",
        "threshold": 0.9,
        "aus": {"9": {"cnn": 0.8123, "rivals": {"4": 0.71, "10": 0.9}, "mediapipe": None}},
        "oracle": {"mean CCC": 0.61},
    }
    (tmp_path / "gate.json").write_text(json.dumps(gate))
    card = build_card(faces, tmp_path / "gate.json")
    assert "| 9 | nose wrinkler | no | 0.812 | 0.710 (v. 4) | – |" in card
    assert "because they fail: 2, 4, 5, 6, 7, 9, 10" in card
    assert "mean CCC 0.610" in card
    (tmp_path / "gate.json").write_text('{"aus": []}')
    with pytest.raises(FeabError, match=r"gate\.json"):
        build_card(faces, tmp_path / "gate.json")


def test_the_card_becomes_the_readme(faces: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(faces, tmp_path / "copy"))
    assert write_card(copy).read_text(encoding="utf-8") == build_card(copy)


@pytest.fixture
def small_synth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`synth` with one identity a split and 64 px, and an empty cache."""
    splits = {name: SplitSpec(name, seed, 1) for seed, name in enumerate(("train", "test"), 1)}
    monkeypatch.setattr(feab.faces.synth, "SPLITS", splits)
    monkeypatch.setattr(feab.data.rendered, "SIZE", 64)
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "synth"


def test_train_is_rendered_once_into_the_cache(small_synth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    first = load_dataset("synth", "train", on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (24, 24)
    assert first.folder.parent == small_synth
    assert not first.info.splits["train"].pinned
    made = (first.folder / "train.parquet").stat().st_mtime_ns
    again = load_dataset("synth", "train", on_progress=lambda *_: pytest.fail("rendered again"))
    assert again.folder == first.folder
    assert (again.folder / "train.parquet").stat().st_mtime_ns == made

    # A kill between the Parquet file and dataset.json: the split is put together again.
    (first.folder / "dataset.json").unlink()
    assert load_dataset("synth", "train").fingerprint == first.fingerprint

    # Another gate: other labels, so another folder, from the same pictures.
    monkeypatch.setattr(feab.faces.labels, "coded_aus", lambda: (1, 12))
    monkeypatch.setattr("feab.faces.shards.identity_shots", lambda *_, **__: pytest.fail("rendered again"))
    relabelled = load_dataset("synth", "train")
    assert relabelled.folder != first.folder
    assert relabelled.info.aus == [1, 12]
    assert [s.media.read() for s in relabelled] == [s.media.read() for s in first]


def test_the_shipped_form_is_pinned_and_has_its_subset(small_synth: Path, tmp_path: Path) -> None:
    folder = build_synth("test", tmp_path / "shipped", workers=1)
    mini = load_dataset(folder, subset="synth_mini")
    assert (mini.name, len(mini)) == ("synth_mini", 24)
    assert mini.info.splits["test"].pinned
    with pytest.raises(FeabError, match="training"):
        build_synth("training", tmp_path / "other")

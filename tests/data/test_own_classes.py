"""Folders of class folders: the names of folders are the labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_files import picture, table
from PIL import Image
from samples import jpeg

from feab.data import load_dataset
from feab.data.columns import check_labels
from feab.data.names import safe_id, safe_name
from feab.errors import FeabError
from feab.pictures import PICTURE_ENDINGS, PICTURE_FORMATS
from feab.schemas import DatasetInfo


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_folders_are_labels(tmp_path: Path) -> None:
    for n, path in enumerate(("happy/1.jpg", "happy/old/2.JPG", "Anger/x.png", "Neutral/a.jpeg", "other/b.webp")):
        picture(tmp_path / "faces", path, n)
    data = load_dataset(tmp_path / "faces")
    assert data.ids == ["Anger/x.png", "Neutral/a.jpeg", "happy/1.jpg", "happy/old/2.JPG", "other/b.webp"]
    assert data.labels()["expression"].tolist() == ["anger", "neutral", "happiness", "happiness", "other"]
    assert data.info.labels == ["neutral", "happiness", "anger", "other"]
    assert data[3].media.read() == jpeg(1)
    assert (data.name, data.notes) == ("faces", ())
    assert len(data.fingerprint) == 64


def test_what_is_no_picture_is_passed_over_and_counted(tmp_path: Path) -> None:
    for path in ("sad/1.jpg", "sad/.hidden.jpg", ".git/2.jpg", "loose.jpg", "fear/__MACOSX/._1.jpg"):
        picture(tmp_path, path)
    for path in ("sad/Thumbs.db", "notes.txt", "fear/x.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
    (tmp_path / "docs").mkdir()  # no pictures in it, so its name need be no label
    (tmp_path / "docs" / "read.me").write_text("x")
    os.mkfifo(tmp_path / "sad" / "pipe.jpg")
    (tmp_path / "again").symlink_to(tmp_path / "sad")
    data = load_dataset(tmp_path)
    assert data.ids == ["sad/1.jpg"]
    assert data.notes == (
        "passed over: 5 files that are no pictures",
        "passed over: 1 links to folders",
        "passed over: 1 pictures outside class folders",
    )


def test_unknown_folders_are_told_all_at_once(tmp_path: Path) -> None:
    for n, path in enumerate(("happy/1.jpg", "smile/1.jpg", "smile/in/2.jpg", "3/1.jpg")):
        picture(tmp_path, path, n)
    with pytest.raises(
        FeabError, match=r"folders: unknown expression labels:\n  'smile': 2\n  '3': 1\nfeab knows neutral"
    ):
        load_dataset(tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out_of_the_folder_are_refused(tmp_path: Path, kind: str) -> None:
    picture(tmp_path / "in", "happy/1.jpg")
    picture(tmp_path / "out", "2.jpg")
    target = tmp_path / "out" / ("2.jpg" if kind == "file" else "")
    (tmp_path / "in" / "happy" / "link.jpg").symlink_to(target)
    with pytest.raises(FeabError, match="a link that leads out of"):
        load_dataset(tmp_path / "in")
    (tmp_path / "link").symlink_to(tmp_path / "out")  # the folder itself may be reached by a link
    picture(tmp_path / "out", "fear/2.jpg")
    assert load_dataset(tmp_path / "link").ids == ["fear/2.jpg"]


def test_a_split_is_chosen_and_said(tmp_path: Path) -> None:
    for n, path in enumerate(("Train/happy/1.jpg", "val/sad/1.jpg", "test/fear/1.jpg", "test/sad/1.jpg")):
        picture(tmp_path, path, n)
    data = load_dataset(tmp_path)
    assert (data.ids, data.split) == (["fear/1.jpg", "sad/1.jpg"], "test")
    assert data.notes == ("taken: test/, not val, Train",)
    assert load_dataset(tmp_path, "train").ids == ["happy/1.jpg"]
    assert load_dataset(tmp_path, "validation").ids == ["sad/1.jpg"]
    for path in ("test/fear/1.jpg", "test/sad/1.jpg"):
        (tmp_path / path).unlink()
    for path in ("test/fear", "test/sad", "test"):
        (tmp_path / path).rmdir()
    with pytest.raises(FeabError, match=r"holds val, Train, and none of them is 'test'"):
        load_dataset(tmp_path)


def test_a_csv_file_goes_before_folders_and_several_do_not(tmp_path: Path) -> None:
    picture(tmp_path, "happy/1.jpg")
    picture(tmp_path, "sad/2.jpg")
    table(tmp_path, [["image", "expression"], ["happy/1.jpg", "anger"]], "a.csv")
    assert load_dataset(tmp_path).labels()["expression"].tolist() == ["anger"]
    table(tmp_path, [["image", "expression"]], "b.csv")
    data = load_dataset(tmp_path)
    assert data.labels()["expression"].tolist() == ["happiness", "sadness"]
    assert "not used: 2 CSV files beside the class folders" in data.notes


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match=r"no dataset\.json, no CSV file and no pictures in class folders"):
        load_dataset(tmp_path)
    picture(tmp_path, "happy/1.jpg")
    for told in ({"columns": {"image": "x"}}, {"images": tmp_path}):
        with pytest.raises(FeabError, match="go with a CSV file"):
            load_dataset(tmp_path, **told)
        with pytest.raises(FeabError, match="go with a CSV file"):
            load_dataset("synth", **told)
    with pytest.raises(FeabError, match="has no subset 'small'"):
        load_dataset(tmp_path, subset="small")


def test_a_folder_of_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from feab.data import classes

    for n in range(5):
        picture(tmp_path, f"happy/{n}.jpg")
    monkeypatch.setattr(classes, "MAX_ENTRIES", 6)
    assert len(load_dataset(tmp_path)) == 5
    monkeypatch.setattr(classes, "MAX_ENTRIES", 5)
    with pytest.raises(FeabError, match="holds more than 5 files"):
        load_dataset(tmp_path)
    monkeypatch.undo()
    picture(tmp_path, "/".join(["happy", *"d" * 33, "x.jpg"]))
    with pytest.raises(FeabError, match="more than 32 folders deep"):
        load_dataset(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="such names can be given on POSIX only")
def test_odd_names_give_ids_that_can_be_written(tmp_path: Path) -> None:
    long = "/".join(["n" * 60] * 4)
    for n, name in enumerate(("<b>.jpg", "a\nb.jpg", f"{long}.jpg", "ünï.jpg")):
        picture(tmp_path, f"happy/{name}", n)
    data = load_dataset(tmp_path)
    assert len(set(data.ids)) == 4
    assert {sample.media.read() for sample in data} == {jpeg(n) for n in range(4)}
    assert "happy/ünï.jpg" in data.ids
    assert any(sample.startswith("happy/_b_.jpg~") for sample in data.ids)
    with (tmp_path / "happy" / os.fsdecode(b"\xff.jpg")).open("wb") as file:
        file.write(jpeg(1))
    with pytest.raises(FeabError, match="is not UTF-8; rename it"):
        load_dataset(tmp_path)


def test_the_endings_are_those_of_the_formats() -> None:
    known = Image.registered_extensions()
    assert {ending: known[ending] for ending in PICTURE_ENDINGS} == dict(PICTURE_ENDINGS)
    assert set(PICTURE_ENDINGS.values()) == set(PICTURE_FORMATS)


@given(st.text(min_size=1, max_size=300).filter(lambda t: t.isascii() or t.isprintable()))
def test_ids_follow_the_rule_and_are_the_paths_where_they_can_be(path: str) -> None:
    import pyarrow as pa

    made = safe_id(path)
    info = DatasetInfo(name="x", version="1", splits={}, licence="", images_may_be_shared=False, third_party="ask")
    check_labels(pa.table({"id": pa.chunked_array([[made]], pa.string())}), info, "here")
    assert safe_id(path) == made
    assert len(path) > 200 or made == path or "~" in made


def test_names_of_datasets_are_plain() -> None:
    assert [safe_name(text) for text in ("My faces (new)", "faces", "лица", "..", "a/b", "_x_")] == [
        "My-faces-new", "faces", "faces", "faces", "a-b", "x",
    ]  # fmt: skip
    assert len(safe_name("x" * 300)) == 60

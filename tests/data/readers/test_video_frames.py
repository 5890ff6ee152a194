"""Frames out of the videos that DISFA is delivered as."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from feab.data import load_dataset
from feab.data.readers import mimic, prepare
from feab.data.readers.framefolders import from_one, video_frames
from feab.errors import FeabError


def film(path: Path, frames: list[bytes]) -> None:
    """An AVI file of pictures."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuvj420p"
        for data in frames:
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            container.mux(stream.encode(av.VideoFrame.from_image(picture).reformat(format="yuvj420p")))
        container.mux(stream.encode())


@pytest.mark.parametrize("folder", ["", "Videos_LeftCamera"])
def test_a_video_gives_the_frames_that_a_folder_of_them_gives(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))
    root = tmp_path / "as-delivered"
    mimic("disfa", root, 18)
    before = load_dataset(prepare("disfa", root, tmp_path / "folders").folder).labels()
    for frames in root.glob("LeftVideo*"):
        pictures = [path.read_bytes() for path in sorted(frames.iterdir())]
        film(root / folder / f"{frames.name}.avi", [*pictures, pictures[0]])  # one more than is coded
        for path in frames.iterdir():
            path.unlink()
        frames.rmdir()
    made = prepare("disfa", root, tmp_path / "videos")
    assert load_dataset(made.folder).labels().equals(before)
    assert made.splits["test"].skipped == {}
    picture = Image.open(io.BytesIO(load_dataset(made.folder)[0].media.read()))
    assert (picture.format, picture.size) == ("JPEG", (224, 224))


@pytest.mark.parametrize("data", [b"", b"RIFF....AVI LIST", b"#EXTM3U\n/etc/passwd\n"])
def test_what_is_no_video_is_told(data: bytes, tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "a.avi").write_bytes(data)
    with pytest.raises(FeabError, match=r"cannot be read as a video .*, after frame 0"):
        list(video_frames(tmp_path / "a.avi"))


def test_without_pyav_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(FeabError, match=r"pip install 'feab\[video\]', or put the frames in a folder"):
        list(video_frames(tmp_path / "a.avi"))


def test_frames_counted_from_nought_are_counted_from_one() -> None:
    assert from_one({0: "a", 1: "b"}) == {1: "a", 2: "b"}
    assert from_one({1: "a", 2: "b"}) == {1: "a", 2: "b"}
    assert from_one({}) == {}

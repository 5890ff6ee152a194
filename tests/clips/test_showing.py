"""Clips as datasets hold them, stored frames or a video file, and what of them a model is shown."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filming import encoded, greys, level_of
from PIL import Image
from samples import INFO, jpeg

from feab.clips.sampling import parse_sampling
from feab.clips.showing import CLIP_COLUMNS, USUAL_FPS, shown
from feab.data import load_dataset, validate_dataset, write_split
from feab.errors import FeabError
from feab.models.wrappers.replicas_work import Work
from feab.records import Closed, Media, Message, Option, Question, Sample, Text
from feab.records import Image as Shown
from feab.tasks.crops import AS_DELIVERED, FACE, all_shown

pytest.importorskip("av")

CLIPS = INFO.model_copy(update={"aus": [], "subsets": {}})


def frames_row(number: int, count: int = 6, **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"id": f"c{number}", "expression": "happiness", "subject": f"s{number}"}
    return row | {"frames": [jpeg(10 * number + i) for i in range(count)], "onset": 1, "apex": 3, "offset": 5} | other


@pytest.fixture(scope="module")
def film() -> bytes:
    return encoded(greys(12))


@pytest.fixture(scope="module")
def videos(film: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two videos: one within the Parquet file, one beside it."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "clips").mkdir()
    (folder / "clips" / "b.mp4").write_bytes(film)
    rows = [
        {"id": "a", "expression": "anger", "clip": film, "apex": 9},
        {"id": "b", "expression": "fear", "clip": {"bytes": None, "path": "clips/b.mp4"}, "apex": None},
    ]
    write_split(folder, "test", rows, CLIPS, extra=CLIP_COLUMNS)
    return folder


def test_stored_frames_are_shown_as_the_task_says(tmp_path: Path) -> None:
    write_split(tmp_path, "test", [frames_row(1), frames_row(2, fps=3.0)], CLIPS)
    validate_dataset(tmp_path)
    data = load_dataset(tmp_path)
    assert (list(data.media), data.has_clips) == (["image", "frames"], True)
    first, second = data
    seen = shown(first, parse_sampling("apex:3"))
    assert [media.read() for media in seen.pictures] == [jpeg(11), jpeg(13), jpeg(15)]
    assert seen.times == pytest.approx([1 / USUAL_FPS, 3 / USUAL_FPS, 5 / USUAL_FPS])
    assert shown(second, parse_sampling("uniform:2")).times == pytest.approx([1 / 3, 4 / 3])
    assert [m.read() for m in shown(second, parse_sampling("rate:1")).pictures] == [jpeg(21), jpeg(24)]
    assert first.media.read() == jpeg(13), "where only one picture can be shown, it is the peak"


def test_a_picture_is_a_picture_whatever_the_task_says() -> None:
    still = Sample("a", Media(data=jpeg(1)))
    seen = shown(still, parse_sampling("uniform:8"))
    assert (seen.pictures, seen.times) == ((still.media,), ())
    clip = Sample("a", Media(data=jpeg(1)), frames=(Media(data=jpeg(2)),) * 3)
    assert shown(clip, None).pictures == (clip.media,)


def test_videos_are_shown_frame_by_frame(videos: Path) -> None:
    validate_dataset(videos)
    data = load_dataset(videos)
    assert list(data.media) == ["image", "clip"]
    for sample in data:
        seen = shown(sample, parse_sampling("uniform:4"))
        assert [level_of(media.read()) for media in seen.pictures] == [1, 4, 7, 10]
        assert seen.times == pytest.approx([1 / 12, 4 / 12, 7 / 12, 10 / 12])
        assert len(shown(sample, parse_sampling("rate:3")).pictures) == 3
    first, second = data
    assert [level_of(m.read()) for m in shown(first, parse_sampling("apex:2")).pictures] == [0, 9]
    assert level_of(first.media.read()) == 9
    assert level_of(second.media.read()) == 6, "without a peak, the middle"


def test_a_video_is_decoded_once_for_all_its_frames(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import feab.clips.showing

    calls = []
    real = feab.clips.showing.pictures
    monkeypatch.setattr(feab.clips.showing, "pictures", lambda *given: calls.append(1) or real(*given))
    seen = shown(load_dataset(videos)[0], parse_sampling("uniform:6"))
    assert not calls, "nothing is decoded before it is read"
    assert len({media.read() for media in seen.pictures}) == 6
    assert [media.read() for media in seen.pictures] == [media.read() for media in seen.pictures]
    assert len(calls) == 1


def test_frames_of_a_video_can_be_sent_to_another_process(videos: Path) -> None:
    seen = shown(load_dataset(videos)[1], parse_sampling("uniform:2"))
    there = pickle.loads(pickle.dumps(seen))
    assert [media.read() for media in there.pictures] == [media.read() for media in seen.pictures]


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (Sample("a", Media(), clip=Media(data=b"no video")), "cannot be read as a video"),
        (Sample("a", Media(), clip=Media(path="/nowhere/clip.mp4")), "No such file"),
        (Sample("a", Media(), frames=(Media(data=b"x"),) * 3, extra={"apex": 3}), "apex 3 is none of its 3 frames"),
        (Sample("a", Media(), frames=(Media(data=b"x"),) * 3, extra={"apex": "2"}), "apex '2' is no whole number"),
        (Sample("a", Media(), frames=(Media(data=b"x"),) * 3, extra={"onset": True}), "onset True is no whole number"),
        (Sample("a", Media(), frames=(Media(data=b"x"),) * 3, extra={"fps": "fast"}), "fps 'fast' is no number"),
    ],
)
def test_a_clip_that_cannot_be_used_costs_its_own_question_only(sample: Sample, said: str) -> None:
    (broken,) = shown(sample, parse_sampling("uniform:4")).pictures
    with pytest.raises(OSError, match=said):
        broken.read()


@pytest.mark.parametrize("marks", [{"apex": 99}, {"apex": "last"}, {"apex": -1}, {"onset": 5, "apex": 2}])
def test_columns_that_are_no_marks_cost_nothing_where_the_clip_is_not_shown(tmp_path: Path, marks: Any) -> None:
    row = {"id": "a", "expression": "anger", "frames": [jpeg(i) for i in range(6)], **marks}
    write_split(tmp_path, "test", [row], CLIPS)
    (sample,) = load_dataset(tmp_path)
    assert sample.media.read() == jpeg(3)


def test_a_video_that_breaks_off_is_an_error_of_reading(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    import feab.clips.showing
    from feab.clips.video import probe

    facts = probe(Media(data=film))
    longer = type(facts)(60, facts.fps, tuple(n / 12 for n in range(60)))
    monkeypatch.setattr(feab.clips.showing, "probe", lambda _: longer)
    seen = shown(Sample("a", Media(), clip=Media(data=film)), parse_sampling("uniform:4"))
    with pytest.raises(OSError, match="ends after 12 of the 60 frames"):
        seen.pictures[0].read()


def test_without_pyav_it_is_said_how_to_get_it(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FeabError, match=r"pip install 'feab\[video\]'"):
        shown(load_dataset(videos)[0], parse_sampling("uniform:2"))
    with pytest.raises(FeabError, match=r"pip install 'feab\[video\]'"):
        validate_dataset(videos)


def test_the_fingerprint_knows_the_video(film: bytes, tmp_path: Path) -> None:
    def written(name: str, clip: Any) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.mp4").write_bytes(film)
        row = {"id": "a", "expression": "anger", "clip": clip}
        return write_split(folder, "test", [row], CLIPS).splits["test"].fingerprint

    one = written("one", film)
    assert written("two", {"bytes": None, "path": "a.mp4"}) == one, "where it is stored is no part of it"
    assert written("three", film + b"\0") != one


def test_validation_names_what_is_wrong_with_a_clip(film: bytes, tmp_path: Path) -> None:
    for name, row, said in (
        ("cut", {"clip": film[: len(film) // 2]}, r"clip: (cannot be read as a video|ends after|holds no video)"),
        ("apex", {"clip": film, "apex": 12}, "clip: apex 12 is none of its 12 frames"),
        ("order", {"frames": [jpeg(1), jpeg(2)], "onset": 1, "apex": 0}, "clip: onset 1 comes after apex 0"),
    ):
        folder = tmp_path / name
        write_split(folder, "test", [{"id": "a", "expression": "anger", **row}], CLIPS, extra=CLIP_COLUMNS)
        with pytest.raises(FeabError, match=said):
            validate_dataset(folder)


def test_videos_in_class_folders_are_read_where_they_lie(
    film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "mine"
    other = encoded(greys(5))
    for path, data in {"happy/1.mp4": film, "happy/old/2.MP4": other, "Angry/3.avi": film, "Angry/x.txt": b""}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    data = load_dataset(root)
    assert data.ids == ["Angry/3.avi", "happy/1.mp4", "happy/old/2.MP4"]
    assert [sample.expression for sample in data] == ["anger", "happiness", "happiness"]
    assert data.has_clips
    assert list(data.notes) == ["passed over: 1 files that are no videos"]
    assert [len(shown(sample, parse_sampling("uniform:8")).pictures) for sample in data] == [8, 8, 5]
    before = data.fingerprint
    (root / "happy" / "1.mp4").write_bytes(other)
    assert load_dataset(root).fingerprint != before
    (root / "happy" / "1.mp4").write_bytes(b"no video")
    with pytest.raises(FeabError, match=r"1 of 3 pictures cannot be used:\n  video 2: .*cannot be read as a video"):
        _ = load_dataset(root).fingerprint


def test_pictures_in_class_folders_win_over_videos(film: bytes, tmp_path: Path) -> None:
    for path, data in {"happy/1.mp4": film, "angry/2.jpg": jpeg(1)}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    data = load_dataset(tmp_path)
    assert (data.ids, data.has_clips) == (["angry/2.jpg"], False)
    assert list(data.notes) == ["passed over: 1 files that are no pictures"]


def test_the_fingerprint_of_own_videos_is_that_of_the_same_dataset(
    film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine" / "happy").mkdir(parents=True)
    (tmp_path / "mine" / "happy" / "1.mp4").write_bytes(film)
    own = load_dataset(tmp_path / "mine")
    rows = [{"id": "happy/1.mp4", "expression": "happiness", "clip": film}]
    assert write_split(tmp_path / "set", "test", rows, CLIPS).splits["test"].fingerprint == own.fingerprint


def test_the_box_of_a_clip_is_cut_out_of_every_frame_of_a_video(videos: Path) -> None:
    sample = replace(load_dataset(videos)[0], face=(10.0, 10.0, 20.0, 20.0))
    seen = all_shown(sample, FACE, parse_sampling("uniform:3"))
    whole = all_shown(sample, AS_DELIVERED, parse_sampling("uniform:3"))
    assert whole.times == seen.times
    assert [Image.open(io.BytesIO(one.read())).size for one in seen.pictures] == [(24, 24)] * 3
    assert [level_of(one.read()) for one in seen.pictures] == [level_of(one.read()) for one in whole.pictures]


def test_frames_of_a_video_travel_to_another_machine_as_bytes(videos: Path) -> None:
    seen = shown(load_dataset(videos)[1], parse_sampling("uniform:2"))
    message = Message("user", (*map(Shown, seen.pictures), Text("?")))
    closed = (Closed("", (message,), (Option("yes", ("yes",)),)),)
    asked = Question("t", "b", "p", "expression", (message,), closed=closed, times=seen.times)
    (sent,) = Work([asked]).chunk()
    for messages in (sent.messages, sent.closed[0].messages):
        assert [part.media for part in messages[0].parts[:2]] == [Media(data=one.read()) for one in seen.pictures]
    assert sent.times == seen.times

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from filming import encoded, greys, level_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import feab.clips.video
from feab.clips.video import pictures, probe, recording
from feab.errors import FeabError
from feab.records import Media

pytest.importorskip("av")

KINDS = [("mpeg4", "mp4"), ("mpeg4", "avi"), ("mpeg4", "mov"), ("ffv1", "matroska"), ("mpeg4", "matroska")]


@pytest.fixture(scope="module")
def film() -> bytes:
    return encoded(greys(12))


@pytest.mark.parametrize(("codec", "container"), KINDS)
def test_frames_of_a_video_are_counted_dated_and_found(codec: str, container: str) -> None:
    video = Media(data=encoded(greys(12), codec=codec, container=container))
    facts = probe(video)
    assert facts.frames == len(facts.times) == 12
    assert facts.fps == pytest.approx(12, rel=0.01)
    assert facts.times[0] == 0
    assert facts.times[6] == pytest.approx(0.5, abs=0.01)
    found = pictures(video, (0, 5, 11), facts.frames)
    assert {number: level_of(jpeg) for number, jpeg in found.items()} == {0: 0, 5: 5, 11: 11}


def test_frames_that_are_stored_out_of_order_come_in_the_order_shown() -> None:
    """H.264 with B-frames: packets are decoded in another order than they are shown."""
    import av

    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV has no H.264 encoder")
    video = Media(data=encoded(greys(16), codec="libx264"))
    facts = probe(video)
    assert facts.frames == 16
    found = pictures(video, range(16), 16)
    assert [level_of(found[number]) for number in range(16)] == list(range(16))


def test_a_video_is_read_from_a_file_as_from_bytes(film: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(film)
    assert probe(Media(path=str(path))) == probe(Media(data=film))
    assert pictures(Media(path=str(path)), (3,), 12) == pictures(Media(data=film), (3,), 12)


def test_a_recording_gives_every_frame_in_order(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.clips.video.MAX_FRAMES", 3)  # of clips, which are short
    assert dict(enumerate(recording(Media(data=film)))) == pictures(Media(data=film), range(12), 12)
    monkeypatch.setattr("feab.clips.video.MAX_VIDEO_PIXELS", 48 * 48 - 1)
    with pytest.raises(FeabError, match="pixels are decoded"):
        next(recording(Media(data=film)))


def test_the_same_video_gives_the_same_bytes(film: bytes) -> None:
    assert pictures(Media(data=film), (4, 9), 12) == pictures(Media(data=film), (4, 9), 12)


@pytest.mark.parametrize(
    "data", [b"", b"no video" * 100, b"\x00" * 5000, b"\xff\xd8\xff\xe0" * 50, b"RIFF\xff\xff\xff\x7fAVI LIST"]
)
def test_what_is_no_video_is_refused(data: bytes) -> None:
    with pytest.raises(FeabError, match=r"cannot be read as a video|holds no"):
        probe(Media(data=data))


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_video_gives_pictures_or_a_clear_error(film: bytes, data: st.DataObject) -> None:
    damaged = bytearray(film)
    for _ in range(data.draw(st.integers(1, 12))):
        damaged[data.draw(st.integers(0, len(film) - 1))] = data.draw(st.integers(0, 255))
    video = Media(data=bytes(damaged[: data.draw(st.integers(1, len(film)))]))
    try:
        facts = probe(video)
        found = pictures(video, (0, facts.frames - 1), facts.frames)
    except FeabError:
        return
    assert set(found) == {0, facts.frames - 1}
    assert all(jpeg.startswith(b"\xff\xd8\xff") for jpeg in found.values())


def test_a_list_of_other_files_is_not_followed(film: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(film)
    for name, text in {
        "play.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile {tmp_path}/secret.mp4\n",
        "list.mp4": f"ffconcat version 1.0\nfile {tmp_path}/secret.mp4\n",
        "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }.items():
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(FeabError, match="cannot be read as a video"):
            probe(Media(path=str(path)))


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MAX_FRAMES", 11, "more than 11 frames"),
        ("MAX_SECONDS", 0.5, "lasts 1 s"),
        ("MAX_VIDEO_PIXELS", 48 * 48 - 1, "too large a one"),
        ("MAX_VIDEO", 1000, "larger than 0 MiB"),
        ("PATIENCE_S", -1.0, "takes more than"),
    ],
)
def test_everything_is_bounded(
    film: bytes, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, said: str
) -> None:
    monkeypatch.setattr(feab.clips.video, limit, value)
    with pytest.raises(FeabError, match=said):
        probe(Media(data=film))


def test_decoding_is_bounded_too(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feab.clips.video, "PATIENCE_S", -1.0)
    with pytest.raises(FeabError, match="takes more than"):
        pictures(Media(data=film), (0,), 12)


def test_a_frame_or_two_that_are_missing_at_the_end_are_the_last_one(film: bytes) -> None:
    found = pictures(Media(data=film), (11, 13), 14)
    assert {number: level_of(jpeg) for number, jpeg in found.items()} == {11: 11, 13: 11}
    with pytest.raises(FeabError, match="ends after 12 of the 40 frames"):
        pictures(Media(data=film), (39,), 40)


def test_a_video_that_was_filmed_upright_is_shown_upright() -> None:
    """Telephones store what they see lying on its side, and a matrix that turns it. Here a quarter to the right."""
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:, 24:] = 255  # black left, white right
    data = encoded([frame] * 3)
    start = data.index(b"tkhd") + 4 + 40  # ISO 14496-12: the matrix of a track header of version 0
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 32 << 16, 0, 1 << 30)
    video = Media(data=data[:start] + turned + data[start + len(turned) :])
    assert probe(video).frames == 3
    with Image.open(io.BytesIO(pictures(video, (1,), 3)[1])) as picture:
        shown = np.asarray(picture.convert("L"))
    assert shown.shape == (48, 32)
    assert shown[:20].mean() < 40, "black is above now"
    assert shown[-20:].mean() > 215


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "clip.mp4")
    with pytest.raises(FeabError, match="not a file"):
        probe(Media(path=str(tmp_path / "clip.mp4")))
    with pytest.raises(FeabError, match="cannot be read"):
        probe(Media(path=str(tmp_path / "none.mp4")))


def test_sound_without_pictures_is_no_video() -> None:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(FeabError, match="holds no video"):
        probe(Media(data=out.getvalue()))

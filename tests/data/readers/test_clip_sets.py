"""What is particular to each set of clips: the order of frames, folds, votes, marks, and forms of delivery."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import feab
from feab.clips import probe
from feab.data import load_dataset, read_info, validate_dataset
from feab.data.readers import mimic, prepare, reader_of
from feab.data.readers.framefolders import clip_frames
from feab.data.readers.looking import PictureError
from feab.data.readers.mafw import SINGLE
from feab.data.readers.moving import MovingFaces
from feab.data.readers.record import Why
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.metrics.votes import read_votes

sys.path.insert(0, str(Path(__file__).parent))

from planted_clip_faults import change_sheet


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "as-delivered"


def told_nothing(file: str, line: int | str | None, why: Why, detail: str) -> None:
    raise AssertionError(detail)


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for name in ("10.jpg", "2.jpg", "00001_00003.jpg", "reg_img46.JPG", "7(a).png", "cover.jpg", "notes.txt"):
        (tmp_path / "c" / name).write_bytes(b"x")
    assert clip_frames(Tree(tmp_path), "c", "list", 1, told_nothing) == [
        (None, "c/cover.jpg"), (2, "c/2.jpg"), (3, "c/00001_00003.jpg"), (7, "c/7(a).png"), (10, "c/10.jpg"),
        (46, "c/reg_img46.JPG"),
    ]  # fmt: skip


def test_a_folder_with_more_frames_than_a_clip_has_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.data.readers.framefolders.MAX_FRAMES", 2)
    told = []
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    tree = Tree(tmp_path.parent)
    assert clip_frames(tree, tmp_path.name, "list", 7, lambda *what: told.append(what)) == []
    assert [what[:3] for what in told] == [("list", 7, "bad clip")]


def test_moving_faces_are_videos_with_a_peak() -> None:
    faces = MovingFaces()
    face = faces.of("happiness", 0)
    assert 0 <= face.onset < face.apex < face.offset < len(face.frames) == 12
    assert faces.of("happiness", 2) == face
    assert faces.of("happiness", 1) != face
    found = probe(feab.records.Media(data=faces.video(face)))
    assert (found.frames, found.fps) == (12, pytest.approx(face.fps))
    assert MovingFaces().video(face) == faces.video(face)
    with pytest.raises(FeabError, match="no rendered clip displays 'boredom'"):
        faces.of("boredom", 0)


@pytest.mark.parametrize("steps", [(96, 192), (192,)])
def test_rendering_is_told_where_there_is_any(steps: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the cache already is told of as done at once, which nobody needs to see."""

    def rows(*_: object, on_progress: Callable[[int, int], None], **__: object) -> Iterator[dict[str, Any]]:
        for done in steps:
            on_progress(done, 192)
        yield {"expression": "fear", "frames": [], "fps": 6.0, "onset": 0, "apex": 1, "offset": 2}

    monkeypatch.setattr("feab.faces.moving.clip_rows", rows)
    told: list[tuple[int, int]] = []
    MovingFaces(lambda *done: told.append(done)).of("fear", 0)
    assert told == ([(96, 192), (192, 192)] if len(steps) > 1 else [])


def test_dfew_in_its_three_forms(root: Path) -> None:
    mimic("dfew", root, 20)
    made = prepare("dfew", root)
    aligned, sixteen, original = (load_dataset("dfew", split) for split in ("test", "sixteen", "original"))
    assert aligned.ids == sixteen.ids == original.ids
    assert aligned[0].votes == original[0].votes
    labels = aligned.labels()
    assert labels["fold"].value_counts().to_dict() == dict.fromkeys(range(1, 6), 4)
    assert [frame.read() for frame in aligned[3].frames] == [frame.read() for frame in sixteen[3].frames]
    assert len(sixteen[0].frames) == 12
    assert original[0].clip is not None
    assert not original[0].frames
    votes = aligned.votes()
    assert votes is not None
    raters = read_votes(votes, 7).raters
    assert raters is not None
    assert set(raters) == {10.0}
    validate_dataset(made.folder)


def test_dfew_with_one_form_holds_one_split(root: Path) -> None:
    mimic("dfew", root, 10)
    for name in ("clip_224x224", "original"):
        shutil.rmtree(root / "Clip" / name)
    shutil.rmtree(root / "Annotation")
    (root / "EmoLabel_DataSplit/test(single-labeled)").rename(root / "EmoLabel_DataSplit/test(single_labeled)")
    made = prepare("dfew", root)
    assert set(made.splits) == {"sixteen"}
    assert made.splits["sixteen"].votes == 0
    assert made.absent == {"test": ("Clip/clip_224x224",), "original": ("Clip/original",)}


def test_votes_in_another_order_leave_the_labels(root: Path) -> None:
    mimic("mafw", root, 22)
    header = ["clip", "invalid", "disgust", "anger"]
    change_sheet(root / "Labels/annotation.xlsx", {(1, place): word for place, word in enumerate(header, 1)})
    assert prepare("mafw", root).splits["test"].votes == 22  # two of eleven columns: most votes still agree
    change_sheet(root / "Labels/annotation.xlsx", {(1, 3 + place): word for place, word in enumerate(reversed(SINGLE))})
    made = prepare("mafw", root, again=True)
    assert (made.splits["test"].samples, made.splits["test"].votes) == (22, 0)
    assert made.splits["test"].skipped == {"bad row": 1}
    assert "contradict the labels" in (made.folder / "test.skipped.jsonl").read_text()


def test_a_sheet_of_votes_that_cannot_be_read_leaves_the_labels(root: Path) -> None:
    mimic("mafw", root, 22)
    (root / "Labels/annotation.xlsx").write_bytes(b"PK")
    made = prepare("mafw", root)
    assert (made.splits["test"].samples, made.splits["test"].votes) == (22, 0)
    assert made.splits["test"].skipped == {"bad row": 1}


def test_answers_about_mafw_are_scored_against_its_votes(root: Path, tmp_path: Path) -> None:
    mimic("mafw", root, 66)
    prepare("mafw", root)
    run = feab.run("baseline/majority", "mafw_expression", out=tmp_path / "run")
    scores = feab.score(run).tasks["mafw_expression"]
    # Eight of eleven people agree on every clip: these are right about the others' plurality, and the three are wrong.
    assert scores.metrics["votes_one_out_human"].value == pytest.approx(8 / 11)
    assert scores.metrics["accuracy_fold_mean"].value == pytest.approx(1 / 11, abs=0.03)


def test_casme2_is_a_pair_of_onset_and_apex(root: Path, tmp_path: Path) -> None:
    mimic("casme2", root, 35)
    made = prepare("casme2", root)
    rows = load_dataset("casme2")
    apexes = rows.labels(["apex"])["apex"]
    assert apexes.isna().tolist() == [number == 1 for number in range(35)]
    face = MovingFaces().of("happiness", 0)
    assert [frame.read() for frame in rows[0].frames] == list(face.frames[face.onset : face.offset + 1])
    assert (rows[0].extra["first_frame"], rows[0].extra["apex"], rows[0].extra["fps"]) == (
        40, face.apex - face.onset, 200.0,
    )  # fmt: skip
    assert rows[1].au_presence[10] == 1.0  # L10
    assert rows[1].au_presence[12] == 0.0
    assert {rows[number].expression for number in range(7)} == set(read_info(made.folder).labels)
    (task,) = feab.tasks.load_tasks("casme2_expression")
    (question,) = task.questions([rows[0]])
    shown = [part.media.read() for part in question.messages[0].parts if hasattr(part, "media")]
    assert shown == [face.frames[face.onset], face.frames[face.apex]]
    assert question.times == (0.0, pytest.approx((face.apex - face.onset) / 200))


def test_cropped_and_raw_frames_are_the_same_clip(root: Path) -> None:
    """In the miniature their pictures are the same, so what is left is which of them are taken."""
    mimic("casme2", root, 14)
    made = prepare("casme2", root)
    assert made.splits["test"].fingerprint == made.splits["raw"].fingerprint


def test_casme2_from_a_csv_file_and_folders_in_folders(root: Path) -> None:
    mimic("casme2", root, 14)
    before = prepare("casme2", root)
    lines = [",".join(cells) for _, cells in Tree(root).cells("CASME2-coding-20140508.xlsx")]
    (root / "CASME2-coding-20140508.xlsx").unlink()
    with pytest.raises(FeabError, match=r"holds no CASME2-coding-\.\.\.\.xlsx, nor that sheet saved as \.csv"):
        prepare("casme2", root, again=True)
    (root / "CASME2-coding-20140508.csv").write_text("\n".join(lines) + "\n")
    (root / "Cropped").rename(root / "C")
    (root / "Cropped").mkdir()
    (root / "C").rename(root / "Cropped" / "Cropped")
    made = prepare("casme2", root, again=True)
    assert made.splits["test"].fingerprint == before.splits["test"].fingerprint


def test_ferv39k_in_a_folder_of_its_name(root: Path) -> None:
    mimic("ferv39k", root, 14)
    before = prepare("ferv39k", root)
    (root / "2_ClipsforFaceCrop").rename(root / "C")
    (root / "2_ClipsforFaceCrop").mkdir()
    (root / "C").rename(root / "2_ClipsforFaceCrop" / "2_ClipsforFaceCrop")
    made = prepare("ferv39k", root, again=True)
    assert made.splits["test"].fingerprint == before.splits["test"].fingerprint
    assert set(load_dataset("ferv39k").labels()["scene"]) == {"Action", "DailyLife", "Interview", "Talkshow"}


def test_a_video_is_found_again_by_its_path(root: Path) -> None:
    mimic("mafw", root, 11)
    prepare("mafw", root)
    sample = load_dataset("mafw")[0]
    assert sample.clip is not None
    assert Path(str(sample.clip.path)) == (root / f"data/clips/{sample.id}.mp4").resolve()
    with Image.open(io.BytesIO(sample.media.read())) as still:
        assert (still.format, still.size) == ("JPEG", (64, 64))


def test_without_pyav_it_is_said_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clip is passed over for it: all of them would be."""
    mimic("mafw", root, 11)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FeabError, match=r"pip install 'feab\[video\]'") as caught:
        prepare("mafw", root)
    assert not isinstance(caught.value, PictureError)
    with pytest.raises(FeabError, match=r"pip install 'feab\[video\]'"):
        mimic("mafw", root.parent / "other", 11)


WORDS = st.sampled_from(
    ("00025.mp4", "anger", "Happy", "Action/Happy/0001", "../../..", "1", "3", "", ",", '"', "x\0y", "é", "1e9", "nan")
)
LINES = st.lists(st.one_of(st.lists(WORDS, max_size=9).map(" ".join), st.lists(WORDS, max_size=9).map(",".join),
                           st.text(max_size=20)), max_size=6)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "header"),
    [
        ("ferv39k", "4_setups/All_scenes/test_All.csv", ""),
        ("mafw", "Train & Test Set/single/no_caption/set_2/test.txt", ""),
        ("mafw_compound", "Train & Test Set/compound/no_caption/set_2/test.txt", ""),
        ("dfew", "EmoLabel_DataSplit/test(single-labeled)/set_2.csv", "video_name,label"),
        ("casme2", "CASME2-coding-1.csv", "Subject,Filename,,OnsetFrame,ApexFrame,OffsetFrame,,x,Estimated Emotion"),
    ],
)
@settings(max_examples=40)
@given(lines=LINES)
def test_every_line_of_any_list_is_a_row_or_a_fault(name: str, file: str, header: str, lines: list[str]) -> None:
    reader = reader_of(name)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in ("2_ClipsforFaceCrop/a", "data/clips/a", "Clip/clip_224x224/a", "Cropped/a", file):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join([header, *lines]).lstrip("\n") + "\n"
        (root / file).write_bytes(text.encode("utf-8", "surrogatepass"))
        tree = Tree(root)
        told: list[object] = []
        rows = list(reader.read(tree, "test", lambda *what: told.append(what)))
        listed = sum(1 for _ in tree.lines(file)) - bool(header)
        elsewhere = sum(what[2] == "missing file" for what in told)  # type: ignore[index]
        assert len(rows) + len(told) - elsewhere == listed

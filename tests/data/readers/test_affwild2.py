"""Aff-Wild2: rows are frames, whatever crops are there; three lists meet; people of one video are one cluster."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import feab
from feab.data import load_dataset
from feab.data.readers import Prepared, mimic, prepare
from feab.data.readers.affwild2 import AUS, CODES, read
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.runs.table import sums

CHALLENGES = ("EXPR_Classification", "VA_Estimation", "AU_Detection")
VIDEO = "11-30-1280x720"


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    mimic("affwild2", tmp_path / "as-delivered", 24)
    return tmp_path / "as-delivered"


def folder(root: Path, challenge: str, part: str = "Validation_Set") -> Path:
    return root / f"annotations/{challenge}_Challenge/{part}"


def frames(made: Prepared, split: str = "validation") -> pd.DataFrame:
    labels: pd.DataFrame = load_dataset(made.folder, split).labels()
    return labels.set_index("id").sort_index()


def coded(row: pd.Series) -> list[float]:
    return [row[f"au{au:02d}_presence"] for au in AUS]


def test_row_i_is_frame_i_however_many_crops_are_missing(root: Path, tmp_path: Path) -> None:
    """A reader that counts the crops instead would move every label after a frame without a face."""
    before = frames(prepare("affwild2", root))
    for frame in (3, 4):
        (root / f"cropped_aligned/{VIDEO}/{frame:05d}.jpg").unlink()
    made = prepare("affwild2", root, tmp_path / "made")
    after = frames(made)
    assert made.splits["validation"].skipped == {"missing picture": 2}
    assert set(before.index) - set(after.index) == {f"{VIDEO}/00003", f"{VIDEO}/00004"}
    assert after.equals(before.loc[after.index])
    codes = (folder(root, "EXPR_Classification") / f"{VIDEO}.txt").read_text().splitlines()
    for name, row in after[after["video"] == VIDEO].iterrows():
        assert name == f"{VIDEO}/{row['frame']:05d}"
        assert row["expression"] == CODES[int(codes[row["frame"]])]


def test_the_pictures_of_a_frame_is_the_one_of_its_number(root: Path) -> None:
    made = prepare("affwild2", root)
    for sample in load_dataset(made.folder, "validation"):
        assert str(sample.media.path).endswith(f"/{sample.id}.jpg")


def test_three_lists_meet_and_what_a_list_does_not_say_is_not_labelled(root: Path) -> None:
    found = frames(prepare("affwild2", root))
    left, right = (found.index.str.startswith(f"15_{side}/") for side in ("left", "right"))
    assert found["expression"].notna().all()
    assert list(found["valence"].isna()) == list(right)  # the list of valence and arousal has no such video
    assert list(found["au12_presence"].isna()) == list(left)
    assert set(found["video"]) == {"11-30-1280x720", "12-30-640x360", "13-24-720x480", "14-30-1280x720", "15"}


def test_people_of_one_video_are_one_cluster(root: Path) -> None:
    prepare("affwild2", root)
    run = feab.run("baseline/uniform", tasks="affwild2_expression", out=root.parent / "run")
    assert feab.score(run).tasks["affwild2_expression"].metrics["macro_f1"].clusters == 5


def test_invalid_codes_are_not_labelled_and_never_a_class(root: Path) -> None:
    lines = {
        "EXPR_Classification": ["-1", "7", "-1", "0"],
        "VA_Estimation": ["-5,-5", "-5.0,0.5", "-1,1", "0.25,-0.5"],
        "AU_Detection": [
            ",".join(["-1"] * 12),
            ",".join(["-1", *["1"] * 11]),
            ",".join(["0"] * 12),
            ",".join(["1"] * 12),
        ],
    }
    for challenge, rows in lines.items():
        path = folder(root, challenge) / f"{VIDEO}.txt"
        path.write_text("\n".join([path.read_text().splitlines()[0], *rows]) + "\n")
    made = prepare("affwild2", root)
    assert made.splits["validation"].skipped == {}
    found = frames(made)
    assert f"{VIDEO}/00001" not in found.index  # nothing is annotated there, so its missing crop is no fault
    second, third, fourth = (found.loc[f"{VIDEO}/0000{frame}"] for frame in (2, 3, 4))
    assert pd.isna(third["expression"])
    assert (second["expression"], fourth["expression"]) == ("other", "neutral")
    assert np.isnan(second["valence"])
    assert second["arousal"] == 0.5
    assert (third["valence"], third["arousal"], fourth["valence"], fourth["arousal"]) == (-1, 1, 0.25, -0.5)
    assert np.isnan(coded(second)[0])
    assert coded(second)[1:] == [1] * 11
    assert (coded(third), coded(fourth)) == ([0] * 12, [1] * 12)


def test_the_names_of_other_years_deliveries_give_the_same(root: Path, tmp_path: Path) -> None:
    before = prepare("affwild2", root)
    (root / "annotations").rename(root / "6th ABAW Annotations")
    above = root / "6th ABAW Annotations"
    (above / "EXPR_Classification_Challenge").rename(above / "EXPR_Recognition_Challenge")
    for old, new in (("cropped_aligned", "batch1"), ("cropped_aligned_new_50_vids", "batch2")):
        (root / new).mkdir()
        (root / old).rename(root / new / old)
    other = prepare("affwild2", root, tmp_path / "other")
    for split, summary in before.splits.items():
        assert other.splits[split].fingerprint == summary.fingerprint


def test_one_challenge_alone_is_enough(root: Path) -> None:
    for challenge in CHALLENGES[1:]:
        shutil.rmtree(folder(root, challenge).parent)
    made = prepare("affwild2", root)
    assert made.splits["validation"].valence_arousal == 0
    assert made.splits["validation"].samples == 24


def test_a_list_of_2020_is_refused_by_its_first_row(root: Path) -> None:
    """It has seven classes, and eight other AUs."""
    for challenge, header in (
        ("EXPR_Classification", "Neutral,Anger"),
        ("AU_Detection", "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25"),
    ):
        path = folder(root, challenge) / f"{VIDEO}.txt"
        path.write_text("\n".join([header, *path.read_text().splitlines()[1:]]) + "\n")
    made = prepare("affwild2", root)
    assert made.splits["validation"].skipped == {"bad row": 2}
    mine = frames(made).query("video == @VIDEO")
    assert mine["expression"].isna().all()
    assert mine["valence"].notna().all()


def test_the_rows_of_a_video_are_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.data.readers.affwild2.MAX_FRAMES", 4)
    made = prepare("affwild2", root)
    assert made.splits["validation"].skipped == {"bad row": 6 + 5 + 5}  # once for each list
    assert frames(made)["frame"].max() == 4


def test_the_list_of_the_multi_task_challenge(tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic("affwild2_mtl", root, 36)
    made = prepare("affwild2_mtl", root)
    summary = made.splits["validation"]
    assert (summary.samples, summary.unlabelled) == (36, 0)
    # in every sixth row one of the three is not given
    assert (summary.valence_arousal, sum(summary.expressions.values()), summary.aus["12"]["coded"]) == (34, 34, 34)
    for part, old, new in (("train", "train_set.txt", "training"), ("validation", "validation_set.txt", "validation")):
        above = root / "annotations/MTL_Challenge"
        lines = (above / old).read_text().splitlines()
        (above / old).unlink()
        header = "image,valence,arousal,expression,aus"
        (root / f"{new}_set_annotations.txt").write_text("\n".join([header, *lines[1:]]) + "\n")
        assert part in made.splits
    later = prepare("affwild2_mtl", root, tmp_path / "later")
    assert later.splits["validation"].fingerprint == summary.fingerprint


def test_a_multi_task_list_in_another_order_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic("affwild2_mtl", root, 12)
    path = root / "annotations/MTL_Challenge/train_set.txt"
    path.write_text(path.read_text().replace("image,valence,arousal", "image,arousal,valence", 1))
    with pytest.raises(
        FeabError, match=r"its columns are image, arousal, valence, .*, not image, valence, arousal, exp"
    ):
        prepare("affwild2_mtl", root)


def test_the_sum_of_the_multi_task_challenge_is_of_the_three_scores(tmp_path: Path) -> None:
    mimic("affwild2_mtl", tmp_path / "as-delivered", 120)
    prepare("affwild2_mtl", tmp_path / "as-delivered")
    scores = feab.score(feab.run("baseline/uniform", tasks="affwild2_mtl", out=tmp_path / "run"))
    assert set(scores.tasks["affwild2_mtl_expression"].detail["per_class"]) == set(CODES.values())
    kinds = {"macro_f1": "expression", "ccc": "valence_arousal", "f1": "action_units"}
    values = [scores.tasks[f"affwild2_mtl_{kind}"].metrics[name].value for name, kind in kinds.items()]
    assert None not in values
    assert sums(scores) == {"affwild2_mtl": pytest.approx(sum(value or 0 for value in values))}


_CELL = st.sampled_from(["-5", "-1", "0", "1", "7", "0.5", "1.5", "nan", "", "x", "-5.0", "1e400", "٣"])


@given(st.sampled_from(list(enumerate(CHALLENGES))), st.lists(st.lists(_CELL, max_size=13), max_size=12))
def test_every_row_of_a_list_is_a_frame_or_is_named(kind: tuple[int, str], rows: list[list[str]]) -> None:
    headers = (
        ",".join(word.capitalize() for word in CODES.values()),
        "valence,arousal",
        ",".join(f"AU{au}" for au in AUS),
    )
    number, challenge = kind
    width = (1, 2, 12)[number]
    rows = [(row * 12)[:width] if len(row) % 3 else row for row in rows]  # two of three have the right number
    named: list[int | str | None] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"annotations/{challenge}_Challenge/Train_Set/v.txt"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join([headers[number], *map(",".join, rows)]) + "\n", encoding="utf-8")
        (Path(folder) / "cropped_aligned/v").mkdir(parents=True)
        found = list(read(Tree(Path(folder)), "train", lambda file, line, why, detail: named.append(line)))
    assert len({row.line for row in found}) == len(found)
    assert not {row.line for row in found} & set(named)
    written = [line for line, row in enumerate(rows, 2) if ",".join(row).strip()]
    assert {row.line for row in found} | set(named) >= set(written)
    for row in found:
        assert row.image == f"cropped_aligned/v/{row.labels['frame']:05d}.jpg"
        assert row.line == row.labels["frame"] + 1
        assert row.labels.get("expression") in (None, *CODES.values())
        assert all(-1 <= row.labels[name] <= 1 for name in ("valence", "arousal") if row.labels.get(name) is not None)

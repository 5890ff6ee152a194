"""Every planted fault is passed over and named, and nothing else is."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from planted_clip_faults import PLANT_CLIPS
from planted_faults import PLANT, Planted, affectnet_reduced, rafdb_shares, spoil_pictures

from feab.data import load_dataset, open_split
from feab.data.readers import Prepared, mimic, names, prepare, reader_of
from feab.data.readers.affectnet import mimic_reduced
from feab.data.readers.faces import Faces
from feab.errors import FeabError


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))


def skipped(made: Prepared, split: str) -> list[dict[str, Any]]:
    path = made.folder / f"{split}.skipped.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def check(made: Prepared, planted: list[Planted]) -> None:
    found = Counter(
        Planted(split, fault["file"], fault["line"], fault["why"])
        for split in made.splits
        for fault in skipped(made, split)
    )
    assert found == Counter(planted)
    for split, summary in made.splits.items():
        assert summary.skipped == dict(Counter(p.why for p in planted if p.split == split))
        assert all(fault["detail"] for fault in skipped(made, split))


@pytest.mark.parametrize("name", names())
def test_planted_faults_are_each_named_and_no_other_row_is_lost(name: str, tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic(name, root, 24)
    before = prepare(name, root, tmp_path / "clean")
    planted = {**PLANT, **PLANT_CLIPS}[name](root)
    made = prepare(name, root, tmp_path / "made")
    check(made, planted)
    for split in made.splits:
        was, now = (open_split(folder, split).labels().set_index("id") for folder in (before.folder, made.folder))
        assert len(was) - 3 * len(planted) <= len(now)  # a label file that is wrong may stand for three frames
        assert set(now.index) <= set(was.index)
        plain = [name for name in now.columns if name not in ("face", "votes")]
        kept, now = was.loc[now.index, plain], now[plain]
        assert ((now == kept) | now.isna()).all(axis=None)  # a wrong label becomes none, and never another
    with pytest.raises(FeabError, match="--strict"):
        prepare(name, root, tmp_path / "strict", strict=True)
    assert not list((tmp_path / "strict").glob("*.skipped.jsonl"))


def test_the_reduced_form_of_affectnet(tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic_reduced(root, Faces(), 24)
    clean = prepare("affectnet", root, tmp_path / "clean")
    assert {name: split.samples for name, split in clean.splits.items()} == {"train": 24, "validation": 24}
    assert clean.splits["validation"].valence_arousal == 24
    planted = affectnet_reduced(root)
    check(prepare("affectnet", root, tmp_path / "made"), planted)


def test_shares_of_votes_that_are_none_leave_the_label(tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic("rafdb", root, 24)
    assert prepare("rafdb", root, tmp_path / "clean").splits["train"].votes == 24
    planted = rafdb_shares(root)
    made = prepare("rafdb", root, tmp_path / "made")
    check(made, planted)
    assert (made.splits["train"].samples, made.splits["train"].votes) == (24, 20)
    shares = root / "EmoLabel/distribution_basic.txt"
    lines = [line.split() for line in shares.read_text().splitlines()]
    shares.write_text("\n".join(" ".join([name, *reversed(rest)]) for name, *rest in lines) + "\n")
    with pytest.raises(FeabError, match="most of its shares contradict the labels"):
        prepare("rafdb", root, tmp_path / "other")


@pytest.mark.parametrize("name", [name for name in PLANT if not name.startswith(("fer", "emonet"))])
def test_pictures_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    root = tmp_path / "as-delivered"
    mimic(name, root, 60)
    clean = prepare(name, root)
    split = "train" if "train" in clean.splits else "test"
    outside = tmp_path / "secret.jpg"
    dataset = load_dataset(name, split)
    outside.write_bytes(dataset[0].media.read())
    paths = [Path(str(sample.media.path)).relative_to(root.resolve()).as_posix() for sample in dataset]
    pictures = list(dict.fromkeys(paths))[:6]
    rows = sum(path in pictures for path in paths)  # ExpW has two faces in each
    spoil_pictures(root, pictures, outside)
    made = prepare(name, root, tmp_path / "made")
    faults = [fault for fault in skipped(made, split) if fault["why"] in ("bad picture", "missing picture")]
    told = "\n".join(fault["detail"] for fault in faults)
    listed = pictures[:5] if name in ("ckplus", "disfa", "jaffe", "kdef", "sfew") else pictures
    # A folder in a picture's place is no picture where the reader goes by the files that are there.
    assert len(faults) == (rows if name == "disfa" else rows - len(pictures) + len(listed))
    assert all(path.removeprefix("compound/") in told for path in listed)
    assert "leads out of the folder" in told
    assert reader_of(name).title


def test_numbers_out_of_range_are_found_in_the_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader lets through is checked once more, row by row, wherever in a row group it stands."""
    from dataclasses import replace

    from feab.data.readers import prepare as core
    from feab.data.readers.record import Row

    root = tmp_path / "as-delivered"
    mimic("affectnet", root, 300)
    reader = reader_of("affectnet")
    bad = {7: {"valence": 2.0}, 8: {"face": [0.0, 0.0, 0.0, 5.0]}, 100: {"expression": "bored"}, 299: {"arousal": "x"}}

    def read(tree: Any, split: str, skip: Any) -> Any:
        for number, row in enumerate(reader.read(tree, split, skip)):
            yield Row(row.id, row.image, row.file, row.line, {**row.labels, **bad.get(number, {})})

    module = sys.modules[core.__module__] if hasattr(core, "__module__") else core
    monkeypatch.setattr(module, "reader_of", lambda name: replace(reader, read=read))
    made = prepare("affectnet", root)
    assert made.splits["validation"].skipped == {"out of range": 4}
    assert made.splits["validation"].samples == 296
    faults = skipped(made, "validation")
    assert [fault["line"] for fault in faults] == [9, 10, 102, 301]
    assert "outside [-1, 1]" in faults[0]["detail"]
    assert "'bored'" in faults[2]["detail"]

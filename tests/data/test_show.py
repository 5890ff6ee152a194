"""Contact sheets: which faces, whose, and whether at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from samples import INFO, tiny_row

import feab.data.show
from feab.data import load_dataset, write_split
from feab.data.ages import MINORS, minors
from feab.data.show import caption, show
from feab.errors import FeabError
from feab.vocabulary import AGE_GROUPS


def make(folder: Path, ages: list[str | None], info: Any = INFO) -> Path:
    write_split(folder, "test", [tiny_row(i, age_group=age) for i, age in enumerate(ages)], info)
    return folder


def test_a_sheet_shows_what_is_asked_for(tmp_path: Path) -> None:
    faces = make(tmp_path / "tiny", ["20-39"] * 24)
    data = load_dataset(faces)
    sheet = show(faces, tmp_path / "deep" / "sheet.png", ids=data.ids[:3], columns=3, size=50)
    assert (sheet.shown, sheet.left_out) == (3, 0)
    assert Image.open(sheet.path).width == 3 * 54 + 4
    word = data[4].expression
    assert word is not None
    assert show(data, tmp_path / "some.png", where={"expression": word, "identity": "1", "mini": "false"}).shown == 1
    with pytest.raises(FeabError, match="no picture is left"):
        show(data, tmp_path / "none.png", where={"expression": word, "strength": "weak"})
    with pytest.raises(FeabError, match="no column 'colour'"):
        show(data, tmp_path / "none.png", where={"colour": "red"})
    with pytest.raises(FeabError, match="nobody"):
        show(data, tmp_path / "none.png", ids=["nobody"])
    with pytest.raises(FeabError, match="at least 1"):
        show(data, tmp_path / "none.png", n=0)
    (tmp_path / "a-file").write_text("")
    with pytest.raises(FeabError, match="cannot be written"):
        show(data, tmp_path / "a-file" / "sheet.png")


def test_a_caption_holds_every_grain(tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path / "tiny", ["20-39"] * 4))
    assert caption(data[0]).splitlines() == ["t-00000", "neutral", "1B"]
    assert caption(data[1]).splitlines() == ["t-00001", "(no expression) weak -0.90 +0.10"]


def test_faces_that_may_be_those_of_children_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = ["0-3", "4-19", "20-39", None, "40-69", "4-19", "70+"]
    data = load_dataset(make(tmp_path / "tiny", ages))
    assert set(MINORS) == {age for age in AGE_GROUPS if int(age.rstrip("+").split("-")[0]) < 18}
    assert minors(data) == [0, 1, 5]
    seen: list[str] = []
    draw = feab.data.show.caption
    monkeypatch.setattr(feab.data.show, "caption", lambda sample: seen.append(sample.id) or draw(sample))
    sheet = show(data, tmp_path / "sheet.png")
    assert (sheet.shown, sheet.left_out) == (4, 3)
    assert seen == ["t-00002", "t-00003", "t-00004", "t-00006"]
    assert (
        show(data, tmp_path / "sheet.png", ids=["t-00005", "t-00006"]).shown == 1
    )  # not when asked for by name either
    with pytest.raises(FeabError, match="no picture is left to show; 2 left out"):
        show(data, tmp_path / "none.png", where={"age_group": "4-19"})
    assert not (tmp_path / "none.png").exists()


def test_a_set_without_ages_is_shown(tmp_path: Path) -> None:
    rows = [{k: v for k, v in tiny_row(i).items() if k != "age_group"} for i in range(3)]
    write_split(tmp_path / "tiny", "test", rows, INFO)
    assert show(tmp_path / "tiny", tmp_path / "sheet.png").shown == 3


def test_a_licence_that_keeps_faces_private_is_kept(tmp_path: Path) -> None:
    info = INFO.model_copy(update={"images_may_be_shared": False, "licence": "for research, signed"})
    faces = make(tmp_path / "tiny", ["20-39"] * 3, info)
    with pytest.raises(FeabError, match=r"tiny \(for research, signed\).*--private"):
        show(faces, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
    assert show(faces, tmp_path / "sheet.png", private=True).shown == 3


def test_the_ending_decides_the_format(tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path / "tiny", ["20-39"] * 4))
    for ending, form in ((".png", "PNG"), (".JPG", "JPEG"), (".webp", "WEBP")):
        sheet = show(data, tmp_path / f"sheet{ending}", ids=data.ids[:2], size=40)
        assert Image.open(sheet.path).format == form
    with pytest.raises(FeabError, match=r"end it in \.png"):
        show(data, tmp_path / "sheet.gif")

"""SEKE's report: what it holds, what it says where the dataset is missing, and that nothing from outside is markup."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from seke_folder import INFO, line_of, make_folder, rows

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))

from dom import outline, words

from feab.data.annotations import AnnotationLine, read_annotations
from feab.errors import FeabError
from feab.generation.outcomes import hidden_of, standing_of
from feab.generation.seke_gallery import build_gallery
from feab.generation.seke_report import report_annotations
from feab.generation.sources import open_source
from feab.vocabulary import EXPRESSIONS

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m'{{7*7}}</style>"
FACES = 84


def with_errors(number: int, row: Mapping[str, Any]) -> AnnotationLine:
    """Everything but action units is generated; every accepted fourth and every rejected second one is wrong."""
    line = line_of(number, row, given=("action_units",))
    assert line.expression is not None
    wrong = number % 12 == 0 if line.expression.source == "generated" else number % 2 == 0
    if not wrong:
        return line
    other = EXPRESSIONS[(EXPRESSIONS.index(row["expression"]) + 1) % 8]
    return line.model_copy(update={"expression": line.expression.model_copy(update={"value": other})})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("seke"), FACES, line=with_errors)


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    written = report_annotations(folder)
    assert written.lacking is None
    assert written.path == folder / "report.html"
    return written.path.read_text(encoding="utf-8")


def test_the_page_holds_what_was_promised(folder: Path, html: str) -> None:
    text = words(html)
    accepted = sum(number % 3 != 2 for number in range(FACES))
    for shown in (
        "small/train",
        "mock/teller",
        f"Expression0{accepted}{FACES - accepted}66.7",
        f"Action units{FACES}00",
        "Answers read of each face: mean 7.00",
        "1.25",
        "Agreement with hidden human labels",
        "Is its confidence true?",
        "expected calibration error",
        "rejected",
        "verified",
        "I think f0000 displays fear.",
        "A display is not a feeling",
        "never shown",
    ):
        assert shown in text, shown
    assert html.count("<svg") == 2 * 3 + 1 + 2 * 2
    assert len(re.findall(r'src="data:image/jpeg;base64,', html)) == FACES - FACES // 7
    assert "http://" not in re.sub(r'"http://www\.w3\.org[^"]*"', "", html)


def test_agreement_is_what_was_made(folder: Path) -> None:
    source = open_source(folder)
    standing = standing_of(source.annotations.file, source.dataset.ids)
    assert {level: len(found) for level, found in standing.levels.items()} == {
        "expression": FACES, "valence_arousal": FACES, "action_units": 0
    }  # fmt: skip
    hidden = hidden_of(source, standing.levels["expression"], 0.3)
    assert hidden is not None
    accepted = hidden.outcomes.accepted
    wrong = [number % 12 == 0 for number in range(FACES) if number % 3 != 2]
    assert hidden.right[accepted].mean() == pytest.approx(1 - sum(wrong) / len(wrong))
    assert hidden.right[~accepted].mean() == pytest.approx(0.5, abs=0.02)
    assert hidden.clusters[:4] == ["p0", "p0", "p0", "p1"]
    assert hidden_of(source, standing.levels["action_units"], 0.3) is None
    affect = hidden_of(source, standing.levels["valence_arousal"], 0.3)
    assert affect is not None
    assert affect.right.mean() == 1
    assert standing.samples.mean() == pytest.approx(sum(4 + 2 * (n % 4) for n in range(FACES)) / FACES)


def test_the_gallery_shows_every_fate_with_all_that_was_said(folder: Path) -> None:
    source = open_source(folder)
    gallery = build_gallery(source, standing_of(source.annotations.file, source.dataset.ids))
    cards = list(gallery.cards)
    assert (gallery.chosen, gallery.faces, gallery.withheld) == (72, 72, 12)
    assert [card.status for card in cards] == ["rejected"] * 24 + ["verified"] * 48
    assert all(card.picture is not None for card in cards)
    lines = {line.sample: line for line in read_annotations(source.annotations.file)}
    for card in cards:
        assert [(said.prompt, said.draw) for said in card.draws] == [("c0", 0), ("c0", 1), ("c1", 0), ("c1", 1)]
        assert [shown.status for shown in card.levels] == [
            level.source for name in ("expression", "valence_arousal", "action_units")
            if (level := lines[card.sample].level(name)) is not None  # type: ignore[arg-type]
        ]  # fmt: skip
    assert not {f"f{n:04d}" for n in range(FACES) if n % 7 == 6} & {card.sample for card in cards}


def test_an_answer_that_was_cut_off_is_marked(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, 12)
    lines = [json.loads(line) for line in (folder / "draws.jsonl").read_text().splitlines()]
    for line, reason in zip(lines, ("length", "stop", "length", None) * 12, strict=True):
        if reason is not None:
            line["finish_reason"] = reason
    (folder / "draws.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = open_source(folder)
    cards = list(build_gallery(source, standing_of(source.annotations.file, source.dataset.ids)).cards)
    told = {tuple(said.outcome for said in card.draws) for card in cards}
    assert told == {("cut off, read as far as it goes", "ok", "cut off, read as far as it goes", "ok")}


def test_at_most_400_faces_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.generation.seke_gallery.MOST", 20)
    source = open_source(make_folder(tmp_path, 60))
    gallery = build_gallery(source, standing_of(source.annotations.file, source.dataset.ids))
    cards = list(gallery.cards)
    assert len(cards) == gallery.chosen == 20
    assert sum(card.status == "rejected" for card in cards) == 10


def test_faces_stay_out_where_the_dataset_says_so(tmp_path: Path) -> None:
    private = INFO.model_copy(update={"images_may_be_shared": False})
    html = report_annotations(make_folder(tmp_path, 14, info=private)).path.read_text()
    assert "data:image" not in html
    assert "does not let its faces be passed on" in words(html)


def test_without_the_dataset_it_says_so(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "moved")
    manifest = tmp_path / "moved" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(folder.parent / "small"), str(tmp_path / "gone")))
    written = report_annotations(tmp_path / "moved", out=tmp_path / "page.html")
    assert written.lacking is not None
    text = words(written.path.read_text())
    assert "Without the dataset" in text
    assert "No gallery" in text
    assert "Answers read of each face: mean 7.00" in text
    assert report_annotations(tmp_path / "moved", folder.parent / "small").lacking is None
    with pytest.raises(FeabError, match=r"ends in \.html"):
        report_annotations(folder, out=tmp_path / "page.pdf")
    with pytest.raises(FeabError, match="not a folder of annotations"):
        report_annotations(tmp_path)


def evil_row(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"id": f"{row['id']} ' onload='alert(3)", "subject": EVIL}


def evil_line(number: int, row: Mapping[str, Any]) -> AnnotationLine:
    line = line_of(number, row, given=())
    assert line.expression is not None
    words = {"x' onclick='alert(4)": '"onfocus="alert(5)'}
    return line.model_copy(update={"expression": line.expression.model_copy(update={"verification": words})})


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    evil = make_folder(bad, 21, line=evil_line, said=lambda sample: f"{EVIL}{sample}", change=evil_row)
    plain = make_folder(good, 21, line=lambda number, row: line_of(number, row, given=()))
    for folder in (evil, plain):
        manifest = folder / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"mock/teller"', "\"le'dom onerror='x\""))
    one, other = (report_annotations(folder).path.read_text() for folder in (evil, plain))
    tags = [
        sorted(tag for tag in outline(page) if tag[0] in ("script", "img", "style", "iframe", "svg"))
        for page in (one, other)
    ]
    assert tags[0] == tags[1]
    assert {name for _, names in outline(one) for name in names} == {
        name for _, names in outline(other) for name in names
    }
    assert "\u202e" not in one
    assert "\x1b" not in one
    assert "{{7*7}}" in words(one)


def test_rows_of_the_helper_are_the_same_every_time() -> None:
    assert rows(3) == rows(3)

"""`--data` with files of one's own: what the verbs say, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from faces_folder import picture
from typer.testing import CliRunner

from feab.cli import app
from feab.data import digests

HOSTILE = "\x1b[31mred \u202egnp"


def feab_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Class folders: six of three classes each, and a file that is no picture."""
    for n in range(18):
        folder = tmp_path / "my faces" / ("Happy", "sad", "Anger")[n % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{n}.jpg").write_bytes(picture(n))
    (tmp_path / "my faces" / "sad" / "Thumbs.db").write_text("x")
    return tmp_path / "my faces"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV file with other column names, and its pictures in another folder."""
    (tmp_path / "pics").mkdir()
    lines = ["file,mood,valence,arousal,AU1,AU4,who,remarks"]
    for n in range(12):
        (tmp_path / "pics" / f"{n}.jpg").write_bytes(picture(n))
        lines.append(f"{n}.jpg,{('happy', 'Fear')[n % 2]},{n / 12},{-n / 12},{n % 5},{n % 3},p{n % 4},{HOSTILE}")
    (tmp_path / "labels").mkdir()
    path = tmp_path / "labels" / "faces.csv"
    path.write_text("\n".join(lines))
    return path


TOLD = ("--column", "image=file", "--column", "expression=mood", "--column", "subject=who")


def test_a_run_says_first_what_was_understood(classes: Path, tmp_path: Path) -> None:
    done = feab_cli("run", "--model", "baseline/uniform", "--data", classes, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.splitlines()[:6] == [
        f"data: {classes}: class folders",
        "  faces            18",
        "  expression       anger 6, happiness 6, sadness 6",
        "  passed over: 1 files that are no pictures",
        "  tasks made: my-faces_expression",
        f"run folder: {tmp_path / 'run'}",
    ]
    assert "my-faces_expression" in done.stdout
    as_json = feab_cli("run", "--model", "baseline/uniform", "--data", classes, "--out", tmp_path / "run", "--json")
    assert list(json.loads(as_json.stdout)["tasks"]) == ["my-faces_expression"]
    assert "18 answers are there" in as_json.stderr


def test_a_table_with_columns_by_flags(table: Path, tmp_path: Path) -> None:
    where = ("--images", tmp_path / "pics")
    run = ("run", "--model", "baseline/uniform", "--data", table, "--out", tmp_path / "run")
    done = feab_cli(*run, *TOLD, *where, "--au-threshold", "3")
    assert done.exit_code == 0, done.stderr
    for line in (
        f"data: {table}: a CSV file of labels",
        "  people           4",
        "  expression       happiness 6, fear 6",
        "  valence-arousal  12",
        "  action units at intensity 3 or more AU1 33%, AU4 0%",
        "  AU columns hold values above 1: read as intensities, 0 to 5",
        "  columns not used: remarks",
        "  tasks made: faces_expression, faces_valence_arousal, faces_action_units",
    ):
        assert line in done.stderr.splitlines()
    scored = feab_cli("score", tmp_path / "run", "--data", table)  # columns and threshold are in the manifest
    shown = done.stdout.partition("report: ")[0]
    assert (scored.exit_code, scored.stdout) == (0, shown)
    renamed = table.with_name("renamed.csv")
    renamed.write_text(table.read_text().replace("mood", "feeling"))
    assert "no column 'mood' (for expression)" in feab_cli("score", tmp_path / "run", "--data", renamed).stderr
    told = ("--column", "expression=feeling", "--column", "image=file", "--column", "subject=who")
    assert feab_cli("score", tmp_path / "run", "--data", renamed, *told).stdout == shown
    assert str(table.parent) not in (tmp_path / "run" / "manifest.json").read_text()


def test_info_and_show(table: Path, classes: Path, tmp_path: Path) -> None:
    where = ("--images", tmp_path / "pics")
    info = feab_cli("data", "info", table, *TOLD, *where)
    assert info.exit_code == 0, info.stderr
    for words in ("faces as found", "not stated", "happiness 6, fear 6", "fingerprint", "columns not used: remarks"):
        assert words in info.stdout
    as_json = json.loads(feab_cli("data", "info", classes, "--json").stdout)
    assert (as_json["splits"]["test"]["n"], as_json["third_party"]) == (18, "ask")
    sheet = ("data", "show", table, *TOLD, *where, "--out", tmp_path / "sheet.png")
    assert "for your own eyes only: feab data show --private" in feab_cli(*sheet).stderr
    assert feab_cli(*sheet, "--private").exit_code == 0
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    (tmp_path / "pics" / "3.jpg").unlink()
    gone = feab_cli(*sheet, "--private")
    assert (gone.exit_code, "3.jpg: cannot be read" in gone.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "CLASSES", "--column", "expression=mood"], "--column and --images go with a CSV file"),
        (["--data", "synth", "--column", "expression=mood"], "--column and --images go with a CSV file"),
        (["--data", "synth", "--au-threshold", "3"], "goes with tasks made for --data"),
        (["--data", "CLASSES", "--au-threshold", "3"], "holds no AU intensities"),
        (["--au-threshold", "3"], "there is no --data"),
        (["--column", "expression=mood"], "there is no --data"),
        (["--data", "TABLE", "--column", "mood"], "--column mood: write FEAB_COLUMN=NAME, as in"),
        (["--data", "TABLE", "--column", "image=file", "--column", "image=who"], "--column image: given twice"),
        (["--data", "TABLE"], "no column 'image'; it has file, mood"),
        (["--data", "TABLE", "--column", "image=file"], "12 of 12 pictures cannot be used"),
        (["--data", "TABLE", "--column", "image=file", "--column", "expression=who"], "'p0': 3 (first in row 2)"),
        (["--data", "TABLE", "--column", "image=remarks"], "occurs already in row 2"),
    ],
)
def test_bad_use_exits_2_and_asks_nothing(
    arguments: list[str], says: str, classes: Path, table: Path, tmp_path: Path
) -> None:
    given = [a.replace("CLASSES", str(classes)).replace("TABLE", str(table)) for a in arguments]
    done = feab_cli("run", "--model", "baseline/uniform", *given, "--out", tmp_path / "run")
    assert done.exit_code == 2
    assert says in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert not (tmp_path / "run").exists()


def test_labels_that_are_not_asked_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    path = tmp_path / "l.csv"
    path.write_text("image,expression,valence,arousal,au1_presence,au2_presence,au4_intensity\na.jpg,sad,1,,1,0,3\n")
    done = feab_cli("run", "--model", "baseline/uniform", "--data", path, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.stderr
    assert "expression is not asked: fewer than two labels occur" in done.stderr
    assert "valence and arousal are not asked: no face has both" in done.stderr
    assert "AU4 not asked: coded in another way" in done.stderr
    assert "tasks made: l_action_units\n" in done.stderr


def test_reading_many_pictures_is_shown(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "QUIET_S", -1.0)
    run = ("run", "--model", "baseline/uniform", "--data", classes, "--out", tmp_path / "run")
    first, again = feab_cli(*run), feab_cli(*run)
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "reading 18 faces, once: their sha256 are kept in" in first.stderr
    assert "reading: 18/18" in first.stderr
    assert "reading 18" not in again.stderr

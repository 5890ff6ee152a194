"""CSV files of one's own: what is understood, and what is refused by name."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_files import table
from samples import jpeg

from feab.data import load_dataset
from feab.data.fingerprint import fingerprint
from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_a_table_of_all_kinds(tmp_path: Path) -> None:
    path = table(
        tmp_path / "my faces!",
        [
            [
                "image",
                "Expression",
                "valence",
                "Arousal",
                "AU1",
                "au 12",
                "subject",
                "age_group",
                "Perceived-Gender",
                "x",
            ],
            ["a/1.jpg", "Happy", "0.5", "-.25", 1, 0, "ann", "20-39", "Female", "?"],
            ["./b.jpg", " ANGRY ", "", "1e-1", "", "1", "bob", "", "", ""],
            ["c.jpg", "", "", "", "", "", "", "", "", ""],
        ],
    )
    data = load_dataset(path.parent)
    assert (data.name, data.split, data.path) == ("my-faces", "test", path)
    assert data.ids == ["a/1.jpg", "b.jpg", "c.jpg"]
    assert data.info.labels == ["happiness", "anger"]
    assert data.info.aus == [1, 12]
    assert (data.info.third_party, data.info.images_may_be_shared, data.info.licence) == ("ask", False, "not stated")
    first, second, third = data
    assert (first.expression, first.valence, first.arousal) == ("happiness", 0.5, -0.25)
    assert (first.subject, first.age_group, first.perceived_gender) == ("ann", "20-39", "female")
    assert dict(first.au_presence) == {1: 1.0, 12: 0.0}
    assert first.media.read() == jpeg(0)
    assert (second.expression, second.valence, second.arousal) == ("anger", None, pytest.approx(0.1))
    assert dict(second.au_presence) == {12: 1.0}  # an empty cell is "not coded", never absence
    assert (third.expression, third.valence, dict(third.au_presence), third.subject) == (None, None, {}, None)
    assert any("columns not used: x" in note for note in data.notes)
    assert any("absent and present" in note for note in data.notes)
    assert data[1:].ids == ["b.jpg", "c.jpg"]


def test_a_video_stands_for_its_people_where_they_are_not_known(tmp_path: Path) -> None:
    from feab.tasks.made import made_for
    from feab.tasks.truth import truth_of

    path = table(tmp_path, [["image", "video", "au1"], ["a.jpg", "v1", 1], ["b.jpg", "v1", 0], ["c.jpg", "", 0]])
    data = load_dataset(path)
    assert truth_of(made_for(data)[0], data).clusters == ("v1", "v1", None)


def test_the_fingerprint_is_that_of_the_same_rows_in_a_dataset_folder(tmp_path: Path) -> None:
    path = table(tmp_path, [["image", "id", "expression", "au4"], ["z.jpg", "a", "fear", 0], ["y.jpg", "b", "", 1]])
    rows = [
        {"id": "a", "image": jpeg(0), "expression": "fear", "au04_presence": 0.0},
        {"id": "b", "image": jpeg(1), "au04_presence": 1.0},
    ]
    assert load_dataset(path).fingerprint == fingerprint(rows)
    (tmp_path / "y.jpg").write_bytes(jpeg(7))
    assert load_dataset(path).fingerprint != fingerprint(rows)


@pytest.mark.parametrize(
    ("rows", "presence", "intensity"),
    [
        ([["au1", "au2"], [1, 0], [0, ""]], {1: 1.0, 2: 0.0}, {}),
        ([["au1", "au2"], [1, 0], [0, 3.5]], {}, {1: 1.0, 2: 0.0}),  # one value above 1 makes all of them intensities
        ([["au01_presence", "AU2_Intensity"], [1, 1], [0, 0]], {1: 1.0}, {2: 1.0}),
        ([["au01_intensity", "au1_presence", "au7"], [4, 1, 1]], {1: 1.0, 7: 1.0}, {1: 4.0}),
    ],
)
def test_presence_and_intensity(
    tmp_path: Path, rows: list[list[Any]], presence: dict[int, float], intensity: dict[int, float]
) -> None:
    path = table(tmp_path, [["image", *rows[0]], *([f"{n}.jpg", *row] for n, row in enumerate(rows[1:]))])
    sample = load_dataset(path)[0]
    assert (dict(sample.au_presence), dict(sample.au_intensity)) == (presence, intensity)


@pytest.mark.parametrize(
    ("ages", "groups"),
    [
        ((0, 3.9, 4, 19.5), ("0-3", "0-3", "4-19", "4-19")),
        (("20", "39", "40", "69.99"), ("20-39", "20-39", "40-69", "40-69")),
        (("70", "120", "", "-1"), ("70+", "70+", None, None)),  # -1: not known, never an age
        (("9", "99", "-9", "999"), ("4-19", "70+", None, None)),
    ],
)
def test_ages_in_years_become_age_groups(
    tmp_path: Path, ages: tuple[object, ...], groups: tuple[str | None, ...]
) -> None:
    rows = [[f"{n}.jpg", 0, age] for n, age in enumerate(ages)]
    data = load_dataset(table(tmp_path, [["image", "valence", "Age"], *rows]))
    assert tuple(sample.age_group for sample in data) == groups
    assert "column age: read as years, and put into 0-3, 4-19, 20-39, 40-69, 70+" in data.notes


@pytest.mark.parametrize("no_age", ["young", "20-29", "-5", "121", "1e1", "٣٠", "a" * 300])
def test_an_age_column_that_holds_anything_else_is_not_used(tmp_path: Path, no_age: str) -> None:
    data = load_dataset(table(tmp_path, [["image", "valence", "age"], ["a.jpg", 0, "30"], ["b.jpg", 0, no_age]]))
    assert [sample.age_group for sample in data] == [None, None]
    assert f"column age: not used, as {no_age[:40]} is no age in years" in data.notes


def test_given_age_groups_go_before_ages(tmp_path: Path) -> None:
    path = table(tmp_path, [["image", "valence", "age", "age_group", "years"], ["a.jpg", 0, 30, "70+", 5]])
    assert [load_dataset(path)[0].age_group] == ["70+"]
    assert any("columns not used: age, years" in note for note in load_dataset(path).notes)
    assert load_dataset(path, columns={"age_group": "age"})[0].age_group == "20-39"
    assert load_dataset(path, columns={"age": "years"})[0].age_group == "4-19"


@pytest.mark.parametrize(
    ("header", "cells", "says"),
    [
        ("au1", "9", "row 3: column 'au01': 9 is no intensity; leave the cell empty where an AU was not coded"),
        ("au1", "-1", "row 3: column 'au01': -1 is no intensity"),
        ("au1_presence", "999", "999 is no intensity"),
        ("au1", "0.5", r"row 3: column 'au01': 0\.5 is neither 0 nor 1, and no AU column has a value above 1"),
        ("au1", "7", r"row 3 \(id 'bad.jpg'\): column 'au01_intensity': 7\.0 is outside \[0, 5\]"),
        ("au1_presence", "2", r"row 3 .*column 'au01_presence': 2\.0 is neither 0 nor 1"),
        ("au1_intensity", "5.1", r"row 3 .*is outside \[0, 5\]"),
        ("valence", "1.5", r"row 3 .*column 'valence': 1\.5 is outside \[-1, 1\]"),
        ("valence", "1e39", r"row 3 .*column 'valence'"),
        ("valence", "nan", "row 3: column 'valence': 'nan' is no number; an empty cell says that there is no label"),
        ("valence", "-inf", "row 3: column 'valence': '-inf' is no number"),
        ("arousal", "1e999", "'1e999' is no number"),
        ("arousal", "0,5", "row 3 has 3 cells, the header 2"),
        ("arousal", '"0,5"', "'0,5' is no number"),
        ("arousal", "1_0", "'1_0' is no number"),
        ("arousal", "٣", "is no number"),
        ("age_group,valence", "young,0", "'young' is not one of 0-3, 4-19"),
        ("subject,valence", f"{'s' * 201},0", "column 'subject': longer than 200 characters"),
        ("id,valence", "<b>,0", "row 3: id '<b>' must be 1 to 200 characters"),
        ("id,valence", ",0", "row 3: the id is empty"),
        ("id,valence", "first,0", "row 3: id 'first' occurs already in row 2"),
        ("valence", '"0', "row 3: not CSV"),
        ("valence", "", "row 3 has 1 cells"),
    ],
)
def test_a_wrong_cell_is_named_with_its_row(tmp_path: Path, header: str, cells: str, says: str) -> None:
    good = ",".join({"id": "first", "subject": "s", "age_group": ""}.get(name, "0") for name in header.split(","))
    bad = f"bad.jpg,{cells}" if cells else "bad.jpg"
    (tmp_path / "f.csv").write_text(f"image,{header}\na.jpg,{good}\n{bad}\n", encoding="utf-8")
    with pytest.raises(FeabError, match=says):
        load_dataset(tmp_path / "f.csv")


def test_unknown_labels_are_told_all_at_once_with_counts_and_rows(tmp_path: Path) -> None:
    words = ["happy", "Smirk", "Sad", "Smirk", "", "bored", "7", "Smirk"]
    path = table(tmp_path, [["image", "expression"], *([f"{n}.jpg", word] for n, word in enumerate(words))])
    with pytest.raises(FeabError) as error:
        load_dataset(path)
    lines = str(error.value).splitlines()
    assert "labels.csv: column 'expression' (column 2): unknown expression labels:" in lines[0]
    assert lines[1:4] == [
        "  'Smirk': 3 (first in row 3)",
        "  'bored': 1 (first in row 7)",
        "  '7': 1 (first in row 8)",
    ]
    assert "guesses none" in lines[4]
    assert "'Sad'" not in str(error.value)


@pytest.mark.parametrize(
    "image",
    ["../out.jpg", "a/../../out.jpg", "/etc/passwd", "a/../b.jpg", "..", ".", "..\\out.jpg", "a\x00.jpg", "x" * 5000],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, image: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.jpg").write_bytes(jpeg(1))
    text = f'image,valence\n"{image}",0\n'
    (tmp_path / "in" / "f.csv").write_bytes(text.encode())
    with pytest.raises(FeabError, match=r"f\.csv: row 2: .*(must lie inside|not CSV)"):
        load_dataset(tmp_path / "in" / "f.csv")


def test_a_web_address_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("image,valence\nhttps://example.org/a.jpg,0\n")
    with pytest.raises(FeabError, match="downloads nothing"):
        load_dataset(tmp_path / "f.csv")


def test_links_out_of_the_folder_are_refused_and_links_inside_are_not(tmp_path: Path) -> None:
    path = table(tmp_path / "in", [["image", "valence"], ["a.jpg", 0], ["b.jpg", 0]])
    (tmp_path / "secret.jpg").write_bytes(jpeg(9))
    (tmp_path / "in" / "b.jpg").unlink()
    (tmp_path / "in" / "b.jpg").symlink_to(tmp_path / "in" / "a.jpg")
    assert len(load_dataset(path).fingerprint) == 64
    (tmp_path / "in" / "b.jpg").unlink()
    (tmp_path / "in" / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    data = load_dataset(path)
    with pytest.raises(FeabError, match=r"row 3: b\.jpg: a link that leads out"):
        _ = data.fingerprint
    with pytest.raises(FeabError, match="stay inside"):
        _ = data[1]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.jpg").write_bytes(jpeg(3))
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "labels.csv").write_text("image,valence\nfolder/c.jpg,0\n")
    with pytest.raises(FeabError, match=r"row 2: folder/c\.jpg: a link that leads out"):
        _ = load_dataset(path).fingerprint


def test_paths_start_where_the_user_says_and_full_paths_inside_are_fine(tmp_path: Path) -> None:
    table(tmp_path / "pics", [["image"], ["a.jpg"], ["b.jpg"]], "ignored.txt")
    (tmp_path / "labels").mkdir()
    path = tmp_path / "labels" / "l.csv"
    path.write_text(f"image,valence\n{tmp_path / 'pics' / 'a.jpg'},0\nb.jpg,1\n")
    with pytest.raises(FeabError, match="--images DIR says where paths start from"):
        load_dataset(path)
    data = load_dataset(path, images=tmp_path / "pics")
    assert data.ids == ["a.jpg", "b.jpg"]
    assert [sample.media.read() for sample in data] == [jpeg(0), jpeg(1)]
    assert len(data.fingerprint) == 64
    with pytest.raises(FeabError, match="no such folder"):
        load_dataset(path, images=tmp_path / "nowhere")


def test_pictures_that_cannot_be_had_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, [["image", "valence"], *([f"{n}.jpg", 0] for n in range(30))])
    for n in range(15):
        (tmp_path / f"{n}.jpg").unlink()
    with pytest.raises(FeabError) as error:
        _ = load_dataset(path).fingerprint
    assert "15 of 30 pictures cannot be used" in str(error.value)
    assert "row 2: 0.jpg: No such file or directory" in str(error.value)
    assert str(error.value).endswith("and 5 more")
    path = table(tmp_path, [["image", "valence"], *([f"{n}.jpg", 0] for n in range(4))])
    (tmp_path / "1.jpg").write_bytes(b"")
    (tmp_path / "2.jpg").write_text("no picture")
    (tmp_path / "3.jpg").unlink()
    (tmp_path / "3.jpg").mkdir()
    with pytest.raises(FeabError, match=r"row 5: 3\.jpg: not a file"):
        _ = load_dataset(path).fingerprint
    (tmp_path / "3.jpg").rmdir()
    (tmp_path / "3.jpg").write_bytes(jpeg(3))
    with pytest.raises(FeabError, match=r"2 of 4 pictures cannot be used:\n  row 3: .*not a picture.*\n  row 4: "):
        _ = load_dataset(path).fingerprint


@pytest.mark.parametrize(
    "text",
    [
        "image;valence;expression\r\na.jpg;0,5;Happy\r\n",  # Excel where the comma is the decimal point
        "\ufeffimage\tvalence\texpression\r\na.jpg\t0.5\tHappy\r\n",
        "sep=;\nimage;valence;expression\na.jpg;0.5;Happy\n",
        "sep=|\nimage|valence|expression\na.jpg|0.5|Happy",
        'image,valence,expression,,\n\n"a.jpg",0.5,"Happy",,\n,,,,\n,,,,\n',
        "IMAGE , Valence,EXPRESSION\ra.jpg,+.5e0,happy\r",
    ],
)
def test_what_spreadsheets_write(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.csv").write_bytes(text.encode())
    data = load_dataset(tmp_path / "f.csv")
    labels = data.labels()
    assert data.ids == ["a.jpg"]
    assert (labels["valence"].tolist(), labels["expression"].tolist()) == ([0.5], ["happiness"])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"image,valence\n", "holds no row but its header"),
        ("image,valence\na.jpg,0\n".encode("utf-16"), "UTF-16.*CSV UTF-8"),
        ("image,subject,valence\na.jpg,Jörg,0\n".encode("latin-1"), "not UTF-8 text.*Excel"),
        (b"image,valence,valence\na.jpg,0,0\n", "row 1: two columns are named 'valence'"),
        (b"image,valence,Valence\na.jpg,0,0\n", "'valence' and 'Valence' both mean valence"),
        (b"image,au1,AU01\na.jpg,0,0\n", "both mean au01"),
        (b"image,au1,au1_presence\na.jpg,0,0\n", "both hold AU 1"),
        (b"file_name,valence\na.jpg,0\n", "no column 'image'; .*--column image=file_name"),
        (b"image,mood\na.jpg,0\n", "holds no labels"),
        (b"image,valence\n,0\n", "row 2: the image is empty"),
        (b"image," + b"x" * 2_000_000, "more than 1,048,576 characters"),
        (b",".join(b"c%d" % n for n in range(1001)), "has 1,001 columns"),
        (b"image,valence\na.jpg," + b"1" * 140_000, "not CSV|no number"),
    ],
)
def test_files_that_are_no_label_file(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "f.csv").write_bytes(data)
    with pytest.raises(FeabError, match=says):
        load_dataset(tmp_path / "f.csv")


def test_columns_by_other_names(tmp_path: Path) -> None:
    rows = [["image", "img", "emotion", "expression", "V", "smile"], ["no.jpg", "a.jpg", "Angry", "?!", 0.5, 1]]
    path = table(tmp_path, rows)
    told = {"image": "img", "expression": "Emotion", "valence": "V", "AU12": "smile"}
    data = load_dataset(path, columns=told)
    assert data.ids == ["a.jpg"]
    assert (data[:].labels()["expression"].tolist(), data.info.aus) == (["anger"], [12])
    assert data.columns == told
    assert any(note == "columns not used: image, expression" for note in data.notes)
    for wrong, says in (
        ({"image": "nope"}, "no column 'nope' \\(for image\\); it has image, img"),
        ({"colour": "img"}, "column 'colour': feab has none of that name"),
        ({"au1": "V", "AU 01": "smile"}, "given twice"),
    ):
        with pytest.raises(FeabError, match=says):
            load_dataset(path, columns=wrong)


def test_a_path_can_be_a_name_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "faces.xlsx").write_bytes(b"PK")
    with pytest.raises(FeabError, match="save the table as CSV"):
        load_dataset(tmp_path / "faces.xlsx")
    table(tmp_path / "two", [["image", "valence"], ["a.jpg", 0]], "a.csv")
    table(tmp_path / "two", [["image", "valence"], ["a.jpg", 0]], "b.csv")
    with pytest.raises(FeabError, match=r"holds 2 CSV files \(a\.csv, b\.csv\); say which: --data .*a\.csv"):
        load_dataset(tmp_path / "two")
    assert load_dataset(tmp_path / "two" / "b.csv").name == "b"


def test_pictures_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from feab.data import digests

    path = table(tmp_path / "in", [["image", "valence"], *([f"{n}.jpg", 0] for n in range(6))])
    opened: list[Path] = []

    def read_bytes(file: Path, limit: int) -> bytes:
        if len(opened) == broken_at:
            raise KeyboardInterrupt
        opened.append(file)
        return file.read_bytes()

    monkeypatch.setattr(digests, "read_bytes", read_bytes)
    broken_at = -1
    _ = load_dataset(path).fingerprint
    assert len(opened) == 6
    _ = load_dataset(path).fingerprint
    assert len(opened) == 12  # just written: their times of modification could not tell another change
    for n in range(6):
        os.utime(tmp_path / "in" / f"{n}.jpg", (1e9, 1e9))
    broken_at = 15
    with pytest.raises(KeyboardInterrupt):
        _ = load_dataset(path).fingerprint
    broken_at = -1
    whole = load_dataset(path).fingerprint
    assert len(opened) == 18  # three before the interruption and three after
    assert load_dataset(path).fingerprint == whole
    assert len(opened) == 18
    (tmp_path / "in" / "3.jpg").write_bytes(jpeg(200))
    assert load_dataset(path).fingerprint != whole


WORDS = st.sampled_from(["", *EXPRESSIONS, "Happy", "ANGRY", "scared", "other"])
VALUE = st.none() | st.floats(-1, 1, width=32)
PRESENCE = st.none() | st.sampled_from([0.0, 1.0])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(WORDS, VALUE, VALUE, PRESENCE, st.text(max_size=20)), min_size=1, max_size=20),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read(tmp_path: Path, rows: list[tuple[Any, ...]], separator: str, end: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(["image", "expression", "valence", "arousal", "au12_presence", "subject"])
    clean = [(*row[:4], "".join(c for c in row[4] if c.isprintable()).strip()) for row in rows]
    for n, (word, valence, arousal, au, subject) in enumerate(clean):
        writer.writerow([f"{n}.jpg", word, valence, arousal, au, subject])
    path = tmp_path / "f.csv"
    path.write_bytes(out.getvalue().encode("utf-8"))
    labels = (
        load_dataset(path).labels().reindex(columns=["expression", "valence", "arousal", "au12_presence", "subject"])
    )
    for row, (word, *numbers, subject) in enumerate(clean):
        found = labels.iloc[row]
        assert (found["expression"] if isinstance(found["expression"], str) else "") in (word, *EXPRESSIONS)
        assert isinstance(found["expression"], str) == bool(word)
        for name, value in zip(("valence", "arousal", "au12_presence"), numbers, strict=True):
            assert math.isnan(found[name]) if value is None else found[name] == value
        assert (found["subject"] if isinstance(found["subject"], str) else "") == subject


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=300)
    | st.text(max_size=200).map(str.encode)
    | st.text('image,;\t"\r\n01.-+eE aujpg/\\xvlnceos=|é\x00', max_size=200).map(
        lambda t: b"image,valence,au1\n" + t.encode()
    )
)
def test_any_bytes_are_a_dataset_or_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(data)
    try:
        found = load_dataset(path)
    except FeabError:
        return
    assert len(found) == len(set(found.ids)) > 0
    with pytest.raises(FeabError, match="cannot be used"):
        _ = found.fingerprint  # there is no picture

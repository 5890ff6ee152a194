"""What is particular to ExpW, DISFA+, EmotioNet and EmoNet-Face HQ."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feab.data import load_dataset
from feab.data.readers import mimic, prepare, reader_of
from feab.data.readers.emonetface import CATEGORIES, HIGHEST, LABELS, NAMED, column, labels_of, ratings_of
from feab.data.readers.sheet import as_sheet
from feab.errors import FeabError
from feab.tasks import load_tasks
from feab.tasks.crops import shown
from feab.tasks.truth import truth_of


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "data"))


def test_two_faces_of_one_picture_are_cut_out_and_are_one_cluster(tmp_path: Path) -> None:
    mimic("expw", tmp_path / "expw", 8)
    prepare("expw", tmp_path / "expw")
    data = load_dataset("expw")
    first, second = data[0], data[1]
    assert first.media.path == second.media.path
    assert (first.id, second.id) == ("anger_actor_0_0", "anger_actor_0_1")
    assert (first.face, second.face) == ((20.0, 10.0, 184.0, 200.0), (244.0, 10.0, 184.0, 200.0))
    assert first.extra["box_confidence"] == 60
    (task,) = load_tasks(["expw_expression"])
    (tmp_path / "face.png").write_bytes(shown(second, task.crop).read())
    with Image.open(tmp_path / "face.png") as face, Image.open(str(second.media.path)) as whole:
        part = whole.convert("RGB").crop((226, 0, 446, 224))
        assert face.size[0] == pytest.approx(184 * 1.2, abs=2)
        assert face.convert("RGB").getpixel((60, 60)) == pytest.approx(part.getpixel((60, 60)), abs=40)
    truth = truth_of(task, data)
    assert truth.clusters[0] == truth.clusters[1] == "anger_actor_0"


def test_names_of_pictures_may_hold_spaces(tmp_path: Path) -> None:
    mimic("expw", tmp_path / "expw", 8)
    old, new = (tmp_path / f"expw/image/origin/{name}.jpg" for name in ("anger_actor_0", "anger old woman 7"))
    old.rename(new)
    file = tmp_path / "expw/label/label.lst"
    file.write_text(file.read_text().replace(old.name, new.name))
    made = prepare("expw", tmp_path / "expw")
    assert made.splits["test"].skipped == {}
    assert load_dataset("expw").ids[0] == "anger old woman 7_0"


def test_disfa_plus_is_not_disfa() -> None:
    assert reader_of("DISFA+").name == "disfaplus"
    assert reader_of("DISFA").name == "disfa"
    assert reader_of("CK+").name == "ckplus"
    assert reader_of("EmoNet-Face HQ").name == "emonet_face_hq"


def test_labels_of_disfa_plus_one_folder_deeper_and_without_their_header(tmp_path: Path) -> None:
    root = tmp_path / "plus"
    mimic("disfaplus", root, 24)
    before = prepare("disfaplus", root)
    for file in root.rglob("AU*.txt"):
        file.write_text("".join(file.read_text().splitlines(keepends=True)[2:]))
    for above in ("Labels", "Images"):
        subject = root / above / "SN001"
        subject.rename(root / "kept")
        subject.mkdir()
        (root / "kept").rename(subject / "SN001")
    made = prepare("disfaplus", root, tmp_path / "deeper")
    assert made.splits["test"].fingerprint == before.splits["test"].fingerprint
    sample = load_dataset("disfaplus")[0]
    assert (sample.id, sample.subject) == ("SN001_A1_AU1_TrailNo_1_000", "SN001")
    assert (sample.extra["trial"], sample.extra["frame"]) == ("A1_AU1_TrailNo_1", 0)


def test_emotionet_as_a_spreadsheet_and_with_nested_pictures(tmp_path: Path) -> None:
    root = tmp_path / "emotionet"
    mimic("emotionet", root, 24)
    before = prepare("emotionet", root)
    assert before.splits["test"].aus["10"]["coded"] == 18  # 999 in every fourth row: not coded, never absent
    file = root / "EmotioNet_FACS_aws_2020_24600.csv"
    header, *rows = [line.split(",") for line in file.read_text().splitlines()]
    numbered = [[*row[:2], *map(float, row[2:])] for row in rows]
    (root / "labels").mkdir()
    (root / "labels/emotionet_facs_24600.xlsx").write_bytes(as_sheet([header, *numbered]))
    file.unlink()
    (root / "Images").mkdir()
    (root / "imgs").rename(root / "Images/N_0000000001")
    made = prepare("emotionet", root, tmp_path / "other")
    assert made.splits["test"].fingerprint == before.splits["test"].fingerprint
    assert made.splits["test"].skipped == {}


def test_emotionet_without_a_column_is_refused(tmp_path: Path) -> None:
    mimic("emotionet", tmp_path / "e", 12)
    file = tmp_path / "e/EmotioNet_FACS_aws_2020_24600.csv"
    text = file.read_text()
    for old, new, missing in (("'AU 43'", "'AU 99'", "AU 43"), ("URL,", "Link,", "URL")):
        file.write_text(text.replace(old, new, 1))
        with pytest.raises(FeabError, match=f"no column '{missing}'; it has"):
            prepare("emotionet", tmp_path / "e", tmp_path / "o")
    (tmp_path / "e/emotionet_facs_2.csv").write_text(text)
    with pytest.raises(FeabError, match="holds several lists"):
        prepare("emotionet", tmp_path / "e", tmp_path / "o")


def test_ratings_are_carried_and_an_expression_only_where_most_experts_agree(tmp_path: Path) -> None:
    mimic("emonet_face_hq", tmp_path / "hq", 16)
    made = prepare("emonet_face_hq", tmp_path / "hq")
    assert made.info.images_may_be_shared
    data = load_dataset("emonet_face_hq")
    assert len(data) == 16
    first, neutral = data[0], data[7]
    assert (first.expression, first.votes) == ("happiness", (3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    assert first.extra["rating_elation"] == 4.5
    assert first.extra["raters"] == 4
    assert (neutral.expression, neutral.extra["rating_contemplation"]) == (None, 4.5)  # kept for its ratings
    assert made.splits["test"].unlabelled == 0


@pytest.mark.parametrize(
    ("experts", "expression"),
    [
        ([{"Fear": 5}, {"Fear": 2}, {"Anger": 7}], "fear"),
        ([{"Fear": 5}, {"Anger": 7}], None),  # one of two is not more than half
        ([{"Fear": 5, "Awe": 5}, {"Fear": 1, "Awe": 2}], None),  # a tie, and another category
        ([{"Awe": 5}, {"Awe": 5}, {"Fear": 5}], None),  # most see none of the seven: no label, never "other"
        ([{"Fear": 0}, {"Fear": 0}], None),
        ([], None),
    ],
)
def test_the_derived_expression(experts: list[dict[str, float]], expression: str | None) -> None:
    labels = labels_of({f"human-{n}": rated for n, rated in enumerate(experts)})
    assert labels.get("expression") == expression
    assert sum(labels.get("votes", [])) == len(experts)


def test_ratings_by_models_are_left_out() -> None:
    text = "[{'human-1': {'Negative|Fear': 3}}, {'gpt-4o': {'Negative|Fear': 7}}, {'human-2': {'Fear': 4.5}}]"
    assert ratings_of(text) == {"human-1": {"Fear": 3.0}, "human-2": {"Fear": 4.5}}


def test_columns_of_ratings() -> None:
    assert len({column(name) for name in CATEGORIES}) == len(CATEGORIES) == 40
    assert column("Jealousy & Envy") == "rating_jealousy_envy"
    assert set(NAMED) <= set(CATEGORIES)


@given(
    st.dictionaries(
        st.integers(1, 8), st.dictionaries(st.sampled_from(CATEGORIES), st.floats(0, HIGHEST), max_size=6), max_size=6
    )
)
def test_any_ratings_are_read_back(rated: dict[int, dict[str, float]]) -> None:
    experts = {f"human-{number}": given for number, given in rated.items()}
    text = str(
        [{name: {f"X|{category}": value for category, value in given.items()}} for name, given in experts.items()]
    )
    assert ratings_of(text) == experts
    labels = labels_of(experts)
    assert labels["raters"] == len(experts)
    assert labels.get("expression") in (None, *LABELS[:-1])
    means = [value for name, value in labels.items() if name.startswith("rating_") and value is not None]
    assert all(0 <= value <= HIGHEST and math.isfinite(value) for value in means)


@given(st.text(max_size=60))
def test_any_text_is_ratings_or_refused(text: str) -> None:
    try:
        found = ratings_of(text)
    except FeabError:
        return
    assert isinstance(found, dict)


@pytest.mark.parametrize("name", ["bp4d", "kdef"])
def test_what_names_of_files_say_of_people_is_carried(name: str, tmp_path: Path) -> None:
    mimic(name, tmp_path / "as-delivered", 24)
    made = prepare(name, tmp_path / "as-delivered", tmp_path / "made")
    said = {"F": "female", "M": "male"}
    rows = list(load_dataset(made.folder))
    assert all(row.perceived_gender == said[str(row.subject)[0]] for row in rows)
    assert {row.attributes_source for row in rows} == {"file names"}
    assert set(made.splits["test"].attributes["perceived_gender"]) == {"female", "male"}


def test_what_the_description_of_a_dataset_says_of_all_its_people_is_carried(tmp_path: Path) -> None:
    mimic("jaffe", tmp_path / "as-delivered", 24)
    made = prepare("jaffe", tmp_path / "as-delivered", tmp_path / "made")
    rows = list(load_dataset(made.folder))
    said = {(row.perceived_gender, row.perceived_race, row.age_group, row.attributes_source) for row in rows}
    assert said == {("female", "japanese", None, "description of the dataset")}
    assert made.splits["test"].attributes == {"perceived_gender": {"female": 24}, "perceived_race": {"japanese": 24}}

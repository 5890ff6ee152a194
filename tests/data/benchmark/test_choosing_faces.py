"""Choosing faces of one source: classes, action units, people; never by the order of the rows."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import CK_PLUS, EIGHT, ckplus

from feab.data.benchmark.choose import Choice, choose, search_people
from feab.data.benchmark.faces import faces_of
from feab.data.benchmark.recipe import SourceRecipe
from feab.errors import FeabError

NONE = np.zeros(0, dtype=np.int64)


def chosen(rows: list[dict[str, Any]], *, seed: int = 1, removed: list[int] | None = None, **recipe: Any) -> Choice:
    table = pa.Table.from_pylist(rows)
    source = SourceRecipe.model_validate({"split": "test", **recipe})
    faces = faces_of("tiny", source, [table], EIGHT, seed, without=frozenset())
    return choose(faces, source, EIGHT, seed, NONE if removed is None else np.array(removed, dtype=np.int64))


def counts(rows: list[dict[str, Any]], choice: Choice) -> dict[str, int]:
    words = [rows[row]["expression"] for row in choice.rows.tolist()]
    return {word: words.count(word) for word in dict.fromkeys(sorted(words))}


def of_classes(**n: int) -> list[dict[str, Any]]:
    return [{"id": f"{label}{k}", "expression": label} for label, number in n.items() for k in range(number)]


def classes(images: int, *labels: str) -> dict[str, Any]:
    return {"parts": [{"choose": "classes", "images": images, "classes": list(labels)}]}


# ------------------------------------------------------------------------------------------------------------- classes


def test_classes_are_equal() -> None:
    rows = of_classes(anger=9, fear=5, neutral=30, contempt=3)
    choice = chosen(rows, **classes(12, "anger", "fear", "neutral"))
    assert counts(rows, choice) == {"anger": 4, "fear": 4, "neutral": 4}
    assert choice.short == ()


def test_what_a_class_lacks_the_rarest_of_the_others_has_more_of() -> None:
    rows = of_classes(anger=9, fear=2, neutral=30)
    assert counts(rows, chosen(rows, **classes(9, "anger", "fear", "neutral"))) == {"anger": 4, "fear": 2, "neutral": 3}
    whole = chosen(rows, **classes(50, "anger", "fear", "neutral"))
    assert counts(rows, whole) == {"anger": 9, "fear": 2, "neutral": 30}
    assert whole.short == ("41 of 50 images",)


def test_the_pool_of_raf_db_has_all_of_its_rare_classes() -> None:
    """RAF-DB's training split; what measurement.md wants: all of fear, disgust and anger, the rest equal."""
    there = {"surprise": 1290, "fear": 281, "disgust": 717, "anger": 705}
    there |= {"happiness": 4772, "sadness": 1982, "neutral": 2524}
    rows = of_classes(**there)
    found = counts(rows, chosen(rows, **classes(7000, *there)))
    assert found == {**there, "happiness": 1335, "sadness": 1336, "neutral": 1336}


def test_what_is_removed_is_replaced_by_the_next() -> None:
    rows = of_classes(anger=9)
    first = chosen(rows, **classes(4, "anger"))
    again = chosen(rows, removed=first.rows.tolist()[:1], **classes(4, "anger"))
    assert set(first.rows.tolist()[1:]) < set(again.rows.tolist())
    assert first.rows.tolist()[0] not in again.rows.tolist()


def test_another_seed_chooses_others() -> None:
    rows = of_classes(anger=90)
    assert (
        chosen(rows, seed=1, **classes(9, "anger")).rows.tolist() == chosen(rows, **classes(9, "anger")).rows.tolist()
    )
    assert (
        chosen(rows, seed=2, **classes(9, "anger")).rows.tolist() != chosen(rows, **classes(9, "anger")).rows.tolist()
    )


def test_a_face_without_a_level_that_is_needed_is_not_taken() -> None:
    rows = [{**row, "valence": 0.1, "arousal": None if n % 2 else 0.1} for n, row in enumerate(of_classes(fear=8))]
    choice = chosen(rows, needs=["valence_arousal"], **classes(8, "fear"))
    assert choice.rows.tolist() == [0, 2, 4, 6]
    assert choice.short == ("4 of 8 images",)


# --------------------------------------------------------------------------------------------------------------- films

FILM = {"person": "subject", "film": ["subject", "task"], "frame": "frame", "rate": 10, "apart": 1}


@st.composite
def films(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frames of some people in some recordings, coded for three AUs, some of them not."""
    rows = []
    for person in range(draw(st.integers(1, 4))):
        for task in range(draw(st.integers(1, 2))):
            for frame in sorted(draw(st.sets(st.integers(0, 120), min_size=1, max_size=25))):
                codes = draw(st.tuples(*[st.sampled_from([0.0, 1.0, 1.0, None])] * 3))
                rows.append(
                    {"id": f"{person}/{task}/{frame}", "subject": f"p{person}", "task": f"t{task}", "frame": frame}
                    | dict(zip(("au01_presence", "au02_presence", "au04_presence"), codes, strict=True))
                )
    return rows


@settings(max_examples=60)
@given(films(), st.integers(1, 30), st.integers(1, 6), st.randoms(use_true_random=False))
def test_frames_lie_apart_people_are_capped_and_order_does_not_matter(
    rows: list[dict[str, Any]], images: int, most: int, random: Random
) -> None:
    recipe = {
        **FILM,
        "evenly": ["subject"],
        "aus": [1, 2, 4],
        "most_a_person": most,
        "parts": [{"choose": "units", "images": images, "positives": 3}],
    }
    choice = chosen(rows, **recipe)
    mine = sorted(
        (rows[row] for row in choice.rows.tolist()), key=lambda row: (row["subject"], row["task"], row["frame"])
    )
    for one, other in pairwise(mine):
        if (one["subject"], one["task"]) == (other["subject"], other["task"]):
            assert other["frame"] - one["frame"] >= 10
    people = [row["subject"] for row in mine]
    assert all(people.count(person) <= most for person in people)
    assert len(mine) <= images
    assert bool(choice.short) == (len(mine) < images)
    assert all(any(row[f"au0{au}_presence"] is not None for au in (1, 2, 4)) for row in mine)
    shuffled = random.sample(rows, len(rows))
    again = chosen(shuffled, **recipe)
    assert {rows[row]["id"] for row in choice.rows.tolist()} == {shuffled[row]["id"] for row in again.rows.tolist()}


def test_every_unit_has_its_positives_where_there_are_any() -> None:
    """The rarest unit is served first, from several people, though common ones are in every frame."""
    rows = [
        {
            "id": f"{person}/{frame}",
            "subject": f"p{person}",
            "frame": frame,
            "au01_presence": 1.0,
            "au02_presence": float(frame % 7 == 0),
            "au04_presence": float(person < 5 and frame in (60, 130)),
        }
        for person in range(6)
        for frame in range(0, 400, 5)
    ]
    choice = chosen(
        rows,
        person="subject",
        film=["subject"],
        frame="frame",
        rate=20,
        apart=1,
        evenly=["subject"],
        aus=[1, 2, 4],
        parts=[{"choose": "units", "images": 60, "positives": 12}],
    )
    mine = [rows[row] for row in choice.rows.tolist()]
    assert choice.short == ()
    assert {person: [row["subject"] for row in mine].count(person) for person in ("p0", "p3", "p5")} == dict.fromkeys(
        ("p0", "p3", "p5"), 10
    )
    assert sum(row["au02_presence"] for row in mine) >= 12
    assert sum(row["au04_presence"] for row in mine) == 10
    assert len({row["subject"] for row in mine if row["au04_presence"]}) == 5


def test_a_unit_is_present_as_its_source_says() -> None:
    rows = [
        {"id": "a", "au26_intensity": 1.0, "au27_presence": 0.0, "au26_presence": 0.0},
        {"id": "b", "au26_intensity": 2.0, "au27_presence": 1.0, "au26_presence": 0.0},
        {"id": "c", "au26_intensity": None, "au27_presence": None, "au26_presence": None},
    ]
    part = {"parts": [{"choose": "units", "images": 3, "positives": 1}]}
    table = pa.Table.from_pylist(rows)
    graded = SourceRecipe.model_validate({"split": "test", "aus": [26], "present_from": 2, **part})
    counted = SourceRecipe.model_validate({"split": "test", "aus": [26], "count_as": {27: 26}, **part})
    units = [
        faces_of("tiny", recipe, [table], EIGHT, 1, without=frozenset()).units[:, 0].tolist()
        for recipe in (graded, counted)
    ]
    assert units == [[0, 1, -1], [0, 1, -1]]


def test_a_column_that_is_missing_is_told() -> None:
    with pytest.raises(FeabError, match="tiny: has no column 'subject', which the recipe needs"):
        chosen(of_classes(fear=1), person="subject", **classes(1, "fear"))


# -------------------------------------------------------------------------------------------------------------- people

PUBLISHED = {"anger": 6, "contempt": 1, "disgust": 6, "fear": 3, "happiness": 7, "sadness": 2, "surprise": 9}


def test_ten_people_with_the_published_classes_are_found() -> None:
    rows = ckplus()
    assert {label: sum(row["expression"] == label for row in rows) for label in CK_PLUS} == CK_PLUS
    recipe = {"person": "subject", "parts": [{"choose": "people", "people": 10, "classes": PUBLISHED}]}
    choice = chosen(rows, **recipe)
    assert counts(rows, choice) == dict(sorted(PUBLISHED.items()))
    team = {rows[row]["subject"] for row in choice.rows.tolist()}
    assert len(team) == 10
    assert sum(row["subject"] in team for row in rows) == 34  # none of their sequences is left behind
    assert choice.short == ()


def test_too_few_people_are_told_and_never_give_more_than_is_wanted() -> None:
    rows = [row for row in ckplus() if row["subject"] < "S012"]
    recipe = {"person": "subject", "parts": [{"choose": "people", "people": 10, "classes": PUBLISHED}]}
    choice = chosen(rows, **recipe)
    assert len(choice.short) == 1
    assert choice.short[0].startswith("no 10 people with the classes wanted (10 have ")
    assert all(n <= PUBLISHED[label] for label, n in counts(rows, choice).items())


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_search_finds_sums_that_some_people_have(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 3, (24, 4))
    wanted = table[rng.choice(24, size, replace=False)].sum(axis=0)
    names = [f"p{number}" for number in range(24)]
    team, off = search_people(names, table, wanted, size, seed)
    assert off == np.abs(table[team].sum(axis=0) - wanted).sum()
    assert off == 0
    assert len(team) == size

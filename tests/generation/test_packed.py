"""What annotating keeps of a face: draws come out as they went in, texts too, and a face takes few bytes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from annotating import load_dataset, write_faces
from hypothesis import given
from hypothesis import strategies as st

from feab.generation.faces import Face, by_name
from feab.generation.human import HumanLabels
from feab.generation.packed import Shelf, contexts_of, packed, unpacked
from feab.generation.record import Draw
from feab.vocabulary import EXPRESSIONS, FEAB_17

axis = st.floats(-1, 1)
draws = st.builds(
    Draw,
    st.integers(0, 999),
    st.integers(0, 99),
    st.none() | st.sampled_from(EXPRESSIONS),
    st.none() | st.tuples(axis, axis),
    st.none() | st.frozensets(st.sampled_from(FEAB_17)),
)


@given(st.lists(draws, max_size=12))
def test_draws_come_out_as_they_went_in(given_draws: list[Draw]) -> None:
    data = b"".join(map(packed, given_draws))
    assert list(unpacked(data)) == given_draws
    assert list(contexts_of(data)) == [draw.context for draw in given_draws]


@given(st.lists(st.binary(max_size=2000).map(lambda text: text.replace(b"\n", b"")), max_size=20), st.randoms())
def test_what_is_on_the_shelf_is_found_again(tmp_path_factory: pytest.TempPathFactory, texts, draw) -> None:
    shelf = Shelf(tmp_path_factory.getbasetemp())
    places = []
    for text in texts:
        places.append((shelf.put(text), text))
        at, there = draw.choice(places)  # read between two that are written
        assert shelf.get(at) == there
    assert [shelf.get(at) for at, _ in places] == texts
    shelf.close()


def test_the_shelf_leaves_nothing_behind(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(b"x" * 100_000)
    shelf.close()
    assert list(tmp_path.iterdir()) == []


def test_a_face_takes_few_bytes(tmp_path: Path) -> None:
    """A million faces must fit into some hundred megabytes, and what is decided of them lies on the disk."""
    n = 2_000
    dataset = load_dataset(str(write_faces(tmp_path / "made", 1)))
    labels = HumanLabels(["fear"] * n, np.zeros((n, 2)), np.zeros((n, 17)), [None] * n)
    ids = [f"face-{row:07d}" for row in range(n)]
    said = Draw(3, 1, "anger", (0.25, -0.5), frozenset({4, 5, 7, 24}))
    text = b'{"sample": "x"}' * 60
    tracemalloc.start()
    try:
        faces = [Face("seke", ids[row], dataset, row, labels, ("action_units",)) for row in range(n)]
        named = by_name(faces)
        for face in faces:
            for _ in range(10):
                face.hear(said)
        asked = tracemalloc.get_traced_memory()[0] / n
        shelf = Shelf(tmp_path)
        for face in faces:
            face.shelved = shelf.put(text)
            face.forget()
        decided = tracemalloc.get_traced_memory()[0] / n
    finally:
        tracemalloc.stop()
    assert named["seke"][ids[7]].given.expression == "fear"
    assert asked < 700
    assert decided < 400
    shelf.close()

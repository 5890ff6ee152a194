from __future__ import annotations

import hashlib
import math
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import INFO, jpeg, tiny_row

from feab.data import load_dataset, write_split
from feab.data.fingerprint import Lines, canonical_line, combine, fingerprint
from feab.vocabulary import EXPRESSIONS

unit = st.floats(-1, 1, width=32)
word = st.text(st.characters(exclude_categories=["C"]), max_size=8)
maybe = st.none()


@st.composite
def datasets(draw: st.DrawFn) -> list[dict[str, Any]]:
    ids = draw(st.lists(st.text("abcäé 0-9_", min_size=1, max_size=6), unique=True, min_size=1, max_size=6))
    return [
        {
            "id": name,
            "image": draw(st.binary(min_size=1, max_size=20)),
            "subject": draw(maybe | word),
            "expression": draw(maybe | st.sampled_from(EXPRESSIONS)),
            "valence": draw(maybe | unit),
            "arousal": draw(maybe | unit | st.just(math.nan)),
            "votes": draw(maybe | st.lists(st.floats(0, 100, width=32), min_size=8, max_size=8)),
            "au01_presence": draw(maybe | st.sampled_from([0.0, 1.0])),
            "au12_intensity": draw(maybe | st.floats(0, 5, width=32)),
            "form": draw(maybe | word),
            "count": draw(maybe | st.integers(-(2**60), 2**60)),
            "free": draw(maybe | st.booleans()),
        }
        for name in ids
    ]


EXTRA = {"form": "text", "count": "integer", "free": "flag"}


def same(given: Any, stored: Any) -> bool:
    if given is None or (isinstance(given, float) and math.isnan(given)):
        return stored is None
    if isinstance(given, list):
        return [np.float32(v) for v in given] == [np.float32(v) for v in stored]
    if isinstance(given, float):
        return stored is not None and np.float32(given) == np.float32(stored)
    return bool(given == stored) and type(given) is type(stored)


@given(datasets(), st.integers(1, 8), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_write_then_read(rows: list[dict[str, Any]], row_group: int, shuffle: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        info = write_split(Path(name), "test", rows, INFO, extra=EXTRA, row_group=row_group)
        data = load_dataset(Path(name))
        for row, sample in zip(rows, data, strict=True):
            assert sample.media.read() == row["image"]
            stored = {
                "id": sample.id,
                "subject": sample.subject,
                "expression": sample.expression,
                "valence": sample.valence,
                "arousal": sample.arousal,
                "votes": None if sample.votes is None else list(sample.votes),
                "au01_presence": sample.au_presence.get(1),
                "au12_intensity": sample.au_intensity.get(12),
                **{key: sample.extra.get(key) for key in EXTRA},
            }
            for key, value in stored.items():
                assert same(row[key], value), key
        shuffled = shuffle.sample(rows, len(rows))
        assert fingerprint(shuffled) == info.splits["test"].fingerprint == data.fingerprint
        other = write_split(Path(name), "test", shuffled, INFO, extra=EXTRA, row_group=9 - row_group)
        assert other.splits["test"].fingerprint == data.fingerprint


CHANGES = {
    "id": "t-0000x",
    "image": b"another picture",
    "subject": "somebody",
    "source": "elsewhere",
    "expression": "fear",
    "valence": 0.123,
    "arousal": -0.5,
    "au01_presence": 0.0,
    "au01_intensity": 3.0,
    "au25_presence": 0.0,
    "age_group": "40-69",
    "perceived_gender": "female",
    "face": [0, 0, 1, 1],
    "votes": [1, 0, 0, 0, 0, 0, 0, 0],
    "mini": False,
    "strength": "strong",
}


@pytest.mark.parametrize("column", CHANGES)
def test_any_change_changes_it(column: str) -> None:
    rows = [tiny_row(0), tiny_row(1)]
    changed = [tiny_row(0) | {column: CHANGES[column]}, tiny_row(1)]
    assert fingerprint(changed) != fingerprint(rows)


def test_swapping_two_labels_changes_it() -> None:
    one, two = tiny_row(0), tiny_row(1)
    swapped = [one | {"valence": two["valence"]}, two | {"valence": one["valence"]}]
    assert fingerprint(swapped) != fingerprint([one, two])


def test_null_is_not_zero_but_is_the_same_as_missing() -> None:
    assert fingerprint([tiny_row(0, au25_presence=0.0)]) != fingerprint([tiny_row(0)])
    assert fingerprint([tiny_row(0, au25_presence=None)]) == fingerprint([tiny_row(0)])


def test_the_canonical_form_is_what_the_module_says() -> None:
    row = {
        "id": "ä1",
        "image": {"bytes": b"abc", "path": "ignored.jpg"},
        "valence": np.float32(0.1),
        "arousal": -0.0,
        "au01_intensity": 1,
        "au12_intensity": 1e-5,
        "au25_presence": math.nan,
        "votes": np.array([0.5, 1], dtype=np.float32),
        "expression": None,
        "free": True,
        "identity": np.int64(7),
    }
    sha = hashlib.sha256(b"abc").hexdigest()
    labels = (
        '{"arousal":0.0,"au01_intensity":1.0,"au12_intensity":1e-05,"free":true,"identity":7,'
        '"valence":0.1,"votes":[0.5,1.0]}'
    )
    assert canonical_line(row) == f'["ä1","{sha}",{labels}]\n'.encode()


def test_golden_fingerprint() -> None:
    """Pinned: if this changes, every published fingerprint becomes wrong."""
    rows = [
        {"id": "b", "image": b"second", "expression": "happiness", "valence": 0.8, "au12_presence": 1.0},
        {"id": "a", "image": b"first", "valence": -1 / 3, "au12_presence": 0.0, "mini": True},
    ]
    first = hashlib.sha256(b"first").hexdigest()
    second = hashlib.sha256(b"second").hexdigest()
    by_hand = (
        f'["a","{first}",{{"au12_presence":0.0,"mini":true,"valence":-0.33333334}}]\n'
        f'["b","{second}",{{"au12_presence":1.0,"expression":"happiness","valence":0.8}}]\n'
    )
    assert fingerprint(rows) == hashlib.sha256(by_hand.encode()).hexdigest()
    assert fingerprint(rows) == "bb80b6e1c5e1773985418519836642d1f17f52a90b82d23cbf9a9a691f02326e"


def test_a_different_picture_of_the_same_shade_is_another_image() -> None:
    assert fingerprint([tiny_row(0, image=jpeg(0, size=9))]) != fingerprint([tiny_row(0)])


@given(st.dictionaries(st.text(min_size=1, max_size=6), st.binary(max_size=30), max_size=30))
def test_lines_in_a_file_combine_as_those_in_memory(lines: dict[str, bytes]) -> None:
    kept = Lines()
    for name, line in lines.items():
        assert kept.reserve(name)
        kept.put(name, line)
    assert all(not kept.reserve(name) for name in lines)
    assert kept.reserve("reserved, and never put")
    assert kept.fingerprint() == combine(lines.items())
    kept.close()


def test_the_sha256_of_pictures_may_be_given_in_their_place() -> None:
    row = {"id": "a", "image": b"one", "frames": [b"two", b"three"], "expression": "fear"}
    two, three = (hashlib.sha256(data).hexdigest() for data in (b"two", b"three"))
    given = {"id": "a", "expression": "fear"}
    line = canonical_line(given, sha256s={"image": hashlib.sha256(b"one").hexdigest()}, frames_sha256=[two, three])
    assert line == canonical_line(row)

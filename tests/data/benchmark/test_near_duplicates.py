"""Pictures that look the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sources import picture
from PIL import Image, ImageOps

from feab.data.benchmark.nearduplicates import Known, _ones, look
from feab.data.places import load_dataset
from feab.errors import FeabError


def _saved(image: Image.Image, form: str = "JPEG", **how: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def faces() -> list[bytes]:
    """Rendered faces of different people."""
    data = load_dataset("synth")
    return [data[row].media.read() for row in range(0, 240, 24)]


def test_the_same_face_at_another_size_quality_and_side_looks_the_same(faces: list[bytes]) -> None:
    known = Known([look(faces[0])])
    image = Image.open(io.BytesIO(faces[0]))
    others = {
        "itself": faces[0],
        "smaller": _saved(image.resize((100, 100)), quality=60),
        "mirrored": _saved(ImageOps.mirror(image), quality=80),
        "grey, as PNG": _saved(image.convert("L"), "PNG"),
    }
    assert {name: known.looks_like(look(data)) for name, data in others.items()} == dict.fromkeys(others, True)
    assert known.has_file(look(faces[0]).sha256)
    assert not known.has_file(look(others["mirrored"]).sha256)


def test_the_mirrored_hash_is_that_of_the_mirrored_picture(faces: list[bytes]) -> None:
    image = Image.open(io.BytesIO(faces[3])).convert("L").resize((64, 64))
    one, other = look(_saved(image, "PNG")), look(_saved(ImageOps.mirror(image), "PNG"))
    assert _ones(one.mirrored ^ other.hashes).max() <= 2  # rounding of grey values
    assert _ones(one.hashes ^ other.hashes).min() > 6


def test_a_face_is_found_in_a_larger_picture_by_its_box(faces: list[bytes]) -> None:
    whole = Image.fromarray(np.random.default_rng(1).integers(0, 256, (400, 500, 3), dtype=np.uint8))
    face = Image.open(io.BytesIO(faces[1]))
    whole.paste(face, (200, 90))
    data = _saved(whole, "PNG")
    known = Known([look(faces[1])])
    assert not known.looks_like(look(data))
    assert known.looks_like(look(data, (200.0, 90.0, float(face.width), float(face.height))))
    assert len(look(data, (490.0, 390.0, 200.0, 200.0)).hashes) == 2  # reaches out of the picture


def test_other_pictures_do_not_look_the_same() -> None:
    known = Known([look(picture(f"a{n}")) for n in range(60)])
    assert not any(known.looks_like(look(picture(f"b{n}"))) for n in range(60))
    assert not Known([]).looks_like(look(picture("a")))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_bits_are_counted(numbers: list[int]) -> None:
    assert _ones(np.array(numbers, dtype=np.uint64)).tolist() == [number.bit_count() for number in numbers]


def test_what_is_no_picture_is_told() -> None:
    with pytest.raises(FeabError, match="not a picture that can be read"):
        look(b"GIF89a and no more")

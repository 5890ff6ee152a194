"""Cutting the face out of a picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from feab.errors import FeabError
from feab.records import Media, Sample
from feab.tasks.crops import AS_DELIVERED, FACE, FaceCrop, cut, shown


def picture(form: str = "PNG", mode: str = "RGB") -> bytes:
    """100 x 80 pixels, black but for a white square from (40, 20) to (60, 40)."""
    made = Image.new("RGB", (100, 80))
    made.paste((255, 255, 255), (40, 20, 60, 40))
    buffer = io.BytesIO()
    made.convert(mode).save(buffer, form)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_the_box_grows_by_a_fifth_about_its_middle() -> None:
    sample = Sample("a", Media(data=picture()), face=(40, 20, 20, 20))
    seen = opened(shown(sample, FACE).read())
    assert seen.size == (24, 24)
    assert seen.getpixel((1, 1)) == (0, 0, 0)
    assert seen.getpixel((2, 2)) == seen.getpixel((21, 21)) == (255, 255, 255)
    assert seen.getpixel((22, 22)) == (0, 0, 0)


def test_without_a_box_or_a_crop_the_bytes_are_those_stored() -> None:
    media = Media(data=picture())
    assert shown(Sample("a", media), FACE) is media
    assert shown(Sample("a", media, face=(1, 1, 5, 5)), AS_DELIVERED) is media


def test_it_is_read_late_and_from_a_path(tmp_path) -> None:
    crop = shown(Sample("a", Media(path=str(tmp_path / "a.png")), face=(0, 0, 10, 10)), FACE)
    assert isinstance(crop, FaceCrop)
    with pytest.raises(OSError, match="No such file"):
        crop.read()
    (tmp_path / "a.png").write_bytes(picture())
    assert opened(crop.read()).size == (11, 11)  # the box reaches over the edge


@pytest.mark.parametrize(
    ("form", "mode", "expected"), [("JPEG", "L", "L"), ("PNG", "P", "RGB"), ("PNG", "RGBA", "RGB")]
)
def test_other_kinds_of_pictures(form: str, mode: str, expected: str) -> None:
    seen = opened(cut(picture(form, mode), (40, 20, 20, 20)))
    assert (seen.mode, seen.format, seen.size) == (expected, "PNG", (20, 20))


@pytest.mark.parametrize("box", [(100, 0, 5, 5), (-9, -9, 5, 5), (0, 0, 0.2, 0.2)])
def test_a_box_outside_the_picture_is_an_error(box) -> None:
    with pytest.raises(OSError, match="outside the picture"):
        cut(picture(), box)


@pytest.mark.parametrize("data", [b"", b"%!PS-Adobe-3.0 EPSF-3.0\n", picture()[:60]])
def test_what_is_no_picture_is_an_error(data: bytes) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        cut(data, (0, 0, 5, 5))
    assert not isinstance(caught.value, FeabError)

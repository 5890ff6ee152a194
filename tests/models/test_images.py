"""Pictures that cannot be decoded are refused in words that do not change from one run to the next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.models.images import ImageError, decode


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"]))
def test_any_bytes_that_are_no_picture_are_refused_in_the_same_words(data: bytes, head: bytes) -> None:
    said = []
    for _ in range(2):
        try:
            decode(head + data)
        except ImageError as error:
            said.append(str(error))
    assert len(set(said)) <= 1
    assert not any("0x" in words for words in said)


def test_no_picture() -> None:
    with pytest.raises(ImageError, match="cannot identify image file"):
        decode(b"not a picture")

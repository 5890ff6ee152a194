"""Tiny rows with real JPEGs, for tests of the dataset form."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from feab.schemas import DatasetInfo
from feab.vocabulary import EXPRESSIONS

INFO = DatasetInfo(
    name="tiny",
    version="1",
    splits={},
    licence="CC0-1.0",
    images_may_be_shared=True,
    third_party="allowed",
    labels=list(EXPRESSIONS),
    aus=[1, 12, 25],
    subsets={"tiny_mini": {"split": "test", "column": "mini"}},
)


def jpeg(shade: int, size: int = 8) -> bytes:
    """A small gradient picture, different for every shade from 0 to 255."""
    picture = Image.linear_gradient("L").resize((size, size)).point(lambda v: (v + shade) % 256)
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def tiny_row(number: int, **other: Any) -> dict[str, Any]:
    """Row `number`: an expression where number is even, AUs where it divides by 3."""
    row: dict[str, Any] = {
        "id": f"t-{number:05d}",
        "image": jpeg(number % 256),
        "subject": f"s{number // 4}",
        "source": "tiny",
        "expression": EXPRESSIONS[number % 8] if number % 2 == 0 else None,
        "valence": (number % 21 - 10) / 10,
        "arousal": None if number % 5 == 0 else 0.1,
        "age_group": "20-39",
        "mini": number < 3,
        "strength": "weak" if number % 2 else None,
        "identity": number // 4,
    }
    if number % 3 == 0:
        row |= {"au01_presence": 1.0, "au01_intensity": 2.0, "au12_presence": 0.0}
    return row | other

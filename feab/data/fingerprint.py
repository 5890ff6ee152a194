"""A dataset's fingerprint: one sha256 that changes with any id, image or label, and with nothing else.

The canonical form, so that another program can compute it: the rows are sorted by id (by Unicode code point); each
gives one line of UTF-8, ended by a line feed, holding a JSON array of three items

    ["<id>", "<sha256 of the stored image bytes, hex>", {labels}]

without spaces, characters beyond ASCII written as themselves, object keys sorted by code point. `labels` holds every
column but `id` and `image`, extra columns too, where it is not null (NaN counts as null): text as a string; whole
numbers and true/false as such; floats rounded to float32 and written as the shortest decimal that reads back to the
same float32, always with a point or an exponent, as Python's repr writes it (0.1, 1.0, 1e-05; -0.0 is 0.0); lists as
arrays of these; each item of `frames`, and `clip`, as
the sha256 of its bytes. A clip without `image` has null as its second item.
A sample's path is not part of it, its bytes are. The fingerprint is the sha256 over all lines, in hex.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from feab.data.columns import is_float
from feab.errors import FeabError


def _short(value: float) -> float:
    """The double whose repr is the shortest decimal of the float32 nearest to `value`."""
    return float(str(np.float32(value))) + 0.0  # + 0.0 turns -0.0 into 0.0


def _canonical(value: Any, as_float: bool) -> Any:
    """A label as canonical JSON holds it, None for null; `as_float` writes a whole number as 1.0."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)):
        return _short(float(value)) if as_float else int(value)
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else _short(float(value))
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_canonical(item, as_float) for item in value]
    raise FeabError(f"a label of type {type(value).__name__} has no canonical form")


def _image_sha256(image: Any, read: Callable[[str], bytes] | None) -> str | None:
    if image is None:
        return None
    if isinstance(image, Mapping):
        data, path = image.get("bytes"), image.get("path")
        if data is None and path is not None and read is not None:
            data = read(path)
        image = data
    if not isinstance(image, (bytes, bytearray, memoryview)):
        raise FeabError("a row's image has neither bytes nor a path that can be read")
    return hashlib.sha256(image).hexdigest()


def canonical_line(
    row: Mapping[str, Any],
    read: Callable[[str], bytes] | None = None,
    *,
    sha256s: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """The line one row contributes. `read` gives the bytes of an image that is stored as a path.

    What `sha256s` names ("image", "clip") has that digest, and the row need not hold it.
    """
    labels: dict[str, Any] = {"clip": sha256s["clip"]} if "clip" in sha256s else {}
    for name, value in row.items():
        if name in ("id", "image"):
            continue
        if name == "frames":
            value = None if value is None else [_image_sha256(frame, read) for frame in value]
        if name == "clip":
            value = _image_sha256(value, read)
        canonical = _canonical(value, is_float(name))
        if canonical is not None:
            labels[name] = canonical
    image = sha256s.get("image") or _image_sha256(row.get("image"), read)
    item = [row["id"], image, labels]
    return (json.dumps(item, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def combine(lines: Iterable[tuple[str, bytes]]) -> str:
    """The fingerprint of (id, canonical line) pairs in any order."""
    digest = hashlib.sha256()
    for _, line in sorted(lines):
        digest.update(line)
    return digest.hexdigest()


def fingerprint(rows: Iterable[Mapping[str, Any]], read: Callable[[str], bytes] | None = None) -> str:
    """The sha256 (hex) over rows in any order; each is a mapping of the dataset's columns.

    `image` is the stored bytes, or a mapping of `bytes` and `path`. Null and missing columns are the same thing.

    Raises:
        FeabError: when an image cannot be had or a value has no canonical form.
    """
    return combine((str(row["id"]), canonical_line(row, read)) for row in rows)

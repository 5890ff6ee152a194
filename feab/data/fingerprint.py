"""A dataset's fingerprint: one sha256 that changes with any id, image or label, and with nothing else.

The canonical form, so that another program can compute it: the rows are sorted by id (by Unicode code point); each
gives one line of UTF-8, ended by a line feed, holding a JSON array of three items

    ["<id>", "<sha256 of the stored image bytes, hex>", {labels}]

without spaces, characters beyond ASCII written as themselves, object keys sorted by code point. `labels` holds every
column but `id` and `image`, extra columns too, where it is not null (NaN counts as null): text as a string; whole
numbers and true/false as such; floats rounded to float32 and written as the shortest decimal that reads back to the
same float32, always with a point or an exponent, as Python's repr writes it (0.1, 1.0, 1e-05; -0.0 is 0.0); lists as
arrays of these; each item of `frames`, and `clip`, as the sha256 of its bytes. A clip without `image` has null as its
second item. A sample's path is not part of it, its bytes are. The fingerprint is the sha256 over all lines, in hex.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from feab.data.columns import is_float
from feab.errors import FeabError


def _short(value: float) -> float:
    """The double whose repr is the shortest decimal of the float32 nearest to `value`."""
    import numpy as np  # here, because whoever asks what columns there are need not wait for it

    return float(str(np.float32(value))) + 0.0  # + 0.0 turns -0.0 into 0.0


def _canonical(value: Any, as_float: bool) -> Any:
    """A label as canonical JSON holds it, None for null; `as_float` writes a whole number as 1.0."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return _short(value) if as_float else value
    if isinstance(value, float):
        return None if math.isnan(value) else _short(value)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return _canonical(value.tolist(), as_float)
    if isinstance(value, (list, tuple)):
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
    frames_sha256: Sequence[str] | None = None,
) -> bytes:
    """The line one row contributes. `read` gives the bytes of an image that is stored as a path.

    What `sha256s` names ("image", "clip") has that digest, frames have those of `frames_sha256`, and the row need not
    hold them.
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
    if frames_sha256:
        labels["frames"] = list(frames_sha256)
    image = sha256s.get("image") or _image_sha256(row.get("image"), read)
    item = [row["id"], image, labels]
    return (json.dumps(item, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


class Lines:
    """The canonical lines of rows in any order, kept in a temporary file: memory does not grow with their number."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)  # a private file, which goes when it is closed
        self._rows.execute("PRAGMA cache_size = -16000")  # at most 16 MB of it in memory
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("CREATE TABLE rows (id TEXT PRIMARY KEY, line BLOB)")
        self._rows.execute("BEGIN")

    def reserve(self, sample: str) -> bool:
        """Take an id; False when it was taken before."""
        found = self._rows.execute("INSERT OR IGNORE INTO rows (id) VALUES (?)", (sample,))
        return found.rowcount == 1

    def put(self, sample: str, line: bytes) -> None:
        """The canonical line of an id that was reserved."""
        self._rows.execute("UPDATE rows SET line = ? WHERE id = ?", (line, sample))

    def fingerprint(self) -> str:
        """As `combine` of all lines. SQLite compares text by its UTF-8 bytes, which is the order of code points."""
        digest = hashlib.sha256()
        for (line,) in self._rows.execute("SELECT line FROM rows WHERE line IS NOT NULL ORDER BY id"):
            digest.update(line)
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of the temporary file."""
        self._rows.close()


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

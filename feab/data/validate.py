"""Checking a dataset folder from end to end: every value, every image, every fingerprint."""

from __future__ import annotations

import os
from pathlib import Path

from feab.data.dataset import SplitFile
from feab.data.fingerprint import canonical_line, combine
from feab.data.write import inside, read_info
from feab.errors import FeabError
from feab.schemas import DatasetInfo


def validate_dataset(folder: str | os.PathLike[str]) -> DatasetInfo:
    """Read a dataset folder completely, compute its fingerprints anew, and return its dataset.json.

    Raises:
        FeabError: naming file and row of the first wrong value, an image that cannot be had, or the split whose
            fingerprint is not the stored one (its files were changed after they were written).
    """
    path = Path(folder)
    info = read_info(path)
    if not info.splits:
        raise FeabError(f"{path / 'dataset.json'}: lists no split")
    for split, stored in info.splits.items():
        file = SplitFile(path, split, info)

        def read(relative: str, where: str = str(file.path)) -> bytes:
            try:
                return inside(path, relative, where).read_bytes()
            except OSError as error:
                raise FeabError(f"{where}: image {relative!r} cannot be read: {error}") from error

        rows = (file.row(index) for index in range(len(file.labels)))
        found = combine((row["id"], canonical_line(row, read)) for row in rows)
        if found != stored.fingerprint:
            raise FeabError(f"{file.path}: fingerprint is {found}, dataset.json says {stored.fingerprint}")
    return info

"""The labels in a CSV file: one row a picture, empty cells are "not labelled"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from feab.data.csvfile import open_csv
from feab.data.found import Found
from feab.data.headers import read_header
from feab.data.labelrows import STRICTLY, LabelRows, Taking

FORM = "a CSV file of labels"


def read_csv_labels(path: Path, told: Mapping[str, str], images: Path | None = None) -> Found:
    """What a CSV file says of its pictures. No picture is opened.

    Args:
        path: the file; what it may hold is said in `feab.data.headers` and `feab.data.csvfile`.
        told: columns of feab's -> names in the file, where those differ.
        images: the folder that the paths in the file start from; by default the file's own.

    Raises:
        FeabError: naming file, row and column of the first cell that cannot be read, or every unknown expression.
    """
    return csv_rows(path, told, path.parent if images is None else images).finish(FORM)


def csv_rows(path: Path, told: Mapping[str, str], root: Path, taking: Taking = STRICTLY) -> LabelRows:
    """The rows of a CSV file, before it is settled how they are read.

    Args:
        path: as `read_csv_labels` takes it, and so is `told`.
        told: columns of feab's -> names in the file.
        root: the folder that paths start from.
        taking: what becomes of rows that cannot be used; by default the first is refused.

    Raises:
        FeabError: as `read_csv_labels`, for what is wrong with the file as a whole.
    """
    with open_csv(path, taking.skip) as file:
        rows = LabelRows(path, read_header(path, file.header, told), root, comma=file.separator != ",", taking=taking)
        for number, cells in file.rows:
            rows.add(number, cells)
    return rows

"""Readers of the field's datasets: the folder as it was delivered in, a dataset folder of feab's out.

One small module a dataset (or family of them), named in `table.py`. A module holds, in a tuple `READERS`, what is
known of each dataset and two functions: `read`, from the folder to rows (`record.Row`), and `mimic`, which writes a
miniature of the folder with rendered faces. Everything else is done once, in `prepare.py`: finding the folder, opening
and checking pictures, ranges, ids, the Parquet files, the summary. Data of one's own, which has no layout of its own,
is found and read by `generic.py` and its neighbours.
"""

from __future__ import annotations

from feab.data.readers.generic import mimic_generic, prepare_generic
from feab.data.readers.prepare import Prepared, prepare
from feab.data.readers.table import is_generic, mimic, names, reader_of

__all__ = [
    "Prepared",
    "is_generic",
    "mimic",
    "mimic_generic",
    "names",
    "prepare",
    "prepare_generic",
    "reader_of",
]

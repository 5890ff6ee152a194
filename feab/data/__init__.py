"""Dataset folders: reading, writing, finding them, and the set that travels with feab.

A dataset is a folder with dataset.json and one Parquet file a split, with flat nullable columns (`columns.py`) and a
fingerprint (`fingerprint.py`). A folder of class folders and a CSV file are read as one, where they lie (`own.py`).
"""

from __future__ import annotations

from feab.data.dataset import Dataset, open_split
from feab.data.fingerprint import fingerprint
from feab.data.places import DatasetEntry, list_datasets, load_dataset, resolve
from feab.data.validate import validate_dataset
from feab.data.write import read_info, write_split

__all__ = [
    "Dataset",
    "DatasetEntry",
    "fingerprint",
    "list_datasets",
    "load_dataset",
    "open_split",
    "read_info",
    "resolve",
    "validate_dataset",
    "write_split",
]

"""FEID folders: instruction data about faces, made from annotations, read by training.

A FEID folder holds feid.json (what it is and where it comes from), `data/<split>-….parquet` in the form that Hugging
Face's `datasets` and TRL's vision training take (`messages` and `images`, further columns beside), README.md (its
card), and where asked for the same conversations as LLaVA/ShareGPT JSON beside a folder of pictures.
"""

from __future__ import annotations

from feab.data.feid.check import check_feid, validate_feid
from feab.data.feid.info import FeidInfo, read_feid_info
from feab.data.feid.read import Feid, open_feid
from feab.data.feid.record import FEID_TASKS, FeidLabels, FeidRecord, FeidTask, RecordOrigin, origin_of

__all__ = [
    "FEID_TASKS",
    "Feid",
    "FeidInfo",
    "FeidLabels",
    "FeidRecord",
    "FeidTask",
    "RecordOrigin",
    "check_feid",
    "open_feid",
    "origin_of",
    "read_feid_info",
    "validate_feid",
]

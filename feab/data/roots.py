"""Where the pictures of a prepared dataset lie that were left in their place.

A dataset folder may travel, and a stranger's may say anything; which folder of this machine its pictures are read from
is therefore not written in it. It is remembered under FEAB_DATA, for this folder and these contents alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from feab.content import data_home
from feab.data.write import write_whole
from feab.errors import FeabError
from feab.yamlfile import read_bytes

_FOLDER = ".pictures"
_MAX_RECORD = 100_000


def remember_root(folder: Path, split: str, fingerprint: str, root: Path) -> None:
    """Note that pictures that a split of this dataset folder names by path are read from `root`."""
    record = _record(folder)
    splits = _read(record)
    splits[split] = {"fingerprint": fingerprint, "pictures": str(root.resolve())}
    record.parent.mkdir(parents=True, exist_ok=True)
    said = {"dataset": str(folder.resolve()), "splits": splits}
    write_whole(record, json.dumps(said, indent=2) + "\n")


def root_of(folder: Path, split: str, fingerprint: str) -> Path:
    """The folder that paths in a split start from: the dataset folder, unless another one was remembered for it.

    Raises:
        FeabError: when what was remembered cannot be read.
    """
    return known_root(folder, split, fingerprint) or folder


def known_root(folder: Path, split: str, fingerprint: str) -> Path | None:
    """The folder that was remembered for a split, None where none was.

    Raises:
        FeabError: when what was remembered cannot be read.
    """
    found = _read(_record(folder)).get(split)
    return Path(found["pictures"]) if found and found["fingerprint"] == fingerprint else None


def _read(record: Path) -> dict[str, dict[str, str]]:
    if not record.is_file():
        return {}
    try:
        splits = json.loads(read_bytes(record, _MAX_RECORD))["splits"]
        return {
            str(name): {"fingerprint": str(split["fingerprint"]), "pictures": str(split["pictures"])}
            for name, split in splits.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FeabError(f"{record}: is damaged; remove it and prepare the dataset again") from None


def _record(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    return data_home() / _FOLDER / f"{name}.json"

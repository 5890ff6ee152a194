"""The datasets that feab reads, and the module that reads each. To add one: write the module, name it here."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from feab.data.readers.record import Mimic, Reader
from feab.errors import FeabError

MODULES = MappingProxyType(
    {
        "afewva": "afewva",
        "affectnet": "affectnet",
        "affwild2": "affwild2",
        "affwild2_mtl": "affwild2_mtl",
        "bp4d": "bp4d",
        "casme2": "casme2",
        "ckplus": "ckplus",
        "dfew": "dfew",
        "disfa": "disfa",
        "disfaplus": "disfaplus",
        "emonet_face_hq": "emonetface",
        "emotionet": "emotionet",
        "expw": "expw",
        "fer2013": "fer2013",
        "ferplus": "fer2013",
        "ferv39k": "ferv39k",
        "jaffe": "jaffe",
        "kdef": "kdef",
        "mafw": "mafw",
        "mafw_compound": "mafw",
        "rafau": "rafau",
        "rafdb": "rafdb",
        "rafdb_compound": "rafdb",
        "sfew": "sfew",
    }
)
"""Name of a dataset -> the module in this folder whose `READERS` holds it."""


GENERIC = "generic"
"""The word under which data of one's own is prepared; each is called by a name of its own."""


def is_generic(name: str) -> bool:
    """Whether data of one's own is meant, rather than a dataset that feab knows."""
    return _folded(name) == GENERIC


def names() -> list[str]:
    """The datasets that can be prepared, by name."""
    return sorted(MODULES)


def reader_of(name: str) -> Reader:
    """The reader of a dataset; upper case, hyphens and the like do not matter: "RAF-DB" is "rafdb", "CK+" "ckplus".

    Raises:
        FeabError: when feab has no reader of that name.
    """
    known = {_folded(there): there for there in MODULES}
    found = known.get(_folded(name))
    if found is None:
        raise FeabError(
            f"no reader for a dataset {name!r:.80}; there are {', '.join(names())}, and {GENERIC} for data of your own"
        )
    module = importlib.import_module(f"feab.data.readers.{MODULES[found]}")
    readers: tuple[Reader, ...] = module.READERS
    return next(reader for reader in readers if reader.name == found)


def mimic(name: str, out: Path, n: int = 24, *, on_progress: Callable[[int, int], None] | None = None) -> Reader:
    """Write a miniature of a dataset's folder, as it is delivered, with rendered faces and their labels.

    Args:
        name: of the dataset.
        out: the folder to make; it must not hold anything yet.
        n: about so many pictures or clips in each split.
        on_progress: called with frames done and frames in all, while faces that move are rendered for the first time.

    Returns:
        The dataset's reader.

    Raises:
        FeabError: for an unknown dataset, or a folder that holds something.
    """
    reader = reader_of(name)
    write_miniature(reader.mimic, out, n, on_progress=on_progress)
    return reader


def write_miniature(write: Mimic, out: Path, n: int, *, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Have a miniature written into a new or empty folder; arguments as `mimic`.

    Raises:
        FeabError: for a folder that holds something.
    """
    from feab.data.readers.faces import Faces

    if n < 1:
        raise FeabError(f"a miniature holds at least 1 picture a split, got {n}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FeabError(f"{out}: is not empty; choose another folder for the miniature")
    out.mkdir(parents=True, exist_ok=True)
    write(out, Faces(on_progress), n)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold().replace("+", "plus"))

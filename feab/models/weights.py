"""Is a file of weights whole? Told from its header and its size, without loading it."""

from __future__ import annotations

import json
from pathlib import Path

from feab.errors import FeabError
from feab.yamlfile import open_plain

_MAX_HEADER = 100_000_000  # as safetensors itself has it


def check_safetensors(path: Path) -> None:
    """Stop when a safetensors file is not there, cut short, or something else (such as a pointer that git-lfs left).

    Raises:
        FeabError: naming what is wrong.
    """
    try:
        with open_plain(path) as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size) if size <= _MAX_HEADER else b"")
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            whole = path.stat().st_size == 8 + size + max(ends)
    except OSError as error:
        raise FeabError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError):
        raise FeabError(f"{path}: is no safetensors file") from None
    if not whole:
        raise FeabError(f"{path}: is cut short or changed: its length is not the one its header says")

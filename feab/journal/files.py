"""Writing into a folder that a stranger may have packed: no link in it leads a write elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from feab.errors import FeabError
from feab.yamlfile import NO_FOLLOW


def create_anew(path: Path) -> int:
    """A descriptor, for writing, of a new empty file; whatever had that name (left over, or a planted link) is removed.

    Raises:
        FeabError: when a folder has the name.
        OSError: when the disk refuses.
    """
    if path.is_dir() and not path.is_symlink():
        raise FeabError(f"{path}: is a folder, where feab writes a file for a moment; remove it")
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | os.O_CLOEXEC, 0o644)


def sync_folder(folder: Path) -> None:
    """Have the disk hold a rename in `folder`."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Where content lies: the shipped text files (tasks, models, generation, training) and a user's own folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from feab.errors import FeabError

Content = Literal["tasks", "models", "generation", "training"]


def shipped(kind: Content) -> Path:
    """The shipped folder of one kind: inside the wheel, or the repository's own in an editable install.

    Raises:
        FeabError: when the installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_content" / kind, package.parent / kind):
        if folder.is_dir():
            return folder
    raise FeabError(f"this installation of feab has no {kind}/ folder; reinstall feab")


def folders(kind: Content, include: Sequence[str | os.PathLike[str]] = ()) -> list[Path]:
    """Folders to search for content, the user's own first, so that a user's file wins over a shipped one.

    An include folder may hold the files itself or a sub-folder named after the kind.

    Raises:
        FeabError: when an include folder does not exist.
    """
    found: list[Path] = []
    for given in include:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise FeabError(f"--include {folder}: no such folder")
        nested = folder / kind
        found.append(nested if nested.is_dir() else folder)
    return [*found, shipped(kind)]


def data_home() -> Path:
    """Where prepared datasets lie: $FEAB_DATA, else the user's data folder."""
    given = os.environ.get("FEAB_DATA")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("feab", appauthor=False)


def cache_home() -> Path:
    """Where rendered splits and caches lie: $FEAB_CACHE, else the user's cache folder."""
    given = os.environ.get("FEAB_CACHE")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("feab", appauthor=False)

"""Datasets of the Hugging Face hub: their Parquet files, downloaded into the hub's own cache once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from feab.errors import FeabError

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_ID = re.compile(rf"{_WORD}/{_WORD}(@(?!.*\.\.)[A-Za-z0-9._/-]{{1,120}})?")
_CONVERTED = "refs/convert/parquet"
"""Where the hub keeps a copy of nearly every public dataset as Parquet, whatever form it was given in."""


def is_hub_id(text: str) -> bool:
    """Whether a text is written as a dataset's id is: OWNER/NAME, or OWNER/NAME@REVISION."""
    return _ID.fullmatch(text) is not None


def fetched(name: str) -> Path:
    """The folder of a hub dataset's Parquet files; what was downloaded before is not downloaded again.

    Nothing of the dataset is run. Where it is not kept as Parquet, the hub's own conversion of it is taken.

    Args:
        name: OWNER/NAME, or OWNER/NAME@REVISION (a commit, branch or tag).

    Raises:
        FeabError: when it cannot be had, or is not to be had as Parquet.
    """
    repository, _, revision = name.partition("@")
    for wanted in [revision] if revision else [None, _CONVERTED]:
        folder = _snapshot(repository, wanted)
        if any(folder.rglob("*.parquet")):
            return folder
    raise FeabError(
        f"{name}: is on the hub, but not as Parquet files; download it and give the folder or its CSV file: --from PATH"
    )


def _snapshot(repository: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    options: dict[str, Any] = {} if revision is None else {"revision": revision}
    try:
        return Path(snapshot_download(repository, repo_type="dataset", allow_patterns=["*.parquet"], **options))
    except Exception as error:  # the hub's errors, its HTTP library's, and files that cannot be written
        why = " ".join(str(error).split())[:300] or type(error).__name__
        at = f" at {revision}" if revision else ""
        raise FeabError(
            f"{repository}{at}: cannot be had from the hub ({why}). A dataset that asks for consent is to be accepted "
            "on its page, and needs `hf auth login`; one that is here already is given by its folder: --from PATH"
        ) from None

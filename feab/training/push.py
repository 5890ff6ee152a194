"""A finished model folder, uploaded to the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from feab.errors import FeabError

_WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
_KEPT = ["checkpoints/*", "logs/*", "card.yaml", "training.json", ".*"]
"""What stays here: what only training needs, and what names places on this machine."""


def push_folder(folder: Path, repository: str) -> str:
    """Upload a folder that training made, and return where it is to be seen; a new repository is made private.

    One process of several uploads.

    Raises:
        FeabError: when the name is none, the folder holds no model, or the Hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", repository):
        raise FeabError(f"--push {repository[:100]}: a repository of the Hub is written OWNER/NAME")
    if not any((folder / name).is_file() for name in _WEIGHTS):
        raise FeabError(f"{folder}: holds no model to upload")
    if os.environ.get("RANK", "0") != "0":
        return repository
    api = HfApi()
    try:
        api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, ignore_patterns=_KEPT, commit_message="Trained by feab"
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise FeabError(
            f"--push {repository}: the Hub did not take it ({lines[0][:300]}); log in with `hf auth login` and run the "
            "same command again: what is trained is not trained a second time"
        ) from None
    return f"{api.endpoint}/{repository}"

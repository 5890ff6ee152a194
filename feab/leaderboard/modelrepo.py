"""Scores into a model's repository on the Hugging Face Hub, as a pull request that its owners may merge."""

from __future__ import annotations

from typing import Any

from feab.errors import FeabError
from feab.leaderboard.hub import hub_errors
from feab.runs.names import is_repository
from feab.runs.outside.hub_eval import HUB_EVAL


def propose_results(repository: str, content: bytes, api: Any = None) -> str:
    """Open a pull request that adds scores to a model; returns its address.

    Args:
        repository: OWNER/NAME of the model.
        content: the file, as `feab.runs.outside.hub_eval.hub_eval` makes it.
        api: a `huggingface_hub.HfApi`; by default the one logged in here.

    Raises:
        FeabError: when that cannot be the name of a repository, or the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    if not is_repository(repository):
        raise FeabError(f"{repository[:200]!r} is no repository on the Hub; write OWNER/NAME")
    with hub_errors(f"hf://{repository}"):
        done = (api or HfApi()).create_commit(
            repository,
            [CommitOperationAdd(HUB_EVAL, content)],
            commit_message="Scores of feab",
            repo_type="model",
            create_pr=True,
        )
    return str(done.pr_url)

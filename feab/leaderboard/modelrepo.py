"""Scores into a model's repository on the Hugging Face Hub, as a pull request that its owners may merge."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.leaderboard.hub import hub_errors
from feab.runs.names import is_repository
from feab.runs.outside.hub_eval import HUB_EVAL, HubResults
from feab.runs.outside.model_card import CARD, MOST, with_results
from feab.yamlfile import read_bytes


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a pull request would add to a model's repository, as that is at one revision."""

    repository: str
    revision: str
    files: Mapping[str, bytes]
    """By their paths: the scores, and the model card with the same numbers where it can have them."""
    left: str | None
    """Why the model card stays as it is; None where it is among the files."""


def prepare(repository: str, results: HubResults, api: Any = None) -> Proposal:
    """What would be proposed to a model. Its card is read, and nothing is sent.

    A card is only added to: a model that has none gets none, and one that cannot be changed line by line is left.

    Args:
        repository: OWNER/NAME of the model.
        results: as `feab.runs.outside.hub_eval.hub_eval` makes them.
        api: a `huggingface_hub.HfApi`; by default the one logged in here.

    Raises:
        FeabError: when that cannot be the name of a repository, or the Hub does not let it be read.
    """
    from huggingface_hub import HfApi

    if not is_repository(repository):
        raise FeabError(f"{repository[:200]!r} is no repository on the Hub; write OWNER/NAME")
    asked = api or HfApi()
    with hub_errors(f"hf://{repository}"):
        revision = str(asked.repo_info(repository, repo_type="model").sha)
        card = _card(asked, repository, revision)
    files = {HUB_EVAL: results.file}
    if card is None:
        return Proposal(repository, revision, files, f"the model has no {CARD}, or one of more than {MOST:,} bytes")
    try:
        changed = with_results(card, results.model_index(repository.partition("/")[2]))
    except FeabError as error:
        return Proposal(repository, revision, files, str(error))
    return Proposal(repository, revision, files | {CARD: changed}, None)


def _card(api: Any, repository: str, revision: str) -> bytes | None:
    """The model card; None where there is none, or a large one, which is not fetched."""
    found = api.get_paths_info(repository, [CARD], repo_type="model", revision=revision)
    size = next((getattr(one, "size", None) for one in found if one.path == CARD), None)
    if size is None or size > MOST:
        return None
    with tempfile.TemporaryDirectory(prefix="feab-card-") as made:
        path = api.hf_hub_download(repository, CARD, repo_type="model", revision=revision, local_dir=made)
        return read_bytes(Path(path), MOST)


def propose_results(proposal: Proposal, api: Any = None) -> str:
    """Open the pull request, one commit on the revision that was read; returns its address.

    Args:
        proposal: as `prepare` makes it.
        api: a `huggingface_hub.HfApi`; by default the one logged in here.

    Raises:
        FeabError: when the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    with hub_errors(f"hf://{proposal.repository}"):
        done = (api or HfApi()).create_commit(
            proposal.repository,
            [CommitOperationAdd(path, data) for path, data in proposal.files.items()],
            commit_message="Scores of feab",
            repo_type="model",
            parent_commit=proposal.revision,
            create_pr=True,
        )
    return str(done.pr_url)

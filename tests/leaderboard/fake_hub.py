"""A small Hub: the methods of HfApi that a store calls, over commits that know their parents, as in git."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError, RemoteEntryNotFoundError, RepositoryNotFoundError


def response(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("POST", "https://huggingface.co/api"))


@dataclass(frozen=True)
class Told:
    sha: str


@dataclass(frozen=True)
class Done:
    oid: str
    pr_url: str | None


@dataclass
class FakeHub:
    """One dataset repository. A commit on a parent that is no longer the head is refused with 412, as the Hub does."""

    folder: Path
    repository: str = "owner/results"
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})
    head: str = "0" * 40
    proposals: list[dict[str, bytes]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    before_commit: Callable[[], None] = lambda: None
    """Called in the middle of each commit: where somebody else may be faster."""
    lock: Any = field(default_factory=threading.Lock)

    def _check(self, repo_id: str, repo_type: str) -> None:
        assert repo_type == "dataset"
        if repo_id != self.repository:
            raise RepositoryNotFoundError(f"404: no repository {repo_id}", response=response(404))

    def repo_info(self, repo_id: str, *, repo_type: str) -> Told:
        self._check(repo_id, repo_type)
        return Told(self.head)

    def list_repo_files(self, repo_id: str, *, repo_type: str, revision: str) -> list[str]:
        self._check(repo_id, repo_type)
        return sorted(self.commits[revision])

    def hf_hub_download(self, repo_id: str, filename: str, *, repo_type: str, revision: str) -> str:
        self._check(repo_id, repo_type)
        if filename not in self.commits[revision]:
            raise RemoteEntryNotFoundError(f"404: no {filename}", response=response(404))
        data = self.commits[revision][filename]
        blob = self.folder / hashlib.sha256(data).hexdigest()
        link = self.folder / revision / filename
        with self.lock:  # no other thread may see half a file: the cache of huggingface_hub moves whole ones into place
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                if not blob.exists():
                    blob.write_bytes(data)
                link.symlink_to(blob)  # as that cache does
        return str(link)

    def create_commit(
        self, repo_id: str, operations: Iterable[CommitOperationAdd], *, commit_message: str, repo_type: str,
        parent_commit: str | None = None, create_pr: bool = False,
    ) -> Done:  # fmt: skip
        self._check(repo_id, repo_type)
        added = {}
        for operation in operations:
            with operation.as_file() as file:
                added[operation.path_in_repo] = file.read()
        if create_pr:
            self.proposals.append(added)
            return Done(self.head, f"https://huggingface.co/datasets/{repo_id}/discussions/{len(self.proposals)}")
        self.before_commit()
        with self.lock:
            if parent_commit is not None and parent_commit != self.head:
                raise HfHubHTTPError("412: a commit has happened since", response=response(412))
            files = {**self.commits[self.head], **added}
            self.head = hashlib.sha1(f"{self.head}{sorted(added)}{len(self.commits)}".encode()).hexdigest()
            self.commits[self.head] = files
            self.messages.append(commit_message)
        return Done(self.head, None)

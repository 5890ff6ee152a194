"""A store in a dataset repository on the Hugging Face Hub.

A change is one commit on the revision that it was decided by (`parent_commit`). Where somebody else committed meanwhile
the Hub refuses it, and it is decided again by what is there now.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.errors import FeabError
from feab.leaderboard.store import LOG, MAX_FILE, SUBMISSIONS, Change, Snapshot, check_path, line_after, log_of
from feab.runs.names import is_repository
from feab.yamlfile import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOVED = (409, 412)
"""HTTP: the revision is no longer the one that the commit was made for."""
_TRIES = 12
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class HubSnapshot:
    """A repository at one revision."""

    api: Any
    """huggingface_hub.HfApi, or what has its methods."""
    repository: str
    revision: str
    _paths: list[str] = field(default_factory=list)

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        with hub_errors(f"hf://datasets/{self.repository}"):
            try:
                found = self.api.hf_hub_download(
                    self.repository, check_path(path), repo_type="dataset", revision=self.revision
                )
            except LocalEntryNotFoundError:  # which also is an EntryNotFoundError: the Hub was not reached
                raise
            except EntryNotFoundError:
                return None
        return read_bytes(Path(found), MAX_FILE)  # in the cache of huggingface_hub files are links

    def submissions(self) -> list[str]:
        """The ids of all submissions that are there, sorted."""
        if not self._paths:
            with hub_errors(f"hf://datasets/{self.repository}"):
                found = self.api.list_repo_files(self.repository, repo_type="dataset", revision=self.revision)
            self._paths.extend(found)
        parts = [path.split("/") for path in self._paths]
        return sorted({part[1] for part in parts if len(part) > 2 and part[0] == SUBMISSIONS})


class HubStore:
    """Submissions in a dataset repository, which must be there."""

    def __init__(self, repository: str, api: Any = None, *, pause_s: float = _PAUSE_S) -> None:
        """Name the repository.

        Args:
            repository: OWNER/NAME.
            api: a `huggingface_hub.HfApi` with a token that may write; by default the one logged in here.
            pause_s: shortest pause before a change is tried again; it doubles with each try.

        Raises:
            FeabError: when that cannot be the name of a repository.
        """
        if not is_repository(repository):
            raise FeabError(f"{repository!r} is no repository on the Hub; write OWNER/NAME")
        if api is None:
            from huggingface_hub import HfApi

            api = HfApi()
        self.repository, self._api, self._pause_s = repository, api, pause_s

    @property
    def name(self) -> str:
        """The address, as `--to` and `--store` take it."""
        return f"hf://datasets/{self.repository}"

    def version(self) -> str:
        """The revision that is the newest now."""
        return self.snapshot().revision

    def snapshot(self) -> HubSnapshot:
        """The repository as it is now.

        Raises:
            FeabError: when it is not there or does not answer.
        """
        with hub_errors(f"hf://datasets/{self.repository}"):
            info = self._api.repo_info(self.repository, repo_type="dataset")
        return HubSnapshot(self._api, self.repository, str(info.sha))

    def change(self, decide: Callable[[Snapshot], Change | None]) -> None:
        """Commit a change; see `Store.change`."""
        for attempt in range(_TRIES):
            now = self.snapshot()
            wanted = decide(now)
            if wanted is None:
                return
            try:
                with hub_errors(f"hf://datasets/{self.repository}"):
                    self._commit(_files(now, wanted), _message(wanted), parent_commit=now.revision)
            except _MovedError:
                time.sleep(self._pause_s * 2 ** min(attempt, 6) * (0.5 + random.random()))
            else:
                return
        raise FeabError(f"{self.name}: others changed it {_TRIES} times while this was tried; try again later")

    def propose(self, files: Mapping[str, bytes], title: str) -> str:
        """Open a pull request that adds files, for somebody without the right to write; returns its address.

        Raises:
            FeabError: when the Hub refuses it.
        """
        with hub_errors(f"hf://datasets/{self.repository}"):
            done = self._commit(dict(files), title, create_pr=True)
        return str(done.pr_url)

    def _commit(self, files: Mapping[str, bytes], message: str, **how: Any) -> Any:
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(check_path(path), data) for path, data in sorted(files.items())]
        return self._api.create_commit(self.repository, operations, commit_message=message, repo_type="dataset", **how)


def _files(now: HubSnapshot, change: Change) -> dict[str, bytes]:
    """The files of a change, and the log with its line."""
    files = dict(change.files)
    if change.note is not None:
        lines = log_of(now.read(LOG))
        files[LOG] = b"".join(line + b"\n" for line in lines) + line_after(lines, change.note, change.files)
    return files


def _message(change: Change) -> str:
    note = change.note
    if note is None:
        return f"Made anew: {', '.join(sorted(change.files))}"
    return f"{note.event}: {note.submission or note.model or note.attempt} ({note.user})"


class _MovedError(FeabError):
    """Somebody else committed first."""


@contextmanager
def hub_errors(where: str) -> Iterator[None]:
    """What the Hub or the way to it complains of, as an error of a user's.

    Args:
        where: what was asked for, as messages name it.
    """
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        if error.response.status_code in _MOVED:
            raise _MovedError(f"{where}: somebody else changed it") from None
        raise FeabError(f"{where}: {_first_line(error)}") from None
    except (HTTPError, OSError, ValueError) as error:
        raise FeabError(f"{where}: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

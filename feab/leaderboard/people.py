"""Who submits: by a name and a token on a machine of one's own, by the Hugging Face account on a Space.

A name alone is never believed. Of tokens only hashes are kept: they are 256 random bits, which no guessing finds, so a
plain sha256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from feab.content import data_home
from feab.errors import FeabError
from feab.journal import FileLock
from feab.journal.files import create_anew, sync_folder
from feab.jsonfile import validated
from feab.leaderboard.receiving import check_user
from feab.schemas import Name, Sha256, Versioned
from feab.yamlfile import read_bytes

MAX_FILE = 16 * 2**20
"""Bytes of the file of tokens: some 100,000 names."""
_LONGEST = 500
"""Characters of a token that is looked at."""


class Identity(Protocol):
    """How a leaderboard knows who submits."""

    @property
    def kind(self) -> Literal["token", "account"]:
        """What a submitter must show: a token given out here, or a Hugging Face account."""
        ...

    def who(self, name: str, token: str, account: str | None) -> str:
        """Who it is.

        Args:
            name: who the submitter says it is.
            token: what is to prove it.
            account: of whom Hugging Face has said that it is this visitor.

        Raises:
            FeabError: when it is nobody who is known here.
        """
        ...


class _Tokens(Versioned):
    """The file: sha256 of each one's token."""

    people: dict[Name, Sha256] = Field(default_factory=dict)


class LocalPeople:
    """Names and the hashes of their tokens, in a file that lies outside of the store."""

    kind: Literal["token", "account"] = "token"

    def __init__(self, file: Path | None = None) -> None:
        """`file`: by default `leaderboard/people.json` in the folder of feab's data."""
        self.file = file or data_home() / "leaderboard" / "people.json"

    def add(self, name: str) -> str:
        """Give somebody a new token, which is told this once; an earlier one holds no more.

        Raises:
            FeabError: for a name that cannot be shown, or when the file cannot be written.
        """
        check_user(name)
        token = secrets.token_urlsafe(32)
        lock = FileLock(self.file.with_name(".people.lock"), str(self.file))
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with lock.held(wait=True):
                people = {**self._read(), name: _digest(token)}
                self._write(_Tokens(people=people).model_dump_json(indent=1, by_alias=True).encode() + b"\n")
        except OSError as error:
            raise FeabError(f"{self.file}: cannot write it ({error.strerror})") from None
        return token

    def who(self, name: str, token: str, account: str | None) -> str:
        """The name, if the token is its own; what `account` says is not looked at.

        Raises:
            FeabError: when it is not, without telling whether there is such a name.
        """
        kept = self._read().get(name)
        # A name that is not there is compared, too: how long the answer takes tells nothing.
        right = hmac.compare_digest(kept or _digest(""), _digest(token[:_LONGEST]))
        if kept is None or not right:
            raise FeabError("name and token do not belong together; whoever runs this leaderboard gives out tokens")
        return name

    def _read(self) -> dict[str, str]:
        return validated(_Tokens, read_bytes(self.file, MAX_FILE), self.file).people if self.file.is_file() else {}

    def _write(self, data: bytes) -> None:
        new = self.file.with_name(f".{self.file.name}.new")
        with os.fdopen(create_anew(new), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.file)
        sync_folder(self.file.parent)


class HubPeople:
    """Accounts of the Hugging Face Hub: of a visitor who has logged in, or of a token that the Hub knows.

    Such a token needs no right at all: it is only asked for the name that it belongs to.
    """

    kind: Literal["token", "account"] = "account"

    def __init__(self, account_of: Callable[[str], str] | None = None) -> None:
        """`account_of`: the account that a token belongs to; by default the Hub is asked."""
        self._account_of = account_of or _asked

    def who(self, name: str, token: str, account: str | None) -> str:
        """The account; what `name` says is not looked at.

        Raises:
            FeabError: when nobody has logged in and the Hub knows no such token.
        """
        if account is not None:
            return account
        if not token:
            raise FeabError("log in with Hugging Face to submit")
        return self._account_of(token[:_LONGEST])


def _asked(token: str) -> str:
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        told = HfApi().whoami(token=token)
    except HfHubHTTPError:
        raise FeabError("the Hugging Face Hub does not know this token") from None
    except (HTTPError, OSError, ValueError):
        raise FeabError("the Hugging Face Hub cannot be asked who you are; try again later") from None
    if told.get("type") != "user" or not isinstance(told.get("name"), str):
        raise FeabError("the token is no user's; make one under huggingface.co/settings/tokens")
    return str(told["name"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()

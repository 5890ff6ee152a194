"""Answers kept across runs in an SQLite file that several processes may use at once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feab.errors import FeabError
from feab.models.protocol import ModelInfo
from feab.records import FinishReason, Media, Message, Question, Text
from feab.schemas import Fraction, LikelihoodInfo

FILE = "answers.sqlite"
_APPLICATION = 0x46454142
"""SQLite's application_id: "FEAB", so that no other program's database is taken for ours."""
_VERSION = 1
_PATIENCE_S = 60.0
"""Seconds to wait for another process that is writing."""


class Kept(BaseModel):
    """One draw's answer as it was given."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    text: Annotated[str, Field(max_length=1_000_000)]
    finish_reason: FinishReason
    probabilities: dict[str, Fraction] | None = None
    likelihoods: dict[str, LikelihoodInfo] | None = None


def answer_key(info: ModelInfo, question: Question, draw: int) -> bytes:
    """sha256 of everything that an answer depends on: image bytes, messages, parameters, model, revision, adapter.

    Raises:
        OSError: when an image cannot be read.
    """
    pictures: dict[Media, str] = {}  # closed questions show the same one again
    messages = _told(question.messages, pictures)
    sampling = question.sampling
    everything: dict[str, Any] = {
        "model": info.name,
        "revision": info.revision,
        "adapter": [info.adapter, info.adapter_version],
        "args": dict(info.args_that_change_answers),
        "endpoint": info.endpoint,
        "messages": messages,
        "kind": question.kind,
        "choices": question.choices,
        "schema": question.schema,
        "sampling": [sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed],
        "draw": draw,
    }
    if question.scoring != "generate":  # not said otherwise, so that answers kept earlier are still found
        everything["scoring"] = question.scoring
        everything["closed"] = [
            [one.about, _told(one.messages, pictures), [[option.name, option.spellings] for option in one.options]]
            for one in question.closed
        ]
    if question.times:  # questions about pictures keep the keys that they had before there were clips
        everything["times"] = question.times
    text = json.dumps(everything, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).digest()


def _told(messages: Sequence[Message], pictures: dict[Media, str]) -> list[Any]:
    """Messages as JSON, with pictures as the sha256 of their bytes; each is read once into `pictures`."""
    told: list[Any] = []
    for message in messages:
        parts = []
        for part in message.parts:
            if isinstance(part, Text):
                parts.append(["text", part.text])
                continue
            if part.media not in pictures:
                pictures[part.media] = hashlib.sha256(part.media.read()).hexdigest()
            parts.append(["image", pictures[part.media]])
        told.append([message.role, parts])
    return told


class AnswerStore:
    """The file `answers.sqlite` in a folder: sha256 -> an answer, never an error.

    Raises:
        FeabError: on opening, when the file is another program's, of a newer feab, or damaged. It is left as it is.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.path = Path(folder).expanduser() / FILE
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One generator uses it at a time, but not always from the thread that made it.
            self._db = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("BEGIN IMMEDIATE")  # another process may be making it as well
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
            )
            self._db.execute(f"PRAGMA application_id={_APPLICATION}")
            self._db.execute(f"PRAGMA user_version={_VERSION}")
            self._db.execute("COMMIT")
        if self._db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise FeabError(f"{self.path}: is a database of another program; give another --cache folder")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            raise FeabError(f"{self.path}: is of version {version}, this feab reads {_VERSION}; give another --cache")
        self._db.execute("PRAGMA synchronous=NORMAL")  # with WAL: a power cut may lose the last answers, never the file

    def get(self, keys: Sequence[bytes]) -> list[Kept | None]:
        """The answers of some keys, None where there is none.

        Raises:
            FeabError: when the file is damaged.
        """
        found = []
        with self._explained():
            for key in keys:
                row = self._db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
                found.append(None if row is None else Kept.model_validate_json(row[0]))
        return found

    def put(self, answers: Mapping[bytes, Kept]) -> None:
        """Keep answers; a key that another process has filled in the meantime stays as it is.

        Raises:
            FeabError: when the disk or the database refuses.
        """
        rows = [(key, kept.model_dump_json(exclude_none=True)) for key, kept in answers.items()]
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
            finally:
                self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValidationError) as error:
            why = "an answer in it is not as feab writes them" if isinstance(error, ValidationError) else str(error)
            raise FeabError(
                f"{self.path}: cannot be used as a cache ({why[:200]}); nothing was changed: move it away, or give "
                "another --cache folder"
            ) from None

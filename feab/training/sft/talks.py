"""Conversations at random access: FEID's Parquet is read once from end to end, and laid down one after another."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feab.data.feid import FeidRecord
from feab.errors import FeabError
from feab.records import Image, Media, Message, Part, Text


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation, with its pictures as they were stored."""

    id: str
    messages: tuple[Message, ...]


class Talks:
    """Conversations by number, read from a file that has no name and goes with the process.

    Training draws them in any order, and Parquet gives only whole row groups. Each picture is laid down once. Memory
    is two numbers a conversation, and a digest a picture while the file is written.
    """

    def __init__(
        self,
        records: Iterable[FeidRecord],
        folder: Path,
        *,
        forbidden: Sequence[str] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        """Lay down all records.

        Args:
            records: what is learnt from, in the order of its numbers.
            folder: where there is room for the file.
            forbidden: what a text may not hold: a tokenizer's own marks, which would be read as more than text.
            on_progress: called with the number of records laid down.

        Raises:
            FeabError: for such a text, or when the disk refuses.
        """
        self._starts = array("q")
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            self._write(records, forbidden, on_progress)
            self._file.flush()
        except OSError as error:
            raise FeabError(f"{folder}: cannot hold the conversations while training ({error.strerror})") from None

    def __len__(self) -> int:
        return len(self._starts) // 2

    def __getitem__(self, number: int) -> Talk:
        start, size = self._starts[2 * number], self._starts[2 * number + 1]
        stored = json.loads(self._read(start, size))
        pictures = iter(stored["pictures"])

        def part(text: str | None) -> Part:
            return Image(Media(data=self._read(*next(pictures)))) if text is None else Text(text)

        turns = tuple(Message(role, tuple(part(text) for text in parts)) for role, parts in stored["messages"])
        return Talk(stored["id"], turns)

    def size(self, number: int) -> tuple[int, int]:
        """Of one conversation: how many pictures, and bytes of text; by which like ones are put side by side."""
        start, size = self._starts[2 * number], self._starts[2 * number + 1]
        return len(json.loads(self._read(start, size))["pictures"]), size

    def pictures(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """The pictures of these conversations, each once, as it is stored."""
        seen = set()
        for number in numbers:
            stored = json.loads(self._read(self._starts[2 * number], self._starts[2 * number + 1]))
            for start, size in stored["pictures"]:
                if start not in seen:
                    seen.add(start)
                    yield self._read(start, size)

    def _read(self, start: int, size: int) -> bytes:
        """Without moving the file's position, which workers that were forked share."""
        return os.pread(self._file.fileno(), size, start)

    def _write(
        self, records: Iterable[FeidRecord], forbidden: Sequence[str], on_progress: Callable[[int], None] | None
    ) -> None:
        known: dict[bytes, tuple[int, int]] = {}
        end = 0
        for record in records:
            _refuse_marks(record, forbidden)
            pictures = []
            for media in record.images:
                data = media.read()
                digest = hashlib.blake2b(data, digest_size=16).digest()
                if digest not in known:
                    known[digest] = (end, len(data))
                    end += self._file.write(data)
                pictures.append(known[digest])
            entry: dict[str, Any] = {"id": record.id, "messages": _plain(record.messages), "pictures": pictures}
            written = self._file.write(json.dumps(entry).encode())
            self._starts.extend((end, written))
            end += written
            if on_progress is not None:
                on_progress(len(self))


def _plain(messages: Iterable[Message]) -> list[tuple[str, list[str | None]]]:
    return [(m.role, [part.text if isinstance(part, Text) else None for part in m.parts]) for m in messages]


def _refuse_marks(record: FeidRecord, forbidden: Sequence[str]) -> None:
    for message in record.messages:
        for part in message.parts:
            found = next((mark for mark in forbidden if isinstance(part, Text) and mark in part.text), None)
            if found is not None:
                raise FeabError(
                    f"record {record.id!r}: its text holds {found!r}, which the model's tokenizer takes for a mark of "
                    "its own; take it out of the text"
                )

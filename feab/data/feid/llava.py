"""The same conversations as LLaVA and ShareGPT have them: one JSON array, and a folder of pictures beside it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from feab.data.feid.record import FeidRecord, FeidTask, text_of
from feab.errors import FeabError
from feab.pictures import PICTURE_ENDINGS, PICTURE_FORMATS

IMAGES = "images"
MARK = "<image>"
"""Stands in the first question where a picture stands, a line each."""

FERID: dict[FeidTask, str] = {
    "ferid_category": "ferid_category.json",
    "ferid_conversation": "ferid_conversation.json",
}
LLAVA = "llava.json"
WRITTEN = (LLAVA, *FERID.values())
"""Every file that can be written here."""


class LlavaWriter:
    """Writes llava.json (everything) or FERID's two files, and each face's pictures once.

    The files appear when all is there. Pictures are named by number, never by a dataset's own names.
    """

    def __init__(self, folder: Path, *, llava: bool, ferid: bool) -> None:
        """Begin the files wanted."""
        self.folder = folder
        self._faces = 0
        self._held = ExitStack()
        self._files: dict[str, IO[str]] = {}
        self._written: dict[str, int] = {}
        self._all, self._ferid = llava, ferid
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
        for name in self.names:
            path = self._temporary(name)
            self._files[name] = self._held.enter_context(path.open("w", encoding="utf-8"))
            self._files[name].write("[")
            self._written[name] = 0

    @property
    def names(self) -> list[str]:
        """The files it writes."""
        return [LLAVA] * self._all + list(FERID.values()) * self._ferid

    def __enter__(self) -> LlavaWriter:
        return self

    def add(self, records: Sequence[FeidRecord]) -> None:
        """Add the records of one face.

        Raises:
            FeabError: when a picture cannot be read; the face is named.
        """
        wanted = [(record, name) for record in records for name in self._files_of(record)]
        if not wanted:
            return
        self._faces += 1
        names = [self._put(record, place) for record in records[:1] for place in range(len(record.images))]
        for record, name in wanted:
            entry = json.dumps(_entry(record, names), ensure_ascii=False)
            self._files[name].write(("," if self._written[name] else "") + "\n" + entry)
            self._written[name] += 1

    def finish(self) -> None:
        """Put the files in their places."""
        for file in self._files.values():
            file.write("\n]\n")
        self._held.close()
        for name in self.names:
            self._temporary(name).replace(self.folder / name)

    def _files_of(self, record: FeidRecord) -> list[str]:
        ferid = [FERID[record.task]] if self._ferid and record.task in FERID else []
        return [LLAVA] * self._all + ferid

    def _put(self, record: FeidRecord, place: int) -> str:
        try:
            data = record.images[place].read()
            name = f"{IMAGES}/{self._faces:07d}{f'-{place}' if len(record.images) > 1 else ''}{_ending(data)}"
            (self.folder / name).write_bytes(data)
        except OSError as error:
            raise FeabError(
                f"{record.source}: face {record.sample!r}: its picture cannot be copied ({error})"
            ) from None
        return name

    def _temporary(self, name: str) -> Path:
        return self.folder / f".{name}.{os.getpid()}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
        for name in self.names:
            self._temporary(name).unlink(missing_ok=True)


def _ending(data: bytes) -> str:
    """How the name of a picture ends, by what it is. Raises `OSError` when it is no picture that feab opens."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
        return next(ending for ending, kind in PICTURE_ENDINGS.items() if kind == picture.format)


def _entry(record: FeidRecord, names: Sequence[str]) -> dict[str, Any]:
    talk = []
    for number, message in enumerate(record.messages):
        marks = "".join(f"{MARK}\n" for _ in record.images) if number == 0 else ""
        talk.append({"from": "human" if message.role == "user" else "gpt", "value": marks + text_of(message)})
    return {"id": record.id, "image": names[0] if len(names) == 1 else list(names), "conversations": talk}

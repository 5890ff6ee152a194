"""The seeds of a study, written down one by one as they are done, so that a study goes on where it was broken off."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from feab.errors import FeabError
from feab.journal import FileLock
from feab.jsonfile import load_json
from feab.yamlfile import NO_FOLLOW, read_bytes

MAX_STUDY = 64 * 2**20
"""Bytes of a study's file; a seed has some 10,000."""

_END = "cpu_seconds"
"""The field of the line that ends a seed. It has no arm, so that `summary.py` passes it over."""


class SeedFile:
    """A file of JSON lines: those of one seed after another, each seed ended by a line that says what it took.

    A seed is written in one go when it is done. What a kill left behind the last whole seed is cut off on opening.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """`names`: the fields that every line begins with and that tell seeds and settings apart; "seed" is one.

        Raises:
            FeabError: when another process has the file open, or it holds something else.
        """
        self._path, self._names = path, tuple(names)
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), str(path))
        self.taken: dict[str, tuple[dict[str, Any], float]] = {}
        """Of each seed that is done, by its fields as JSON: these, and the seconds of processor time it took."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            whole = self._read()
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | NO_FOLLOW | os.O_CLOEXEC, 0o644)
            os.ftruncate(self._fd, whole)
            os.lseek(self._fd, whole, os.SEEK_SET)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> SeedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
        self._lock.release()

    def _read(self) -> int:
        """Take note of the seeds that are done; the bytes up to the end of the last of them."""
        data = read_bytes(self._path, MAX_STUDY, links=False) if self._path.exists() else b""
        whole = place = 0
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            place += len(line)
            if not line.endswith(b"\n"):
                break
            told = load_json(line.decode("utf-8", "replace"), f"{self._path}:{number}")
            if not isinstance(told, dict) or not told.keys() >= set(self._names):
                raise FeabError(f"{self._path}:{number}: is no line of this study; give another file")
            if _END in told:
                head = {name: told[name] for name in self._names}
                self.taken[_key(head)] = head, float(told[_END])
                whole = place
        return whole

    def is_done(self, head: Mapping[str, Any]) -> bool:
        """Whether the seed with these fields is in the file."""
        return _key(head) in self.taken

    def add(self, head: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> float:
        """Have a seed done, by going through its lines, and write it down; the processor time it took, in seconds.

        Raises:
            OSError: when the disk refuses.
        """
        begun = time.process_time()
        told = [{**head, **line} for line in lines]
        seconds = round(time.process_time() - begun, 1)
        data = "".join(json.dumps(line) + "\n" for line in (*told, {**head, _END: seconds})).encode()
        while data:
            data = data[os.write(self._fd, data) :]
        os.fsync(self._fd)
        self.taken[_key(head)] = dict(head), seconds
        return seconds

    def table(self) -> str:
        """What is done, in Markdown: a row for each of the settings, with its seeds and the minutes that one takes."""
        names = [name for name in self._names if name != "seed"]
        rows: dict[str, tuple[dict[str, Any], list[int], list[float]]] = {}
        for head, seconds in self.taken.values():
            row = rows.setdefault(_key({name: head[name] for name in names}), (head, [], []))
            row[1].append(head["seed"])
            row[2].append(seconds)
        lines = ["| " + " | ".join([*names, "seeds done", "minutes each"]) + " |", "|" + "---|" * (len(names) + 2)]
        for head, seeds, taken in rows.values():
            cells = [_text(head[name]) for name in names]
            minutes = f"{sum(taken) / len(taken) / 60:.1f}"
            lines.append("| " + " | ".join([*cells, " ".join(map(str, sorted(seeds))), minutes]) + " |")
        return "\n".join(lines) + "\n"


def _key(head: Mapping[str, Any]) -> str:
    return json.dumps(head, sort_keys=True)


def _text(value: Any) -> str:
    return " + ".join(map(str, value)) if isinstance(value, list) else str(value)

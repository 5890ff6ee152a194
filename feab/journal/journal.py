"""predictions.jsonl while a run writes it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from feab.errors import FeabError
from feab.journal.files import create_anew, sync_folder
from feab.journal.keys import Key, KeySet, key_number
from feab.journal.lines import RawLine, raw_lines, to_line
from feab.journal.lock import FileLock
from feab.records import Outcome
from feab.schemas import OutcomeCounts, Prediction
from feab.yamlfile import NO_FOLLOW


@dataclass(frozen=True, slots=True)
class Repair:
    """What opening a journal found: lines kept, and lines dropped by reason, to be asked again."""

    kept: int = 0
    errors: int = 0
    half: int = 0
    duplicates: int = 0
    invalid: int = 0
    input_tokens: int = 0
    """Of the error lines: failed answers that a server counted, and had their price."""
    output_tokens: int = 0

    @property
    def dropped(self) -> int:
        """Lines that are no longer in the file."""
        return self.errors + self.half + self.duplicates + self.invalid


@dataclass(slots=True)
class _Tally:
    """Running counts over the lines of the file."""

    outcomes: dict[str, Counter[Outcome]] = field(default_factory=dict)
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, prediction: Prediction) -> None:
        self.outcomes.setdefault(prediction.task, Counter())[prediction.outcome] += 1
        self.input_tokens += prediction.usage.input_tokens or 0
        self.output_tokens += prediction.usage.output_tokens or 0


class Journal:
    """An append-only file of predictions, one line a key, open in one process at a time.

    Opening repairs it: `error` lines, a half line, garbage and second lines of a key are dropped, by writing a new
    file and renaming it over the old one, so that a kill at any moment leaves the old or the new file whole. Lines
    of keys that this run will not ask are kept: the journal does not know the questions. Each append is one write
    to the operating system, so `kill -9` loses only what had not come back.

    Raises:
        FeabError: on opening, when another process has it open, or it is a link or no file.
    """

    def __init__(self, path: Path, *, locked: bool = False) -> None:
        """Take the lock `.lock` beside the file, unless the caller has it already (`locked`), then repair."""
        self.path = path
        self._lock = None if locked else FileLock(path.parent / ".lock")
        if self._lock is not None:
            self._lock.acquire()
        self.done = KeySet()
        """Keys that hold an answer, as `key_number`."""
        self._failed = KeySet()
        self._tally = _Tally()
        try:
            self.repaired = self._repair()
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW | os.O_CLOEXEC, 0o644)
        except BaseException:
            self._release()
            raise

    def __contains__(self, key: Key) -> bool:
        return key_number(key) in self.done

    def __len__(self) -> int:
        """Number of keys that hold an answer."""
        return len(self.done)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, predictions: Iterable[Prediction]) -> list[Prediction]:
        """Write predictions in one go and return those written: a key that has a line already is passed over.

        Raises:
            OSError: when the disk refuses. What was written before stays whole.
        """
        fresh: dict[int, Prediction] = {}
        for prediction in predictions:
            number = key_number(prediction.key)
            if number not in self.done and number not in self._failed:
                fresh.setdefault(number, prediction)
        data = b"".join(map(to_line, fresh.values()))
        while data:
            data = data[os.write(self._fd, data) :]
        for number, prediction in fresh.items():
            (self._failed if prediction.outcome is Outcome.ERROR else self.done).add(number)
            self._tally.add(prediction)
        return list(fresh.values())

    def outcomes(self, task: str | None = None) -> OutcomeCounts:
        """Lines in the file by outcome, of one task or of all."""
        per_task = self._tally.outcomes
        chosen = per_task.values() if task is None else [per_task.get(task, Counter())]
        total: Counter[Outcome] = Counter()
        for counts in chosen:
            total.update(counts)
        return OutcomeCounts(**{outcome.value: count for outcome, count in total.items()})

    @property
    def tokens(self) -> tuple[int, int]:
        """Input and output tokens of all lines, counting 0 where the model did not say."""
        return self._tally.input_tokens, self._tally.output_tokens

    def sync(self) -> None:
        """Have the disk hold what was appended, against power loss."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Sync, close and give the lock back. May be called twice."""
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                os.close(self._fd)
                self._fd = -1
                self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _repair(self) -> Repair:
        """Read the file once, copying the lines to keep; the copy replaces it only if some line was dropped."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            raise FeabError(f"{self.path}: is a link or no file; feab writes into files of the run folder only")
        if not self.path.exists():
            return Repair()
        found: Counter[str] = Counter()
        failed = _Tally()
        unended = False
        copy_path = self.path.with_name(self.path.name + ".repair")
        with self.path.open("rb") as file, os.fdopen(create_anew(copy_path), "wb") as copy:
            for line in raw_lines(file):
                prediction = line.parse()
                reason = self._reason_to_drop(prediction, line)
                found[reason] += 1
                if reason == "kept" and prediction is not None:
                    copy.write(line.data if line.ended else line.data + b"\n")
                    unended = not line.ended
                    self.done.add(key_number(prediction.key))
                    self._tally.add(prediction)
                if reason == "errors" and prediction is not None:
                    failed.add(prediction)
            copy.flush()
            repair = Repair(**found, input_tokens=failed.input_tokens, output_tokens=failed.output_tokens)
            rewrite = repair.dropped > 0 or unended
            if rewrite:
                os.fsync(copy.fileno())
        if rewrite:
            copy_path.replace(self.path)
            sync_folder(self.path.parent)
        else:
            copy_path.unlink()
        return repair

    def _reason_to_drop(self, prediction: Prediction | None, line: RawLine) -> str:
        if prediction is None:
            return "invalid" if line.ended or line.too_long else "half"
        if prediction.outcome is Outcome.ERROR:
            return "errors"
        return "duplicates" if key_number(prediction.key) in self.done else "kept"

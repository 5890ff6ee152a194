"""Fluent rewriting: a model puts answers into other words, and what no longer says the same is refused.

The model sees the question and the answer as text, never the face. Its answers are a journal, so that a call that was
broken off goes on; which of them are taken follows from the journal and the annotations alone.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from feab.data.feid.info import Rewriting
from feab.data.feid.record import FeidRecord, FeidTask, text_of
from feab.errors import FeabError
from feab.generation.agreeing import contradiction, read
from feab.generation.templates import Templates, fill
from feab.journal import Journal, Progress, ask, read_predictions
from feab.plots.text import visible
from feab.records import Answer, FinishReason, Message, Outcome, Question, Sampling, Text
from feab.vocabulary import KINDS, Kind

if TYPE_CHECKING:
    from feab.models import Model

REWRITES = "rewrites.jsonl"
TASK = "rewrite"
FLUENT: frozenset[FeidTask] = frozenset(
    {"coarse", "dimensional", "fine", "correlation", "conversation", "ferid_conversation"}
)
"""Kinds of conversation whose answers are sentences; the others must be as short as they ask for."""

SAMPLING = Sampling(temperature=0.7, max_tokens=400)
"""How rewritten answers are drawn (our choice)."""

_UNIT = re.compile(r"\bAUs?\s*(\d{1,2})\b", re.IGNORECASE)
_INNER = re.compile(r"\b(feel\w*|felt|emotional(?:ly)? state|inner|inside|mood|experienc\w*|think\w*)\b", re.IGNORECASE)
_MARKUP = re.compile(r"[<>]|\*\*|```|^#", re.MULTILINE)

Verdict = Literal["taken", "contradicted", "refused"]


def verdict(text: str, original: str, record: FeidRecord, levels: tuple[Kind, ...]) -> Verdict:
    """Whether a rewritten answer may stand for the original.

    It must state every level that the original states, as the annotation has it, and bring in none: no other action
    unit, no label of another level, no word on what is felt.

    Args:
        text: as the model wrote it.
        original: the answer from the templates.
        record: whose labels it is held against.
        levels: those that the original states in full.
    """
    new = text.strip()
    short = 0 < len(new) <= 3 * len(original) + 200
    if not short or visible(new) != new or _MARKUP.search(new):
        return "refused"
    if _INNER.search(new) and not _INNER.search(original):
        return "refused"
    if contradiction([new], record.labels, levels) is not None:
        return "contradicted"
    if not set(_UNIT.findall(new)) <= set(_UNIT.findall(original)):
        return "contradicted"
    others = (kind for kind in KINDS if kind not in levels)
    if any(read(new, kind) is not None and read(original, kind) is None for kind in others):
        return "contradicted"
    return "taken"


@dataclass(frozen=True, slots=True)
class Rewritable:
    """One answer of one record that may be put into other words."""

    record: FeidRecord
    place: int
    """Of its message."""
    levels: tuple[Kind, ...]

    @property
    def original(self) -> str:
        """The answer from the templates."""
        return text_of(self.record.messages[self.place])

    @property
    def key(self) -> tuple[str, str]:
        """Sample and prompt of its question. The id of a record may be longer than a sample's."""
        digest = hashlib.sha256(f"{self.record.id}\0{self.record.template}\0{self.original}".encode()).hexdigest()
        return digest[:32], f"m{self.place}"


def rewritable(record: FeidRecord) -> Iterator[Rewritable]:
    """The answers of a record that are sentences about its labels."""
    if record.task not in FLUENT:
        return
    for place in range(1, len(record.messages), 2):
        text = text_of(record.messages[place])
        levels = tuple(kind for kind in record.levels if contradiction([text], record.labels, (kind,)) is None)
        if levels:
            yield Rewritable(record, place, levels)


def questions(records: Iterable[FeidRecord], templates: Templates, seed: int) -> Iterator[Question]:
    """What the model is asked, answer by answer; which instruction is used follows from the answer's key."""
    wordings = templates.lists["rewrite.instructions"]
    for record in records:
        for one in rewritable(record):
            sample, prompt = one.key
            asked = text_of(record.messages[one.place - 1])
            wording = wordings[int(sample[:8], 16) % len(wordings)]
            text = fill(wording, {"question": asked, "answer": one.original})
            yield Question(
                task=TASK,
                sample=sample,
                prompt=prompt,
                kind=one.levels[0],
                messages=(Message("user", (Text(text),)),),
                sampling=replace(SAMPLING, seed=seed),
            )


def parse_rewrite(question: Question, text: str, reason: FinishReason) -> Answer:
    """What the journal notes: whether there is a whole text. What it says is judged when FEID is made."""
    if reason == "length":
        return Answer(None, Outcome.TRUNCATED)
    if reason in ("content_filter", "refusal"):
        return Answer(None, Outcome.REFUSED)
    return Answer("text", Outcome.OK) if text.strip() else Answer(None, Outcome.UNPARSABLE)


def ask_all(
    model: Model,
    asked: Iterable[Question],
    path: Path,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Ask what the journal does not hold yet; the caller holds the folder's lock.

    Raises:
        KeyboardInterrupt: on Ctrl-C, when what came back is on disk.
        FeabError: what the model raises, or when one failure followed another.
    """
    with Journal(path, locked=True) as journal:
        outcome = ask(model, asked, journal, parse=parse_rewrite, on_progress=on_progress)
    if outcome.stopped is not None:
        raise FeabError(
            f"{model.name}: rewriting stopped after one failure followed another ({outcome.stopped.kind}: "
            f"{outcome.stopped.message}); the same command goes on from there"
        )
    if outcome.interrupted:
        interrupt = KeyboardInterrupt()
        interrupt.resumes = True  # type: ignore[attr-defined]  # the journal is whole
        raise interrupt


def tokens_of(path: Path) -> tuple[int, int]:
    """Input and output tokens that a journal's answers took; none where there is no journal."""
    used = [line.usage for line in read_predictions(path)]
    return sum(one.input_tokens or 0 for one in used), sum(one.output_tokens or 0 for one in used)


@dataclass(slots=True)
class Rewrites:
    """The texts of a journal, found by key; they lie in a temporary file, so that memory stays flat."""

    counts: Counter[str] = field(default_factory=Counter)
    _texts: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect("", isolation_level=None))

    @classmethod
    def of(cls, path: Path) -> Rewrites:
        """The answers of a journal."""
        found = cls()
        found._texts.execute("CREATE TABLE texts (key TEXT PRIMARY KEY, text TEXT, outcome TEXT)")
        found._texts.execute("BEGIN")
        for line in read_predictions(path):
            if line.task == TASK and line.text is not None:
                row = (f"{line.sample}/{line.prompt}", line.text, str(line.outcome))
                found._texts.execute("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", row)
        return found

    def apply(self, record: FeidRecord) -> FeidRecord:
        """The record with those answers rewritten that may be; counts what became of each."""
        new: dict[int, str] = {}
        for one in rewritable(record):
            self.counts["asked"] += 1
            row = self._texts.execute("SELECT text, outcome FROM texts WHERE key = ?", ("/".join(one.key),)).fetchone()
            if row is None:
                self.counts["failed"] += 1
                continue
            text, outcome = row
            whole = outcome == str(Outcome.OK)
            found = verdict(text, one.original, record, one.levels) if whole else "refused"
            self.counts[found] += 1
            if found == "taken":
                new[one.place] = text.strip()
        if not new:
            return record
        changed = _with_answers(record, new)
        if contradiction(changed.answers, record.labels, record.levels) is None:
            return changed
        self.counts["taken"] -= len(new)
        self.counts["contradicted"] += len(new)
        return record

    def told(self, model: str, permission: str | None) -> Rewriting:
        """The counts, for feid.json, and with whose permission a third party was asked."""
        names = ("asked", "taken", "contradicted", "refused", "failed")
        return Rewriting(model=model, permission=permission, **{name: self.counts[name] for name in names})

    def close(self) -> None:
        """Let go of the temporary file."""
        self._texts.close()


def _with_answers(record: FeidRecord, new: Mapping[int, str]) -> FeidRecord:
    messages = tuple(
        Message(message.role, (Text(new[place]),)) if place in new else message
        for place, message in enumerate(record.messages)
    )
    return replace(record, messages=messages, rewritten=True)
